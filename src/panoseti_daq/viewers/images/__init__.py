"""Images on a screen: where the pixels of a frame go, their colors, and what is written beside them.

`paint`, `wall`, `curve` and `widget` draw with Qt and are imported only by what draws; the others know none.
"""
