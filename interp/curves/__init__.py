"""Curves between fixed ends, and what is true of them."""
