"""The sparse Newton iteration on both potentials as published (SNS), with its fixed density."""

import math

import numpy as np

from sparsesci.transport import _newton_kernels as kernels

_HALVINGS = 26
_LARGEST_EXPONENT = 50.0
_TINY = 1e-300


class _Pair:
    """Both potentials, the plan, its marginals and the value of the dual."""

    def __init__(self, problem, C, x, y):
        r, c, eta = problem.r, problem.c, problem.eta
        self.x, self.y = x, y
        with np.errstate(over="ignore", under="ignore"):
            self.plan = np.exp(eta * (x[:, None] + y - C))
        self.rows, self.columns = self.plan.sum(axis=1), self.plan.sum(axis=0)
        self.gx, self.gy = r - self.rows, c - self.columns
        self.error = float(np.abs(self.gx).sum() + np.abs(self.gy).sum())
        self.value = float((r * x).sum() + (c * y).sum() - self.rows.sum() / eta)


def solve_sns(problem, record, *, tol, init, n_sinkhorn, density):
    """Return the Point reached by ``n_sinkhorn`` steps of scaling and then Newton steps with the largest entries."""
    n, m = problem.r.size, problem.c.size
    density = min(1.0, 6.0 / min(n, m)) if density is None else density
    kept = min(n * m, math.ceil(density * n * m))
    C = problem.dense_costs()
    point = problem.evaluate(np.log(problem.c) / problem.eta if init is None else init, problem.eta)
    record.evaluated(problem.eta, point.error)
    for _ in range(n_sinkhorn):
        if point.error <= tol or record.left <= 0:
            return point
        point = _sweep(problem, record, point)
    pair = _Pair(problem, C, point.x, point.y)
    while pair.error > tol and record.left > 0:
        new = _newton_step(problem, record, C, pair, kept)
        if new is None:
            point = _sweep(problem, record, problem.evaluate(pair.y, problem.eta))
            new = _Pair(problem, C, point.x, point.y)
        pair = new
    point = problem.evaluate(pair.y, problem.eta)
    record.evaluated(problem.eta, point.error)
    return point


def _sweep(problem, record, point):
    """One step of scaling of the columns and then of the rows."""
    record.n_sweeps += 1
    point = problem.evaluate(problem.scaled(point), problem.eta)
    record.evaluated(problem.eta, point.error)
    return point


def _newton_step(problem, record, C, pair, kept):
    """Return an accepted pair in the Newton direction, or None."""
    dx, dy = _direction(problem, record, pair, kept)
    slope = float((pair.gx * dx).sum() + (pair.gy * dy).sum())
    largest = problem.eta * max(np.abs(dx).max(), np.abs(dy).max())
    if not (np.isfinite(largest) and slope > 0):
        return None
    record.n_newton += 1
    alpha = min(1.0, _LARGEST_EXPONENT / largest) if largest > 0 else 1.0
    for _ in range(_HALVINGS):
        if record.left <= 0:
            return None
        new = _Pair(problem, C, pair.x + alpha * dx, pair.y + alpha * dy)
        record.evaluated(problem.eta, new.error)
        # Near machine precision the value no longer resolves progress.
        if new.value >= pair.value + 1e-4 * alpha * slope or new.error < 0.9 * pair.error:
            return new
        alpha /= 2
    return None


def _direction(problem, record, pair, kept):
    """Return the Newton direction of the matrix with the ``kept`` largest entries of the plan and full marginals."""
    n, m = pair.plan.shape
    flat = pair.plan.ravel()
    chosen = np.sort(np.argpartition(flat, flat.size - kept)[flat.size - kept :])
    indptr = np.searchsorted(chosen, np.arange(n + 1) * m)
    dx, dy = np.empty(n), np.empty(m)
    record.n_cg += kernels.bipartite_pcg(
        indptr,
        chosen % m,
        flat[chosen],
        np.maximum(pair.rows, _TINY),
        np.maximum(pair.columns, _TINY),
        pair.gx,
        pair.gy,
        min(1e-2, pair.error),
        4 * (n + m),
        dx,
        dy,
    )
    return dx / problem.eta, dy / problem.eta
