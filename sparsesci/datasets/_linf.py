"""Instances on which the error of a sketched regression is, or is not, spread over coefficients."""

import numpy as np

from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.datasets._problem import generator, problem

_KINDS = ("spread", "spike", "pairs")


def make_linf_hard_instance(
    kind="spread",
    n_samples=4096,
    n_features=64,
    n_components=1024,
    *,
    return_coef=False,
):
    """Build an instance that separates dense sketches from sparse ones and from row sampling.

    In each the solution is zero, the residual has unit norm and so has the pseudo-inverse of A:
    the error of a sketched solution is then at most the l_2 bound, and a sketch with an l_inf
    guarantee stays below it by a factor of about ``sqrt(n_features)`` in every coefficient.

    Parameters
    ----------
    kind : {"spread", "spike", "pairs"}, default="spread"
        * "spread": ``A = [I; 0]`` and b has k = n_components / n_features equal entries below the
          identity. CountSketch fails: the whole residual lands on few coefficients.
        * "spike": the same with k = 1. Sparse sign embeddings fail too: a coefficient whose
          column collides with the spike in one of s places is off by 1 / s.
        * "pairs": ``A = kron(I, ones(q, 1)) / sqrt(q)`` with q = n_samples / n_features, whose rows
          all have the same leverage, and b made of k / 2 pairs (+1, -1) / sqrt(k), each in the
          rows of one coefficient, k = 2 n_samples / n_components. Row sampling fails: it
          often sees half of a pair.
    n_samples : int, default=4096
        Number of rows n. For "pairs" a multiple of ``n_features``.
    n_features : int, default=64
        Number of columns d.
    n_components : int, default=1024
        Size m of the sketch that the instance is built against; it sets k.
    return_coef : bool, default=False
        Whether to return the solution too.

    Returns
    -------
    A : ndarray of shape (n_samples, n_features)
    b : ndarray of shape (n_samples,)
        Of unit norm, orthogonal to the range of A.
    coef : ndarray of shape (n_features,)
        The minimiser: zeros; only with ``return_coef``.

    Raises
    ------
    ValueError
        If ``kind`` is unknown, or if the sizes leave no room for the entries of b.

    Notes
    -----
    O(n d) time and memory; nothing is random. Instances in the spirit of the lower bounds of
    E. Price, Z. Song, D. P. Woodruff, Fast regression with an l_inf guarantee, ICALP 2017; the
    sizes and the pairs are our own choice.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_linf_hard_instance
    >>> A, b = make_linf_hard_instance("pairs", 64, 4, 32)
    >>> int(np.count_nonzero(b)), float(np.abs(A.T @ b).max())
    (4, 0.0)
    """
    check_option("kind", kind, _KINDS)
    d = check_integer("n_features", n_features, minimum=1)
    n = check_integer("n_samples", n_samples, minimum=d + 1)
    m = check_integer("n_components", n_components, minimum=d)
    A, b = _paired_rows(n, d, m) if kind == "pairs" else _identity_on_top(kind, n, d, m)
    return problem(A, b, np.zeros(d), return_coef)


def _identity_on_top(kind, n, d, m):
    k = m // d if kind == "spread" else 1
    if k > n - d:
        raise ValueError(f"n_samples must be at least n_features + n_components // n_features = {d + k}; got {n}")
    b = np.zeros(n)
    b[d : d + k] = 1.0 / np.sqrt(k)
    return np.eye(n, d), b


def _paired_rows(n, d, m):
    q, remainder = divmod(n, d)
    if remainder or q < 2:
        raise ValueError(f"n_samples must be a multiple of n_features = {d}, and at least twice that; got {n}")
    n_pairs = max(1, min(n // m, d * (q // 2)))
    A = np.repeat(np.eye(d), q, axis=0) / np.sqrt(q)
    pair = np.arange(n_pairs)
    first = (pair % d) * q + 2 * (pair // d)
    b = np.zeros(n)
    b[first] = 1.0 / np.sqrt(2 * n_pairs)
    b[first + 1] = -b[first]
    return A, b


def make_gaussian_regression(
    n_samples=4096,
    n_features=64,
    *,
    noise=1.0,
    random_state=None,
    return_coef=False,
):
    """Generate a regression on independent normal features with normal noise.

    The benign case: all rows have about the same leverage, and every sketch does well.

    Parameters
    ----------
    n_samples : int, default=4096
        Number of rows, greater than ``n_features``.
    n_features : int, default=64
        Number of columns.
    noise : float, default=1.0
        Standard deviation of the noise.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines features, coefficients and noise.
    return_coef : bool, default=False
        Whether to return the coefficients too.

    Returns
    -------
    A : ndarray of shape (n_samples, n_features)
    b : ndarray of shape (n_samples,)
    coef : ndarray of shape (n_features,)
        The coefficients that b was made with, *not* the minimiser; only with ``return_coef``.

    Raises
    ------
    ValueError
        If ``n_samples <= n_features`` or ``noise < 0``.

    Notes
    -----
    O(n d) time and memory.

    Examples
    --------
    >>> from sparsesci.datasets import make_gaussian_regression
    >>> A, b, coef = make_gaussian_regression(100, 5, random_state=0, return_coef=True)
    >>> A.shape, b.shape, coef.shape
    ((100, 5), (100,), (5,))
    """
    d = check_integer("n_features", n_features, minimum=1)
    n = check_integer("n_samples", n_samples, minimum=d + 1)
    noise = check_real("noise", noise, minimum=0)
    rng = generator(random_state)
    A = rng.standard_normal((n, d))
    coef = rng.standard_normal(d)
    b = A @ coef + noise * rng.standard_normal(n)
    return problem(A, b, coef, return_coef)


def make_high_leverage_regression(
    n_samples=4096,
    n_features=64,
    *,
    leverage_scale=50.0,
    bulk_scale=0.1,
    degrees_of_freedom=2.0,
    random_state=None,
    return_coef=False,
):
    """Generate a regression with a few rows of high leverage and heavy-tailed noise.

    ``A = [leverage_scale I; bulk_scale G]`` with G standard normal, and Student-t noise: each
    coefficient hangs on one row, and the residual on a few outliers.

    Parameters
    ----------
    n_samples : int, default=4096
        Number of rows, greater than ``n_features``.
    n_features : int, default=64
        Number of columns.
    leverage_scale : float, default=50.0
        Scale of the identity on top.
    bulk_scale : float, default=0.1
        Scale of the normal rows below.
    degrees_of_freedom : float, default=2.0
        Degrees of freedom of the noise, positive; the variance is infinite up to 2.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines features, coefficients and noise.
    return_coef : bool, default=False
        Whether to return the coefficients too.

    Returns
    -------
    A : ndarray of shape (n_samples, n_features)
    b : ndarray of shape (n_samples,)
    coef : ndarray of shape (n_features,)
        The coefficients that b was made with, *not* the minimiser; only with ``return_coef``.

    Raises
    ------
    ValueError
        If ``n_samples <= n_features`` or ``degrees_of_freedom <= 0``.

    Notes
    -----
    O(n d) time and memory.

    Examples
    --------
    >>> from sparsesci.datasets import make_high_leverage_regression
    >>> A, b = make_high_leverage_regression(100, 5, random_state=0)
    >>> A[:2, :2].tolist()
    [[50.0, 0.0], [0.0, 50.0]]
    """
    d = check_integer("n_features", n_features, minimum=1)
    n = check_integer("n_samples", n_samples, minimum=d + 1)
    leverage_scale = check_real("leverage_scale", leverage_scale)
    bulk_scale = check_real("bulk_scale", bulk_scale)
    freedom = check_real("degrees_of_freedom", degrees_of_freedom, minimum=0, exclusive=True)
    rng = generator(random_state)
    A = np.vstack([leverage_scale * np.eye(d), bulk_scale * rng.standard_normal((n - d, d))])
    coef = rng.standard_normal(d)
    b = A @ coef + rng.standard_t(freedom, n)
    return problem(A, b, coef, return_coef)
