"""Abundances for known endmembers: least squares with and without constraints."""

import warnings

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.device import twin
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_flag, check_real
from sparsesci.unmixing import _abundance_kernels
from sparsesci.unmixing._pixels import (
    check_endmembers,
    check_scene,
    check_vector,
    ensure_finite,
    kept_rows,
    result_dtype,
    spread,
)

_DEPENDENT = 1e-14


def fcls(X, endmembers, *, band_weights=None, mask=None, allow_nan=False, tol=1e-10, n_jobs=None, device="cpu"):
    """Fully constrained least squares: abundances that are non-negative and sum to one.

    For every pixel x, minimise ``sum_l w_l (x - a E)_l^2`` over the simplex, exactly, by an active set that ends after
    finitely many steps. No heavy row of ones is appended.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Spectra; negative values are taken. Memory maps are read block by block.
    endmembers : array-like of shape (n_endmembers, n_bands)
        One spectrum per row.
    band_weights : array-like of shape (n_bands,) or None, default=None
        Weights w of the squared residuals, not negative and not all zero; None for ones.
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out; its abundances are NaN.
    allow_nan : bool, default=False
        Mask pixels with NaN or infinity instead of refusing them.
    tol : float, default=1e-10
        How negative the multiplier of an endmember at zero may be, relative to the largest entry of E diag(w) E^T
        (and of E diag(w) x, where that is larger).
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the abundances are found. X is an array of the host for all of them.

    Returns
    -------
    abundances : ndarray of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
        float32 for float32, otherwise float64.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or there are NaN or infinity in pixels that are not masked.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        If the endmembers are linearly dependent, so that the abundances are one of many solutions.
    sklearn.exceptions.ConvergenceWarning
        If pixels ran out of steps (10 K + 10); theirs is the best feasible point that was reached.

    See Also
    --------
    nnls_abundances : Without the sum to one, for scenes whose brightness varies.

    Notes
    -----
    The sum-to-one constraint is a statement about the scene. Where illumination varies inside a material it does harm:
    on the Samson scene the error of the abundances is several times that of :func:`nnls_abundances` followed by a
    division by the row sums.

    Time O(N K L) for one product and O(N K^3) at worst for the active sets; memory O(N K) for the result.

    References
    ----------
    D. C. Heinz, C.-I Chang, "Fully constrained least squares linear spectral mixture analysis method for material
    quantification in hyperspectral imagery", IEEE Trans. Geosci. Remote Sens. 39 (2001) state the problem. The active
    set on the simplex is our own arrangement of a textbook method.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import fcls
    >>> endmembers = np.array([[0.1, 0.4, 0.9], [0.8, 0.5, 0.2]])
    >>> fcls([[0.45, 0.45, 0.55], [0.0, 0.3, 1.2]], endmembers).round(3)
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    return _active_set(X, endmembers, True, band_weights, mask, allow_nan, tol, n_jobs, device)


def nnls_abundances(
    X, endmembers, *, band_weights=None, mask=None, allow_nan=False, tol=1e-10, n_jobs=None, device="cpu"
):
    """Non-negative least squares: abundances that are not negative, without a constraint on their sum.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Spectra; negative values are taken. Memory maps are read block by block.
    endmembers : array-like of shape (n_endmembers, n_bands)
        One spectrum per row.
    band_weights : array-like of shape (n_bands,) or None, default=None
        Weights of the squared residuals, not negative and not all zero; None for ones.
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out; its abundances are NaN.
    allow_nan : bool, default=False
        Mask pixels with NaN or infinity instead of refusing them.
    tol : float, default=1e-10
        How negative the multiplier of an endmember at zero may be, relative to the largest entry of E diag(w) x.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the abundances are found. X is an array of the host for all of them.

    Returns
    -------
    abundances : ndarray of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
        Zero for a pixel that is zero. float32 for float32, otherwise float64.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or there are NaN or infinity in pixels that are not masked.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        If the endmembers are linearly dependent, so that the abundances are one of many solutions.
    sklearn.exceptions.ConvergenceWarning
        If pixels ran out of steps; theirs is the best feasible point that was reached.

    See Also
    --------
    fcls : With the sum to one.

    Notes
    -----
    The method of Lawson and Hanson on the normal equations, which are formed once, from a warm start. Time O(N K L)
    for one product and O(N K^3) at worst for the active sets; memory O(N K) for the result.

    References
    ----------
    C. L. Lawson, R. J. Hanson, "Solving Least Squares Problems", 1974, chapter 23.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import nnls_abundances
    >>> endmembers = np.array([[0.1, 0.4, 0.9], [0.8, 0.5, 0.2]])
    >>> nnls_abundances([[0.9, 0.9, 1.1], [0.0, 0.0, 0.0]], endmembers).round(3)
    array([[1., 1.],
           [0., 0.]])
    """
    return _active_set(X, endmembers, False, band_weights, mask, allow_nan, tol, n_jobs, device)


def _active_set(X, endmembers, simplex, band_weights, mask, allow_nan, tol, n_jobs, device):
    check_flag("allow_nan", allow_nan)
    tol = check_real("tol", tol, minimum=0)
    effective_n_jobs(n_jobs)
    kernels = twin(_abundance_kernels, device)
    X, image, mask = check_scene(X, mask=mask, allow_nan=allow_nan, check_finite=False)
    endmembers = check_endmembers(endmembers, X.shape[1])
    weighted = endmembers * _check_band_weights(band_weights, X.shape[1])
    with single_threaded_blas():
        G = weighted @ endmembers.T
        warn_if_dependent(G)
    scale = np.abs(G).max() or 1.0
    rows = kept_rows(X, mask)
    A = np.empty((len(rows), len(endmembers)))
    unfinished = kernels.active_set_abundances(rows, weighted / scale, G / scale, simplex, tol, A, n_jobs)
    if not np.isfinite(A.sum()):
        ensure_finite(X, "X", mask)
    if unfinished:
        warnings.warn(
            f"{unfinished} of {len(rows)} pixels ran out of steps; their abundances are feasible but may not be "
            "optimal",
            ConvergenceWarning,
            stacklevel=3,
        )
    return spread(A, mask, X.shape[0], image, result_dtype(X))


def _check_band_weights(band_weights, n_bands):
    if band_weights is None:
        return np.ones(n_bands)
    band_weights = check_vector(band_weights, n_bands, "band_weights", minimum=0)
    if not band_weights.any():
        raise ValueError("band_weights must not all be zero")
    return band_weights


def warn_if_dependent(G, name="endmembers"):
    """Warn if the Gram matrix of spectra is singular to rounding."""
    diagonal = np.sqrt(np.maximum(np.diag(G), 0))
    diagonal[diagonal == 0] = 1.0
    values = np.linalg.eigvalsh(G / np.outer(diagonal, diagonal))
    if values[0] <= _DEPENDENT * max(values[-1], 1.0):
        warnings.warn(
            f"{name} are linearly dependent: the abundances are one of many solutions", LinAlgWarning, stacklevel=4
        )


def ucls(X, endmembers, *, band_weights=None, mask=None, allow_nan=False, n_jobs=None):
    """Unconstrained least squares: abundances of any sign.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Spectra. Memory maps are read block by block.
    endmembers : array-like of shape (n_endmembers, n_bands)
        One spectrum per row.
    band_weights : array-like of shape (n_bands,) or None, default=None
        Weights of the squared residuals, not negative and not all zero; None for ones.
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out; its abundances are NaN.
    allow_nan : bool, default=False
        Mask pixels with NaN or infinity instead of refusing them.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.

    Returns
    -------
    abundances : ndarray of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
        The solution of least norm where the endmembers are dependent. Negative values tell of an endmember that is
        missing or does not belong to the scene.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or there are NaN or infinity in pixels that are not masked.

    Notes
    -----
    One pseudo-inverse, O(K^2 L), and one product, O(N K L).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import ucls
    >>> ucls([[2.0, -1.0]], np.eye(2))
    array([[ 2., -1.]])
    """
    return _linear(X, endmembers, band_weights, mask, allow_nan, n_jobs, sum_to_one=False)


def scls(X, endmembers, *, band_weights=None, mask=None, allow_nan=False, n_jobs=None):
    """Least squares with abundances that sum to one and may have any sign.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Spectra. Memory maps are read block by block.
    endmembers : array-like of shape (n_endmembers, n_bands)
        One spectrum per row.
    band_weights : array-like of shape (n_bands,) or None, default=None
        Weights of the squared residuals, not negative and not all zero; None for ones.
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out; its abundances are NaN.
    allow_nan : bool, default=False
        Mask pixels with NaN or infinity instead of refusing them.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.

    Returns
    -------
    abundances : ndarray of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)

    Raises
    ------
    ValueError
        If the shapes do not fit together, or there are NaN or infinity in pixels that are not masked.

    Notes
    -----
    In closed form: the unconstrained solution, moved along G^-1 1 with G = E diag(w) E^T. O(K^2 L) and O(N K L).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import scls
    >>> scls([[2.0, 0.0]], np.eye(2))
    array([[ 1.5, -0.5]])
    """
    return _linear(X, endmembers, band_weights, mask, allow_nan, n_jobs, sum_to_one=True)


def _linear(X, endmembers, band_weights, mask, allow_nan, n_jobs, sum_to_one):
    check_flag("allow_nan", allow_nan)
    effective_n_jobs(n_jobs)
    X, image, mask = check_scene(X, mask=mask, allow_nan=allow_nan)
    endmembers = check_endmembers(endmembers, X.shape[1])
    roots = np.sqrt(_check_band_weights(band_weights, X.shape[1]))
    rows = kept_rows(X, mask)
    A = np.empty((len(rows), len(endmembers)))
    with single_threaded_blas():
        if sum_to_one:
            warn_if_dependent((endmembers * roots**2) @ endmembers.T)
        inverse = np.linalg.pinv(endmembers * roots)
        ones = inverse.T @ inverse.sum(axis=1)
        inverse *= roots[:, None]

        def task(start, stop, block):
            A[start:stop] = block @ inverse
            if sum_to_one:
                A[start:stop] += np.outer((1.0 - A[start:stop].sum(axis=1)) / ones.sum(), ones)

        rows.for_each_block(task, n_jobs)
    return spread(A, mask, X.shape[0], image, result_dtype(X))
