"""Quantile regression on many rows through few of them, without loss of exactness.

A coreset gives an estimate. Rows whose residual is beyond its likely error have a known sign, so that all those of one
sign can be replaced by their sum; the problem that is left is solved exactly, and rows whose sign was wrong come back.
The scheme is that of R. Koenker, S. Portnoy, "The Gaussian hare and the Laplacian tortoise", Statistical Science 12
(1997) 279-300, there with a uniform sample and a band of fixed shape.
"""

import numpy as np
from scipy.linalg import LinAlgError

from sparsesci.sampling import _lp_kernels as kernels
from sparsesci.sampling._lp_problem import cho_solve
from sparsesci.sampling._lp_smooth import minimise
from sparsesci.sampling._quantile_certificate import pinball
from sparsesci.sampling._quantile_interior_point import interior_point

_KEY = 0x9E3779B97F4A7C15
_BAND = 2.5
_WIDER = 3.0
_FEWEST_SHARE = 0.5
_ESTIMATE_TOL = 1e-4
_LARGEST_SHARE = 0.4
_MAX_ROUNDS = 20
_NO_WORSE = 1e-9


def default_coreset_size(n, d):
    """Return the number of rows that balances the coreset's problem with that of the rows in the band."""
    return int(np.ceil((n * np.sqrt(d)) ** (2 / 3)))


def start_of_quantile(problem, tau):
    """Return the coefficients of least squares, or zeros where those are better: gross errors may spoil the former."""
    fitted = pinball(problem.residual(problem.coef), tau)
    return problem.coef if fitted <= pinball(problem.target, tau) else np.zeros(problem.rank)


def preprocess(problem, tau, tol, max_iter, coreset_size):
    """Solve quantile regression like ``interior_point``, through a coreset.

    Returns
    -------
    Interior
        For all rows.
    """
    columns, target = problem.columns, problem.target
    d, n = columns.shape
    size = default_coreset_size(n, d) if coreset_size is None else coreset_size
    size = max(size, 4 * d)
    start = start_of_quantile(problem, tau)
    if size >= _LARGEST_SHARE * n:
        return interior_point(columns, target, start, tau, tol, max_iter, problem.n_jobs)
    coef, spread, used = _estimate(problem, tau, size, max_iter, start)
    residual = problem.residual(coef)
    ratio = np.empty(n)
    kernels.squared_norms(columns, spread, ratio, problem.n_jobs)
    np.divide(np.abs(residual), np.sqrt(ratio, out=ratio) + np.finfo(np.float64).tiny, out=ratio)
    fewest = int(_FEWEST_SHARE * size)
    band = max(_BAND, float(np.partition(ratio, fewest)[fewest]))
    kept, sign = ratio <= band, residual > 0
    least = pinball(residual, tau)
    for _ in range(_MAX_ROUNDS):
        if np.count_nonzero(kept) >= _LARGEST_SHARE * n:
            break
        found = _solve_kept(problem, tau, tol, max_iter, coef, kept, sign)
        used += found.n_iter
        residual = problem.residual(found.coef)
        loss = pinball(residual, tau)
        if not (found.is_solved and loss <= least * (1 + _NO_WORSE)):
            # Too few rows may have no solution at all.
            band *= _WIDER
            kept |= ratio <= band
            continue
        least = loss
        wrong = np.where(sign, residual < 0, residual > 0) & ~kept
        if not wrong.any():
            return found._replace(n_iter=used)
        coef = found.coef
        kept |= wrong
    found = interior_point(columns, target, start, tau, tol, max_iter, problem.n_jobs)
    return found._replace(n_iter=used + found.n_iter)


def _sample(problem, p, size):
    """Return about ``size`` rows, each kept independently by its root leverage score, and their weights.

    Only the speed depends on the sample, so that its key is fixed. (``sample_rows`` keeps the size exact, which takes
    sorting all scores.)
    """
    scores = np.empty(len(problem.target))
    kernels.squared_norms(problem.columns, np.linalg.inv(problem.factor), scores, problem.n_jobs)
    scores = np.sqrt(scores) if p == 1 else scores ** min(p / 2, 1)
    probabilities = np.minimum(scores * (size / scores.sum()), 1.0)
    rows = np.flatnonzero(np.random.Generator(np.random.Philox(_KEY)).random(len(scores)) < probabilities)
    return rows, 1 / probabilities[rows]


def estimate(problem, p, size, max_iter):
    """Return the coefficients that minimise the sum of ``|r|**p`` on a coreset, 1 < p < infinity."""
    size = max(size, 4 * problem.rank)
    if size >= _LARGEST_SHARE * len(problem.target):
        return problem.coef
    rows, factors = _sample(problem, p, size)
    factors = factors ** (1 / p)
    try:
        part = problem.weighted_part(rows, factors)
    except LinAlgError:
        return problem.coef
    if part.fits_exactly():
        return part.coef
    return minimise(part, p, part.coef, _ESTIMATE_TOL, max_iter)[0].coef


def _estimate(problem, tau, size, max_iter, start):
    """Return the coefficients of a root-leverage coreset, a root of their covariance, and the iterations used.

    The covariance is the sandwich of the theory of quantile regression, with the density of the residuals at zero from
    those that are near it (J. L. Powell, 1991).
    """
    d = problem.rank
    rows, factors = _sample(problem, 1, size)
    sample, values = problem.columns[:, rows] * factors, problem.target[rows] * factors
    try:
        found = interior_point(sample, values, start, tau, _ESTIMATE_TOL, max_iter, problem.n_jobs)
        coef, n_iter = found.coef, found.n_iter
    except LinAlgError:
        coef, n_iter = start, 0
    distance = np.abs(values - coef @ sample)
    count = min(len(rows) - 1, max(20 * d, int(len(rows) ** 0.75)))
    width = np.partition(distance, count)[count]
    if not width > 0:
        return coef, np.zeros((d, d)), n_iter
    near = sample[:, distance <= width]
    bread = near @ near.T / (2 * width)
    meat = tau * (1 - tau) * (sample @ sample.T)
    try:
        spread = np.linalg.solve(bread, np.linalg.cholesky(meat)).T
    except LinAlgError:
        spread = cho_solve(problem.factor, np.linalg.cholesky(meat) * width).T
    return coef, np.ascontiguousarray(spread), n_iter


def _solve_kept(problem, tau, tol, max_iter, coef, kept, sign):
    """Solve the problem of the kept rows, where the others contribute a linear function, for all rows."""
    columns, target = problem.columns, problem.target
    rows = np.flatnonzero(kept)
    dual = np.where(sign, tau, tau - 1)
    dual[rows] = 0.0
    residual = problem.residual(coef)
    part, weight_of_part = np.ascontiguousarray(columns[:, rows]), np.zeros(len(target))
    found = interior_point(
        part,
        target[rows],
        coef,
        tau,
        tol,
        max_iter,
        problem.n_jobs,
        balance=-problem.moments(dual),
        other_loss=float(residual @ dual),
    )
    dual[rows], weight_of_part[rows] = found.dual, found.weight
    return found._replace(dual=dual, weight=weight_of_part)
