"""What the generators return, and the random numbers that they use."""

from typing import NamedTuple

import numpy as np

from sparsesci._core.rng import key_from_random_state
from sparsesci._core.validation import check_flag


class LeastSquaresProblem(NamedTuple):
    """A least-squares problem: minimise the Euclidean norm of ``A @ x - b``."""

    A: object
    b: np.ndarray


class SolvedLeastSquaresProblem(NamedTuple):
    """A least-squares problem and the coefficients that belong to it."""

    A: object
    b: np.ndarray
    coef: np.ndarray


def problem(A, b, coef, return_coef):
    """Return the named tuple (A, b), or (A, b, coef) with ``return_coef``."""
    if check_flag("return_coef", return_coef):
        return SolvedLeastSquaresProblem(A, b, coef)
    return LeastSquaresProblem(A, b)


def generator(random_state):
    """Return a ``numpy.random.Generator`` for ``random_state`` in scikit-learn's meaning."""
    return np.random.default_rng(key_from_random_state(random_state))


def orthonormal_columns(rng, n_rows, n_columns):
    """Return n_columns Haar-distributed orthonormal columns, in O(n_rows n_columns^2).

    The Q factor of a Gaussian matrix is Haar-distributed once the diagonal of R is made positive.
    """
    q, r = np.linalg.qr(rng.standard_normal((n_rows, n_columns)))
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return q
