"""Images on a screen: places of pixels, colors and titles.

`paint`, `wall`, `curve` and `widget` draw with Qt and are imported only by what draws; the others know none.
"""
