"""What the viewers ``phdist``, ``rates`` and ``lightcurve`` are made of."""
