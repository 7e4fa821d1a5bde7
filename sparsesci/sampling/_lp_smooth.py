"""l_p regression for 1 < p < infinity, by Newton steps with a duality gap.

The loss of a row is ``|r|**p / p`` here, its conjugate ``|y|**q / q`` with 1/p + 1/q = 1, and the optimal dual point is
``y = sign(r) |r|**(p - 1)``.
"""

import numpy as np

from sparsesci.sampling._lp_problem import cho_solve
from sparsesci.sampling._quantile_certificate import Certified, infeasibility
from sparsesci.sampling._quantile_interior_point import cholesky

_POLISH = 8
_POLISHED = 1e-15
_RISE = 1.5
_DIRECT = 6.0
_COARSE = 1e-2
_FINER = 1e-2
_WORTH_POLISHING = 1e-6
_STALLED = 0.5
_SMALLEST = 1e-150
_ZERO = 1e-12
_PROJECTIONS = 3


def minimise(problem, p, coef, tol, max_iter):
    """Minimise the sum of ``|r|**p`` over the coefficients, from ``coef`` on.

    Parameters
    ----------
    problem : Problem
    p : float
        1 < p < infinity.
    coef : ndarray of shape (rank,)
    tol : float
        Relative duality gap.
    max_iter : int

    Returns
    -------
    found : Certified
        The objective is the sum of ``|r / unit|**p``.
    unit : float
    n_iter : int
    """
    residual = problem.residual(coef)
    unit = float(np.abs(residual).max() if p > 2 else np.abs(residual).mean())
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        search = _Search(problem, p, coef / unit, unit)
        n_iter = 0
        if not (p < 2 and search.try_dual(search.projected(p)) <= tol):
            n_iter = (_continue_in_p if p > 2 else _continue_in_smoothing)(search, _FINER * tol, max_iter)
        if tol <= _WORTH_POLISHING:
            n_iter += _polish(search, max_iter - n_iter)
        return search.result(), search.unit, n_iter


class _Search:
    """Where the minimisation stands, in units of the largest or mean residual.

    ``dual`` is the feasible dual point with the best bound found yet, ``bound`` that bound on the sum of ``|r|**p``.
    """

    def __init__(self, problem, p, coef, unit):
        self.problem, self.p, self.unit = problem, p, unit
        self.dual, self.bound = np.zeros(len(problem.target)), 0.0
        self.move_to(coef)

    def move_to(self, coef):
        self.coef = coef
        self.residual = self.problem.residual(self.unit * coef) / self.unit

    def objective(self, p=None):
        return float(np.sum(np.abs(self.residual) ** (self.p if p is None else p)))

    def gradient(self):
        """Return the norm of the gradient relative to that of the rows' contributions."""
        slopes = np.abs(self.residual) ** (self.p - 1)
        total = float(slopes.sum())
        gradient = self.problem.moments(np.copysign(slopes, self.residual))
        return float(np.linalg.norm(gradient)) / total if total > 0 else 0.0

    def direction(self, weights, pulled):
        """Return the step of the coefficients, and what it adds to the residuals."""
        gram, moment = self.problem.gram(weights, pulled)
        step = cho_solve(cholesky(gram), moment)
        return step, -self.problem.product(step)

    def try_dual(self, dual):
        """Keep a dual point if its bound is the best yet; return the relative gap."""
        dual, bound = self.evaluate(dual, self.p)
        if bound > self.bound:
            self.dual, self.bound = dual, bound
        objective = self.objective()
        return (objective - self.bound) / objective if objective > 0 else 0.0

    def evaluate(self, dual, p):
        """Return a dual point made feasible and of the best length, and the bound on the sum of ``|r|**p``."""
        q = p / (p - 1)
        correction = cho_solve(self.problem.factor, self.problem.moments(dual))
        dual = dual - self.problem.product(correction)
        largest = float(np.abs(dual).max())
        if not 0 < largest < np.inf:
            return np.zeros_like(dual), 0.0
        dual /= largest  # so that no power overflows
        product, power = float(self.residual @ dual), float(np.sum(np.abs(dual) ** q))
        if not product > 0:
            return np.zeros_like(dual), 0.0
        length = (product / power) ** (p - 1)
        rounding = infeasibility(self.problem, self.residual, length * dual)
        return length * dual, p * (length * product - length**q * power / q - rounding)

    def rescale(self):
        """Make the largest residual one, so that no power overflows."""
        largest = float(np.abs(self.residual).max())
        if largest > 0 and largest != 1:
            self.unit *= largest
            self.dual, self.bound = self.dual / largest ** (self.p - 1), self.bound / largest**self.p
            self.move_to(self.coef / largest)

    def projected(self, p):
        """Return the dual point of the residuals, moved along Newton's weights until ``columns @ dual = 0``."""
        size = np.abs(self.residual)
        dual = np.copysign(size ** (p - 1), self.residual)
        weights = (np.maximum(size, _ZERO) if p < 2 else size) ** (p - 2)
        # Weights of very different size leave an error, which must not fall upon the rows of small weight.
        for _ in range(_PROJECTIONS if p < 2 else 1):
            _, change = self.direction(weights, dual)
            dual = dual + weights * change
        return dual

    def result(self):
        objective = self.objective()
        return Certified(self.unit * self.coef, self.dual, objective, max(objective - self.bound, 0.0))


def _continue_in_smoothing(search, tol, max_iter):
    """1 < p < 2: primal-dual Newton steps on ``(r**2 + eps**2)**(p / 2)``, with eps falling as fast as the gap."""
    p, e = search.p, 2 - search.p
    eps, dual, gap, n_iter = 1.0, np.zeros_like(search.residual), np.inf, 0
    best, objective = search.coef, search.objective()
    while n_iter < max_iter:
        n_iter += 1
        size = np.sqrt(search.residual**2 + eps**2)
        softened = size**-e
        # Between the weights of Newton's method and those of iteratively reweighted least squares.
        weights = softened * (1 - e * np.clip(dual * search.residual * size**-p, 0, 1))
        pulled = softened * search.residual
        step, change = search.direction(weights, pulled)
        dual = pulled + weights * change
        search.move_to(search.coef + _line_search(search.residual, change, p, 0.1 * eps) * step)
        previous, gap = gap, search.try_dual(dual)
        if search.objective() <= objective:
            best, objective = search.coef, search.objective()
        if gap <= tol or _STALLED * previous < gap <= tol / _FINER:
            break
        eps = max(eps * min(0.3, np.sqrt(max(gap, 0.0))), _SMALLEST)
    search.move_to(best)
    return n_iter


def _continue_in_p(search, tol, max_iter):
    """p > 2: Newton steps with a line search; for p beyond 6 through a sequence of rising p."""
    exponent, n_iter = 2.0, 0
    while exponent < search.p and n_iter < max_iter:
        exponent = search.p if search.p <= _DIRECT else min(search.p, _RISE * exponent)
        last = exponent == search.p
        gap = np.inf
        while gap > (tol if last else _COARSE) and n_iter < max_iter:
            n_iter += 1
            search.rescale()
            size = np.abs(search.residual)
            pulled = np.copysign(size ** (exponent - 1), search.residual)
            step, change = search.direction((exponent - 1) * size ** (exponent - 2), pulled)
            search.move_to(search.coef + _line_search(search.residual, change, exponent, 0.0) * step)
            if last:
                gap = search.try_dual(search.projected(exponent))
            else:
                gap = 1 - search.evaluate(search.projected(exponent), exponent)[1] / search.objective(exponent)
    return n_iter


def _polish(search, max_iter):
    """Take full Newton steps while they reduce the gradient; return their number.

    For p < 2 they go by the dual point, whose power gives small residuals far more accurately than differences of the
    data do. The first step may not pay at once.
    """
    p, q = search.p, search.p / (search.p - 1)
    dual = np.copysign(np.abs(search.residual) ** (p - 1), search.residual)
    best, smallest, objective = search.coef, search.gradient(), search.objective()
    n_iter, failures = 0, 0
    while n_iter < min(_POLISH, max_iter) and smallest > _POLISHED and failures < 2:
        n_iter += 1
        if p < 2:
            size = np.maximum(np.abs(dual), _SMALLEST)
            weights = (p - 1) * size ** (2 - q)
            pulled = dual + weights * (search.residual - np.copysign(size ** (q - 1), dual))
        else:
            size = np.abs(search.residual)
            weights, pulled = (p - 1) * size ** (p - 2), np.copysign(size ** (p - 1), search.residual)
        if not (np.isfinite(weights).all() and np.isfinite(pulled).all()):
            break
        step, change = search.direction(weights, pulled)
        dual = pulled + weights * change
        search.move_to(search.coef + step)
        gradient = search.gradient()
        if gradient < smallest and search.objective() <= objective * (1 + 1e-12):
            best, smallest, failures = search.coef, gradient, 0
            search.try_dual(dual)
        else:
            failures += 1
    search.move_to(best)
    search.try_dual(search.projected(p))
    return n_iter


def _line_search(residual, change, p, eps):
    """Return the length t that minimises the sum of ``((r + t c)**2 + eps**2)**(p / 2)``, at most 64.

    Newton's method on the derivative, kept within a bracket.
    """
    low, high, length = 0.0, np.inf, 1.0
    first = None
    for _ in range(40):
        moved = residual + length * change
        square = moved * moved + eps * eps
        power = square ** (p / 2 - 1)
        slope = float(np.sum(change * moved * power))
        if first is None:
            first = abs(float(np.sum(change * residual * (residual**2 + eps**2) ** (p / 2 - 1))))
        if abs(slope) <= 1e-3 * first:
            break
        low, high = (length, high) if slope < 0 else (low, length)
        if low >= 64:
            return low
        ratio = moved * moved / np.where(square > 0, square, 1.0)
        curvature = float(np.sum(change * change * power * (1 + (p - 2) * ratio)))
        newton = length - slope / curvature if curvature > 0 and np.isfinite(curvature) else low
        middle = 2 * length if np.isinf(high) else 0.5 * (low + high)
        length = newton if low < newton < min(high, 4 * length) else middle
    return length
