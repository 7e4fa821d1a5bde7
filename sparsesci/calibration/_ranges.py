"""How the rows of a matrix are divided for sums over them."""

import numpy as np

CHUNK_ELEMENTS = 1 << 18
_MAX_RANGES = 16


def range_edges(n_rows, n):
    """Return the ends of the ranges of rows over which an adjoint is summed; they depend on the sizes only."""
    n_ranges = max(1, min(_MAX_RANGES, n_rows, n_rows * n // CHUNK_ELEMENTS))
    return np.linspace(0, n_rows, n_ranges + 1).astype(np.int64)
