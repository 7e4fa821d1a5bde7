"""Rows of a regression with their numbers and weights, and their share of a sketch."""

import numbers
from typing import NamedTuple

import numpy as np
import scipy.sparse
from sklearn.utils import check_array

_WEIGHTED_BLOCK_BYTES = 1 << 24


class NumberedRows(NamedTuple):
    """Checked rows in the order of their numbers."""

    X: object  # ndarray or CSR matrix of shape (n, d)
    targets: np.ndarray  # (n, k), and a column of ones where there is an intercept
    weight_roots: object  # ndarray of shape (n,) or None
    ranges: np.ndarray  # the rows' numbers, as in _row_ranges
    single_target: bool


def check_weights(sample_weight, n_rows, dtype):
    """Return the weights as an array of shape (n_rows,)."""
    if isinstance(sample_weight, numbers.Real):
        sample_weight = np.full(n_rows, sample_weight)
    weights = check_array(sample_weight, dtype=dtype, ensure_2d=False, input_name="sample_weight")
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight must have shape ({n_rows},), one for each row of X; got {weights.shape}")
    if (weights < 0).any():
        raise ValueError(f"sample_weight must not be negative; got {weights.min()}")
    return weights


def sketch_rows(sketch, A, weight_roots, ranges, n_jobs, device):
    """Return the sketch of the rows of ``A``, which have the numbers ``ranges``, times ``weight_roots``."""
    out = np.zeros((sketch.shape[0], A.shape[1]), dtype=A.dtype)
    first = 0
    for start, stop in ranges:
        rows = slice(first, first + int(stop - start))
        roots = None if weight_roots is None else weight_roots[rows]
        piece = A if len(ranges) == 1 else A[rows]
        for offset, block in _weighted_blocks(piece, roots):
            sketch.accumulate(block, out, row_offset=int(start) + offset, n_jobs=n_jobs, device=device)
        first = rows.stop
    return out


def _weighted_blocks(A, weight_roots):
    """Yield (start, block) of the rows of ``A`` times their weights; without weights all of ``A``, not copied.

    A dense block is overwritten by the next one.
    """
    if weight_roots is None:
        yield 0, A
        return
    n, d = A.shape
    step = min(n, max(1, _WEIGHTED_BLOCK_BYTES // (d * A.dtype.itemsize)))
    buffer = None if scipy.sparse.issparse(A) else np.empty((step, d), dtype=A.dtype)
    for start in range(0, n, step):
        block, roots = A[start : start + step], weight_roots[start : start + step]
        if buffer is None:
            data = block.data * np.repeat(roots, np.diff(block.indptr))
            yield start, scipy.sparse.csr_array((data, block.indices, block.indptr), shape=block.shape)
        else:
            yield start, np.multiply(block, roots[:, np.newaxis], out=buffer[: len(roots)])
