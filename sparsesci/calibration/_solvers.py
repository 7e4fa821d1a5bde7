"""Solvers of blind gain calibration, on a checked problem in which no sensor is dead and Y is of order one."""

from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, cg

from sparsesci._core.progress import progress_bar
from sparsesci._core.threads import run_chunks, single_threaded_blas
from sparsesci.calibration._gradient_kernels import residual_terms, step_lengths
from sparsesci.calibration._ranges import range_edges

_PATIENCE = 10
_REFRESH = 64
_HALVINGS = 30
_LARGEST_STORED_HESSIAN = 4096
_WARM_UP = 300
# Beyond this factor the rows are not isotropic with unit variance, and the back-projection has the wrong scale.
_SCALE_OFF = 10.0


@dataclass
class Problem:
    """Y[l, i] = d_i <a[l, i], x> + noise, in the coefficients of x and d.

    ``gain_basis`` (m, h - 1) has orthonormal columns orthogonal to ones, or is None; ``weights`` (p,) have mean one.
    """

    sensing: object
    Y: np.ndarray
    weights: np.ndarray
    gain_basis: np.ndarray | None = None
    rho: float | None = None
    n_nonzero: int | None = None

    @property
    def single(self):
        return self.sensing.dtype == np.float32

    def loss(self, U, gains):
        """Return the objective."""
        R = gains * U.astype(np.float64, copy=False) - self.Y
        return float(self.weights @ np.einsum("li,li->l", R, R)) / (2 * R.size)

    def gain_direction(self, gradient):
        """Return the part of a gradient in which gains of mean one may move."""
        if self.gain_basis is not None:
            return self.gain_basis @ (self.gain_basis.T @ gradient)
        return gradient - gradient.mean()

    def admissible(self, gains):
        """Return gains of mean one and, where ``rho`` is given, within rho of one."""
        return gains if self.rho is None else 1.0 + project_gains(gains - 1.0, self.rho)


@dataclass
class Solution:
    """Where a solver ended: signal (coefficients), gains of mean one, and how it came there."""

    x: np.ndarray
    gains: np.ndarray
    converged: bool
    n_iter: int
    losses: list = field(default_factory=list)
    message: str = ""


class Stopping:
    """The stopping rule of the gradient solvers: a residual of ``tol``, or no progress for ten iterations."""

    def __init__(self, problem, tol):
        energy = float(problem.weights @ np.einsum("li,li->l", problem.Y, problem.Y, dtype=np.float64))
        floor = 1e-6 if problem.single else 0.0
        self._goal = max(tol, floor) ** 2 * energy / (2 * problem.Y.size)
        self._progress = 1e-6 if problem.single else 1e-10
        self._previous = None
        self._stalled = 0
        self.message = ""

    def __call__(self, loss):
        if loss <= self._goal:
            self.message = "the residual is below tol"
            return True
        if self._previous is not None:
            slow = self._previous - loss < self._progress * self._previous
            self._stalled = self._stalled + 1 if slow else 0
        self._previous = loss
        if self._stalled >= _PATIENCE:
            self.message = "the objective no longer decreases"
            return True
        return False


def project_gains(deviation, rho):
    """Return the nearest point with sum zero and entries within ``rho``: clip(w - t), t by bisection."""
    low, high = deviation.min() - rho, deviation.max() + rho
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if np.clip(deviation - middle, -rho, rho).sum() > 0:
            low = middle
        else:
            high = middle
    return np.clip(deviation - 0.5 * (low + high), -rho, rho)


def keep_largest(x, k):
    """Return x with all but its k entries of largest magnitude set to zero; of equals the first are kept."""
    kept = np.argsort(-np.abs(x), kind="stable")[:k]
    result = np.zeros_like(x)
    result[kept] = x[kept]
    return result


def back_projection(problem):
    """Return the start of the paper, A^T Y / (m p), and its readings.

    Where rows do not have unit variance its scale is wrong and is corrected by least squares.
    """
    weighted = (problem.weights[:, None] * problem.Y).astype(problem.sensing.dtype)
    x = problem.sensing.adjoint(weighted) / problem.Y.size
    if problem.n_nonzero is not None:
        x = keep_largest(x, problem.n_nonzero)
    U = problem.sensing.forward(x)
    norm = np.einsum("l,li,li->", problem.weights, U, U, dtype=np.float64)
    scale = np.einsum("l,li,li->", problem.weights, U, problem.Y, dtype=np.float64) / norm if norm > 0 else 1.0
    if scale > 0 and not 1 / _SCALE_OFF < scale < _SCALE_OFF:
        x, U = x * x.dtype.type(scale), U * U.dtype.type(scale)
    return x, U


def _ratio(numerator, denominator):
    return numerator / denominator if denominator > 0 else 0.0


def gradient(problem, *, max_iter, tol, verbose=0, start=None):
    """Joint gradient descent with exact steps; hard thresholding where the signal is sparse."""
    sensing, Y, weights = problem.sensing, problem.Y, problem.weights
    p, m = Y.shape
    x, U = back_projection(problem) if start is None else start
    gains = np.ones(m)
    scaled, sensor_gradient = np.empty(Y.shape, sensing.dtype), np.empty(m)
    stop, losses, done, n_iter = Stopping(problem, tol), [], False, 0
    with progress_bar(total=max_iter, desc="gradient", verbose=verbose) as bar:
        for n_iter in range(max_iter + 1):
            sensor_gradient[:] = 0
            loss = residual_terms(U, Y, gains, weights, scaled, sensor_gradient, 0, p) / (2 * p * m)
            losses.append(loss)
            done = stop(loss)
            if done or n_iter == max_iter:
                break
            signal_step = sensing.adjoint(scaled) / (p * m)
            gain_step = problem.gain_direction(sensor_gradient / (p * m))
            if problem.n_nonzero is None:
                V = sensing.forward(signal_step)
                slope, curvature, gain_slope, gain_curvature = step_lengths(U, V, Y, gains, gain_step, weights, 0, p)
                step = signal_step.dtype.type(_ratio(slope, curvature))
                x = x - step * signal_step
                U_next = U - step * V
            else:
                x, U_next, gain_slope, gain_curvature = _thresholded_step(problem, x, U, gains, signal_step, gain_step)
            gains = problem.admissible(gains - _ratio(gain_slope, gain_curvature) * gain_step)
            U = sensing.forward(x) if (n_iter + 1) % _REFRESH == 0 else U_next
            bar.set_postfix(loss=loss, refresh=False)
            bar.update()
    return Solution(x, gains, done, n_iter, losses, stop.message or "max_iter was reached")


def _thresholded_step(problem, x, U, gains, signal_step, gain_step):
    """Return the next sparse signal, its readings, and slope and curvature along the gains."""
    sensing, p = problem.sensing, len(problem.Y)
    restricted = np.where(x != 0, signal_step, 0)
    if not restricted.any():
        restricted = keep_largest(signal_step, problem.n_nonzero)
    V = sensing.forward(restricted)
    slope, curvature, gain_slope, gain_curvature = step_lengths(
        U, V, problem.Y, gains, gain_step, problem.weights, 0, p
    )
    step, before = _ratio(slope, curvature), problem.loss(U, gains)
    for _ in range(_HALVINGS):
        candidate = keep_largest(x - x.dtype.type(step) * signal_step, problem.n_nonzero)
        readings = sensing.forward(candidate)
        if problem.loss(readings, gains) <= before:
            return candidate, readings, gain_slope, gain_curvature
        step *= 0.5
    return x, U, gain_slope, gain_curvature


def weighted_gram(matrix, row_weights, n_jobs):
    """Return matrix.T @ diag(row_weights) @ matrix in float64, summed over blocks of rows in their order."""
    edges = range_edges(*matrix.shape)
    partial = [None] * (len(edges) - 1)

    def task(i):
        rows = matrix[edges[i] : edges[i + 1]]
        partial[i] = (rows * row_weights[edges[i] : edges[i + 1], None].astype(rows.dtype)).T @ rows

    with single_threaded_blas():
        run_chunks(task, len(partial), n_jobs)
    return np.sum(partial, axis=0, dtype=np.float64)


def sensor_sums(sensing, factors):
    """Return sum_l factors[l, i] a[l, i] for every sensor i, (m, n), in float64."""
    stack = sensing.matrix.reshape(sensing.n_snapshots, sensing.n_sensors, -1)
    return np.einsum("li,lij->ij", factors.astype(sensing.dtype), stack).astype(np.float64)


def linear_sums(problem):
    """Return what the linear solver needs of the data: sum y^2, sum y a for every sensor, sum a a^T."""
    sensing, weights = problem.sensing, problem.weights
    squares = np.einsum("l,li,li->i", weights, problem.Y, problem.Y, dtype=np.float64)
    cross = sensor_sums(sensing, weights[:, None] * problem.Y)
    gram = weighted_gram(sensing.matrix, np.repeat(weights, sensing.n_sensors), sensing.n_jobs)
    return squares, cross, gram


def solve_linear_sums(squares, cross, gram):
    """Return signal, inverse gains with sum m, and sum of squares of the linear problem; None if it is singular."""
    m = len(squares)
    try:
        factor = scipy.linalg.cho_factor(gram)
    except scipy.linalg.LinAlgError:
        return None
    projected = scipy.linalg.cho_solve(factor, cross.T)
    schur = np.diag(squares) - cross @ projected
    # Without noise the matrix is singular up to rounding, and the solve is a step of inverse iteration.
    schur[np.diag_indices(m)] += np.finfo(float).eps * squares.mean()
    inverse = np.linalg.solve(schur, np.ones(m))
    if not np.isfinite(inverse).all() or inverse.sum() == 0:
        return None
    inverse *= m / inverse.sum()
    return projected @ inverse, inverse, float(inverse @ (schur @ inverse))


def linear(problem):
    """Least squares in the signal and the inverse gains; None where it is singular or a gain is not positive."""
    sensing = problem.sensing
    if sensing.matrix is None or problem.Y.size < sensing.n_features:
        return None
    solved = solve_linear_sums(*linear_sums(problem))
    if solved is None or solved[1].min() <= 0:
        return None
    x, inverse, _ = solved
    gains = 1.0 / inverse
    scale = gains.mean()
    x, gains = (x * scale).astype(sensing.dtype), problem.admissible(gains / scale)
    losses = [problem.loss(sensing.forward(x), gains)]
    return Solution(x, gains, True, 1, losses, "solved in one step")


def best_gains(problem, U):
    """Return the least-squares gains for given readings, in the span of the basis where there is one; not rescaled."""
    weighted = problem.weights[:, None] * U
    energy = np.einsum("li,li->i", weighted, U, dtype=np.float64)
    match = np.einsum("li,li->i", weighted, problem.Y, dtype=np.float64)
    if problem.gain_basis is None:
        return match / np.where(energy > 0, energy, 1.0), energy
    B = with_ones(problem.gain_basis)
    normal = B.T @ (energy[:, None] * B)
    return B @ scipy.linalg.lstsq(normal, B.T @ match)[0], energy


def with_ones(basis):
    """Return the basis of the gains with the column of ones, normalised, in front."""
    m = len(basis)
    return np.column_stack([np.full(m, 1 / np.sqrt(m)), basis])


def _at_best_gains(problem, x):
    """Return signal and gains of mean one with gains that are best for the signal, readings, energies and loss."""
    U = problem.sensing.forward(x)
    gains, energy = best_gains(problem, U)
    scale = gains.mean()
    if not scale > 0:
        return None
    x, U, energy = x * x.dtype.type(scale), U * U.dtype.type(scale), energy * scale**2
    gains = problem.admissible(gains / scale)
    return x, gains, U, energy, problem.loss(U, gains)


def alternating(problem, *, max_iter, tol, verbose=0):
    """Alternate least squares: gains in closed form, then the signal by the normal equations."""
    sensing = problem.sensing
    x = back_projection(problem)[0]
    stop, losses, done, n_iter = Stopping(problem, tol), [], False, 0
    row_weights = np.repeat(problem.weights, sensing.n_sensors)
    with progress_bar(total=max_iter, desc="als", verbose=verbose) as bar:
        for n_iter in range(max_iter + 1):
            state = _at_best_gains(problem, x)
            if state is None:
                return Solution(x, np.ones(sensing.n_sensors), False, n_iter, losses, "the gains lost their sign")
            x, gains, _, _, loss = state
            losses.append(loss)
            done = stop(loss)
            if done or n_iter == max_iter:
                break
            tiled = np.tile(gains, sensing.n_snapshots)
            gram = weighted_gram(sensing.matrix, row_weights * tiled**2, sensing.n_jobs)
            right = sensing.adjoint(problem.weights[:, None] * gains * problem.Y)
            x = scipy.linalg.lstsq(gram, right.astype(np.float64))[0].astype(sensing.dtype)
            bar.update()
    return Solution(x, gains, done, n_iter, losses, stop.message or "max_iter was reached")


def gauss_newton(problem, *, max_iter, tol, verbose=0):
    """Gauss-Newton on the signal with the gains eliminated; starts at the linear solution where there is one."""
    start = linear(problem) if problem.gain_basis is None else None
    if start is None:
        start = gradient(problem, max_iter=min(_WARM_UP, max_iter), tol=tol)
    stored = problem.sensing.matrix is not None and problem.sensing.n_features <= _LARGEST_STORED_HESSIAN
    newton_step = _stored_step if stored else _matrix_free_step
    state = _at_best_gains(problem, start.x)
    if state is None:
        return start
    losses = [state[-1]]
    stop = Stopping(problem, tol)
    message, done, n_iter = "max_iter was reached", stop(losses[0]), 0
    with progress_bar(total=max_iter, desc="gauss_newton", verbose=verbose) as bar:
        while not done and n_iter < max_iter:
            n_iter += 1
            step = newton_step(problem, *state[:4])
            following = _damped(problem, state, step)
            done = following is None or state[-1] - following[-1] <= 1e-12 * state[-1]
            state = following if following is not None and following[-1] <= state[-1] else state
            losses.append(state[-1])
            done = done or stop(state[-1])
            bar.set_postfix(loss=state[-1], refresh=False)
            bar.update()
    if done:
        message = stop.message or "the objective no longer decreases"
    return Solution(state[0], state[1], done, n_iter, losses, message)


def _damped(problem, state, step):
    """Return the state after the step, halved until the objective does not rise; None if it always does."""
    for halving in range(_HALVINGS):
        candidate = _at_best_gains(problem, state[0] - state[0].dtype.type(0.5**halving) * step)
        if candidate is not None and candidate[-1] <= state[-1]:
            return candidate
    return None


def _signal_gradient(problem, gains, U):
    R = gains * U - problem.Y
    return problem.sensing.adjoint(problem.weights[:, None] * gains * R).astype(np.float64)


def _stored_step(problem, x, gains, U, energy):
    """Return the step from a Hessian that is formed and factorised."""
    sensing, weights = problem.sensing, problem.weights
    row_weights = np.repeat(weights, sensing.n_sensors) * np.tile(gains, sensing.n_snapshots) ** 2
    hessian = weighted_gram(sensing.matrix, row_weights, sensing.n_jobs)
    cross = sensor_sums(sensing, weights[:, None] * gains * U)
    if problem.gain_basis is None:
        hessian -= cross.T @ (cross / np.where(energy > 0, energy, 1.0)[:, None])
    else:
        B = with_ones(problem.gain_basis)
        inner = B.T @ cross
        hessian -= inner.T @ scipy.linalg.lstsq(B.T @ (energy[:, None] * B), inner)[0]
    signal = x.astype(np.float64)
    # The scale of the signal is free: give its direction some curvature.
    hessian += (np.trace(hessian) / len(x)) * np.outer(signal, signal) / max(signal @ signal, 1e-300)
    right = _signal_gradient(problem, gains, U)
    try:
        step = scipy.linalg.cho_solve(scipy.linalg.cho_factor(hessian), right)
    except scipy.linalg.LinAlgError:
        step = scipy.linalg.lstsq(hessian, right)[0]
    return step.astype(x.dtype)


def _matrix_free_step(problem, x, gains, U, energy):
    """Return the step by conjugate gradients, for which only products with the sensing model are needed."""
    sensing, weights = problem.sensing, problem.weights[:, None]
    U = U.astype(np.float64)
    if problem.gain_basis is not None:
        B = with_ones(problem.gain_basis)
        normal = np.linalg.pinv(B.T @ (energy[:, None] * B), hermitian=True)

    def best_response(readings):
        match = np.einsum("li,li->i", weights * U, readings)
        return match / np.where(energy > 0, energy, 1.0) if problem.gain_basis is None else B @ (normal @ (B.T @ match))

    def product(v):
        readings = gains * sensing.forward(v.astype(x.dtype)).astype(np.float64)
        readings -= U * best_response(readings)
        return sensing.adjoint(weights * gains * readings).astype(np.float64)

    n = len(x)
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    step, _ = cg(operator, _signal_gradient(problem, gains, U), rtol=1e-6, maxiter=min(10 * n, 500))
    return step.astype(x.dtype)
