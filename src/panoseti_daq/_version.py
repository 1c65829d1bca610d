"""The version, where everybody may import it."""

__version__ = "0.1.0.dev0"
