"""Sparse Newton steps on the semi-dual, with continuation in the regularisation."""

import numpy as np
import scipy.linalg

from sparsesci.transport import _newton_kernels as kernels
from sparsesci.transport._semidual_kernels import NO_ENTRIES

# The first regularisation is so large that scaling alone converges, and errors on the way need not be small.
_FIRST_RANGE = 20.0
_ERROR_ON_THE_WAY = 1e-2
_GOOD_START = 0.1
_DROP = 1e-2
_SHIFT = 1e-3
_NO_SHIFT_BELOW = 1e-9
_HALVINGS = 12
# Full steps that leave so much of an error that is small already are tried at greater length.
_SLOW = 0.1
_CLOSE = 1e-2
_LONGEST_STEP = 16.0
# A quadratic model says nothing about steps that change entries of the plan by more than exp(8).
_LARGEST_EXPONENT = 8.0
_SWEEPS_INSTEAD = 3
# Newton gains a factor of a hundred at its end; entries that the next point may need are kept accordingly.
_EXPECTED_GAIN = 1e-2
# Without a better error for so many evaluations, and as close as this, rounding is all that is left.
_PATIENCE = 12
_ROUNDING = 1e-9
_SMALL = 300
_MOST_COLUMNS = 2000
# Time of one multiplication in the sparse product, in those of LAPACK's factorisation.
_SPARSE_COST = 12.0
_ROWS_AT_ONCE = 1024
# Up to this many pairs all entries of the plan may be kept; beyond, so many that memory is bounded.
_SMALL_PLAN = 1 << 24
_MOST_ENTRIES = 1 << 26
# Where the graph of the entries kept has more than one part, or nearly so, the matrix is singular.
_RIDGES = (0.0, 1e-15, 1e-13, 1e-11, 1e-9)


def threshold_at(error, m):
    """Return the share of a row's mass below which entries of the plan are left out of the Newton matrix."""
    return _DROP * min(1.0, error) / m


def solve_newton(problem, record, *, tol, init, n_sinkhorn, eta_factor, linear_solver, exact=False):
    """Return the Point where the error is at most ``tol``, or the best one found.

    ``exact`` keeps all entries in the matrix and factorises it.
    """
    steps = _NewtonSteps(problem, record, "cholesky" if exact else linear_solver, exact)
    point = _start(problem, record, init)
    if point is not None and (point.error <= tol or record.left <= 1):
        return point
    if point is not None and point.error < _GOOD_START:
        return steps.run(point.y, problem.eta, tol, 0)
    low, high = problem.extent
    eta = min(problem.eta, _FIRST_RANGE / (high - low)) if high > low else problem.eta
    y = np.log(problem.c) / eta if init is None else init
    while eta < problem.eta and record.left > 1:
        y = steps.run(y, eta, _ERROR_ON_THE_WAY, n_sinkhorn, reserve=1).y
        eta = min(problem.eta, eta_factor * eta)
    return steps.run(y, problem.eta, tol, n_sinkhorn)


def _start(problem, record, init):
    """Evaluate where the answer may be known already: at given potentials, or where all columns are alike."""
    if init is None and problem.c.size > 1 and problem.extent[1] > problem.extent[0]:
        return None
    point = problem.evaluate(np.log(problem.c) / problem.eta if init is None else init, problem.eta)
    record.evaluated(problem.eta, point.error)
    return point


class _NewtonSteps:
    """Scaling and Newton steps at one regularisation after the other."""

    def __init__(self, problem, record, linear_solver, exact):
        self.problem, self.record = problem, record
        self.linear_solver, self.exact = linear_solver, exact
        n, m = problem.r.size, problem.c.size
        self.large = n * m > _SMALL_PLAN and not exact
        # Weights of a row sum to one: at most 1 / floor of them are above the floor.
        self.floor = min(0.1, n / _MOST_ENTRIES) if self.large else 0.0

    def threshold(self, error):
        return 0.0 if self.exact else max(self.floor, threshold_at(error, self.problem.c.size))

    def evaluate(self, y, eta, expected_error=None):
        """Return the point at ``y`` with the entries that a Newton step from there needs, or none without an error."""
        threshold = NO_ENTRIES if expected_error is None else self.threshold(expected_error)
        point = self.problem.evaluate(y, eta, threshold)
        self.record.evaluated(eta, point.error)
        if self.large and expected_error is not None:
            # The number of entries grows slowly as the threshold falls.
            count = point.entries[2].size
            self.floor *= 0.1 if count < _MOST_ENTRIES / 8 else 10.0 if count > _MOST_ENTRIES / 2 else 1.0
        return point

    def sweep(self, point, expected_error):
        self.record.n_sweeps += 1
        return self.evaluate(self.problem.scaled(point), point.eta, None if self.large else expected_error)

    def run(self, y, eta, tol, n_sinkhorn, reserve=0):
        """Return the best point found at one eta; ``reserve`` evaluations are left for later."""
        record = self.record
        point = best = self.evaluate(y, eta, None if self.large else _ERROR_ON_THE_WAY)
        for _ in range(n_sinkhorn):
            if point.error <= tol or record.left <= reserve:
                break
            point = self.sweep(point, min(point.error, _ERROR_ON_THE_WAY))
        best, waited = (point if point.error <= best.error else best), 0
        while point.error > tol and record.left > reserve:
            following = self.newton_step(point, reserve)
            if following is None:
                for _ in range(_SWEEPS_INSTEAD):
                    if record.left > reserve:
                        point = self.sweep(point, point.error * _EXPECTED_GAIN)
            else:
                point = following
            best, waited = (point, 0) if point.error < best.error else (best, waited + 1)
            if waited >= _PATIENCE and best.error < _ROUNDING:
                record.message = "rounding errors keep the marginals from becoming more accurate"
                break
        return point if point.error <= best.error else best

    def newton_step(self, point, reserve):
        """Return an accepted point in the Newton direction, or None."""
        record, eta = self.record, point.eta
        if self.large and not point.entries[2].size:
            point = self.evaluate(point.y, eta, point.error)
        direction = self.direction(point)
        slope = float((point.gradient * direction).sum())
        if not np.isfinite(slope) or slope <= 0:
            return None
        record.n_newton += 1
        alpha = min(1.0, _LARGEST_EXPONENT / (eta * float(np.abs(direction).max())))
        for _ in range(_HALVINGS):
            if record.left <= reserve:
                return None
            y = point.y + alpha * direction
            new = self.evaluate(y - y.mean(), eta, point.error * _EXPECTED_GAIN)
            ascends = slope > 1e-14 and new.value >= point.value + 1e-4 * alpha * slope
            if ascends or new.error < point.error / 2:
                return self.expanded(point, direction, new, reserve) if alpha == 1.0 else new
            alpha /= 2
        return None

    def expanded(self, point, direction, new, reserve):
        """Return a point further along a full step that was accepted, if that step was close to the end but slow.

        Where a row and a column nearly have each other to themselves, what still leaks falls exponentially along the
        direction, and Newton's step gains a factor of e only. Longer steps are tried while the error falls.
        """
        alpha = 1.0
        while (
            _SLOW * point.error < new.error < point.error < _CLOSE
            and alpha < _LONGEST_STEP
            and self.record.left > reserve
        ):
            alpha *= 4.0
            y = point.y + alpha * direction
            trial = self.evaluate(y - y.mean(), point.eta, new.error * _EXPECTED_GAIN)
            if trial.error >= new.error:
                break
            new = trial
        return new

    def direction(self, point):
        """Return the Newton direction from a regularised, sparsified matrix."""
        problem, error = self.problem, point.error
        indptr, indices, weights = self._entries(point)
        shift = _SHIFT * min(1.0, error) * problem.c.min() if error > _NO_SHIFT_BELOW else 0.0
        system = (indptr, indices, weights, problem.r)
        rest, diagonal = kernels.schur_diagonals(*system, point.sums, shift)
        dense = self.linear_solver == "cholesky" or (self.linear_solver == "auto" and problem.c.size <= _SMALL)
        v = None if dense else self._conjugate_gradients(system, rest, diagonal, point)
        if v is None:
            v = _cholesky(*system, rest, point.gradient)
        return (v - v.mean()) / point.eta

    def _entries(self, point):
        """Drop what is below the threshold that suits the error of the point, which was not known beforehand."""
        indptr, indices, weights = point.entries
        keep = weights > self.threshold(point.error)
        if keep.all():
            return indptr, indices, weights
        kept = np.concatenate([[0], np.cumsum(keep)])
        return kept[indptr], indices[keep], weights[keep]

    def _conjugate_gradients(self, system, rest, diagonal, point):
        """Return the solution, or None where factorising the matrix is going to be faster."""
        m, v = self.problem.c.size, np.empty(self.problem.c.size)
        steps = 4 * m
        if self.linear_solver == "auto" and m <= _MOST_COLUMNS:
            factorising = m**3 / 3 + _outer_work(system[0], self.problem.r.size, m)
            steps = min(steps, int(factorising / (_SPARSE_COST * (2 * system[2].size + m))) + 1)
        rtol = max(min(0.1, point.error), 1e-8)
        used, solved = kernels.schur_pcg(*system, rest, diagonal, point.gradient, rtol, steps, v)
        self.record.n_cg += used
        return None if not solved and steps < 4 * m else v


def _outer_work(indptr, n, m):
    """Return the multiplications that forming W' diag(r) W takes."""
    counts = np.diff(indptr).astype(np.float64)
    return min(_SPARSE_COST * float((counts**2).sum()), float(n) * m * m)


def _cholesky(indptr, indices, weights, r, rest, g):
    """Solve A v = g by factorising A without its last row and column; the last coordinate of v is zero."""
    n, m = r.size, g.size
    if m == 1:
        return np.zeros(1)
    matrix = np.zeros((m, m))
    counts = np.diff(indptr).astype(np.float64)
    if _SPARSE_COST * float((counts**2).sum()) < float(n) * m * m:
        kernels.subtract_outer_products(indptr, indices, weights, r, matrix)
    else:
        for first in range(0, n, _ROWS_AT_ONCE):
            dense = np.zeros((min(_ROWS_AT_ONCE, n - first), m))
            kernels.fill_rows(indptr, indices, weights, r, first, dense)
            matrix -= dense.T @ dense
    # The diagonal from the off-diagonal entries of its row: a Laplacian without cancellation.
    matrix[np.diag_indices(m)] = 0.0
    matrix[np.diag_indices(m)] = rest - matrix.sum(axis=1)
    # W has row sums a little below one: what is missing belongs to the diagonal.
    matrix[np.diag_indices(m)] += _missing(indptr, indices, weights, r, m)
    diagonal = matrix.diagonal().copy()
    for ridge in _RIDGES:
        matrix[np.diag_indices(m)] = diagonal + ridge * diagonal.max()
        try:
            factor = scipy.linalg.cho_factor(matrix[:-1, :-1], lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            continue
        return np.append(scipy.linalg.cho_solve(factor, g[:-1], check_finite=False), 0.0)
    return g / diagonal.clip(min=1e-300)


def _missing(indptr, indices, weights, r, m):
    """Return sum_i r_i W_ij (1 - sum_k W_ik): what dropped entries of the rows take from the products."""
    rows = np.repeat(np.arange(r.size), np.diff(indptr))
    lost = np.maximum(0.0, 1.0 - np.bincount(rows, weights=weights, minlength=r.size))
    return np.bincount(indices, weights=weights * (r * lost)[rows], minlength=m)
