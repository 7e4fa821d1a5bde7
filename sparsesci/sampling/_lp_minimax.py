"""Regression by linear programs: least maximal residual, and quantile regression with HiGHS."""

import numpy as np
from scipy.optimize import linprog

from sparsesci.sampling._lp_problem import cho_solve
from sparsesci.sampling._quantile_certificate import Certified, infeasibility
from sparsesci.sampling._quantile_interior_point import Interior

_FIRST_ROWS_PER_COEFFICIENT = 10
_ADDED_ROWS_PER_COEFFICIENT = 4
_REACHED = 1e-12


def minimise_maximum(problem, tol, max_iter):
    """Minimise the largest absolute residual, by linear programs on a growing set of rows.

    A program on few rows gives a lower bound; the rows that exceed it most are added, until none does.

    Returns
    -------
    found : Certified
        ``dual`` has ``sum(abs(dual)) <= 1`` and ``columns @ dual = 0`` up to rounding.
    n_iter : int
        Number of linear programs.
    """
    d, n = problem.columns.shape
    unit = float(np.abs(problem.residual(problem.coef)).max())
    coef = problem.coef
    rows = _largest(np.abs(problem.residual(coef)), _FIRST_ROWS_PER_COEFFICIENT * (d + 1))
    best = Certified(coef, np.zeros(n), unit, unit)
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        coef, part = _smallest_maximum(problem.columns[:, rows], problem.target[rows] / unit)
        coef = unit * coef
        dual = np.zeros(n)
        dual[rows] = part
        residual = problem.residual(coef)
        objective = float(np.abs(residual).max())
        gap = objective - _bound(problem, residual, dual)
        if gap < best.gap:
            best = Certified(coef, dual, objective, max(gap, 0.0))
        known = float(np.abs(residual[rows]).max())
        new = np.setdiff1d(_largest(np.abs(residual), _ADDED_ROWS_PER_COEFFICIENT * (d + 1)), rows)
        new = new[np.abs(residual[new]) > known * (1 + _REACHED)]
        if best.relative_gap <= min(tol, _REACHED) or len(new) == 0:
            break
        rows = np.concatenate((rows, new))
    return best, n_iter


def _largest(values, count):
    count = min(count, len(values))
    return np.sort(np.argpartition(-values, count - 1)[:count])


def _smallest_maximum(columns, target):
    """Return the coefficients of least maximal residual, and the multipliers of the residuals."""
    d, n = columns.shape
    ones = np.ones((n, 1))
    result = linprog(
        np.append(np.zeros(d), 1.0),
        A_ub=np.block([[-columns.T, -ones], [columns.T, -ones]]),
        b_ub=np.concatenate((-target, target)),
        bounds=[(None, None)] * d + [(0, None)],
        method="highs",
    )
    if result.x is None:
        raise RuntimeError(f"the linear program could not be solved: {result.message}")
    multipliers = -result.ineqlin.marginals
    return result.x[:d], multipliers[:n] - multipliers[n:]


def _bound(problem, residual, dual):
    """Return the lower bound on the maximum that ``dual`` proves, once made feasible on its own rows."""
    used = np.flatnonzero(dual)
    if len(used) == 0:
        return 0.0
    dual /= max(np.abs(dual).sum(), 1.0)
    return float(residual[used] @ dual[used]) - infeasibility(problem, residual, dual)


def quantile_program(problem, tau):
    """Solve the dual program of quantile regression with HiGHS.

    Returns
    -------
    Interior
    """
    n = len(problem.target)
    result = linprog(
        -problem.target,
        A_eq=problem.columns,
        b_eq=np.zeros(problem.rank),
        bounds=[(tau - 1, tau)] * n,
        method="highs",
    )
    if result.x is None:
        raise RuntimeError(f"the linear program could not be solved: {result.message}")
    coef, dual = -result.eqlin.marginals, result.x
    room = np.minimum(dual - (tau - 1), tau - dual)
    weight = np.maximum(room, 0.0) + 1e-12 / (1e-12 + np.abs(problem.residual(coef)))
    return Interior(coef, dual, weight, int(result.nit), True)


def minimise_squares(problem):
    """Return least squares as ``Certified``; the objective is the sum of squares."""
    residual = problem.residual(problem.coef)
    dual = residual - problem.product(cho_solve(problem.factor, problem.moments(residual)))
    objective = float(residual @ residual)
    bound = 2 * float(residual @ dual) - float(dual @ dual) - 2 * infeasibility(problem, residual, dual)
    return Certified(problem.coef, dual, objective, max(objective - bound, 0.0))
