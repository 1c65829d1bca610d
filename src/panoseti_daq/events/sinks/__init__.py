"""Sinks of candidates: JSON lines, which are the record of truth, and what is made of them."""
