"""Command line; each command imports its rooms only when it runs."""
