"""Where frames come from; every source is an async context manager and an async iterator of frame blocks."""
