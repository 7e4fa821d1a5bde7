"""Sums over the pixels that the extraction of endmembers and the counting of them start from."""

from typing import NamedTuple

import numpy as np
from numba import njit

from sparsesci._core.threads import single_threaded_blas


# Without reference counts: no array is made here.
@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def scan_range(block, weights, first, largest, squares, zero, start, stop):
    """Update the largest value and the weighted sum of squares of every band; return the smallest value.

    ``zero[first + n]`` tells whether pixel n of the block is zero in all bands.
    """
    smallest = np.inf
    for n in range(start, stop):
        weight, low, high = weights[first + n], np.inf, -np.inf
        for band in range(block.shape[1]):
            x = block[n, band]
            low = min(low, x)
            high = max(high, x)
            largest[band] = max(largest[band], x)
            squares[band] += weight * x * x
        smallest = min(smallest, low)
        zero[first + n] = low == 0.0 and high == 0.0
    return smallest


class Scan(NamedTuple):
    """What one look at every pixel tells.

    ``smallest``, a number; ``largest`` (L,) of every band; ``squares`` (L,), weighted sums; ``zero`` (n,), the pixels
    that are zero in all bands.
    """

    smallest: float
    largest: np.ndarray
    squares: np.ndarray
    zero: np.ndarray


def scan(rows, weights, n_jobs=None):
    """Return the Scan of the pixels, in one pass."""
    n_blocks = -(-len(rows) // rows.block_rows)
    zero, smallest = np.empty(len(rows), dtype=np.bool_), np.empty(n_blocks)
    largest = np.empty((n_blocks, rows.n_bands))

    def task(start, stop, block):
        number, squares = start // rows.block_rows, np.zeros(rows.n_bands)
        largest[number] = -np.inf
        smallest[number] = scan_range(block, weights, start, largest[number], squares, zero, 0, stop - start)
        return (squares,)

    squares = rows.sum_blocks(task, n_jobs)[0]
    return Scan(float(smallest.min()), largest.max(axis=0), squares, zero)


class Moments(NamedTuple):
    """Weighted moments of the pixels: total weight, mean (L,), correlation X'X / total (L, L)."""

    total: float
    mean: np.ndarray
    correlation: np.ndarray

    @property
    def covariance(self):
        return self.correlation - np.outer(self.mean, self.mean)


def moments(rows, weights=None, n_jobs=None):
    """Return the Moments of the pixels, in one pass; ``weights`` (n,) or None for ones."""

    def task(start, stop, block):
        if weights is None:
            return block.sum(axis=0), block.T @ block
        weighted = block * weights[start:stop, None]
        return weighted.sum(axis=0), weighted.T @ block

    with single_threaded_blas():
        total_sum, products = rows.sum_blocks(task, n_jobs)
    total = float(len(rows) if weights is None else weights.sum())
    return Moments(total, total_sum / total, products / total)


def leading_eigenvectors(symmetric, k):
    """Return the (L, k) eigenvectors of the largest eigenvalues, largest first, with a fixed sign."""
    with single_threaded_blas():
        _, vectors = np.linalg.eigh(symmetric)
    vectors = vectors[:, ::-1][:, :k]
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)


def project(rows, vectors, shift=None):
    """Return (pixels - shift) @ vectors, (n, k), block by block."""
    out = np.empty((len(rows), vectors.shape[1]))

    def task(start, stop, block):
        out[start:stop] = (block if shift is None else block - shift) @ vectors

    with single_threaded_blas():
        rows.for_each_block(task, 1)
    return out
