"""Greedy baselines: orthogonal matching pursuit, CoSaMP, and matching pursuit on boxes."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from sparsesci._core.validation import check_integer, check_real
from sparsesci.sbl._classical import matrix_problem
from sparsesci.sbl._problem import check_noise_var, check_problem
from sparsesci.sbl._results import KronSBLResult
from sparsesci.sbl._tensor import mode_products, outer, squared_magnitude

_COSAMP_ITERATIONS = 50
_BOX_SIDE = 10


@dataclass
class GreedyResult:
    """Coefficients of a greedy method.

    Attributes
    ----------
    x : ndarray of shape (N,)
    support : ndarray of int64, sorted
    residual_norm : float
    n_iter : int
    """

    x: np.ndarray
    support: np.ndarray
    residual_norm: float
    n_iter: int

    def to_dense(self):
        """Return the coefficients, ``x``."""
        return self.x

    def to_sparse(self):
        """Return the coefficients as a ``scipy.sparse.coo_array`` of shape (N, 1)."""
        return scipy.sparse.coo_array(self.x.reshape(-1, 1))


@dataclass
class KronOMPResult:
    """Coefficients of Kronecker matching pursuit: a core on a box, zero beyond.

    Attributes
    ----------
    core : ndarray of shape (n_1, ..., n_I)
    supports : list of ndarray of int64, sorted
    residual_norm : float
    n_iter : int
    shape : tuple of int
    """

    core: np.ndarray
    supports: list
    residual_norm: float
    n_iter: int
    shape: tuple

    to_dense = KronSBLResult.to_dense
    to_sparse = KronSBLResult.to_sparse


def _single(problem, name):
    if not problem.single:
        raise ValueError(f"{name} must be one snapshot; got {problem.Y.shape[-1]} along its last axis")
    return problem.Y[..., 0]


def _column_norms(A):
    norms = np.linalg.norm(A, axis=0)
    return np.where(norms > 0, norms, 1.0)


def omp(A, y, *, n_nonzero=None, noise_var=None):
    """Orthogonal matching pursuit, for real or complex data.

    Columns are taken one after another, the one best correlated with the residual first, and all coefficients are
    fitted again by least squares.

    Parameters
    ----------
    A : array-like of shape (M, N), real or complex
    y : array-like of shape (M,), real or complex
    n_nonzero : int or None, default=None
        Largest number of columns; None for min(M, N) with ``noise_var`` and a tenth of that, at least 1, without.
    noise_var : float or None, default=None
        Ends where the residual norm is at most ``sqrt(M * noise_var)``.

    Returns
    -------
    result : GreedyResult
        With ``x``, ``support``, ``residual_norm``, ``n_iter``, ``to_dense()`` and ``to_sparse()``.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, values are not finite, ``noise_var <= 0``, or ``n_nonzero`` is no integer in [1, min(M,
        N)].

    Notes
    -----
    O(k M N) time for k columns.

    References
    ----------
    Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad, "Orthogonal matching pursuit: recursive function approximation with
    applications to wavelet decomposition", Asilomar 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import omp
    >>> A = np.random.default_rng(0).standard_normal((20, 50))
    >>> omp(A, A[:, 7] - 2j * A[:, 31], n_nonzero=2).support
    array([ 7, 31])
    """
    noise_var = check_noise_var(noise_var)
    if n_nonzero is not None:
        n_nonzero = check_integer("n_nonzero", n_nonzero, minimum=1)
    problem = matrix_problem(A, y, ("A", "y"))
    A, y = problem.dictionaries[0], _single(problem, "y")
    most = min(A.shape)
    if n_nonzero is None:
        n_nonzero = most if noise_var is not None else max(1, most // 10)
    elif n_nonzero > most:
        raise ValueError(f"n_nonzero must be at most min(M, N) = {most}; got {n_nonzero}")
    enough = np.sqrt(len(y) * noise_var) if noise_var is not None else 0.0
    norms, residual, chosen = _column_norms(A), y, []
    basis = np.zeros((len(y), n_nonzero), dtype=A.dtype)
    while len(chosen) < n_nonzero and np.linalg.norm(residual) > enough:
        correlation = np.abs(A.conj().T @ residual) / norms
        correlation[chosen] = 0.0
        best = int(np.argmax(correlation))
        if correlation[best] <= 1e-14 * np.linalg.norm(y):
            break
        direction = A[:, best].copy()
        for _ in range(2):
            direction -= basis[:, : len(chosen)] @ (basis[:, : len(chosen)].conj().T @ direction)
        length = np.linalg.norm(direction)
        if length <= 1e-12 * norms[best]:
            break
        basis[:, len(chosen)] = direction / length
        residual = residual - basis[:, len(chosen)] * (basis[:, len(chosen)].conj() @ residual)
        chosen.append(best)
    return _fitted(A, y, np.sort(np.array(chosen, dtype=np.int64)), len(chosen), problem.dtype)


def _fitted(A, y, support, n_iter, dtype):
    """Return the least-squares fit on a support."""
    x = np.zeros(A.shape[1], dtype=A.dtype)
    if support.size:
        x[support] = np.linalg.lstsq(A[:, support], y, rcond=None)[0]
    residual = float(np.linalg.norm(y - A @ x))
    return GreedyResult(x.astype(dtype, copy=False), support, residual, n_iter)


def cosamp(A, y, n_nonzero, *, noise_var=None, max_iter=_COSAMP_ITERATIONS):
    """Compressive sampling matching pursuit, for real or complex data.

    Parameters
    ----------
    A : array-like of shape (M, N), real or complex
    y : array-like of shape (M,), real or complex
    n_nonzero : int
        Number k of columns to keep, at most min(M, N).
    noise_var : float or None, default=None
        Ends where the residual norm is at most ``sqrt(M * noise_var)``, or where it does not fall any more.
    max_iter : int, default=50

    Returns
    -------
    result : GreedyResult
        With ``x``, ``support``, ``residual_norm``, ``n_iter``, ``to_dense()`` and ``to_sparse()``.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, values are not finite, ``noise_var <= 0``, or an integer is out of range.

    Notes
    -----
    O(M N + M k^2) time per iteration.

    References
    ----------
    D. Needell, J. A. Tropp, "CoSaMP: Iterative signal recovery from incomplete and inaccurate samples", 2009,
    arXiv:0803.2392.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import cosamp
    >>> A = np.random.default_rng(0).standard_normal((20, 50))
    >>> cosamp(A, A[:, 7] - 2j * A[:, 31], 2).support
    array([ 7, 31])
    """
    noise_var = check_noise_var(noise_var)
    k = check_integer("n_nonzero", n_nonzero, minimum=1)
    max_iter = check_integer("max_iter", max_iter, minimum=1)
    problem = matrix_problem(A, y, ("A", "y"))
    A, y = problem.dictionaries[0], _single(problem, "y")
    if k > min(A.shape):
        raise ValueError(f"n_nonzero must be at most min(M, N) = {min(A.shape)}; got {k}")
    enough = max(np.sqrt(len(y) * noise_var) if noise_var is not None else 0.0, 1e-12 * np.linalg.norm(y))
    best = _fitted(A, y, np.zeros(0, dtype=np.int64), 0, A.dtype)
    for iteration in range(1, max_iter + 1):
        if best.residual_norm <= enough:
            break
        proxy = np.abs(A.conj().T @ (y - A @ best.x))
        merged = np.union1d(np.argsort(-proxy, kind="stable")[: 2 * k], best.support)
        trial = np.abs(_fitted(A, y, merged, 0, A.dtype).x)
        support = np.sort(np.argsort(-trial, kind="stable")[:k]).astype(np.int64)
        new = _fitted(A, y, support, iteration, A.dtype)
        if new.residual_norm >= best.residual_norm:
            break
        best = new
    best.x = best.x.astype(problem.dtype, copy=False)
    return best


def kron_omp(Y, dictionaries, *, noise_var=None, eps=None, max_per_mode=_BOX_SIDE):
    """Matching pursuit on boxes: coefficients on the product of one set of columns for each mode.

    The largest correlation of the residual with a product of normalised columns adds its index to the sets of the
    modes; the core is fitted again by least squares, mode by mode.

    Parameters
    ----------
    Y : array-like of shape (M_1, ..., M_I) or (M,), real or complex
    dictionaries : sequence of I arrays of shape (M_k, N_k), real or complex
    noise_var : float or None, default=None
        Variance of the noise.
    eps : float or None, default=None
        Ends where the residual norm is at most ``eps`` times the norm of Y. None for ``sqrt(M noise_var) / ||Y||``, or
        1e-2 if the variance is not given: with that, data whose signal-to-noise ratio is below 40 dB are overfitted.
    max_per_mode : int, default=10
        Largest number of columns in each mode.

    Returns
    -------
    result : KronOMPResult
        With ``core``, ``supports``, ``residual_norm``, ``n_iter``, ``to_dense()`` and ``to_sparse()``.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, values are not finite, ``noise_var <= 0``, ``eps`` is negative or ``max_per_mode < 1``.

    Notes
    -----
    O(N max_k M_k) time per iteration and O(N) memory, N the number of coefficients. Unlike the published version
    columns are normalised for the selection, and the stopping rule uses the noise.

    References
    ----------
    C. F. Caiafa, A. Cichocki, "Computing Sparse Representations of Multidimensional Signals Using Kronecker Bases",
    Neural Computation 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import kron_omp
    >>> H = np.random.default_rng(0).standard_normal((8, 12))
    >>> result = kron_omp(np.outer(H[:, 3], H[:, 7] - 2 * H[:, 9]), [H, H], eps=1e-8)
    >>> [indices.tolist() for indices in result.supports], result.core.round(6)
    ([[3], [7, 9]], array([[ 1., -2.]]))
    """
    noise_var = check_noise_var(noise_var)
    if eps is not None:
        eps = check_real("eps", eps, minimum=0.0)
    max_per_mode = check_integer("max_per_mode", max_per_mode, minimum=1)
    problem = check_problem(Y, dictionaries)
    tensor, H = _single(problem, "Y"), problem.dictionaries
    norm = float(np.linalg.norm(tensor))
    if eps is None:
        eps = np.sqrt(tensor.size * noise_var) / norm if noise_var is not None and norm > 0 else 1e-2
    norms = outer([_column_norms(matrix) for matrix in H]).reshape(problem.shape)
    limits = [min(max_per_mode, *matrix.shape) for matrix in H]
    sets = [[] for _ in H]
    core, residual, n_iter = np.zeros((0,) * len(H), tensor.dtype), tensor, 0
    while np.linalg.norm(residual) > eps * norm:
        scores = squared_magnitude(mode_products(residual, [matrix.conj().T for matrix in H])) / norms**2
        best = np.unravel_index(int(np.argmax(scores)), problem.shape)
        grown = False
        for chosen, index, limit in zip(sets, best, limits):
            if int(index) not in chosen and len(chosen) < limit:
                chosen.append(int(index))
                grown = True
        if not grown:
            break
        n_iter += 1
        parts = [matrix[:, chosen] for matrix, chosen in zip(H, sets)]
        core = mode_products(tensor, [np.linalg.pinv(part) for part in parts])
        residual = tensor - mode_products(core, parts)
    orders = [np.argsort(chosen) for chosen in sets]
    return KronOMPResult(
        core=core[np.ix_(*orders)].astype(problem.dtype, copy=False) if n_iter else core.astype(problem.dtype),
        supports=[np.array(sorted(chosen), dtype=np.int64) for chosen in sets],
        residual_norm=float(np.linalg.norm(residual)),
        n_iter=n_iter,
        shape=problem.shape,
    )
