"""Sparse Bayesian learning with Kronecker structure: the function of one problem."""

import math
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.device import resolve_device, twin
from sparsesci._core.progress import progress_bar
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.sbl import _passes_kernels
from sparsesci.sbl._coupling import check_coupling
from sparsesci.sbl._em import TENSOR_LIMIT, expectation_maximisation, tensor_size
from sparsesci.sbl._engine import Iteration, Start, is_small
from sparsesci.sbl._posterior import Box
from sparsesci.sbl._problem import (
    check_gammas,
    check_noise_var,
    check_problem,
    check_prune_tol,
    compressed_snapshots,
)
from sparsesci.sbl._results import KronSBLResult
from sparsesci.sbl._search import Search, search
from sparsesci.sbl._tensor import flat_start, normalise

METHODS = ("mm", "am", "svd", "rank1", "ksbl")
_NEED_TENSOR = ("am", "svd", "ksbl")
_DEFAULT_PRUNE = {"mm": 1e-3, "am": 1e-2, "ksbl": 1e-2, "svd": 1e-3, "rank1": 1e-3}
_INITIAL_NOISE = 0.1
_AUTO_RESTARTS = 10


def kron_sbl(
    Y,
    dictionaries,
    *,
    noise_var=None,
    method="mm",
    power=1.0,
    max_iter=500,
    tol=1e-4,
    prune_tol=None,
    n_restarts=0,
    refine=None,
    coupling=None,
    init=None,
    n_snapshots_axis=None,
    random_state=None,
    n_jobs=None,
    verbose=0,
    device="cpu",
):
    """Sparse Bayesian learning with Kronecker structure: a sparse tensor from one matrix for each of its modes.

    The model is ``Y = X x_1 H_1 ... x_I H_I + noise`` with coefficients X that are zero beyond a box
    ``S_1 x ... x S_I``: independent normal coefficients of variances ``gamma_1[i_1] * ... * gamma_I[i_I]``, over which
    the evidence is maximised. The default method works in measurement space: nothing of the size of X is formed, and
    dictionaries with 10^12 products of columns are in reach.

    Parameters
    ----------
    Y : array-like of shape (M_1, ..., M_I), (M_1, ..., M_I, L) or (M,)
        Measurements, real or complex; with a last axis for L snapshots that share the box, or flat in C order.
    dictionaries : sequence of I arrays of shape (M_k, N_k), real or complex
    noise_var : float or None, default=None
        Variance of the noise (for complex data E|noise|^2); None to learn it, from a tenth of the mean of ``|Y|^2`` on.
    method : {"mm", "am", "svd", "rank1", "ksbl"}, default="mm"
        "mm" is the block solver in measurement space. The others are expectation maximisation: "am" with alternating
        minimisation, "svd" with successive singular value decompositions and "ksbl" with a single pass form tensors of
        the size of X, up to 1e8 elements; "rank1" fits the best rank-one tensor without forming one.
    power : float, default=1.0
        Exponent of the updates of "mm", in [0.5, 1]. With 0.5 the cost can never rise; larger ones are tried first and
        reduced to 0.5 where it would.
    max_iter : int, default=500
        Sweeps, or iterations of expectation maximisation.
    tol : float, default=1e-4
        "mm" ends where no hyperparameter changes by more, relative to the largest of its mode, and the noise by no more
        if it is learned; the others where the full product of hyperparameters changes by no more in relative norm.
    prune_tol : float, sequence of I floats or None, default=None
        Hyperparameters up to this share of the largest of their mode are dropped; in [0, 1). None is 1e-3, or 1e-2 for
        "am" and "ksbl". Results can depend on it strongly.
    n_restarts : int or "auto", default=0
        Number of random starts ("mm" only). If positive, the best third of them after six sweeps (at least three), flat
        starts with three thresholds and two starts from expectation maximisation are run, and the one with the best
        evidence less the price of its columns is taken; then each of its modes is searched again with the others held,
        as long as that helps. "auto" is 10 for small problems with "mm" (at most 4096 measurements, 32 rows and 128
        columns a mode), 0 otherwise.
    refine : {None, "backward", "auto"}, default=None
        "backward" deletes columns whose evidence is not worth a parameter, log M ("mm" only). "auto" is that
        with "mm", None otherwise.
    coupling : float, list or None, default=None
        Couples neighbouring hyperparameters of a mode, for coefficients in blocks ("mm" only): ``gamma_k = C_k
        delta_k`` with C_k a non-negative matrix, or for a number b the tridiagonal one with 1 on and b beside the
        diagonal; one number for all modes, or a list of numbers, matrices and None. Not in the sweeps after a deletion.
    init : sequence of I arrays of shape (N_k,) or None, default=None
        Hyperparameters to start from; None for ones. With "mm" their product is the mean of ``|Y|^2`` instead, if that
        is beyond 1e-6 or 1e6; the other methods need data in units in which coefficients are of order one.
    n_snapshots_axis : int or None, default=None
        Axis of Y along which snapshots lie; None for the last, if there is one beyond those of the dictionaries.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the random starts, and nothing else.
    n_jobs : int or None, default=None
        Number of threads for the starts (joblib's meaning). The result does not depend on it.
    verbose : int, default=0
        1 shows a progress bar of the first start.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the passes over the measurements of large problems run; small ones are left to the CPU.

    Returns
    -------
    result : KronSBLResult
        With ``core`` and ``variance`` (posterior mean and variance on the box), ``supports``, ``gammas``,
        ``noise_var``, ``cost``, ``cost_path``, ``n_iter``, ``converged``, ``to_dense()`` and ``to_sparse()``. float32
        and complex64 are computed in double precision and returned as they came.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit (the mode is named), values are not finite, ``noise_var <= 0``, an option is out of range,
        or ``method`` would form tensors of more than 1e8 elements.
    MemoryError
        If so many columns are left in the end that there would be more than 1e8 coefficients.

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` sweeps did not suffice.

    See Also
    --------
    kron_sbl_batch : Many small problems in one call.
    KroneckerSBL : The estimator.

    Notes
    -----
    With M the product of the M_k, one sweep of "mm" takes O(M sum_k M_k + sum_k M_k^2 N_k) time and O(M + sum_k M_k
    N_k) memory; columns that are dropped make later sweeps cheaper. Snapshots multiply M, up to M of them: more are
    replaced by their sample covariance.

    "am", "svd" and "ksbl" are the published iterations. "mm", "rank1", restarts and elimination are our own
    constructions for the same model; the coupling is in the spirit of the published pattern-coupled method, with
    another update.

    References
    ----------
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719.

    Examples
    --------
    >>> from sparsesci.datasets import make_kronecker_sparse
    >>> from sparsesci.sbl import kron_sbl
    >>> problem = make_kronecker_sparse((6, 7), (9, 9), 2, snr_db=40, random_state=0)
    >>> result = kron_sbl(problem.Y, problem.dictionaries)
    >>> [indices.tolist() for indices in result.supports]
    [[4, 5], [0, 8]]
    """
    options = check_options(
        method, power, max_iter, tol, n_restarts, refine, random_state, n_jobs, verbose, device, noise_var
    )
    problem = check_problem(Y, dictionaries, n_snapshots_axis)
    prune_tol = check_prune_tol(_DEFAULT_PRUNE[method] if prune_tol is None else prune_tol, len(problem.dictionaries))
    couplings = check_coupling(coupling, problem.shape)
    options = {**options, **check_combination(method, n_restarts, refine, couplings, problem)}
    if init is None:
        energy = problem.energy / problem.n_measurements
        gammas = flat_start(problem.shape, energy if method == "mm" else 1.0)
    else:
        gammas = check_gammas(init, problem.shape, "init")
        if not all(gamma.any() for gamma in gammas):
            raise ValueError("init must have a positive entry in every vector; got one that is zero altogether")
        gammas = normalise(gammas)
    return solve_problem(problem, gammas, prune_tol, couplings, **options)


def check_options(
    method, power, max_iter, tol, n_restarts, refine, random_state, n_jobs, verbose, device, noise_var
):  # fmt: skip
    """Check all parameters that do not depend on the data, and return those of ``solve_problem``."""
    check_option("method", method, METHODS)
    check_option("refine", refine, (None, "backward", "auto"))
    if not isinstance(verbose, (int, np.integer)):
        raise TypeError(f"verbose must be an integer or a boolean; got {verbose!r}")
    resolve_device(device)
    effective_n_jobs(n_jobs)
    noise_var = check_noise_var(noise_var)
    if not isinstance(n_restarts, str):
        n_restarts = check_integer("n_restarts", n_restarts, minimum=0)
    check_option("n_restarts", n_restarts if isinstance(n_restarts, str) else None, ("auto", None))
    return {
        "method": method,
        "iteration": Iteration(
            power=check_real("power", power, minimum=0.5, maximum=1.0),
            tol=check_real("tol", tol, minimum=0.0),
            max_iter=check_integer("max_iter", max_iter, minimum=1),
            learn_noise=noise_var is None,
        ),
        "noise_var": noise_var,
        "n_restarts": n_restarts,
        "refine": refine,
        "key": key_from_random_state(random_state),
        "n_jobs": n_jobs,
        "verbose": verbose,
        "device": device,
    }


def check_combination(method, n_restarts, refine, couplings, problem):
    """Refuse what a method cannot do; return restarts and refinement, where they are left to the data."""
    if n_restarts == "auto":
        M = problem.n_measurements
        small = is_small((M, min(M, problem.Y.shape[-1])), problem.dictionaries)
        n_restarts = _AUTO_RESTARTS if method == "mm" and small else 0
    if refine == "auto":
        refine = "backward" if method == "mm" else None
    if method != "mm":
        for name, value, nothing in (("n_restarts", n_restarts, 0), ("refine", refine, None)):
            if value != nothing:
                raise ValueError(f"{name} needs method='mm'; got {name}={value!r} with method={method!r}")
        if couplings is not None:
            raise ValueError(f"coupling needs method='mm'; got method={method!r}")
    size = tensor_size(problem.dictionaries)
    if method in _NEED_TENSOR and size > TENSOR_LIMIT:
        raise ValueError(
            f"method={method!r} forms tensors of {size} elements, more than {TENSOR_LIMIT}: use method='rank1' or "
            "method='mm', which do not"
        )
    return {"n_restarts": n_restarts, "refine": refine}


def solve_problem(
    problem, gammas, prune_tol, couplings, *, method, iteration, noise_var, n_restarts, refine, key, n_jobs, verbose,
    device,
):  # fmt: skip
    """Return the ``KronSBLResult`` of a checked problem."""
    energy = problem.energy / problem.n_measurements
    if energy == 0.0:
        return nothing_found(problem, noise_var or 0.0)
    noise_var = _INITIAL_NOISE * energy if noise_var is None else noise_var
    Y = compressed_snapshots(problem.Y)
    with progress_bar(total=iteration.max_iter, desc="kron_sbl", verbose=verbose) as bar:

        def report(cost):
            bar.update()
            bar.set_postfix(cost=f"{cost:.6g}")

        on_sweep = report if verbose else None
        if method == "mm":
            weight = problem.Y.shape[-1] * (2 if problem.Y.dtype.kind == "c" else 1)
            kernels = twin(_passes_kernels, device)
            runs = Search(Y, problem.dictionaries, iteration, noise_var, prune_tol, weight, couplings, n_jobs, kernels)
            solution = search(runs, n_restarts, refine, key, Start(gammas, noise_var, prune_tol), on_sweep)
        else:
            solution = expectation_maximisation(
                Y,
                problem.dictionaries,
                gammas,
                noise_var,
                method=method,
                learn_noise=iteration.learn_noise,
                prune_tol=prune_tol,
                max_iter=iteration.max_iter,
                tol=iteration.tol,
                on_sweep=on_sweep,
            )
    if not solution.converged:
        warnings.warn(
            f"kron_sbl has not converged after max_iter={iteration.max_iter} sweeps", ConvergenceWarning, stacklevel=3
        )
    return make_result(problem, solution)


def make_result(problem, solution):
    """Return the coefficients that belong to learned hyperparameters."""
    if not all(gamma.any() for gamma in solution.gammas):
        return nothing_found(problem, solution.noise_var, solution)
    _check_box(solution.gammas, problem.Y.shape[-1])
    box = Box(problem.Y, problem.dictionaries, solution.gammas, solution.noise_var)
    core = box.mean()
    real = np.zeros(0, problem.dtype).real.dtype
    return KronSBLResult(
        core=(core[..., 0] if problem.single else core).astype(problem.dtype, copy=False),
        variance=box.variance().astype(real, copy=False),
        supports=box.supports,
        gammas=[gamma.astype(real, copy=False) for gamma in solution.gammas],
        noise_var=float(solution.noise_var),
        cost=float(solution.cost),
        cost_path=np.array(solution.cost_path),
        n_iter=solution.n_iter,
        converged=solution.converged,
        shape=problem.shape,
    )


def _check_box(gammas, n_snapshots):
    sides = [int(np.count_nonzero(gamma)) for gamma in gammas]
    size = math.prod(sides) * n_snapshots
    if size > TENSOR_LIMIT:
        raise MemoryError(
            f"the solution is not sparse: {' x '.join(map(str, sides))} columns are left, and coefficients on their "
            f"box would be {size} numbers, more than {TENSOR_LIMIT}. Raise prune_tol, or ask for refine='backward'"
        )


def nothing_found(problem, noise_var, solution=None):
    """Return the result with no coefficient at all."""
    modes = len(problem.shape)
    tail = () if problem.single else problem.Y.shape[-1:]
    real = np.zeros(0, problem.dtype).real.dtype
    return KronSBLResult(
        core=np.zeros((0,) * modes + tail, problem.dtype),
        variance=np.zeros((0,) * modes, real),
        supports=[np.zeros(0, dtype=np.int64) for _ in range(modes)],
        gammas=[np.zeros(length, real) for length in problem.shape],
        noise_var=float(noise_var),
        cost=float(solution.cost) if solution else float(problem.n_measurements * np.log(noise_var or 1.0)),
        cost_path=np.array(solution.cost_path if solution else []),
        n_iter=solution.n_iter if solution else 0,
        converged=True,
        shape=problem.shape,
    )
