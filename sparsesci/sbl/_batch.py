"""Many small problems of one shape in one call."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.device import twin
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_integer, check_real, naming
from sparsesci.sbl import _small_kernels
from sparsesci.sbl._engine import Iteration, Start, is_small, solve_small, solve_starts
from sparsesci.sbl._kron import make_result, nothing_found
from sparsesci.sbl._measurement_space import Solution
from sparsesci.sbl._problem import Problem, check_noise_var, check_prune_tol, check_tensor
from sparsesci.sbl._tensor import flat_start, squared_magnitude

_INITIAL_NOISE = 0.1


class KronSBLBatch:
    """Solutions of many problems; ``batch[p]`` is the ``KronSBLResult`` of problem p, made when it is asked for.

    Attributes
    ----------
    gammas : list of ndarray of shape (P, N_k)
        Hyperparameters; the factors but the last have unit norm.
    noise_var, cost : ndarray of shape (P,)
    n_iter : ndarray of int64, shape (P,)
    converged : ndarray of bool, shape (P,)
    """

    def __init__(self, problems, solutions):
        self._problems = problems
        modes = range(len(solutions[0].gammas))
        self.gammas = [np.stack([solution.gammas[k] for solution in solutions]) for k in modes]
        self.noise_var = np.array([solution.noise_var for solution in solutions])
        self.cost = np.array([solution.cost for solution in solutions])
        self.n_iter = np.array([solution.n_iter for solution in solutions], dtype=np.int64)
        self.converged = np.array([solution.converged for solution in solutions])

    def __len__(self):
        return len(self.cost)

    def __getitem__(self, p):
        with naming("index"):
            p = range(len(self))[p]
        gammas = [gamma[p].astype(np.float64) for gamma in self.gammas]
        solution = Solution(
            gammas, float(self.noise_var[p]), float(self.cost[p]), int(self.n_iter[p]), bool(self.converged[p])
        )
        return make_result(self._problems(p), solution)


def kron_sbl_batch(
    Y, dictionaries, *, noise_var=None, power=1.0, max_iter=500, tol=1e-4, prune_tol=1e-3, n_jobs=None, device="cpu"
):
    """Kronecker-structured sparse Bayesian learning of many small problems in one call.

    Every problem is solved as ``kron_sbl(Y[p], ...)`` with ``method="mm"`` from a flat start does, in parallel over
    problems; for small ones without the overhead of a call each.

    Parameters
    ----------
    Y : array-like of shape (P, M_1, ..., M_I), real or complex
        Measurements, one problem after another.
    dictionaries : sequence of I arrays of shape (M_k, N_k) or (P, M_k, N_k), real or complex
        Shared by all problems, or one for each.
    noise_var : float, array-like of shape (P,) or None, default=None
        Variance of the noise; None to learn it.
    power : float, default=1.0
        In [0.5, 1], as in ``kron_sbl``.
    max_iter : int, default=500
    tol : float, default=1e-4
    prune_tol : float or sequence of I floats, default=1e-3
        All as in ``kron_sbl``.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        On a GPU each problem is one thread, for problems with up to 4096 measurements, 32 rows and 128 columns a mode.

    Returns
    -------
    batch : KronSBLBatch
        With arrays ``gammas``, ``noise_var``, ``cost``, ``n_iter``, ``converged``; ``batch[p]`` is a ``KronSBLResult``.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, values are not finite, ``noise_var <= 0``, or an option is out of range.

    Warns
    -----
    ConvergenceWarning
        If some problems have not converged after ``max_iter`` sweeps.

    Notes
    -----
    O(M sum_k M_k + sum_k M_k^2 N_k) per sweep and problem; memory of one problem for each thread, besides input and
    output. The block updates are our own construction; see ``kron_sbl``.

    References
    ----------
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719, for the model.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_kronecker_sparse
    >>> from sparsesci.sbl import kron_sbl_batch
    >>> problem = make_kronecker_sparse((6, 7), (9, 9), 2, snr_db=40, random_state=0)
    >>> batch = kron_sbl_batch(np.stack([problem.Y, 2 * problem.Y]), problem.dictionaries)
    >>> len(batch), [indices.tolist() for indices in batch[1].supports]
    (2, [[4, 5], [0, 8]])
    """
    iteration = Iteration(
        power=check_real("power", power, minimum=0.5, maximum=1.0),
        tol=check_real("tol", tol, minimum=0.0),
        max_iter=check_integer("max_iter", max_iter, minimum=1),
        learn_noise=noise_var is None,
    )
    effective_n_jobs(n_jobs)
    kernels = twin(_small_kernels, device)
    Y, dictionaries, dtype = _check_batch(Y, dictionaries)
    prune_tol = check_prune_tol(prune_tol, len(dictionaries))
    noise_vars = _check_noise_vars(noise_var, Y)

    def problem(p):
        H = [matrices[p % len(matrices)] for matrices in dictionaries]
        return Problem(Y[p], H, True, dtype)

    lengths = [matrices.shape[2] for matrices in dictionaries]
    energies = squared_magnitude(Y).reshape(len(Y), -1).mean(axis=1)
    starts = [Start(flat_start(lengths, energy), value, prune_tol) for energy, value in zip(energies, noise_vars)]
    silent = energies == 0.0
    used = np.flatnonzero(~silent)
    chosen = [starts[p] for p in used]
    if not used.size:
        found = []
    elif is_small(Y.shape[1:], dictionaries):
        per_problem = [np.broadcast_to(H, (len(Y), *H.shape[1:]))[used] for H in dictionaries]
        if all(len(H) == 1 for H in dictionaries):
            per_problem = dictionaries
        found = solve_small(Y[used], per_problem, chosen, iteration, n_jobs=n_jobs, kernels=kernels)
    else:
        found = [solve_starts(Y[p], problem(p).dictionaries, [starts[p]], iteration)[0] for p in used]
    solutions = [None] * len(Y)
    for p, solution in zip(used, found):
        solutions[p] = solution
    for p in np.flatnonzero(silent):
        empty = nothing_found(problem(p), 0.0 if noise_var is None else noise_vars[p])
        solutions[p] = Solution([np.zeros(n) for n in empty.shape], empty.noise_var, empty.cost, 0, True)
    missed = sum(not solution.converged for solution in solutions)
    if missed:
        warnings.warn(
            f"{missed} of {len(Y)} problems have not converged after max_iter={max_iter} sweeps",
            ConvergenceWarning,
            stacklevel=2,
        )
    return KronSBLBatch(problem, solutions)


def _check_batch(Y, dictionaries):
    """Return Y (P, M_1, ..., M_I, 1), dictionaries (P or 1, M_k, N_k), and the type of the results."""
    Y = check_tensor(Y)
    if isinstance(dictionaries, (str, bytes, dict, set)) or not hasattr(dictionaries, "__len__"):
        raise TypeError(f"dictionaries must be a sequence of arrays; got {type(dictionaries).__name__}")
    matrices = [check_tensor(H, f"dictionaries[{k}]") for k, H in enumerate(dictionaries)]
    if not matrices or Y.ndim != len(matrices) + 1:
        raise ValueError(
            f"Y must have one axis for problems and one for each of the {len(matrices)} dictionaries; got {Y.ndim} axes"
        )
    for k, H in enumerate(matrices):
        if H.ndim not in (2, 3) or (H.ndim == 3 and len(H) not in (1, len(Y))):
            raise ValueError(
                f"dictionaries[{k}] must have shape (M_k, N_k) or ({len(Y)}, M_k, N_k) as Y has; got {H.shape}"
            )
        if H.shape[-2] != Y.shape[k + 1]:
            raise ValueError(
                f"Y has {Y.shape[k + 1]} elements in mode {k}, but dictionaries[{k}] has {H.shape[-2]} rows"
            )
    dtype = np.result_type(Y, *matrices)
    double = np.complex128 if dtype.kind == "c" else np.float64
    matrices = [np.ascontiguousarray(H.reshape(-1, *H.shape[-2:]), dtype=double) for H in matrices]
    return np.ascontiguousarray(Y[..., np.newaxis], dtype=double), matrices, dtype


def _check_noise_vars(noise_var, Y):
    """Return one noise variance for each problem: the given one, or where to start."""
    if noise_var is None:
        power = squared_magnitude(Y).reshape(len(Y), -1).mean(axis=1)
        return _INITIAL_NOISE * power
    if np.ndim(noise_var) == 0:
        return np.full(len(Y), check_noise_var(noise_var, none=False))
    values = check_tensor(noise_var, "noise_var")
    if values.dtype.kind != "f" or values.shape != (len(Y),):
        raise ValueError(f"noise_var must be a number or real of shape ({len(Y)},); got shape {values.shape}")
    if (values <= 0).any():
        raise ValueError(f"noise_var must be greater than 0.0; got {values.min()}")
    return values.astype(np.float64)
