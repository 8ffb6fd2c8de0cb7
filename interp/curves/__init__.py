"""Curves between fixed ends: base paths, charts of a prior's support, sine coefficients."""
