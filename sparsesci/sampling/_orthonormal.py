"""Orthonormal bases of the columns of tall matrices: CholeskyQR2, and Householder QR with pivoting where that fails.

A Gram matrix costs half of a Householder factorisation and runs at the speed of BLAS 3, but squares the condition
number: it is trusted only while the triangular factor, with its columns scaled to length one, is so well conditioned
that a column which depends on the others cannot hide in rounding. Otherwise the rank is that of a QR factorisation
with column pivoting.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from sparsesci._core.threads import run_ranges, single_threaded_blas, sum_ranges

#: The largest entry of |V^T V - I| with which a matrix counts as orthonormal.
TOLERANCE = {"float64": 1e-8, "float32": 1e-5}

_RANGE_ROWS = 8192
_LARGEST_SQUARE = 1e300


class OrthonormalBasis(NamedTuple):
    """An orthonormal basis of the column space of a matrix X.

    ``V`` (n, rank) is C-ordered and ``V = X @ transform`` up to rounding, ``transform`` being (d, rank).
    """

    V: np.ndarray
    transform: np.ndarray
    rank: int


def orthonormal_basis(X, *, n_jobs=None):
    """Return the ``OrthonormalBasis`` of the columns of ``X``; it has as many columns as the numerical rank.

    Rows of zeros stay rows of zeros. The result is the same to the last bit for every ``n_jobs``.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64, finite
        Computed with in double precision.
    n_jobs : int or None, default=None

    Raises
    ------
    ArithmeticError
        If no orthonormal basis was found, which should not happen with finite data.

    Notes
    -----
    Time O(n d**2), memory O(n d).

    References
    ----------
    T. Fukaya, Y. Nakatsukasa, Y. Yanagisawa, Y. Yamamoto, "CholeskyQR2: a simple and communication-avoiding algorithm
    for computing a tall-skinny QR factorization on a large-scale parallel system", ScalA 2014.
    """
    V = np.array(X, dtype=np.float64, order="C")
    with single_threaded_blas():
        transform = _cholesky_qr2(V, n_jobs)
        if transform is not None and gram_deviation(V, n_jobs=n_jobs) <= TOLERANCE["float64"]:
            return OrthonormalBasis(V, transform, V.shape[1])
        V, transform = _pivoted_qr(np.asarray(X, dtype=np.float64))
        deviation = gram_deviation(V, n_jobs=n_jobs)
    if not deviation <= TOLERANCE["float64"]:
        raise ArithmeticError(f"X could not be orthonormalised: the columns deviate by {deviation:.3g}")
    return OrthonormalBasis(V, transform, V.shape[1])


def gram_deviation(V, *, n_jobs=None):
    """Return the largest entry of ``|V.T @ V - I|``; 0 for no columns."""
    if V.shape[1] == 0:
        return 0.0
    gram = gram_matrix(V, n_jobs=n_jobs)
    gram[np.diag_indices_from(gram)] -= 1.0
    return float(np.abs(gram).max())


def gram_matrix(V, *, n_jobs=None):
    """Return ``V.T @ V`` in double precision, added up over ranges of rows in their order."""
    n, d = V.shape
    edges = np.append(np.arange(0, max(n, 1), _RANGE_ROWS), n)
    gram = np.zeros((d, d))

    def add_range(partial, start, stop):
        rows = np.asarray(V[start:stop], dtype=np.float64)
        partial += rows.T @ rows

    with single_threaded_blas(), np.errstate(over="ignore", invalid="ignore"):
        sum_ranges(add_range, edges, gram, n_jobs)
    return gram


def _cholesky_qr2(V, n_jobs):
    """Orthonormalise the columns of ``V`` in place and return the transform, or None where a Gram will not do."""
    n, d = V.shape
    if n < d:
        return None
    transform = np.eye(d)
    for _ in range(2):
        factor = _triangular_factor(gram_matrix(V, n_jobs=n_jobs), n)
        if factor is None:
            return None
        # Products run faster than triangular solves, and the second pass takes away what the inverse has lost.
        inverse = linalg.solve_triangular(factor, np.eye(d), check_finite=False)
        _multiply_rows(V, inverse, n_jobs)
        transform = transform @ inverse
    return transform


def _triangular_factor(gram, n):
    """Return the upper Cholesky factor, or None if it is too badly conditioned to tell the rank."""
    lengths = np.sqrt(np.diagonal(gram))
    if not (lengths.min() > 0.0 and lengths.max() ** 2 < _LARGEST_SQUARE):
        return None
    try:
        factor = linalg.cholesky(gram / np.outer(lengths, lengths), check_finite=False)
    except linalg.LinAlgError:
        return None
    reciprocal_condition, _ = linalg.lapack.dtrcon(factor)
    if not reciprocal_condition**2 > 100 * max(gram.shape[0], n) * np.finfo(float).eps:
        return None
    return factor * lengths


def _multiply_rows(V, factor, n_jobs):
    """V <- V @ factor, a range of rows at a time."""

    def task(start, stop):
        V[start:stop] = V[start:stop] @ factor

    run_ranges(task, V.shape[0], _RANGE_ROWS, n_jobs)


def _pivoted_qr(X):
    """Return an orthonormal basis of the columns of ``X`` and its transform, by QR with column pivoting."""
    n, d = X.shape
    Q, R, order = linalg.qr(X, mode="economic", pivoting=True, check_finite=False)
    pivots = np.abs(np.diagonal(R))
    rank = int((pivots > max(n, d) * np.finfo(float).eps * pivots[0]).sum())
    V = np.ascontiguousarray(Q[:, :rank])
    # Reflections leave rounding in rows that have no part in the column space.
    V[~X.any(axis=1)] = 0.0
    transform = np.zeros((d, rank))
    transform[order[:rank]] = linalg.solve_triangular(R[:rank, :rank], np.eye(rank))
    return V, transform
