"""A regression problem in the form that the solvers work on: rows stored by columns, scaled, of full rank."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh, svd
from scipy.linalg.lapack import dpotrs

from sparsesci._core.arrays import kernel_view
from sparsesci.sampling import _lp_kernels as kernels

# Condition numbers of the Gram matrix of scaled columns: up to the first nothing is changed, up to the second its
# eigenvectors make the columns orthonormal, beyond it the singular vectors of the columns do.
_WELL_CONDITIONED = 1e4
_SAFELY_SQUARED = 1e9
_EXACT_FIT = 1e-13
_CONSTANT = 1e-14


@dataclass
class Problem:
    """Minimise a loss of ``target - columns.T @ coef``.

    Attributes
    ----------
    columns : ndarray of shape (rank, n)
        Columns of full rank, each with a mean square near 1.
    target : ndarray of shape (n,)
    basis : ndarray of shape (d, rank)
        ``basis @ coef`` are coefficients of the scaled features (and the intercept, the last one).
    centre, scale : ndarray of shape (n_features,)
    offset : float
        What was subtracted from y.
    unit : float
        In which losses are measured: weighted residuals are those of the problem times it.
    y_unit : float
        What y was divided by.
    fit_intercept : bool
    coef : ndarray of shape (rank,)
        Least squares.
    factor : ndarray of shape (rank, rank)
        Lower Cholesky factor of ``columns @ columns.T``.
    n_jobs : int or None
    """

    columns: np.ndarray
    target: np.ndarray
    basis: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    offset: float
    unit: float
    y_unit: float
    fit_intercept: bool
    n_jobs: int | None
    coef: np.ndarray = None
    factor: np.ndarray = None

    @property
    def rank(self):
        return len(self.columns)

    @property
    def n_coefficients(self):
        return len(self.basis)

    def product(self, coef):
        """Return ``columns.T @ coef``."""
        out = np.empty(self.columns.shape[1])
        kernels.multiply(self.columns, coef, out, self.n_jobs)
        return out

    def residual(self, coef):
        """Return the residuals of ``coef``."""
        out = self.product(coef)
        return np.subtract(self.target, out, out=out)

    def moments(self, values):
        """Return ``columns @ values``."""
        out = np.empty(self.rank)
        kernels.moments(self.columns, values, out, self.n_jobs)
        return out

    def gram(self, weights, values):
        """Return the Gram matrix (its lower triangle) with ``weights``, and ``columns @ values``."""
        gram, moment = np.empty((self.rank, self.rank)), np.empty(self.rank)
        kernels.weighted_gram(self.columns, weights, values, gram, moment, self.n_jobs)
        return gram, moment

    def weighted_part(self, rows, factors):
        """Return the Problem of some of the rows, multiplied by ``factors``; LinAlgError if their rank is less."""
        part = replace(self, columns=self.columns[:, rows] * factors, target=self.target[rows] * factors)
        _least_squares(part, *part.gram(np.ones(len(rows)), part.target))
        return part

    def fits_exactly(self):
        """Return whether least squares leaves nothing but rounding errors."""
        largest = np.abs(self.target).max()
        return largest == 0 or np.abs(self.residual(self.coef)).max() <= _EXACT_FIT * largest

    def original(self, coef):
        """Return the coefficients of the features and the intercept, in units of the data."""
        scaled = self.y_unit * (self.basis @ coef)
        features = scaled[: len(self.scale)] / self.scale
        if not self.fit_intercept:
            return features, 0.0
        return features, float(self.offset + scaled[-1] - self.centre @ features)


def make_problem(X, y, weights, p, fit_intercept, n_jobs):
    """Return the Problem of regressing y on X with weights on the p-th powers of the residuals.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    y : ndarray of shape (n,)
    weights : ndarray of shape (n,) or None
        Positive. Rows are multiplied by their 1/p-th powers, relative to the mean of the weights.
    p : float
    fit_intercept : bool
        Features and y are centred, and a column of ones is added.
    n_jobs : int or None

    Notes
    -----
    Centres and scales are those of the weighted rows, so that a weight of two is two rows also where the solution is
    not unique.
    """
    n, d = X.shape
    columns, squares = np.empty((d + fit_intercept, n)), np.empty(d)
    centre = np.zeros(d)
    if fit_intercept:
        centre = X.mean(axis=0, dtype=np.float64) if weights is None else weights @ X / weights.sum()
    share = np.ones(n) if weights is None else weights / weights.mean()
    plain = weights is None or np.isinf(p)
    row_scale = np.ones(n) if plain else share ** (1 / p)
    kernels.centre_columns(kernel_view(X), centre, row_scale, share, columns[:d], squares, n_jobs)
    if fit_intercept:
        columns[d] = row_scale
    offset = _lower_median(y, weights) if fit_intercept else 0.0
    target = np.subtract(y, offset, dtype=np.float64)
    # The median: outliers shall not make all other residuals small.
    size = np.abs(target)
    y_unit = unit = float(np.median(size)) or float(size.mean()) or 1.0
    target /= y_unit
    if not plain:
        target *= row_scale
        unit *= float(weights.mean()) ** (1 / p)
    scale = np.sqrt(squares / n)
    # Features that are constant up to rounding have no direction of their own beside the intercept.
    constant = scale <= _CONSTANT * np.abs(centre)
    scale[constant] = 1.0
    factors = np.append(np.where(constant, 0.0, 1 / scale), np.ones(int(fit_intercept)))
    kernels.scale_columns(columns, factors, n_jobs)
    problem = Problem(columns, target, np.eye(len(columns)), centre, scale, offset, unit, y_unit, fit_intercept, n_jobs)
    _least_squares(problem, *_make_full_rank(problem))
    return problem


def _lower_median(values, weights):
    """Return the smallest value with at least half of the weight at or below it."""
    if weights is None:
        return float(np.partition(values, (len(values) - 1) // 2)[(len(values) - 1) // 2])
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, total[-1] / 2)]])


def _make_full_rank(problem):
    """Replace the columns by an orthonormal basis of their span where they are close to dependent.

    Returns what least squares needs: the columns' Gram matrix, and their products with the target.
    """
    columns, n = problem.columns, problem.columns.shape[1]
    gram, moment = problem.gram(np.ones(n), problem.target)
    if not gram.any():
        problem.columns, problem.basis = np.zeros((0, n)), np.zeros((len(problem.basis), 0))
        return np.zeros((0, 0)), np.zeros(0)
    values, vectors = eigh(gram, lower=True)
    if values[0] * _WELL_CONDITIONED > values[-1]:
        return gram, moment
    if values[0] * _SAFELY_SQUARED > values[-1]:
        change = vectors / np.sqrt(values / n)
        problem.columns = np.ascontiguousarray(change.T @ columns)
    else:
        vectors, singular, rows = svd(columns, full_matrices=False, check_finite=False)
        kept = singular > max(columns.shape) * np.finfo(np.float64).eps * singular[0]
        change = vectors[:, kept] / (singular[kept] / np.sqrt(n))
        problem.columns = np.ascontiguousarray(rows[kept]) * np.sqrt(n)
    problem.basis = problem.basis @ change
    return problem.gram(np.ones(n), problem.target)


def _least_squares(problem, gram, moment):
    """Solve least squares by the normal equations of the well-conditioned columns, and refine once."""
    problem.factor = np.linalg.cholesky(gram)
    problem.coef = cho_solve(problem.factor, moment)
    problem.coef += cho_solve(problem.factor, problem.moments(problem.residual(problem.coef)))


def cho_solve(factor, right_side):
    """Return the solution with the matrix whose lower Cholesky factor is given."""
    if len(factor) == 0:
        return np.zeros_like(right_side)
    return dpotrs(factor, right_side, lower=1)[0]
