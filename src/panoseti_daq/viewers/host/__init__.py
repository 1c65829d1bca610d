"""Host of the viewers: feed, window, terminal, theme."""
