"""Beyond one run: starts chosen by evidence, and removal of slices that the evidence does not pay for.

The cost is minus the logarithm of the evidence, so that runs from different starts can be compared, and a slice of the
box is worth keeping only if the evidence it adds exceeds the price of a parameter.
"""

import math
from dataclasses import replace

import numpy as np

from sparsesci._core.rng import normals, stream_of, uniforms
from sparsesci.sbl._em import expectation_maximisation
from sparsesci.sbl._engine import Start, solve_starts
from sparsesci.sbl._measurement_space import MeasurementSpaceSolver
from sparsesci.sbl._mode import decompose
from sparsesci.sbl._tensor import flat_start, normalise, outer, squared_magnitude

_FACTORS, _ORDERS, _REOPENED = 0x5B10, 0x5B11, 0x5B12
_REOPEN_ROUNDS = 5
_REOPEN_GAIN = 1e-6
_SCREENING_SWEEPS = 6
_SURVIVORS = 3
_STARTS_PER_SURVIVOR = 3
_THRESHOLD_FACTORS = (0.1, 1.0, 10.0)
_WARM_ITERATIONS = (5, 15)
_WARM_FLOOR = 1e-9
_WARM_LIMIT = 10**5
_ELIMINATION_SWEEPS = 20
_LARGEST_THRESHOLD = 0.5


class Search:
    """A problem with everything that its runs share.

    Parameters
    ----------
    Y : ndarray of shape (M_1, ..., M_I, L)
    dictionaries : list of ndarray of shape (M_k, N_k)
    iteration : Iteration
    noise_var : float
        Where to start from, where it is learned.
    prune_tol : ndarray of shape (I,)
    weight : float
        How much minus the log evidence, doubled, exceeds the cost: the number of snapshots, doubled for complex data.
    couplings, n_jobs, kernels
        As in ``solve_starts``.
    """

    def __init__(self, Y, dictionaries, iteration, noise_var, prune_tol, weight, couplings, n_jobs, kernels):
        self.Y, self.dictionaries, self.iteration = Y, dictionaries, iteration
        self.noise_var, self.prune_tol, self.weight = noise_var, prune_tol, weight
        self.couplings, self.n_jobs, self.kernels = couplings, n_jobs, kernels
        self.price = math.log(Y.size)
        self.ones = flat_start([H.shape[1] for H in dictionaries], float(squared_magnitude(Y).mean()))

    def solve(self, starts, iteration=None, couplings=None, on_sweep=None):
        """Return the solutions of several starts."""
        return solve_starts(
            self.Y,
            self.dictionaries,
            starts,
            iteration or self.iteration,
            couplings=couplings,
            n_jobs=self.n_jobs,
            on_sweep=on_sweep,
            kernels=self.kernels,
        )

    def restart(self, n_restarts, key, first):
        """Return the solutions of flat, warm and random starts; ``first`` is the one of the start asked for."""
        starts = [
            Start(self.ones, self.noise_var, np.minimum(factor * self.prune_tol, _LARGEST_THRESHOLD))
            for factor in _THRESHOLD_FACTORS
        ]
        starts += [Start(gammas, noise, self.prune_tol) for gammas, noise in self.warm()]
        starts += self.screened(n_restarts, key)
        return [first, *self.solve(starts, couplings=self.couplings)]

    def screened(self, n_restarts, key):
        """Return the best of random starts after a few sweeps without pruning."""
        modes = len(self.dictionaries)
        none = np.zeros(modes)
        scale = float(self.ones[-1][0]) * math.prod(float(ones[0]) for ones in self.ones[:-1])
        starts = []
        for i in range(n_restarts):
            gammas = [
                np.exp(normals(key, stream_of(_FACTORS, i * modes + k), H.shape[1]))
                for k, H in enumerate(self.dictionaries)
            ]
            order = np.argsort(uniforms(key, stream_of(_ORDERS, i), modes))
            gammas = normalise(gammas)
            gammas[-1] = gammas[-1] * scale
            starts.append(Start(gammas, self.noise_var, none, order))
        short = replace(self.iteration, max_iter=_SCREENING_SWEEPS)
        solutions = self.solve(starts, short, self.couplings)
        kept = max(_SURVIVORS, n_restarts // _STARTS_PER_SURVIVOR)
        best = sorted(range(n_restarts), key=lambda i: solutions[i].cost)[:kept]
        return [
            Start(solutions[i].gammas, solutions[i].noise_var, self.prune_tol, starts[i].order)
            for i in best
            if all(gamma.any() for gamma in solutions[i].gammas)
        ]

    def warm(self):
        """Yield hyperparameters and noise after a few iterations of expectation maximisation without pruning."""
        size = math.prod(H.shape[1] for H in self.dictionaries)
        gammas, noise_var, done = self.ones, self.noise_var, 0
        for iterations in _WARM_ITERATIONS:
            solution = expectation_maximisation(
                self.Y,
                self.dictionaries,
                gammas,
                noise_var,
                method="svd" if size <= _WARM_LIMIT else "rank1",
                learn_noise=self.iteration.learn_noise,
                prune_tol=np.zeros(len(gammas)),
                max_iter=iterations - done,
                tol=0.0,
            )
            gammas, noise_var, done = solution.gammas, solution.noise_var, iterations
            if not all(gamma.any() for gamma in gammas):
                return
            yield [np.maximum(gamma, _WARM_FLOOR * gamma.max()) for gamma in gammas], noise_var

    def reopen(self, solution, n_restarts, key, refine):
        """Return the solution, or a better one found by searching one of its modes again with the others held.

        One mode at a time gets all of its columns back, once with equal and some times with random hyperparameters; all
        modes are then iterated as usual. Repeated from what is found while it is better.
        """
        best = self.score(solution)
        for round_ in range(_REOPEN_ROUNDS):
            if not all(gamma.any() for gamma in solution.gammas):
                break
            starts = [
                Start(gammas, solution.noise_var, self.prune_tol)
                for gammas in self.reopened(solution, n_restarts, key, round_)
            ]
            found = self.solve(starts, couplings=self.couplings)
            if refine == "backward":
                found = [self.eliminate(one) for one in found]
            found = min(found, key=self.score)
            if self.score(found) >= best - _REOPEN_GAIN:
                break
            solution, best = found, self.score(found)
        return solution

    def reopened(self, solution, n_restarts, key, round_):
        """Yield hyperparameters of which one mode is open again."""
        modes = len(self.dictionaries)
        for k, gamma in enumerate(solution.gammas):
            if np.count_nonzero(gamma) == gamma.size:
                continue
            scale = np.linalg.norm(gamma) / np.sqrt(gamma.size)
            for i in range(1 + n_restarts // _STARTS_PER_SURVIVOR):
                stream = stream_of(_REOPENED, (round_ * n_restarts + i) * modes + k)
                spread = np.exp(normals(key, stream, gamma.size)) if i else np.ones(gamma.size)
                gammas = list(solution.gammas)
                gammas[k] = scale * spread
                yield normalise(gammas)

    def eliminate(self, solution):
        """Delete slices one after another while that costs less evidence than a parameter."""
        none = np.zeros(len(self.dictionaries))
        short = replace(self.iteration, max_iter=_ELIMINATION_SWEEPS)
        while all(gamma.any() for gamma in solution.gammas):
            deletion = self.cheapest(solution)
            if deletion is None:
                break
            mode, index = deletion
            gammas = [gamma.copy() for gamma in solution.gammas]
            gammas[mode][index] = 0.0
            new = self.solve([Start(gammas, solution.noise_var, none)], short)[0]
            # What one run did is told; the sweeps after a deletion are polishing.
            new.converged, new.n_iter = solution.converged, solution.n_iter + new.n_iter
            new.cost_path = solution.cost_path + new.cost_path
            solution = new
        return solution

    def cheapest(self, solution):
        """Return the mode and column whose deletion raises the cost least, or None if all are worth their price."""
        solver = MeasurementSpaceSolver(self.Y, self.dictionaries, solution.gammas, solution.noise_var, False)
        cost = solver.sums(solver.rotated, solver.factors)[0]
        best, found = self.price / self.weight, None
        for axis, mode in enumerate(solver.modes):
            if mode.active.size == 1:
                continue
            costs = deletion_costs(solver, axis)
            i = int(np.argmin(costs))
            if costs[i] - cost < best:
                best, found = costs[i] - cost, (axis, int(mode.active[i]))
        return found

    def score(self, solution):
        """Return what is minimised over solutions: minus twice the log evidence, and the price of the slices."""
        return self.weight * solution.cost + self.price * sum(np.count_nonzero(gamma) for gamma in solution.gammas)


def deletion_costs(solver, axis):
    """Return the cost after deletion of each column of a mode, all else fixed."""
    mode, factors = solver.modes[axis], solver.factors
    left, right = outer(factors[:axis]), outer(factors[axis + 1 :])
    gamma = mode.gamma
    panels = solver.rotated.reshape(left.size, -1, right.size)
    others = np.multiply.outer(left, right)
    rest = solver.n_lost * np.log(solver.noise_var) + solver.lost_energy / solver.noise_var
    costs = np.empty(gamma.size)
    for i in range(gamma.size):
        without = gamma.copy()
        without[i] = 0.0
        values, basis, _ = decompose(mode.W, without)
        power = squared_magnitude(np.matmul(basis.conj().T, panels))
        D = solver.noise_var + others[:, np.newaxis, :] * values[:, np.newaxis]
        costs[i] = (np.log(D).sum() + (power / D).sum()) / solver.n_snapshots + rest
    return costs


def search(problem, n_restarts, refine, key, start, on_sweep=None):
    """Return the solution of one start, or the best of many.

    Parameters
    ----------
    problem : Search
    n_restarts : int
        Number of random starts; 0 for the given start alone.
    refine : "backward" or None
    key : numpy.uint64 or None
    start : Start
    """
    first = problem.solve([start], couplings=problem.couplings, on_sweep=on_sweep)[0]
    solutions = problem.restart(n_restarts, key, first) if n_restarts else [first]
    if refine == "backward":
        solutions = [problem.eliminate(solution) for solution in solutions]
    best = min(solutions, key=problem.score)
    return problem.reopen(best, n_restarts, key, refine) if n_restarts else best
