"""A regularised transport problem ready for the solvers, and the record of what a solver did."""

import math

import numpy as np
from scipy.optimize import OptimizeResult

from sparsesci._core.progress import progress_bar
from sparsesci.transport import _entropic_kernels as host
from sparsesci.transport._semidual_kernels import MATRIX, NO_ENTRIES

# Entries below exp(-40) of the largest of their row do not change a sum in double precision.
_CUT = 40.0
# Column sums smaller than this share of what they should be are not resolved by the pass.
_UNRESOLVED = 1e-12
NOTHING = np.empty((0, 0))


class TransportResult(OptimizeResult):
    """What solvers of transport problems return: a dictionary whose entries are attributes too."""


class Problem:
    """Costs between rows with masses r > 0 and columns with masses c > 0, and one over the regularisation.

    Attributes
    ----------
    cost : tuple
        (C, X, Yt, metric) as the kernels take them.
    r, c : ndarrays of shape (n,), (m,)
    eta : float
        The eta asked for.
    extent : tuple of float
        Smallest and largest finite cost.
    kernels : module
        Where the semi-dual is evaluated.
    """

    def __init__(self, cost, r, c, eta, kernels, n_jobs):
        self.cost, self.r, self.c, self.eta = cost, r, c, eta
        self.kernels, self.n_jobs = kernels, n_jobs
        self.held = (*(kernels.hold(array) for array in cost[:3]), cost[3])
        self.cut = _CUT + max(0.0, -math.log(c.min() * c.size))
        self._extent = None

    @property
    def extent(self):
        if self._extent is None:
            self._extent = host.cost_extent(*self.cost, self.r.size, self.c.size, self.n_jobs)
        return self._extent

    def evaluate(self, y, eta, threshold=NO_ENTRIES):
        """Return the ``Point`` at potentials ``y`` of the columns."""
        values = self.kernels.semidual_pass(*self.held, y, eta, self.r, self.cut, threshold, self.n_jobs)
        return Point(self, y, eta, *values)

    def scaled(self, point):
        """Return the potentials of the columns after one step of Sinkhorn's scaling."""
        if (point.sums > _UNRESOLVED * self.c).all():
            return point.y + np.log(self.c / point.sums) / point.eta
        logarithms = host.column_logsumexp(*self.cost, point.x, point.eta, self.c.size, self.n_jobs)
        return (np.log(self.c) - logarithms) / point.eta

    def plan(self, y, threshold, out):
        """Return x, column sums, transport cost and number of large entries; write the plan to ``out``."""
        return host.plan_pass(*self.cost, y, self.eta, self.r, threshold, out, self.n_jobs)

    def dense_costs(self):
        """Return the matrix of costs."""
        if self.cost[3] == MATRIX:
            return np.asarray(self.cost[0], dtype=np.float64)
        from scipy.spatial.distance import cdist

        names = {1: "sqeuclidean", 2: "euclidean", 3: "cityblock"}
        return cdist(self.cost[1], self.cost[2].T, names[self.cost[3]])


class Point:
    """Potentials of the columns, and all that one evaluation of the semi-dual says about them."""

    def __init__(self, problem, y, eta, x, sums, indptr, indices, weights):
        self.y, self.eta, self.x, self.sums = y, eta, x, sums
        self.entries = indptr, indices, weights
        self.gradient = problem.c - sums
        self.error = float(np.abs(self.gradient).sum())
        self.value = float((problem.r * x).sum() + (problem.c * y).sum())


class Record:
    """Counts of what was done, the history of errors, and the progress bar."""

    def __init__(self, max_iter, verbose):
        self.max_iter, self.verbose = max_iter, verbose
        self.n_evaluations = self.n_sweeps = self.n_newton = self.n_cg = 0
        self.history = []
        self.message = ""

    def __enter__(self):
        self._bar = progress_bar(desc="transport", verbose=self.verbose)
        return self

    def __exit__(self, *exception):
        self._bar.close()
        return False

    def evaluated(self, eta, error):
        """Take note of one evaluation of the plan, or of its marginals."""
        self.n_evaluations += 1
        self.history.append((self.n_evaluations, eta, error))
        self._bar.update()
        self._bar.set_postfix(error=f"{error:.1e}", eta=f"{eta:.3g}", refresh=False)

    @property
    def left(self):
        return self.max_iter - self.n_evaluations
