"""What carries frames to the viewers and holds them: feed, window, terminal, theme, texts of times."""
