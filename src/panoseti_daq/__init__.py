"""Live images of the PANOSETI telescopes."""
__version__ = "0.1.0.dev0"
