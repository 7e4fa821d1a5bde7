"""l_p sensitivities: exact, approximate within brackets, bounds, and their sum."""

import math
import warnings

import numpy as np
import scipy.sparse

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.sampling import _lewis
from sparsesci.sampling._leverage import exact_leverage_scores
from sparsesci.sampling._row_sampling import draw_rows
from sparsesci.sampling._row_space import check_matrix, row_space
from sparsesci.sampling._sensitivities_kernels import minimal_costs

METHODS = ("approximate", "exact", "lewis_bound")
_CORESET_ROWS_PER_COLUMN = 40
_PROBES_PER_ROOT = 16
_MOST_EXACT_ROWS = 20_000


def lp_sensitivities(X, p, *, method="approximate", coreset_size=None, n_jobs=None, random_state=None):
    """Return the l_p sensitivities ``sigma_i = max_b |x_i b|^p / |X b|_p^p`` of the rows.

    The largest share of ``|X b|_p^p`` that a row can have for any b. With d the rank of X and w the Lewis weights,
    ``d^(p/2 - 1) w_i <= sigma_i <= w_i`` for p <= 2, and ``w_i <= sigma_i <= min(1, d^(p/2 - 1) w_i)`` for p >= 2.

    Parameters
    ----------
    X : array-like of shape (n, d)
        CSR only with "lewis_bound", or p = 2.
    p : float
        At least 1.
    method : {"approximate", "exact", "lewis_bound"}, default="approximate"
        "exact" solves for every distinct row a regression with all of them: for some thousands of rows. "approximate"
        replaces them by a sample by Lewis weights and clips the result into the bracket above. "lewis_bound" returns
        the upper end of the bracket.
    coreset_size : int or None, default=None
        Rows of the sample for "approximate". None: 40 d. With as many as there are distinct rows the result is exact.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    random_state : int, RandomState instance, Generator or None, default=None
        For "approximate".

    Returns
    -------
    sensitivities : ndarray of shape (n,), float64
        0 for rows of zeros.

    Raises
    ------
    ValueError, TypeError
        If X holds NaN or infinity or only zeros, p is less than 1, or X is sparse and the method needs it dense.

    Warns
    -----
    SparseSciWarning
        If X has not full column rank.

    See Also
    --------
    lewis_weights : The weights of the bracket.
    total_sensitivity : The sum, from a few rows.

    Notes
    -----
    A regression with m rows takes some tens of steps of O(m d^2) for p > 1, and for p = 1, by the simplex method, some
    d steps of O(m d); memory O(m d) for a thread. For p > 1 a regression ends at a relative duality gap of 1e-11 or
    when it makes no progress; for p = 1 at an optimal vertex.

    References
    ----------
    D. P. Woodruff, T. Yasuda, "Sharper bounds for l_p sensitivity sampling", ICML 2023, arXiv:2306.00732. S.
    Padmanabhan, D. P. Woodruff, Q. Zhang, "Computing approximate l_p sensitivities", NeurIPS 2023, arXiv:2311.04158.
    The brackets follow from the change of density; the algorithms are ours.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import lp_sensitivities
    >>> X = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    >>> lp_sensitivities(X, 1, method="exact").round(6)
    array([0.5, 0.5, 1. ])
    """
    p = check_real("p", p, minimum=1)
    check_option("method", method, METHODS)
    if coreset_size is not None:
        coreset_size = check_integer("coreset_size", coreset_size, minimum=1)
    X = check_matrix(X)
    key = key_from_random_state(random_state)
    return sensitivities(X, p, method, coreset_size, key, n_jobs, stacklevel=3)


def sensitivities(X, p, method, coreset_size, key, n_jobs=None, stacklevel=2):
    """Return the sensitivities of a checked matrix; see ``lp_sensitivities``."""
    if p == 2:
        return exact_leverage_scores(X, None, n_jobs, stacklevel=stacklevel + 2)
    if method == "lewis_bound":
        weights, _ = _lewis.fixed_point(X, p, n_jobs=n_jobs, stacklevel=stacklevel + 1)
        return brackets(weights, p, round(weights.sum()))[1]
    problem = _Problem(X, p, method, n_jobs, stacklevel + 1)
    n = len(problem.rows)
    size = n if method == "exact" else min(n, coreset_size or _CORESET_ROWS_PER_COLUMN * problem.rank)
    if problem.rank == 1:
        values = problem.weights
    else:
        values = problem.solve(np.arange(n), problem.sample(size, key), n_jobs)
        if size < n:
            low, high = brackets(problem.weights, p, problem.rank)
            values = np.clip(values, low, high)
    out = np.zeros(X.shape[0])
    out[problem.kept] = (np.minimum(values, 1.0) / problem.counts)[problem.inverse]
    return out


def brackets(weights, p, rank):
    """Return lower and upper bounds on the sensitivities of rows with these Lewis weights."""
    other = rank ** (p / 2 - 1) * weights
    low, high = (other, weights) if p <= 2 else (weights, other)
    return low, np.minimum(high, 1.0)


class _Problem:
    """The distinct rows with their numbers as weights, in the basis of their Lewis weights."""

    def __init__(self, X, p, method, n_jobs, stacklevel):
        if scipy.sparse.issparse(X):
            raise TypeError(f"X must be dense for method={method!r}; sparse matrices are taken by method='lewis_bound'")
        self.p = p
        self.kept = X.any(axis=1)
        distinct, self.inverse, counts = np.unique(
            X[self.kept].astype(np.float64), axis=0, return_inverse=True, return_counts=True
        )
        self.inverse = self.inverse.reshape(-1)
        self.counts = counts.astype(np.float64)
        rows = distinct * self.counts[:, np.newaxis] ** (1 / p)
        self.weights, _ = _lewis.fixed_point(rows, p, n_jobs=n_jobs, stacklevel=stacklevel + 1)
        exponents = (1 - 2 / p) * np.log(self.weights)
        # The rank was warned of already.
        space = _quiet_row_space(rows, np.exp(exponents - exponents.max()), n_jobs)
        self.rank = space.rank
        self.rows = space.basis(rows, n_jobs)

    def sample(self, size, key):
        """Return the rows times the roots of their weights, or a sample of them."""
        if size >= len(self.rows):
            return self.rows
        chosen, weights = draw_rows(self.weights, size, "systematic", 0.0, key)
        return self.rows[chosen] * weights[:, np.newaxis] ** (1 / self.p)

    def solve(self, which, B, n_jobs):
        """Return the sensitivities of some of the rows with respect to those of B."""
        costs = minimal_costs(B, self.rows[which], self.p, n_jobs)
        return np.divide(1.0, costs, out=np.full(len(costs), np.inf), where=costs > 0)


def _quiet_row_space(rows, q, n_jobs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SparseSciWarning)
        return row_space(rows, q, n_jobs=n_jobs)


def total_sensitivity(X, p, *, n_probes=None, random_state=None, n_jobs=None):
    """Return the sum of the l_p sensitivities, estimated from those of a few rows.

    Rows are sampled by their Lewis weights, and the estimate is unbiased.

    Parameters
    ----------
    X : array-like of shape (n, d)
    p : float
        At least 1.
    n_probes : int or None, default=None
        How many sensitivities are computed. None: the larger of 64 and 16 times the root of d. With as many as there
        are distinct rows the result is exact.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.

    Returns
    -------
    total : float
        Between d^(p/2) and d for p <= 2, and between d and d^(p/2) for p >= 2, d being the rank of X.

    Raises
    ------
    ValueError, TypeError
        As ``lp_sensitivities``.

    Warns
    -----
    SparseSciWarning
        If X has not full column rank.

    Notes
    -----
    The sensitivities are with respect to all distinct rows, up to 20000 of them; beyond that with respect to a sample
    of 20000 by Lewis weights. As sigma_i / w_i lies in a bracket of width ``d^|p/2 - 1|``, about root d probes suffice
    for a constant factor.

    References
    ----------
    S. Padmanabhan, D. P. Woodruff, Q. Zhang, "Computing approximate l_p sensitivities", NeurIPS 2023, arXiv:2311.04158,
    estimate the same quantity in another way.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import total_sensitivity
    >>> round(total_sensitivity(np.eye(4), 3), 6)
    4.0
    """
    p = check_real("p", p, minimum=1)
    if n_probes is not None:
        n_probes = check_integer("n_probes", n_probes, minimum=1)
    X = check_matrix(X)
    key = key_from_random_state(random_state)
    if p == 2:
        return float(row_space(X, n_jobs=n_jobs).rank)
    if scipy.sparse.issparse(X):
        raise TypeError("X must be dense: total_sensitivity does not take sparse matrices for p other than 2")
    problem = _Problem(X, p, "exact", n_jobs, stacklevel=2)
    n, rank = len(problem.rows), problem.rank
    if rank == 1:
        return 1.0
    n_probes = max(64, math.ceil(_PROBES_PER_ROOT * math.sqrt(rank))) if n_probes is None else n_probes
    probes, weights = np.arange(n), np.ones(n)
    if n_probes < n:
        probes, weights = draw_rows(problem.weights, n_probes, "systematic", 0.0, key)
    B = problem.sample(min(n, _MOST_EXACT_ROWS), key)
    values = problem.solve(probes, B, n_jobs)
    low, high = brackets(problem.weights[probes], p, rank)
    return float((weights * np.clip(values, low, high)).sum())
