"""Sparse Bayesian learning with Kronecker structure: the function of one problem."""

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
from sparsesci.sbl._engine import Iteration, Start
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
from sparsesci.sbl._tensor import normalise

METHODS = ("mm", "am", "svd", "rank1", "ksbl")
_NEED_TENSOR = ("am", "svd", "ksbl")
_DEFAULT_PRUNE = {"mm": 1e-3, "am": 1e-2, "ksbl": 1e-2, "svd": 1e-3, "rank1": 1e-3}
_INITIAL_NOISE = 0.1


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
    options = check_options(
        method, power, max_iter, tol, n_restarts, refine, random_state, n_jobs, verbose, device, noise_var
    )
    problem = check_problem(Y, dictionaries, n_snapshots_axis)
    prune_tol = check_prune_tol(_DEFAULT_PRUNE[method] if prune_tol is None else prune_tol, len(problem.dictionaries))
    couplings = check_coupling(coupling, problem.shape)
    check_combination(method, n_restarts, refine, couplings, problem)
    gammas = [np.ones(length) for length in problem.shape]
    if init is not None:
        gammas = check_gammas(init, problem.shape, "init")
        if not all(gamma.any() for gamma in gammas):
            raise ValueError("init must have a positive entry in every vector; got one that is zero altogether")
    return solve_problem(problem, normalise(gammas), prune_tol, couplings, **options)


def check_options(
    method, power, max_iter, tol, n_restarts, refine, random_state, n_jobs, verbose, device, noise_var
):  # fmt: skip
    """Check all parameters that do not depend on the data, and return those of ``solve_problem``."""
    check_option("method", method, METHODS)
    check_option("refine", refine, (None, "backward"))
    if not isinstance(verbose, (int, np.integer)):
        raise TypeError(f"verbose must be an integer or a boolean; got {verbose!r}")
    resolve_device(device)
    effective_n_jobs(n_jobs)
    noise_var = check_noise_var(noise_var)
    n_restarts = check_integer("n_restarts", n_restarts, minimum=0)
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
    """Refuse what a method cannot do."""
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
