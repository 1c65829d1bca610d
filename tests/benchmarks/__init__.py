"""Measurements: `nox -s bench`. They print, they never assert."""
