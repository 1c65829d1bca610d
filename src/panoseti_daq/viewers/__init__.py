"""Viewers and viewer plugins; Qt is imported by no module that lists them."""
