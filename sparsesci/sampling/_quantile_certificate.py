"""The end of quantile regression: a vertex near the interior solution, and a bound on what is left of the gap."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, qr
from scipy.linalg.lapack import dgetrf, dgetrs

from sparsesci.sampling import _quantile_kernels as kernels
from sparsesci.sampling._lp_problem import cho_solve

_CANDIDATES_PER_COEFFICIENT = 4
_TIED = 1e-11
_ROUNDING = 1e-9
_FEASIBLE = 1e-14
_NO_WORSE = 1e-14


@dataclass
class Certified:
    """Coefficients of a Problem, a feasible dual point, and what they prove.

    ``objective`` is the loss of ``coef``, ``gap`` an upper bound on what it exceeds the least loss by.
    """

    coef: np.ndarray
    dual: np.ndarray
    objective: float
    gap: float

    @property
    def relative_gap(self):
        if np.isnan(self.gap) or np.isnan(self.objective):
            return np.inf
        return self.gap / self.objective if self.objective > 0 else 0.0


def certify(problem, tau, coef, dual):
    """Return ``coef`` with the best bound on its gap that ``dual`` gives once it is made feasible."""
    return _assess(problem, tau, coef, make_feasible(problem, tau, dual))[0]


def _assess(problem, tau, coef, dual):
    """Return (Certified, residuals) of coefficients and a feasible dual point.

    With columns @ dual = 0 the gap is the sum of ``loss(r) - dual * r``, none of which is negative.
    """
    residual, moment = np.empty(len(problem.target)), np.empty(problem.rank)
    loss, gap, squares = kernels.assess(
        problem.columns, problem.target, coef, dual, tau, residual, moment, problem.n_jobs
    )
    gap += np.sqrt(squares) * _distance(problem, moment)
    return Certified(coef, dual, float(loss), float(gap)), residual


def pinball(residual, tau):
    """Return the sum of the losses of quantile regression."""
    return float(tau * residual.sum() - np.minimum(residual, 0).sum())


def make_feasible(problem, tau, dual):
    """Return a point near ``dual`` in the box [tau - 1, tau] with ``columns @ dual = 0`` up to rounding.

    The correction is weighted by the distance to the box, and a multiple of the point undoes what leaves it:
    the feasible set is convex and holds 0.
    """
    dual = np.clip(dual, tau - 1, tau)
    for _ in range(3):
        error = problem.moments(dual)
        if np.abs(error).max(initial=0.0) <= _FEASIBLE * len(dual):
            break
        room = np.minimum(dual - (tau - 1), tau - dual) + 1e-8
        gram = problem.gram(room, room)[0]
        try:
            correction = cho_solve(np.linalg.cholesky(gram), error)
        except LinAlgError:
            correction = cho_solve(problem.factor, error)
            room = np.ones_like(room)
        dual = dual - room * problem.product(correction)
        over = max(float((dual / np.where(dual > 0, tau, tau - 1)).max()), 1.0)
        dual /= over
    return np.clip(dual, tau - 1, tau)


def infeasibility(problem, residual, dual):
    """Return how much rounding errors in ``columns @ dual = 0`` may change the gap.

    The nearest dual point that satisfies the equation lies in the span of the rows; the gap changes by its distance
    times the residuals at most.
    """
    return float(np.linalg.norm(residual)) * _distance(problem, problem.moments(dual))


def _distance(problem, error):
    """Return the distance from a dual point with ``columns @ dual = error`` to the nearest one with 0."""
    return float(np.sqrt(max(error @ cho_solve(problem.factor, error), 0.0)))


def to_vertex(problem, tau, found, weight):
    """Return the vertex that interpolates the rows of largest ``weight``, or ``found`` if that proves to be better."""
    rank, n = problem.columns.shape
    count = min(n, _CANDIDATES_PER_COEFFICIENT * rank)
    if n < rank or not weight.max() > 0:
        return found
    weight = np.minimum(weight, np.finfo(np.float64).max)
    nearest = np.sort(np.argpartition(-weight, count - 1)[:count])
    importance = np.sqrt(np.maximum(weight[nearest] / weight[nearest].max(), 1e-14))
    order = qr(problem.columns[:, nearest] * importance, mode="r", pivoting=True, check_finite=False)[1]
    rows = nearest[order[:rank]]
    factors = _factor(problem.columns[:, rows])
    if factors is None:
        return found
    part, values = problem.columns[:, rows], problem.target[rows]
    coef = dgetrs(*factors, values, trans=1)[0]
    coef += dgetrs(*factors, values - coef @ part, trans=1)[0]
    other, residual = _assess(problem, tau, coef, found.dual)
    if not other.objective <= found.objective * (1 + _NO_WORSE):
        return found
    vertex = _assess(problem, tau, coef, _vertex_dual(problem, tau, residual, rows, factors, found.dual))[0]
    return vertex if vertex.gap <= other.gap else other


def _factor(matrix):
    """Return the triangular factors of a square matrix, or None where it is close to singular."""
    factors, pivots, info = dgetrf(matrix)
    diagonal = np.abs(np.diag(factors))
    return (factors, pivots) if info == 0 and diagonal.min() > 1e-12 * diagonal.max() else None


def _vertex_dual(problem, tau, residual, rows, factors, interior):
    """Return the dual point of a vertex, made feasible; tied rows keep their interior value."""
    dual = np.where(residual > 0, tau, tau - 1)
    size = np.abs(residual)
    tied = np.flatnonzero(size <= _TIED * (np.abs(problem.target) + np.median(size)))
    dual[tied] = interior[tied]
    dual[rows] = 0.0
    dual[rows] = dgetrs(*factors, -problem.moments(dual))[0]
    basic = dual[rows]
    if (basic < tau - 1 - _ROUNDING).any() or (basic > tau + _ROUNDING).any():
        return interior
    if (basic < tau - 1).any() or (basic > tau).any():
        return make_feasible(problem, tau, dual)
    return dual
