"""Dense least-squares problems with a prescribed spectrum, or with classical structure."""

import numpy as np

from sparsesci._core.validation import check_integer, check_real
from sparsesci.datasets._problem import generator, orthonormal_columns, problem


def make_least_squares(
    n_samples=4000,
    n_features=50,
    *,
    cond=1e12,
    residual_norm=1e-6,
    random_state=None,
    return_coef=False,
):
    """Generate a least-squares problem of given condition number and residual norm.

    ``A = U diag(s) V^T`` with U (n_samples, n_features) and V (n_features, n_features)
    Haar-distributed and s spaced logarithmically from 1 down to 1 / cond;
    ``b = A @ coef + residual_norm * u`` with a unit vector u orthogonal to the range of A. With the
    default sizes and values it is the stability experiment of Epperly, Meier and Nakatsukasa.

    Parameters
    ----------
    n_samples : int, default=4000
        Number of rows n, greater than ``n_features``.
    n_features : int, default=50
        Number of columns d.
    cond : float, default=1e12
        Condition number of A, at least 1. The largest singular value is 1.
    residual_norm : float, default=1e-6
        Euclidean norm of the residual at the solution.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines U, V and the coefficients.
    return_coef : bool, default=False
        Whether to return the coefficients too.

    Returns
    -------
    A : ndarray of shape (n_samples, n_features)
    b : ndarray of shape (n_samples,)
    coef : ndarray of shape (n_features,)
        The minimiser, of unit norm, up to rounding; only with ``return_coef``. The three come as a
        named tuple.

    Raises
    ------
    ValueError
        If ``n_samples <= n_features``, ``cond < 1`` or ``residual_norm < 0``.

    Notes
    -----
    O(n d^2) time and O(n d) memory: the orthogonal factor has d + 1 columns and is the Q of a
    Gaussian matrix.

    References
    ----------
    E. N. Epperly, M. Meier, Y. Nakatsukasa. Fast randomized least-squares solvers can be just as
    accurate and stable as classical direct solvers. 2024, arXiv:2406.03468.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_least_squares
    >>> A, b, coef = make_least_squares(
    ...     500, 10, cond=1e3, residual_norm=0.5, random_state=0, return_coef=True
    ... )
    >>> print(f"{np.linalg.cond(A):.6g} {np.linalg.norm(b - A @ coef):.6g}")
    1000 0.5
    """
    d = check_integer("n_features", n_features, minimum=1)
    n = check_integer("n_samples", n_samples, minimum=d + 1)
    cond = check_real("cond", cond, minimum=1)
    residual_norm = check_real("residual_norm", residual_norm, minimum=0)
    rng = generator(random_state)
    u = orthonormal_columns(rng, n, d + 1)
    v = orthonormal_columns(rng, d, d)
    singular_values = np.logspace(0, -np.log10(cond), d) if d > 1 else np.ones(1)
    coef = rng.standard_normal(d)
    coef /= np.linalg.norm(coef)
    A = u[:, :d] @ (singular_values[:, None] * v.T)
    b = A @ coef + residual_norm * u[:, d]
    return problem(A, b, coef, return_coef)


def make_vandermonde(
    n_samples=100_000,
    degree=15,
    *,
    noise=1e-6,
    random_state=None,
    return_coef=False,
):
    """Generate the fit of a polynomial in the monomial basis on [0, 1].

    Column j of A holds the powers ``t ** j`` of n_samples evenly spaced points; the right-hand side
    is ``exp(sin(4 t))`` plus noise. The condition number grows exponentially with the degree: it is
    about 1.4e11 at degree 15.

    Parameters
    ----------
    n_samples : int, default=100000
        Number of points, greater than ``degree + 1``.
    degree : int, default=15
        Degree of the polynomial; A has ``degree + 1`` columns.
    noise : float, default=1e-6
        Standard deviation of the noise.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the noise.
    return_coef : bool, default=False
        Whether to return coefficients too.

    Returns
    -------
    A : ndarray of shape (n_samples, degree + 1)
    b : ndarray of shape (n_samples,)
    coef : ndarray of shape (degree + 1,)
        Coefficients of the Chebyshev interpolant of the function, a polynomial that is close to
        the best but is *not* the minimiser; only with ``return_coef``.

    Raises
    ------
    ValueError
        If ``degree < 0``, ``n_samples <= degree + 1`` or ``noise < 0``.

    Notes
    -----
    O(n d) time and memory for d = degree + 1. Fitting ``exp(sin(4 t))`` by monomials is a classical
    test of the stability of least-squares solvers: L. N. Trefethen, D. Bau, Numerical Linear
    Algebra, SIAM 1997, lecture 19.

    Examples
    --------
    >>> from sparsesci.datasets import make_vandermonde
    >>> A, b = make_vandermonde(1000, 5, random_state=0)
    >>> A.shape, b.shape
    ((1000, 6), (1000,))
    """
    degree = check_integer("degree", degree, minimum=0)
    n = check_integer("n_samples", n_samples, minimum=degree + 2)
    noise = check_real("noise", noise, minimum=0)
    t = np.linspace(0.0, 1.0, n)
    A = np.vander(t, degree + 1, increasing=True)
    b = _smooth_function(t) + noise * generator(random_state).standard_normal(n)
    chebyshev = np.polynomial.Chebyshev.interpolate(_smooth_function, degree, domain=[0, 1])
    monomial = chebyshev.convert(kind=np.polynomial.Polynomial).coef
    coef = np.zeros(degree + 1)
    coef[: len(monomial)] = monomial
    return problem(A, b, coef, return_coef)


def _smooth_function(t):
    return np.exp(np.sin(4.0 * t))


def make_hilbert(n_samples=10_000, n_features=10, *, noise=1e-6, random_state=None, return_coef=False):
    """Generate a least-squares problem whose matrix is a rectangular Hilbert matrix.

    ``A[i, j] = 1 / (i + j + 1)``: entries are positive and smooth, the singular values
    decay exponentially, and the first rows have nearly all the leverage.

    Parameters
    ----------
    n_samples : int, default=10000
        Number of rows, greater than ``n_features``.
    n_features : int, default=10
        Number of columns; beyond about 13 the matrix is rank-deficient in double precision.
    noise : float, default=1e-6
        Standard deviation of the noise on the right-hand side.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the coefficients and the noise.
    return_coef : bool, default=False
        Whether to return the coefficients too.

    Returns
    -------
    A : ndarray of shape (n_samples, n_features)
    b : ndarray of shape (n_samples,)
    coef : ndarray of shape (n_features,)
        The coefficients that b was made with; only with ``return_coef``.

    Raises
    ------
    ValueError
        If ``n_samples <= n_features`` or ``noise < 0``.

    Notes
    -----
    O(n d) time and memory.

    Examples
    --------
    >>> from sparsesci.datasets import make_hilbert
    >>> A, b = make_hilbert(100, 4, random_state=0)
    >>> A[0].tolist()
    [1.0, 0.5, 0.3333333333333333, 0.25]
    """
    d = check_integer("n_features", n_features, minimum=1)
    n = check_integer("n_samples", n_samples, minimum=d + 1)
    noise = check_real("noise", noise, minimum=0)
    rng = generator(random_state)
    A = 1.0 / (np.arange(1.0, n + 1)[:, None] + np.arange(d))
    coef = rng.standard_normal(d)
    b = A @ coef + noise * rng.standard_normal(n)
    return problem(A, b, coef, return_coef)
