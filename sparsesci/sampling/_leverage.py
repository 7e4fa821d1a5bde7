"""Leverage scores: exact, from a sketch, and online."""

import math

import numpy as np
import scipy.sparse

from sparsesci._core.arrays import kernel_view
from sparsesci._core.device import is_cuda_array
from sparsesci._core.rng import key_from_random_state, normals
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_option, check_real
from sparsesci.sampling import _online_kernels
from sparsesci.sampling._row_space import check_matrix, check_weights, dense, norms, product_norms, row_space

_METHODS = ("exact", "sketch")
_SMALLEST_SKETCHED = 1e-12
_NORMALS = 1


def leverage_scores(X, *, method="exact", sample_weight=None, random_state=None, n_jobs=None, device="cpu"):
    """Return the leverage scores of the rows, ``tau_i = x_i^T (X^T X)^+ x_i``.

    The score of a row is the largest share of ``|X b|_2^2`` that it can have for any b: between 0 and 1, in all the
    rank of X.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        float32 stays float32, with sums in float64. CSR is not written out.
    method : {"exact", "sketch"}, default="exact"
        "sketch" takes the triangular factor of a sketch of 8 d + 32 rows and, where d is larger than that, projects on
        8 log n random directions: correct to a constant factor, and between 1e-12 and 1 for rows that are not zero.
    sample_weight : array-like of shape (n,) or None, default=None
        The scores are those of the rows times the roots of their weights.
    random_state : int, RandomState instance, Generator or None, default=None
        For "sketch".
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the two passes of "exact" run.

    Returns
    -------
    scores : ndarray of shape (n,), float64

    Raises
    ------
    ValueError, TypeError
        If X holds NaN or infinity or only zeros, or a weight is negative or not finite.

    Warns
    -----
    SparseSciWarning
        If X has not full column rank.

    See Also
    --------
    lewis_weights : Their counterpart for other norms than the Euclidean.
    sample_rows : Samples rows by such scores.

    Notes
    -----
    Exact: n d^2 operations in two passes over X, or three where its condition number, with columns of unit norm, is
    beyond 100; beyond 1e7 by Householder factorisations of blocks of rows. Memory O(n + d^2). Sketched: n d times the
    smaller of d and 8 log n.

    References
    ----------
    P. Drineas, M. Magdon-Ismail, M. W. Mahoney, D. P. Woodruff, "Fast approximation of matrix coherence and statistical
    leverage", Journal of Machine Learning Research, 2012, arXiv:1109.3843.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import leverage_scores
    >>> X = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    >>> leverage_scores(X).round(6)
    array([0.5, 0.5, 1. ])
    """
    check_option("method", method, _METHODS)
    X = check_matrix(X, device=device)
    weights = check_weights(sample_weight, X.shape[0])
    key = key_from_random_state(random_state)
    if method == "sketch" and X.shape[0] > _sketch_rows(X.shape[1]):
        return _sketched(dense(X) if is_cuda_array(X) else X, weights, key, n_jobs)
    return exact_leverage_scores(X, weights, n_jobs, device, stacklevel=4)


def exact_leverage_scores(X, weights, n_jobs=None, device="cpu", stacklevel=3):
    """Return the leverage scores of a checked matrix."""
    space = row_space(X, weights, n_jobs=n_jobs, device=device, stacklevel=stacklevel)
    scores = norms(X, space.transform, n_jobs, device)
    if weights is not None:
        scores *= weights
    return np.minimum(scores, 1.0, out=scores)


def _sketch_rows(d):
    return 8 * d + 32


def _sketched(X, weights, key, n_jobs):
    """Return approximate scores: the squared norms of the rows times the inverse factor of a sketch."""
    from sparsesci.sketching import sketch

    n, d = X.shape
    if weights is None:
        rows = X
    elif scipy.sparse.issparse(X):
        rows = scipy.sparse.diags_array(np.sqrt(weights)) @ X
    else:
        rows = X * np.sqrt(weights)[:, np.newaxis]
    seed = int(key >> np.uint64(32))
    small = sketch(rows, _sketch_rows(d), kind="sparse_sign", random_state=seed, n_jobs=n_jobs).astype(np.float64)
    space = row_space(small, stacklevel=5)
    transform = space.transform[:, space.columns]
    n_directions = math.ceil(8 * math.log(n))
    if n_directions < space.rank:
        directions = normals(key, _NORMALS, space.rank * n_directions).reshape(space.rank, n_directions)
        with single_threaded_blas():
            transform = transform @ (directions / np.sqrt(n_directions))
    scores = product_norms(rows, transform, n_jobs)
    return np.where(scores > 0, np.clip(scores, _SMALLEST_SKETCHED, 1.0), 0.0)


def online_leverage_scores(X, *, reg=None):
    """Return the leverage of every row with respect to the rows before it.

    ``tau_i = min(1, x_i^T (X_{<i}^T X_{<i} + reg I)^-1 x_i)``: a decision taken by it need not be revoked when more
    rows come.

    Parameters
    ----------
    X : array-like of shape (n, d)
        In the order of arrival.
    reg : float or None, default=None
        Regularisation, greater than 0. None: 1e-8 times the mean squared norm of the rows that have come, brought up to
        date whenever that has changed by a factor of two.

    Returns
    -------
    scores : ndarray of shape (n,), float64
        Their sum is O(d log(1 + s^2 / reg)), s being the largest singular value: more than the rank, by a factor that
        depends on ``reg``.

    Raises
    ------
    ValueError, TypeError
        If X holds NaN or infinity or only zeros, or ``reg`` is not positive.

    Notes
    -----
    O(n d^2) time and O(d^2) memory beside the result: a Cholesky factor is updated by rotations.

    References
    ----------
    M. B. Cohen, C. Musco, J. Pachocki, "Online row sampling", APPROX 2016, arXiv:1604.05448.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import online_leverage_scores
    >>> online_leverage_scores(np.ones((4, 1)), reg=1.0).round(4)
    array([1.    , 0.5   , 0.3333, 0.25  ])
    """
    if reg is not None:
        reg = check_real("reg", reg, minimum=0, exclusive=True)
    if scipy.sparse.issparse(X):
        raise TypeError("X must be dense: online_leverage_scores does not take sparse matrices")
    X = check_matrix(X)
    scores = np.empty(X.shape[0])
    _online_kernels.online_scores(kernel_view(X), -1.0 if reg is None else reg, scores)
    return scores
