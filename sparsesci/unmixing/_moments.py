"""Sums over the pixels that the extraction of endmembers and the counting of them start from."""

from typing import NamedTuple

import numpy as np

from sparsesci._core.threads import single_threaded_blas


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
