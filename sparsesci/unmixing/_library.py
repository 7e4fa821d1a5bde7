"""Sparse unmixing with a large spectral library: SUnSAL and CLSUnSAL, by the alternating direction method."""

import warnings

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, check_real
from sparsesci.unmixing._pixels import check_endmembers, check_scene, kept_rows, result_dtype, spread

_FIRST_PENALTY = 0.01
_ADAPT_EVERY = 10
_BALANCE = 10.0


def sunsal(
    X,
    library,
    *,
    alpha,
    positivity=True,
    sum_to_one=False,
    tol=1e-4,
    max_iter=1000,
    mask=None,
    allow_nan=False,
    n_jobs=None,
):
    """Sparse abundances over a large spectral library (SUnSAL).

    Minimises ``1/2 ||X - A D||_F^2 + alpha sum |A|`` over A, optionally non-negative and with rows that sum to one.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Spectra. Memory maps are read block by block.
    library : array-like of shape (n_spectra, n_bands)
        The dictionary D, one spectrum per row; there may be more spectra than bands.
    alpha : float
        Weight of the l_1 norm, in units of squared reflectance summed over the bands; 0 for none.
    positivity : bool, default=True
        Whether A must not be negative.
    sum_to_one : bool, default=False
        Whether the rows of A must sum to one.
    tol : float, default=1e-4
        The iteration ends when primal and dual residuals are below this in the root mean square over the entries of A.
    max_iter : int, default=1000
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out; its abundances are NaN.
    allow_nan : bool, default=False
        Mask pixels with NaN or infinity instead of refusing them.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.

    Returns
    -------
    abundances : ndarray of shape (n_pixels, n_spectra) or (rows, cols, n_spectra)
        With exact zeros where the iteration puts them.

    Raises
    ------
    ValueError
        If the shapes do not fit together, alpha or tol is negative, or X holds NaN or infinity.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the iteration ends at ``max_iter``.

    See Also
    --------
    clsunsal : The pixels share the spectra that they use.
    fcls, nnls_abundances : Exact, for the few endmembers of one scene.

    Notes
    -----
    With ``sum_to_one`` and ``positivity`` the l_1 norm is constant, and alpha has no effect. Blocks of pixels are
    iterated one by one, each to its own end. Time O(K^3 + N K L + iterations N K^2); memory O(N K).

    References
    ----------
    J. M. Bioucas-Dias, M. A. T. Figueiredo, "Alternating direction algorithms for constrained sparse regression:
    Application to hyperspectral unmixing", WHISPERS 2010, arXiv:1002.4527. Recalled, not checked line by line against
    the paper; that the penalty of the splitting adapts is a common rule.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import sunsal
    >>> library = np.array([[0.1, 0.4, 0.9], [0.8, 0.5, 0.2], [0.5, 0.5, 0.5]])
    >>> sunsal(library[:2], library, alpha=1e-4, tol=1e-6).round(2) + 0.0
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    alpha = _check_options(alpha, positivity, tol, max_iter, allow_nan)
    check_flag("sum_to_one", sum_to_one)
    effective_n_jobs(n_jobs)
    X, image, mask = check_scene(X, mask=mask, allow_nan=allow_nan)
    library = check_endmembers(library, X.shape[1], "library")
    rows = kept_rows(X, mask)
    A = np.empty((len(rows), len(library)))
    gram = library @ library.T
    unfinished = np.zeros(-(-len(rows) // rows.block_rows), dtype=np.bool_)

    def prox(Z, penalty):
        return _shrink(Z, alpha / penalty, positivity)

    def task(start, stop, block):
        U, finished = _admm(block @ library.T, gram, prox, sum_to_one, tol, max_iter)
        A[start:stop] = U
        unfinished[start // rows.block_rows] = not finished

    with single_threaded_blas():
        rows.for_each_block(task, n_jobs)
    _warn(unfinished.any(), max_iter)
    return spread(A, mask, X.shape[0], image, result_dtype(X))


def clsunsal(X, library, *, alpha, positivity=True, tol=1e-4, max_iter=1000, mask=None, allow_nan=False):
    """Collaborative sparse abundances: all pixels together use few spectra of a library (CLSUnSAL).

    Minimises ``1/2 ||X - A D||_F^2 + alpha sum_k ||A[:, k]||_2`` over A, optionally non-negative.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Spectra.
    library : array-like of shape (n_spectra, n_bands)
        The dictionary D, one spectrum per row; there may be more spectra than bands.
    alpha : float
        Weight of the mixed norm; grows like the square root of the number of pixels for a like effect.
    positivity : bool, default=True
        Whether A must not be negative.
    tol : float, default=1e-4
        The iteration ends when primal and dual residuals are below this in the root mean square over the entries of A.
    max_iter : int, default=1000
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out; its abundances are NaN.
    allow_nan : bool, default=False
        Mask pixels with NaN or infinity instead of refusing them.

    Returns
    -------
    abundances : ndarray of shape (n_pixels, n_spectra) or (rows, cols, n_spectra)
        Columns of spectra that no pixel uses are exactly zero.

    Raises
    ------
    ValueError
        If the shapes do not fit together, alpha or tol is negative, or X holds NaN or infinity.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the iteration ends at ``max_iter``.

    See Also
    --------
    sunsal : Every pixel for itself.

    Notes
    -----
    Time O(K^3 + N K L + iterations N K^2); memory O(N K).

    References
    ----------
    M.-D. Iordache, J. M. Bioucas-Dias, A. Plaza, "Collaborative sparse regression for hyperspectral unmixing", IEEE
    Trans. Geosci. Remote Sens. 52 (2014) state the problem; the iteration is that of :func:`sunsal` with the proximal
    map of the mixed norm on the non-negative orthant.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import clsunsal
    >>> library = np.array([[0.1, 0.4, 0.9], [0.8, 0.5, 0.2], [0.9, 0.1, 0.9]])
    >>> abundances = clsunsal(library[[0, 1, 0, 1]], library, alpha=0.01)
    >>> bool((abundances[:, 2] == 0).all())
    True
    """
    alpha = _check_options(alpha, positivity, tol, max_iter, allow_nan)
    X, image, mask = check_scene(X, mask=mask, allow_nan=allow_nan)
    library = check_endmembers(library, X.shape[1], "library")
    rows = kept_rows(X, mask)

    def prox(Z, penalty):
        Z = np.maximum(Z, 0.0) if positivity else Z
        norms = np.linalg.norm(Z, axis=0)
        return Z * np.maximum(1.0 - alpha / penalty / np.where(norms > 0, norms, 1.0), 0.0)

    with single_threaded_blas():
        B = np.concatenate([block @ library.T for _, _, block in rows.blocks()])
        A, finished = _admm(B, library @ library.T, prox, False, tol, max_iter)
    _warn(not finished, max_iter)
    return spread(A, mask, X.shape[0], image, result_dtype(X))


def _check_options(alpha, positivity, tol, max_iter, allow_nan):
    check_flag("positivity", positivity)
    check_flag("allow_nan", allow_nan)
    check_real("tol", tol, minimum=0)
    check_integer("max_iter", max_iter, minimum=1)
    return check_real("alpha", alpha, minimum=0)


def _warn(unfinished, max_iter):
    if unfinished:
        warnings.warn(
            f"the iteration ended at max_iter={max_iter} before its residuals were below tol",
            ConvergenceWarning,
            stacklevel=3,
        )


def _shrink(Z, threshold, positivity):
    if positivity:
        return np.maximum(Z - threshold, 0.0)
    return np.sign(Z) * np.maximum(np.abs(Z) - threshold, 0.0)


def _admm(B, gram, prox, sum_to_one, tol, max_iter):
    """Minimise 1/2 tr(A G A') - tr(A B') + f(A), ``prox`` being that of f; return (A, whether it converged)."""
    penalty = _FIRST_PENALTY * max(np.diag(gram).max(), np.finfo(float).tiny)
    solve = _Ridge(gram, penalty, sum_to_one)
    U = np.maximum(solve(B), 0.0)
    V = np.zeros_like(B)
    bound = tol * np.sqrt(B.size)
    for iteration in range(1, max_iter + 1):
        A = solve(B + penalty * (U + V))
        previous, U = U, prox(A - V, penalty)
        V -= A - U
        primal = np.linalg.norm(A - U)
        dual = np.linalg.norm(U - previous)
        if primal <= bound and dual <= bound:
            return U, True
        if iteration % _ADAPT_EVERY == 0:
            factor = 2.0 if primal > _BALANCE * dual else 0.5 if dual > _BALANCE * primal else 1.0
            if factor != 1.0:
                penalty *= factor
                V /= factor
                solve = _Ridge(gram, penalty, sum_to_one)
    return U, False


class _Ridge:
    """Solves with (G + penalty I), and puts the sum to one in closed form."""

    def __init__(self, gram, penalty, sum_to_one):
        self.factor = cho_factor(gram + penalty * np.eye(len(gram)))
        self.ones = cho_solve(self.factor, np.ones(len(gram))) if sum_to_one else None

    def __call__(self, B):
        A = cho_solve(self.factor, B.T).T
        if self.ones is not None:
            A = A + np.outer((1.0 - A.sum(axis=1)) / self.ones.sum(), self.ones)
        return A
