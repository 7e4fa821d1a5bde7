"""Time of sparsesci.transport: entropic transport.

``OPENBLAS_NUM_THREADS=1 python benchmarks/transport_entropic.py`` prints evaluations and ratios to RegOT and POT, with
``scaling`` behind it a comparison of the default with scaling on smooth clouds.
"""

import functools
import sys
import time
import warnings

import numpy as np
from scipy.spatial.distance import cdist

from sparsesci.datasets import load_digits_transport, make_gaussian_clouds, make_random_assignment
from sparsesci.transport import entropic_transport, entropic_transport_points, sinkhorn_divergence


class SmallRegularisation:
    """Problems of the paper's kind, to nine digits; evaluations beside time."""

    params = (["assignment", "digits, squared", "digits, L1"],)
    param_names = ("problem",)

    def setup(self, problem):
        if problem == "assignment":
            self.problem = make_random_assignment(500, random_state=0), None, None
        else:
            metric = "cityblock" if problem.endswith("L1") else "sqeuclidean"
            self.problem = load_digits_transport(metric=metric, return_problem=True)
        self.time_solve(problem)

    def time_solve(self, problem):
        entropic_transport(*self.problem, reg=1 / 1200, tol=1e-9)

    def track_evaluations(self, problem):
        return entropic_transport(*self.problem, reg=1 / 1200, tol=1e-12).n_evaluations


class Points:
    """Matrix-free transport between clouds, without the plan."""

    params = ([1000, 3000], [1, 2])
    param_names = ("n_samples", "n_jobs")

    def setup(self, n_samples, n_jobs):
        self.clouds = make_gaussian_clouds(n_samples, random_state=0)
        self.time_points(n_samples, n_jobs)

    def time_points(self, n_samples, n_jobs):
        entropic_transport_points(*self.clouds, reg=0.02, return_plan=False, n_jobs=n_jobs)

    def peakmem_points(self, n_samples, n_jobs):
        self.time_points(n_samples, n_jobs)

    def time_divergence(self, n_samples, n_jobs):
        sinkhorn_divergence(*self.clouds, reg=0.1, n_jobs=n_jobs)


class Evaluation:
    """One evaluation of the semi-dual beside one read of the costs."""

    params = ([20.0, 1200.0],)
    param_names = ("eta",)

    def setup(self, eta):
        from sparsesci.transport import _semidual_kernels

        self.kernels = _semidual_kernels
        self.C = np.random.default_rng(0).random((3000, 3000))
        self.y, self.r, self.nothing = np.zeros(3000), np.full(3000, 1 / 3000), np.empty((0, 0))
        self.time_evaluation(eta)

    def time_evaluation(self, eta):
        self.kernels.semidual_pass(
            self.C, self.nothing, self.nothing, 0, self.y, eta, self.r, 40.0, self.kernels.NO_ENTRIES, 1
        )  # fmt: skip

    def time_row_maximum(self, eta):
        self.C.max(axis=1)


def _problems():
    X, Y = make_gaussian_clouds(800, random_state=0)
    distances = cdist(X, Y, "sqeuclidean")
    return {
        "random assignment, n = 500": ((make_random_assignment(500, random_state=0), None, None), 1 / 1200),
        "digits, squared": (load_digits_transport(metric="sqeuclidean", return_problem=True), 1 / 1200),
        "digits, L1": (load_digits_transport(metric="cityblock", return_problem=True), 1 / 1200),
        "normal clouds, n = 800": ((distances / distances.max(), None, None), 1 / 1000),
        "random assignment, n = 1000": ((make_random_assignment(1000, random_state=0), None, None), 1 / 1200),
    }


def _masses(C, a, b):
    return tuple(np.full(k, 1 / k) if mass is None else mass for k, mass in zip(C.shape, (a, b), strict=True))


def _interleaved(calls, rounds):
    """Return the times of every call in every round, after a call to warm up."""
    times = np.empty((rounds, len(calls)))
    for call in calls:
        call()
    for times_of_round in times:
        for k, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            times_of_round[k] = time.perf_counter() - begin
    return times


def _marginal_error(P, a, b):
    return np.abs(P.sum(axis=1) - a).sum() + np.abs(P.sum(axis=0) - b).sum()


def _against_regot(C, a, b, reg, rounds):
    """Return the evaluations to 1e-12, the ratio of times to 1e-9, and the errors reached by RegOT and by us."""
    import regot

    column_major = np.asfortranarray(C)
    calls = (
        lambda: entropic_transport(C, a, b, reg=reg, tol=1e-9),
        lambda: regot.sinkhorn_ssns(column_major, a, b, reg, tol=1e-9, max_iter=2000),
    )
    times = _interleaved(calls, rounds)
    errors = [_marginal_error(np.asarray(call().plan), a, b) for call in calls]
    evaluations = entropic_transport(C, a, b, reg=reg, tol=1e-12).n_evaluations
    return evaluations, np.median(times[:, 1] / times[:, 0]), errors[1], errors[0]


def _against_pot(C, a, b, reg, rounds, iterations):
    """Return the ratio of times at the error that POT reaches, and that error."""
    import ot

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begin = time.perf_counter()
        P = ot.bregman.sinkhorn_stabilized(a, b, C, reg, numItermax=iterations, stopThr=0)
        pot = time.perf_counter() - begin
    error = _marginal_error(P, a, b)
    ours = np.median(_interleaved((lambda: entropic_transport(C, reg=reg, tol=error),), rounds))
    return pot / ours, error


def print_ratios(rounds=7, pot_iterations=3000):
    """Print evaluations to 1e-12, and times against RegOT (to 1e-9) and POT (to the error that it reaches)."""
    print("problem: evaluations to 1e-12, time of RegOT's SSNS / ours to 1e-9 (its marginal error, ours)")
    for name, ((C, *masses), reg) in _problems().items():
        evaluations, ratio, theirs, ours = _against_regot(C, *_masses(C, *masses), reg, rounds)
        print(f"{name}: {evaluations}, {ratio:.2f} ({theirs:.1e}, {ours:.1e})", flush=True)
    (C, *masses), reg = _problems()["random assignment, n = 500"]
    ratio, error = _against_pot(C, *_masses(C, *masses), reg, rounds, pot_iterations)
    print(f"POT, sinkhorn_stabilized / ours at its error {error:.1e} ({pot_iterations} iterations): {ratio:.1f}")


def print_scaling(n_samples=3000):
    """Print evaluations and times of the default and of scaling on smooth clouds, for two regularisations."""
    X, Y = make_gaussian_clouds(n_samples, random_state=0)
    options = {"return_plan": False, "max_iter": 1500}
    for reg in (0.02, 0.5):
        calls = [
            functools.partial(entropic_transport_points, X, Y, reg=reg, method=method, **options)
            for method in ("auto", "sinkhorn_log")
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            times = _interleaved(calls, 1)[0]
            evaluations = [call().n_evaluations for call in calls]
        print(f"reg={reg}: evaluations {evaluations}, time of scaling / ours {times[1] / times[0]:.2f}", flush=True)


if __name__ == "__main__":
    print_scaling() if sys.argv[1:] == ["scaling"] else print_ratios()
