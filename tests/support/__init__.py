"""Doubles and rigs that the tests share."""
