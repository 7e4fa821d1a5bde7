"""Sinkhorn's scaling: in the log domain, and with kernels that absorb large scalings."""

import numpy as np

_LARGEST_SCALING = 1e50


def solve_sinkhorn_log(problem, record, *, tol, init):
    """Return the last Point of alternating maximisation of the dual, every step of which is one evaluation."""
    y = np.log(problem.c) / problem.eta if init is None else init
    point = problem.evaluate(y, problem.eta)
    record.evaluated(problem.eta, point.error)
    while point.error > tol and record.left > 0:
        record.n_sweeps += 1
        point = problem.evaluate(problem.scaled(point), problem.eta)
        record.evaluated(problem.eta, point.error)
    return point


def solve_sinkhorn(problem, record, *, tol, init):
    """Return the last Point of scaling by matrix-vector products with exp(eta (x_i + y_j - C_ij)).

    Scalings are absorbed into the potentials when they become too large. Holds two n x m matrices.
    """
    C, eta, r, c = problem.dense_costs(), problem.eta, problem.r, problem.c
    y = np.log(c) / eta if init is None else init
    point = problem.evaluate(y, eta)
    record.evaluated(eta, point.error)
    while point.error > tol and record.left > 0:
        # The rows of this kernel sum to r; a step in the log domain first, in case a column has vanished.
        y = problem.scaled(point)
        record.n_sweeps += 1
        point = problem.evaluate(y, eta)
        record.evaluated(eta, point.error)
        if point.error <= tol or record.left <= 0:
            break
        kernel = np.exp(eta * (point.x[:, None] + y - C))
        u, v = np.ones(r.size), np.ones(c.size)
        while record.left > 0:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                new_v = c / (kernel.T @ u)
                column = kernel @ new_v
                new_u = r / column
            if not (np.isfinite(new_v).all() and np.isfinite(new_u).all() and new_u.all() and new_v.all()):
                break
            record.n_sweeps += 1
            # The columns are right after the step for v; this is by how much the rows are not.
            error = float(np.abs(u * column - r).sum())
            record.evaluated(eta, error)
            u, v = new_u, new_v
            if error <= tol or max(u.max(), v.max(), 1 / u.min(), 1 / v.min()) > _LARGEST_SCALING:
                break
        point = problem.evaluate(y + np.log(v) / eta, eta)
        record.evaluated(eta, point.error)
    return point
