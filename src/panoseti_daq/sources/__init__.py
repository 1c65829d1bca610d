"""Sources of frames: each is an async context manager and an async iterator of frame blocks."""
