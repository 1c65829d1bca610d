"""Images of all modules without Qt: pixels, colors, levels, history, titles; `view` and `term` draw them."""
