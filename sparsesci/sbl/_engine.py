"""Running the block solver from one or more starts: scalar code for small problems, BLAS for large ones."""

from dataclasses import dataclass

import numpy as np

from sparsesci._core.threads import run_chunks, single_threaded_blas
from sparsesci.sbl import _passes_kernels, _small_kernels
from sparsesci.sbl._measurement_space import MeasurementSpaceSolver, Solution

_SMALL_DATA = 4096
_SMALL_MODE = 32
_SMALL_COLUMNS = 128


@dataclass
class Start:
    """Where a run begins and how it goes on.

    ``order`` says in which order the modes are updated, None for the natural one.
    """

    gammas: list
    noise_var: float
    prune_tol: np.ndarray
    order: np.ndarray | None = None


@dataclass
class Iteration:
    """What all runs have in common."""

    power: float = 1.0
    tol: float = 1e-4
    max_iter: int = 500
    learn_noise: bool = False


def is_small(shape, dictionaries):
    """Return whether a problem with data of this shape is one for the scalar code."""
    return (
        int(np.prod(shape)) <= _SMALL_DATA
        and max(H.shape[-2] for H in dictionaries) <= _SMALL_MODE
        and max(H.shape[-1] for H in dictionaries) <= _SMALL_COLUMNS
    )


def solve_starts(Y, dictionaries, starts, iteration, *, couplings=None, n_jobs=None, on_sweep=None, kernels=None):
    """Return one ``Solution`` for each of ``starts``.

    Parameters
    ----------
    Y : ndarray of shape (M_1, ..., M_I, L)
    dictionaries : list of ndarray of shape (M_k, N_k)
    starts : list of Start
    iteration : Iteration
    couplings : list of ndarray or None
    n_jobs : int or None
        Runs go in parallel.
    on_sweep : callable or None
        Is told the cost after every sweep of large problems and of those that are watched.
    kernels : module or None
        The launchers of passes over the tensor of large problems.
    """
    if couplings is None and on_sweep is None and is_small(Y.shape, dictionaries):
        stacked = [H[np.newaxis] for H in dictionaries]
        return solve_small(Y[np.newaxis], stacked, starts, iteration, n_jobs=n_jobs, with_paths=True)
    solutions = [None] * len(starts)

    def task(i):
        start = starts[i]
        solver = MeasurementSpaceSolver(
            Y,
            dictionaries,
            start.gammas,
            start.noise_var,
            iteration.learn_noise,
            couplings,
            kernels or _passes_kernels,
        )
        solutions[i] = solver.run(
            power=iteration.power,
            tol=iteration.tol,
            max_iter=iteration.max_iter,
            prune_tol=start.prune_tol,
            order=start.order,
            on_sweep=on_sweep,
        )

    if len(starts) == 1:
        task(0)
    else:
        with single_threaded_blas():
            run_chunks(task, len(starts), n_jobs)
    return solutions


def solve_small(Y, dictionaries, starts, iteration, *, n_jobs=None, with_paths=False, kernels=_small_kernels):
    """Return one ``Solution`` for each of ``starts`` by the scalar code.

    ``Y`` has shape (P, M_1, ..., M_I, L), the dictionaries (P, M_k, N_k) each; with P = 1 all starts share them, and
    otherwise start p belongs to problem p.
    """
    modes = len(dictionaries)
    shapes = np.array([size for H in dictionaries for size in H.shape[1:]], dtype=np.int64)
    slots = [max(H.shape[1:]) for H in dictionaries]
    begins = np.concatenate([[0], np.cumsum(slots)])
    gammas = np.zeros((len(starts), begins[-1]))
    for k in range(modes):
        block = gammas[:, begins[k] : begins[k] + dictionaries[k].shape[2]]
        for row, start in zip(block, starts):
            row[:] = start.gammas[k]
    reals = np.zeros((len(starts), 4))
    reals[:, 0] = [start.noise_var for start in starts]
    reals[:, 1:3] = iteration.power, iteration.tol
    natural = np.arange(modes)
    order = np.array([natural if start.order is None else start.order for start in starts], dtype=np.int64)
    counts = [modes, Y.shape[-1], np.prod(Y.shape[1:-1]), iteration.max_iter, iteration.learn_noise, max(shapes[::2])]
    final = np.zeros_like(gammas)
    paths = np.zeros((len(starts), iteration.max_iter + 1 if with_paths else 0))
    results = np.zeros((len(starts), 4))
    kernels.solve_problems(
        np.ascontiguousarray(Y.reshape(len(Y), -1)),
        np.concatenate([H.reshape(len(H), -1) for H in dictionaries], axis=1),
        gammas,
        reals,
        np.array([start.prune_tol for start in starts]),
        order,
        np.array(counts, dtype=np.int64),
        shapes,
        final,
        paths,
        results,
        n_jobs,
    )
    solutions = []
    for row, path, (noise_var, cost, n_iter, converged) in zip(final, paths, results):
        parts = [row[begins[k] : begins[k] + dictionaries[k].shape[2]] for k in range(modes)]
        costs = [float(value) for value in path[: int(n_iter) + 1]]
        solutions.append(Solution(parts, float(noise_var), float(cost), int(n_iter), bool(converged), costs))
    return solutions
