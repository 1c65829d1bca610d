"""Parts of the viewers ``phdist``, ``rates`` and ``lightcurve``."""
