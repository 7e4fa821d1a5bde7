"""Classical sparse Bayesian learning: one dictionary, one or more snapshots."""

import warnings

import numpy as np
import scipy.linalg
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.progress import progress_bar
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.sbl._problem import check_noise_var, check_problem, check_prune_tol, compressed_snapshots
from sparsesci.sbl._results import SBLResult
from sparsesci.sbl._tensor import squared_magnitude

_METHODS = ("em", "mm", "fixed-point")
_INITIAL_NOISE = 0.1
_NOISE_FLOOR = 1e-12


class _State:
    """The posterior on the active columns, from a Cholesky factor of the covariance of the measurements.

    With fewer columns than rows, ``A`` and ``y`` are compressed to as many rows first.
    """

    def __init__(self, A, y):
        self.n_rows, self.n_snapshots = y.shape
        self.energy = float(squared_magnitude(y).sum()) / self.n_snapshots
        self.active = np.arange(A.shape[1])
        self.A, self.y = A, y

    def restrict(self, keep):
        """Keep some of the columns."""
        self.active = self.active[keep]
        self.A = np.ascontiguousarray(self.A[:, keep])
        if self.A.shape[1] < self.A.shape[0]:
            Q, self.A = np.linalg.qr(self.A)
            self.y = Q.conj().T @ self.y

    def evaluate(self, gamma, noise_var):
        """Compute s, q, cost and means for hyperparameters of the active columns."""
        A, y = self.A, self.y
        Phi = (A * gamma) @ A.conj().T
        Phi[np.diag_indices_from(Phi)] += noise_var
        lower = np.linalg.cholesky(Phi)
        whitened = scipy.linalg.solve_triangular(lower, A, lower=True, check_finite=False)
        data = scipy.linalg.solve_triangular(lower, y, lower=True, check_finite=False)
        correlation = whitened.conj().T @ data
        self.s = squared_magnitude(whitened).sum(axis=0)
        self.q = squared_magnitude(correlation).sum(axis=1) / self.n_snapshots
        self.mean = gamma[:, np.newaxis] * correlation
        self.variance = np.maximum(gamma - gamma**2 * self.s, 0.0)
        lost = self.n_rows - len(y)
        kept = float(squared_magnitude(y).sum()) / self.n_snapshots
        self.lost_energy = max(self.energy - kept, 0.0)
        quadratic = float(squared_magnitude(data).sum()) / self.n_snapshots + self.lost_energy / noise_var
        self.cost = 2.0 * float(np.log(np.diagonal(lower).real).sum()) + lost * np.log(noise_var) + quadratic
        self.explained = float(gamma @ self.s)

    def residual_energy(self):
        """Return ||y - A mean||^2, averaged over snapshots."""
        residual = self.y - self.A @ self.mean
        return float(squared_magnitude(residual).sum()) / self.n_snapshots + self.lost_energy


def _new_gamma(state, gamma, method):
    if method == "em":
        return state.variance + squared_magnitude(state.mean).mean(axis=1)
    ratio = np.divide(state.q, state.s, out=np.zeros_like(state.q), where=state.s > state.s.max() * 1e-300)
    return gamma * (np.sqrt(ratio) if method == "mm" else ratio)


def _new_noise(state, noise_var, method):
    residual = state.residual_energy()
    if method == "em":
        return (residual + noise_var * state.explained) / state.n_rows
    free = max(state.n_rows - state.explained, 1e-12 * state.n_rows)
    if method == "fixed-point":
        return residual / free
    # The ratio of sum |Phi^-1 y|^2, which is residual / noise_var^2, and trace Phi^-1, which is free / noise_var.
    return np.sqrt(noise_var * residual / free)


def check_options(noise_var, method, max_iter, tol, prune_tol, verbose):
    check_option("method", method, _METHODS)
    if not isinstance(verbose, (int, np.integer)):
        raise TypeError(f"verbose must be an integer or a boolean; got {verbose!r}")
    return {
        "noise_var": check_noise_var(noise_var),
        "method": method,
        "max_iter": check_integer("max_iter", max_iter, minimum=1),
        "tol": check_real("tol", tol, minimum=0.0),
        "prune_tol": float(check_prune_tol(prune_tol, 1)[0]),
        "verbose": verbose,
    }


def matrix_problem(A, y, names):
    """Check a matrix and measurements under the names that the caller used."""
    try:
        return check_problem(y, [A])
    except (TypeError, ValueError) as error:
        text = str(error).replace("dictionaries[0]", names[0]).replace(" in mode 0", "")
        if names[1] != "Y":
            text = (
                text.replace("Y ", f"{names[1]} ", 1) if text.startswith("Y ") else text.replace(" Y ", f" {names[1]} ")
            )
        if text.startswith("Input Y"):
            text = text.replace("Input Y", f"Input {names[1]}")
        raise (TypeError if isinstance(error, TypeError) else ValueError)(text) from error


def solve_classical(A, y, *, noise_var, method, max_iter, tol, prune_tol, verbose, name="sbl"):
    """Return gamma, noise variance, cost path, number of iterations and whether they ended by themselves."""
    learn = noise_var is None
    power = float(squared_magnitude(y).mean())
    noise_var = _INITIAL_NOISE * power if learn else noise_var
    state, gamma = _State(A, y), np.ones(A.shape[1])
    path, converged, iteration = [], False, 0
    with progress_bar(total=max_iter, desc=name, verbose=verbose) as bar:
        while iteration < max_iter and not converged:
            iteration += 1
            keep = gamma > prune_tol * gamma.max()
            if not keep.all() or iteration == 1:
                state.restrict(keep)
                gamma = gamma[keep]
            state.evaluate(gamma, noise_var)
            path.append(state.cost)
            old, gamma = gamma, _new_gamma(state, gamma, method)
            if not gamma.any():
                converged = True
                break
            change = float(np.linalg.norm(gamma - old) / np.linalg.norm(old))
            if learn:
                new = max(_new_noise(state, noise_var, method), _NOISE_FLOOR * power)
                change, noise_var = max(change, abs(new - noise_var) / noise_var), new
            converged = change <= tol
            bar.update()
            bar.set_postfix(cost=f"{state.cost:.6g}")
    full = np.zeros(A.shape[1])
    full[state.active] = gamma
    return full, noise_var, path, iteration, converged


def posterior_of(A, y, gamma, noise_var):
    """Return mean (N, L), variance (N,) and cost for given hyperparameters."""
    mean, variance = np.zeros((A.shape[1], y.shape[1]), dtype=A.dtype), np.zeros(A.shape[1])
    state = _State(A, y)
    keep = gamma > 0
    if not keep.any():
        return mean, variance, state.n_rows * np.log(noise_var) + state.energy / noise_var
    state.restrict(keep)
    state.evaluate(gamma[keep], noise_var)
    mean[keep], variance[keep] = state.mean, state.variance
    return mean, variance, state.cost


def _run(problem, options, name):
    A = problem.dictionaries[0]
    y = problem.Y
    real = np.zeros(0, problem.dtype).real.dtype
    if not y.any():
        noise_var = options["noise_var"] or 0.0
        gamma, path, n_iter, converged = np.zeros(A.shape[1]), [], 0, True
        mean, variance, cost = np.zeros((A.shape[1], y.shape[1]), A.dtype), gamma, len(y) * np.log(noise_var or 1.0)
    else:
        gamma, noise_var, path, n_iter, converged = solve_classical(A, compressed_snapshots(y), name=name, **options)
        if not converged:
            warnings.warn(
                f"{name} has not converged after max_iter={options['max_iter']} iterations",
                ConvergenceWarning,
                stacklevel=3,
            )
        mean, variance, cost = posterior_of(A, y, gamma, noise_var)
    return SBLResult(
        x=(mean[:, 0] if problem.single else mean).astype(problem.dtype, copy=False),
        variance=variance.astype(real),
        gamma=gamma.astype(real),
        support=np.flatnonzero(gamma),
        noise_var=float(noise_var),
        cost=float(cost),
        cost_path=np.array([*path, cost]),
        n_iter=n_iter,
        converged=converged,
    )


def sbl(A, y, *, noise_var=None, method="em", max_iter=500, tol=1e-4, prune_tol=1e-3, verbose=0):
    """Sparse Bayesian learning: a sparse vector from linear measurements, with its variance.

    Every coefficient has a prior variance of its own, and the evidence is maximised over them: most become zero.

    Parameters
    ----------
    A : array-like of shape (M, N), real or complex
    y : array-like of shape (M,) or (M, L), real or complex
        Measurements; several columns share the support.
    noise_var : float or None, default=None
        Variance of the noise (for complex data E|noise|^2); None to learn it, from a tenth of the mean of ``|y|^2`` on.
    method : {"em", "mm", "fixed-point"}, default="em"
        Expectation maximisation, majorisation-minimisation (like that, it never raises the cost, in fewer iterations),
        or MacKay's fixed point (fastest, without such a guarantee).
    max_iter : int, default=500
    tol : float, default=1e-4
        Ends where the hyperparameters, and the noise if it is learned, change by no more, relatively.
    prune_tol : float, default=1e-3
        Hyperparameters up to this share of the largest are set to zero; in [0, 1).
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    result : SBLResult
        With ``x``, ``variance``, ``gamma``, ``support``, ``noise_var``, ``cost``, ``cost_path``, ``n_iter``,
        ``converged``, ``to_dense()`` and ``to_sparse()``. float32 and complex64 are computed in double precision and
        returned as they came.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, values are not finite, ``noise_var <= 0``, or an option is out of range.

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` iterations did not suffice.

    Notes
    -----
    O(r^2 n + r n L) per iteration with n active columns and r = min(M, n), memory O(M N).

    References
    ----------
    M. E. Tipping, "Sparse Bayesian Learning and the Relevance Vector Machine", JMLR 2001. D. P. Wipf, B. D. Rao,
    "Sparse Bayesian Learning for Basis Selection", IEEE Trans. Signal Processing 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import sbl
    >>> A = np.random.default_rng(0).standard_normal((20, 50))
    >>> result = sbl(A, A[:, 7] - 2 * A[:, 31], noise_var=1e-4)
    >>> result.support, result.x[[7, 31]].round(2)
    (array([ 7, 31]), array([ 1., -2.]))
    """
    options = check_options(noise_var, method, max_iter, tol, prune_tol, verbose)
    return _run(matrix_problem(A, y, ("A", "y")), options, "sbl")


def mmv_sbl(A, Y, *, noise_var=None, method="fixed-point", max_iter=500, tol=1e-4, prune_tol=1e-3, verbose=0):
    """Sparse Bayesian learning from several snapshots with a common support (M-SBL).

    Parameters
    ----------
    A : array-like of shape (M, N), real or complex
    Y : array-like of shape (M, L), real or complex
        One snapshot in each column. If there are more than M, their sample covariance does the work.
    noise_var : float or None, default=None
        Variance of the noise; None to learn it.
    method : {"fixed-point", "mm", "em"}, default="fixed-point"
    max_iter : int, default=500
    tol : float, default=1e-4
    prune_tol : float, default=1e-3
    verbose : int, default=0
        All as in ``sbl``.

    Returns
    -------
    result : SBLResult
        With ``x`` of shape (N, L).

    Raises
    ------
    ValueError, TypeError
        As ``sbl``; also if ``Y`` has not two axes.

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` iterations did not suffice.

    Notes
    -----
    O(r^2 n + r n min(L, M)) per iteration with n active columns and r = min(M, n).

    References
    ----------
    D. P. Wipf, B. D. Rao, "An Empirical Bayesian Strategy for Solving the Simultaneous Sparse Approximation Problem",
    IEEE Trans. Signal Processing 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import mmv_sbl
    >>> rng = np.random.default_rng(0)
    >>> A = rng.standard_normal((10, 30))
    >>> Y = A[:, [3, 8]] @ rng.standard_normal((2, 40)) + 0.01 * rng.standard_normal((10, 40))
    >>> mmv_sbl(A, Y).support
    array([3, 8])
    """
    options = check_options(noise_var, method, max_iter, tol, prune_tol, verbose)
    problem = matrix_problem(A, Y, ("A", "Y"))
    if problem.single:
        raise ValueError("Y must have two axes, (M, L); got one: use sbl")
    return _run(problem, options, "mmv_sbl")
