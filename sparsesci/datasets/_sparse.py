"""Least-squares problems whose matrix is sparse, or is a Kronecker product."""

from typing import NamedTuple

import numpy as np
import scipy.sparse

from sparsesci._core.validation import check_flag, check_integer, check_real
from sparsesci.datasets._problem import generator, problem


def make_sparse_regression(
    n_samples=100_000,
    n_features=200,
    *,
    nnz_per_row=3,
    difference_order=0,
    noise=1.0,
    random_state=None,
    return_coef=False,
):
    """Generate a regression on sparse rows of random signs, in CSR form.

    Each row has ``nnz_per_row`` entries +1 or -1 in distinct random columns. Such a matrix is well
    conditioned; multiplying it by powers of the first-difference matrix, as the designs of
    smoothing problems are, makes it as ill-conditioned as wanted and keeps it sparse.

    Parameters
    ----------
    n_samples : int, default=100000
        Number of rows n, greater than ``n_features``.
    n_features : int, default=200
        Number of columns d.
    nnz_per_row : int, default=3
        Nonzeros per row before differences are taken, at most ``n_features``.
    difference_order : int, default=0
        How many times the columns are differenced, ``A[:, j] - A[:, j + 1]``. The condition number
        grows roughly like ``n_features ** difference_order``.
    noise : float, default=1.0
        Standard deviation of the noise.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines pattern, signs, coefficients and noise.
    return_coef : bool, default=False
        Whether to return the coefficients too.

    Returns
    -------
    A : csr_array of shape (n_samples, n_features)
        With sorted indices.
    b : ndarray of shape (n_samples,)
    coef : ndarray of shape (n_features,)
        The coefficients that b was made with, *not* the minimiser; only with ``return_coef``.

    Raises
    ------
    ValueError
        If ``n_samples <= n_features``, ``nnz_per_row`` is not in [1, n_features],
        ``difference_order < 0`` or ``noise < 0``.

    Notes
    -----
    O(n nnz_per_row^2) time and memory proportional to the number of nonzeros.

    References
    ----------
    Rows of three random signs are the sparse test problem of E. N. Epperly, Fast and forward stable
    randomized algorithms for linear least-squares problems, 2023, arXiv:2311.04362 (there with 3e6
    rows). The differences are our own addition.

    Examples
    --------
    >>> from sparsesci.datasets import make_sparse_regression
    >>> A, b = make_sparse_regression(1000, 20, random_state=0)
    >>> A.shape, A.nnz
    ((1000, 20), 3000)
    """
    d = check_integer("n_features", n_features, minimum=1)
    n = check_integer("n_samples", n_samples, minimum=d + 1)
    nnz_per_row = check_integer("nnz_per_row", nnz_per_row, minimum=1, maximum=d)
    order = check_integer("difference_order", difference_order, minimum=0)
    noise = check_real("noise", noise, minimum=0)
    rng = generator(random_state)
    indices = _distinct_columns(rng, n, d, nnz_per_row)
    signs = 1.0 - 2.0 * rng.integers(0, 2, size=indices.size)
    indptr = np.arange(0, indices.size + 1, nnz_per_row)
    A = scipy.sparse.csr_array((signs, indices.ravel(), indptr), shape=(n, d))
    if order:
        differences = scipy.sparse.diags_array([1.0, -1.0], offsets=[0, -1], shape=(d, d))
        for _ in range(order):
            A = scipy.sparse.csr_array(A @ differences)
    A.sort_indices()
    coef = rng.standard_normal(d)
    b = A @ coef + noise * rng.standard_normal(n)
    return problem(A, b, coef, return_coef)


def _distinct_columns(rng, n_rows, n_columns, size):
    """Return for each row ``size`` distinct columns in order, every subset equally likely.

    Floyd's algorithm, all rows at once.
    """
    chosen = np.empty((n_rows, size), dtype=np.int32)
    for i, last in enumerate(range(n_columns - size, n_columns)):
        drawn = rng.integers(0, last + 1, size=n_rows)
        taken = (chosen[:, :i] == drawn[:, None]).any(axis=1)
        chosen[:, i] = np.where(taken, last, drawn)
    chosen.sort(axis=1)
    return chosen


class KroneckerProblem(NamedTuple):
    """Minimise the Frobenius norm of ``A1 @ X @ A2.T - B`` over X."""

    factors: tuple
    B: np.ndarray


class SolvedKroneckerProblem(NamedTuple):
    """A Kronecker least-squares problem and the coefficients that it was made with."""

    factors: tuple
    B: np.ndarray
    coef: np.ndarray


def make_kronecker_regression(shapes=((256, 8), (128, 6)), *, noise=0.1, random_state=None, return_coef=False):
    """Generate a regression whose matrix is a Kronecker product of small factors.

    The design is ``kron(A1, A2, ...)``, which is never formed, and the right-hand side an array
    with one axis for each factor: in C order, ``B.ravel()`` goes with the rows of the product.

    Parameters
    ----------
    shapes : sequence of (int, int), default=((256, 8), (128, 6))
        Shape (n_q, d_q) of each factor, n_q >= d_q; at least one factor.
    noise : float, default=0.1
        Standard deviation of the noise.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines factors, coefficients and noise.
    return_coef : bool, default=False
        Whether to return the coefficients too.

    Returns
    -------
    factors : tuple of ndarray of shape (n_q, d_q)
        With standard normal entries.
    B : ndarray of shape (n_1, n_2, ...)
    coef : ndarray of shape (d_1, d_2, ...)
        The coefficients that B was made with, *not* the minimiser; only with ``return_coef``.

    Raises
    ------
    TypeError
        If ``shapes`` is not a sequence of pairs of integers.
    ValueError
        If there is no factor, or one with n_q < d_q, or ``noise < 0``.

    Notes
    -----
    Memory O(n_1 n_2 ...), the size of B; time O(n_1 n_2 ... max d_q).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_kronecker_regression
    >>> (A1, A2), B, coef = make_kronecker_regression(
    ...     ((6, 2), (5, 3)), noise=0.0, random_state=0, return_coef=True
    ... )
    >>> bool(np.allclose(np.kron(A1, A2) @ coef.ravel(), B.ravel()))
    True
    """
    shapes = _check_shapes(shapes)
    noise = check_real("noise", noise, minimum=0)
    check_flag("return_coef", return_coef)
    rng = generator(random_state)
    factors = tuple(rng.standard_normal(shape) for shape in shapes)
    coef = rng.standard_normal([d for _, d in shapes])
    B = coef
    for axis, factor in enumerate(factors):
        B = np.moveaxis(np.tensordot(factor, B, axes=(1, axis)), 0, axis)
    B = np.ascontiguousarray(B) + noise * rng.standard_normal(B.shape)
    if return_coef:
        return SolvedKroneckerProblem(factors, B, coef)
    return KroneckerProblem(factors, B)


def _check_shapes(shapes):
    try:
        pairs = [(rows, columns) for rows, columns in shapes]
    except (TypeError, ValueError) as error:
        raise TypeError(f"shapes must be a sequence of (rows, columns); got {shapes!r}") from error
    if not pairs:
        raise ValueError("shapes must have at least one pair (rows, columns); got none")
    checked = []
    for rows, columns in pairs:
        columns = check_integer("shapes: number of columns", columns, minimum=1)
        checked.append((check_integer("shapes: number of rows", rows, minimum=columns), columns))
    return checked
