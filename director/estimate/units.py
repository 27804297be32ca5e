"""A month, the sizes that prices are for, and numbers as people read them.

A month has 730 hours, as Google's calculator counts.
"""

from math import floor, log10

HOURS = 730.0  # in a month
SECONDS = 3600 * HOURS
GIB, TIB = 1 << 30, 1 << 40


def readable(value: float) -> str:
    """With four digits that mean something; no powers of ten."""
    if not 0 < value < 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 3 - floor(log10(value)))}f}".rstrip("0").rstrip(".")
