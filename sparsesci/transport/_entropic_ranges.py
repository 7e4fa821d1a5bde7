"""How rows of an entropic transport problem are dealt to ranges, and their entries to blocks."""

import numpy as np

BLOCK = 32
_ENTRIES_PER_RANGE = 1 << 17
_MAX_RANGES = 64


def row_edges(n, m):
    """Return where ranges of rows of an (n, m) problem begin and end: a function of the sizes only."""
    n_ranges = max(1, min(_MAX_RANGES, n * m // _ENTRIES_PER_RANGE, n))
    return np.linspace(0, n, n_ranges + 1).astype(np.int64)


def padded_length(m):
    """Return ``m`` rounded up to a whole number of blocks."""
    return -(-m // BLOCK) * BLOCK
