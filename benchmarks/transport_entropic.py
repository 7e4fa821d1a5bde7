"""Time of sparsesci.transport: entropic transport."""

import numpy as np

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
