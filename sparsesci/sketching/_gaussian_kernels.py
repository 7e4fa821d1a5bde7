"""CPU kernels of the Gaussian sketch: columns are generated where they are needed, a block at a time."""

import numpy as np
from numba import njit, uint64

from sparsesci._core.rng import fill_words, normal_from_word, stream_of
from sparsesci._core.threads import run_ranges, single_threaded_blas, sum_ranges

NORMAL_PURPOSE = 4
_BLOCK_ROWS = 1024
_MAX_RANGES = 16


@njit(nogil=True, cache=True)
def _columns(key, first, out, start, stop):
    """Write columns first + i of the sketch to out[i], start <= i < stop."""
    n_components = out.shape[1]
    n_blocks = (n_components + 3) // 4
    words = np.empty(4 * n_blocks, dtype=np.uint32)
    for i in range(start, stop):
        fill_words(key, stream_of(NORMAL_PURPOSE, first + i), uint64(0), words, n_blocks)
        for t in range(n_components):
            out[i, t] = normal_from_word(words[t])


def gaussian_columns(key, start, stop, out, n_jobs):
    """Write columns start ... stop - 1 of the sketch, iid N(0, 1), to the rows of ``out`` (stop - start, m).

    Entry (t, i) of the sketch is draw t of stream i, so any piece of it can be made anywhere.
    """
    run_ranges(lambda a, b: _columns(key, start, out, a, b), stop - start, 64, n_jobs)


def gaussian_accumulate(A, key, row_offset, out, n_jobs):
    """out += G[:, row_offset : row_offset + len(A)] @ A with G iid N(0, 1).

    Parameters
    ----------
    A : ndarray or CSR matrix of shape (n, d), float32 or float64, n > 0
    key : numpy.uint64
    row_offset : int
        Global index of the first row of ``A``.
    out : ndarray of shape (m, d), of the dtype of ``A``
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    n_rows = A.shape[0]
    n_blocks = -(-n_rows // _BLOCK_ROWS)
    n_ranges = min(_MAX_RANGES, n_blocks)
    edges = np.linspace(0, n_blocks, n_ranges + 1).astype(np.int64)

    def add_blocks(partial, first, last):
        for start in range(first * _BLOCK_ROWS, min(n_rows, last * _BLOCK_ROWS), _BLOCK_ROWS):
            rows = A[start : min(n_rows, start + _BLOCK_ROWS)]
            columns = np.empty((rows.shape[0], out.shape[0]), dtype=out.dtype)
            gaussian_columns(key, row_offset + start, row_offset + start + rows.shape[0], columns, 1)
            # Written so that a sparse block, whose product with a dense one is dense, works too.
            partial += (rows.T @ columns).T

    with single_threaded_blas():
        sum_ranges(add_blocks, edges, out, n_jobs)
