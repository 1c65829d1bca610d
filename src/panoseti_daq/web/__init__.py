"""The browser viewer: images of running servers as a page, over WebSocket; needs the extra ``web``."""
