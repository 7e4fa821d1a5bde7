"""What can be fitted: one array, or an iterable of chunks of rows."""

import numpy as np
from scipy.sparse import issparse


def is_stream(X):
    """Return whether ``X`` is an iterable of chunks rather than one array.

    Iterators and generators are, and so are lists and tuples whose first element is a matrix. Anything else is left to
    the checks of arrays.
    """
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and _is_matrix(X[0])
    return hasattr(X, "__next__")


def _is_matrix(chunk):
    return issparse(chunk) or (hasattr(chunk, "shape") and len(chunk.shape) == 2)


def row_pieces(X, size):
    """Yield consecutive pieces of ``size`` rows of an array or CSR matrix."""
    for start in range(0, X.shape[0], size):
        yield X[start : start + size]


def half_precision_up(X):
    """Return float16 data as float32, anything else as it is."""
    return X.astype(np.float32) if getattr(X, "dtype", None) == np.float16 else X
