"""From checked input to a result: supports, orientation, the choice of solver, and what the answer is made of."""

import warnings

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.arrays import kernel_view
from sparsesci._core.device import twin
from sparsesci._core.exceptions import SparseSciWarning
from sparsesci._core.threads import single_threaded_blas
from sparsesci.transport import _semidual_kernels
from sparsesci.transport._entropic_problem import NOTHING, Problem, Record, TransportResult
from sparsesci.transport._newton import solve_newton, threshold_at
from sparsesci.transport._scaling import solve_sinkhorn, solve_sinkhorn_log
from sparsesci.transport._semidual_kernels import MATRIX, METRICS
from sparsesci.transport._sns import solve_sns

_RESOLVED_RANGE = 1e8
_MASS_TOLERANCE = 1e-8


class Costs:
    """Costs between rows and columns: a matrix, or two clouds of points and a metric."""

    def __init__(self, C=None, X=None, Y=None, metric=None, has_infinite=False):
        self.C, self.X, self.Y, self.metric, self.has_infinite = C, X, Y, metric, has_infinite

    @property
    def shape(self):
        return self.C.shape if self.C is not None else (len(self.X), len(self.Y))

    def between(self, rows, columns):
        """Return the costs between those rows and columns for which the masks are true."""
        if rows.all() and columns.all():
            return self
        if self.C is not None:
            C = self.C[np.ix_(rows, columns)]
            return Costs(C, has_infinite=self.has_infinite and bool(C.max() == np.inf))
        return Costs(X=self.X[rows], Y=self.Y[columns], metric=self.metric)

    def transposed(self):
        """Return the costs with rows and columns exchanged."""
        if self.C is not None:
            return Costs(self.C.T, has_infinite=self.has_infinite)
        return Costs(X=self.Y, Y=self.X, metric=self.metric)

    def for_kernels(self):
        """Return (C, X, Yt, metric) as the kernels take them. A matrix that is not C-ordered is copied."""
        if self.C is not None:
            return kernel_view(np.ascontiguousarray(self.C)), NOTHING, NOTHING, MATRIX
        return NOTHING, kernel_view(self.X), np.ascontiguousarray(self.Y.T), METRICS[self.metric]

    def smallest_difference(self, potential, chosen):
        """Return min_j (cost_ij - potential_j) over the chosen columns j, for every row i."""
        if self.C is not None:
            return (self.C[:, chosen] - potential[chosen]).min(axis=1)
        from scipy.spatial.distance import cdist

        values = np.empty(len(self.X))
        for start in range(0, len(self.X), 256):
            block = cdist(self.X[start : start + 256], self.Y[chosen], self.metric)
            values[start : start + 256] = (block - potential[chosen]).min(axis=1)
        return values


def solve(costs, a, b, reg, options, init=None, n_jobs=None, device="cpu"):
    """Return the TransportResult of a checked problem; warn where it has not converged."""
    kernels = twin(_semidual_kernels, device)
    rows, columns = a > 0, b > 0
    inner = costs.between(rows, columns)
    _check_feasible(inner, a[rows], b[columns])
    swapped = inner.shape[1] > inner.shape[0]
    r, c = (b[columns], a[rows]) if swapped else (a[rows], b[columns])
    start = None if init is None else (init[0][rows] if swapped else init[1][columns])
    with single_threaded_blas():
        problem = Problem((inner.transposed() if swapped else inner).for_kernels(), r, c, 1.0 / reg, kernels, n_jobs)
        _warn_if_unresolved(problem)
        with Record(options["max_iter"], options["verbose"]) as record:
            point = _run(problem, record, options, start)
        result = _answer(problem, record, point, options, swapped)
    result.potentials = _whole_potentials(costs, rows, columns, result.potentials)
    if result.plan is not None and not (rows.all() and columns.all()):
        plan = np.zeros(costs.shape)
        plan[np.ix_(rows, columns)] = result.plan
        result.plan = plan
    if options["round"] and result.plan is not None:
        _round(result, costs, a, b)
    if not result.converged:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=3)
    return result


def _run(problem, record, options, init):
    method, tol = options["method"], options["tol"]
    if method == "sinkhorn":
        return solve_sinkhorn(problem, record, tol=tol, init=init)
    if method == "sinkhorn_log":
        return solve_sinkhorn_log(problem, record, tol=tol, init=init)
    if method == "sns":
        given = {name: options[name] for name in ("n_sinkhorn", "density")}
        return solve_sns(problem, record, tol=tol, init=init, **given)
    given = {name: options[name] for name in ("n_sinkhorn", "eta_factor", "linear_solver")}
    return solve_newton(problem, record, tol=tol, init=init, exact=method == "newton", **given)


def _answer(problem, record, point, options, swapped):
    """Return the result for the rows and columns that have mass, in their original orientation."""
    n, m = problem.r.size, problem.c.size
    out = np.empty((n, m)) if options["return_plan"] or options["round"] else NOTHING
    threshold = threshold_at(max(point.error, options["tol"]), m)
    x, sums, cost, nnz = problem.plan(point.y, threshold, out)
    error = float(np.abs(sums - problem.c).sum())
    converged = point.error <= options["tol"]
    message = f"marginal error {error:.2e} after {record.n_evaluations} evaluations"
    if not converged:
        reason = record.message or "max_iter was reached"
        message = f"entropic transport has not converged to tol={options['tol']:g}: {message}; {reason}"
    plan = out if out.size else None
    return TransportResult(
        plan=plan if plan is None or not swapped else plan.T,
        cost=cost,
        regularized_cost=float((problem.r * x).sum() + (sums * point.y).sum()),
        dual_value=float((problem.r * x).sum() + (problem.c * point.y).sum()),
        potentials=(point.y, x) if swapped else (x, point.y),
        n_iter=record.n_sweeps + record.n_newton,
        n_newton=record.n_newton,
        n_cg=record.n_cg,
        n_evaluations=record.n_evaluations,
        marginal_error=error,
        history=np.array(record.history).reshape(-1, 3),
        converged=converged,
        nnz=nnz,
        message=message,
    )


def _whole_potentials(costs, rows, columns, potentials):
    """Return potentials of all rows and columns, with mean zero on the columns that have mass.

    Without mass they are not determined; they become the largest ones that the costs allow.
    """
    mean = potentials[1].mean()
    u, v = np.zeros(costs.shape[0]), np.zeros(costs.shape[1])
    u[rows], v[columns] = potentials[0] + mean, potentials[1] - mean
    if not rows.all():
        u[~rows] = costs.between(~rows, np.ones_like(columns)).smallest_difference(v, columns)
    if not columns.all():
        without = costs.transposed().between(~columns, np.ones_like(rows))
        v[~columns] = without.smallest_difference(u, rows)
    return u, v


def _round(result, costs, a, b):
    """Make the plan's marginals exact: Altschuler, Weed and Rigollet's scaling down and rank-one correction."""
    plan = np.array(result.plan)
    with np.errstate(divide="ignore", invalid="ignore"):
        plan *= np.where(plan.any(axis=1), np.minimum(1.0, a / plan.sum(axis=1)), 0.0)[:, None]
        plan *= np.where(plan.any(axis=0), np.minimum(1.0, b / plan.sum(axis=0)), 0.0)
    missing_rows, missing_columns = a - plan.sum(axis=1), b - plan.sum(axis=0)
    total = np.abs(missing_rows).sum()
    if total > 0:
        plan += np.outer(missing_rows, missing_columns / total)
    plan[plan < 0] = 0.0
    result.plan = plan
    result.marginal_error = float(np.abs(plan.sum(axis=1) - a).sum() + np.abs(plan.sum(axis=0) - b).sum())
    result.cost = _transport_cost(costs, plan)


def _transport_cost(costs, plan):
    if costs.C is not None:
        used = plan > 0
        return float((plan[used] * costs.C[used]).sum())
    from scipy.spatial.distance import cdist

    return float((plan * cdist(costs.X, costs.Y, costs.metric)).sum())


def _warn_if_unresolved(problem):
    low, high = problem.extent
    if problem.eta * (high - low) > _RESOLVED_RANGE:
        warnings.warn(
            f"reg={1 / problem.eta:g} is less than 1e-8 times the range of the costs, {high - low:g}: the result is "
            "the unregularised limit, as far as double precision resolves it",
            SparseSciWarning,
            stacklevel=5,
        )


def _check_feasible(costs, a, b):
    """Refuse forbidden pairs that leave a row or a column, or a separate group of them, without a way out."""
    if not costs.has_infinite:
        return
    allowed = np.isfinite(costs.C)
    for axis, word in ((1, "row"), (0, "column")):
        stuck = np.flatnonzero(~allowed.any(axis=axis))
        if stuck.size:
            raise ValueError(f"C is infeasible: all costs of {word} {stuck[0]} with positive mass are infinite")
    n = len(a)
    rows, columns = np.nonzero(allowed)
    graph = csr_array((np.ones(rows.size, dtype=np.int8), (rows, n + columns)), shape=(n + len(b),) * 2)
    count, group = connected_components(graph, directed=False)
    surplus = np.bincount(group, weights=np.concatenate([a, -b]), minlength=count)
    if np.abs(surplus).max() > _MASS_TOLERANCE:
        raise ValueError(
            "C is infeasible: its infinite costs separate groups of rows and columns whose masses differ by "
            f"{np.abs(surplus).max():g}"
        )
