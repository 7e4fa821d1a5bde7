"""The three passes over the rows that one iteration of the interior point for quantile regression makes.

Rows are stored by columns (``columns[j, i]``). For row i, ``level[i]`` in (0, 1) is the dual variable a, ``slack[i]``
is 1 - a, and ``below[i]``, ``above[i]`` > 0 are their multipliers, whose difference ``above - below`` is the residual.
"""

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges
from sparsesci.sampling._lp_blocks import REASSOCIATE, add_gram, add_moments, block_rows, multiply_block
from sparsesci.sampling._lp_kernels import CHUNK, LARGEST_OWN_GRAM, blas_gram


def _n_chunks(n_rows):
    return -(-n_rows // CHUNK)


def update_and_gram(columns, target, coef, state, primal_step, dual_step, gram, moment, n_jobs):
    """Take the step in ``state``, then find the weights of the rows, their Gram matrix and the predictor's right side.

    Parameters
    ----------
    columns : ndarray of shape (d, n)
    target : ndarray of shape (n,)
    coef : ndarray of shape (d,)
        After the step.
    state : ndarray of shape (9, n)
        level, slack, below, above, weight, the steps of level, below, above, and the residual. The latter is computed
        anew every time: that of above and below drifts away from it by rounding errors, and is led back.
    primal_step, dual_step : float
        Lengths of the steps.
    gram : ndarray of shape (d, d)
        Set, below and on the diagonal, to the Gram matrix with the weights.
    moment : ndarray of shape (d,)
        Set to the sum of weight times residual times row.
    n_jobs : int or None

    Returns
    -------
    gap, above, below, drift : float
        Complementarity ``sum(level * below + slack * above)``, the sums of ``above`` and ``below``, and the sum of the
        absolute differences between the residuals and ``above - below``.
    """
    d, n = columns.shape
    grams, moments = np.zeros((_n_chunks(n), d, d)), np.zeros((_n_chunks(n), d))
    sums = np.zeros((_n_chunks(n), 4))

    def task(start, stop):
        part = start // CHUNK
        own = d <= LARGEST_OWN_GRAM
        _update_and_gram(
            columns,
            target,
            coef,
            state,
            primal_step,
            dual_step,
            start,
            stop,
            own,
            grams[part],
            moments[part],
            sums[part],
        )
        if not own:
            blas_gram(columns, state[4], start, stop, grams[part])

    run_ranges(task, n, CHUNK, n_jobs)
    grams.sum(axis=0, out=gram)
    moments.sum(axis=0, out=moment)
    return sums.sum(axis=0)


@njit(nogil=True, cache=True, fastmath=REASSOCIATE)
def _update_and_gram(columns, target, coef, state, primal_step, dual_step, start, stop, own_gram, gram, moment, sums):
    size = block_rows(columns.shape[0])
    pull = np.empty(size)
    scaled = np.empty((2, size))
    fit = np.empty(size)
    gap, total_above, total_below, drift = 0.0, 0.0, 0.0, 0.0
    for first in range(start, stop, size):
        count = min(size, stop - first)
        level, slack = state[0, first : first + count], state[1, first : first + count]
        below, above = state[2, first : first + count], state[3, first : first + count]
        weight = state[4, first : first + count]
        level_step, below_step = state[5, first : first + count], state[6, first : first + count]
        above_step, residual = state[7, first : first + count], state[8, first : first + count]
        values = target[first : first + count]
        multiply_block(columns, first, count, coef, fit)
        for i in range(count):
            a = level[i] + primal_step * level_step[i]
            s = slack[i] - primal_step * level_step[i]
            z = below[i] + dual_step * below_step[i]
            w = above[i] + dual_step * above_step[i]
            level[i], slack[i], below[i], above[i] = a, s, z, w
            q = a * s / (z * s + w * a)
            weight[i] = q
            r = values[i] - fit[i]
            residual[i] = r
            pull[i] = q * r
            drift += abs(r - (w - z))
            gap += a * z + s * w
            total_above += w
            total_below += z
        if own_gram:
            add_gram(columns, first, count, weight, scaled, gram)
        add_moments(columns, first, count, pull, moment)
    sums[0] = gap
    sums[1] = total_above
    sums[2] = total_below
    sums[3] = drift


def predict(columns, state, direction, centring, second_order, n_jobs):
    """Find the predictor's step, how far it may go, and the parts of the corrector's right side.

    ``state[5]`` is set to the predictor's step of the level.

    Parameters
    ----------
    columns, state, n_jobs
        As in ``update_and_gram``.
    direction : ndarray of shape (d,)
        The predictor's step of the coefficients.
    centring, second_order : ndarray of shape (d,)
        Set to the parts of the right side with and without the factor mu.

    Returns
    -------
    primal, dual : float
        Reciprocals of the longest feasible steps.
    linear, quadratic : float
        ``sum(step * (below - above))`` and the sum of the products of the steps.
    """
    d, n = columns.shape
    moments, sums = np.zeros((_n_chunks(n), 2, d)), np.zeros((_n_chunks(n), 4))

    def task(start, stop):
        part = start // CHUNK
        _predict(columns, state, direction, start, stop, moments[part], sums[part])

    run_ranges(task, n, CHUNK, n_jobs)
    centring[:], second_order[:] = moments.sum(axis=0)
    return sums[:, 0].max(), sums[:, 1].max(), sums[:, 2].sum(), sums[:, 3].sum()


@njit(nogil=True, cache=True, fastmath=REASSOCIATE)
def _predict(columns, state, direction, start, stop, moments, sums):
    size = block_rows(columns.shape[0])
    fit = np.empty(size)
    centre = np.empty(size)
    second = np.empty(size)
    # Maxima that run element by element: LLVM does not vectorise them within a vector.
    primal, dual = np.zeros(size), np.zeros(size)
    linear, quadratic = 0.0, 0.0
    for first in range(start, stop, size):
        count = min(size, stop - first)
        level, slack = state[0, first : first + count], state[1, first : first + count]
        below, above = state[2, first : first + count], state[3, first : first + count]
        weight, level_step = state[4, first : first + count], state[5, first : first + count]
        residual = state[8, first : first + count]
        multiply_block(columns, first, count, direction, fit)
        for i in range(count):
            z, w, q = below[i], above[i], weight[i]
            step = q * (residual[i] - fit[i])
            level_step[i] = step
            up, down = step / level[i], step / slack[i]
            z_step, w_step = -z * (1 + up), -w * (1 - down)
            primal[i] = max(primal[i], max(-up, down))
            dual[i] = max(dual[i], max(1 + up, 1 - down))
            linear += step * (z - w)
            quadratic += step * (z_step - w_step)
            centre[i] = q * (1 / level[i] - 1 / slack[i])
            second[i] = -q * (up * z_step + down * w_step)
        add_moments(columns, first, count, centre, moments[0])
        add_moments(columns, first, count, second, moments[1])
    sums[0] = primal.max()
    sums[1] = dual.max()
    sums[2] = linear
    sums[3] = quadratic


def correct(columns, state, direction, mu, n_jobs):
    """Replace the predictor's step in ``state`` by the corrector's, and find how far it may go.

    Parameters
    ----------
    columns, state, n_jobs
        As in ``update_and_gram``.
    direction : ndarray of shape (d,)
        The step of the coefficients.
    mu : float
        Target of the products of variables and multipliers.

    Returns
    -------
    primal, dual : float
        Reciprocals of the longest feasible steps.
    """
    n = columns.shape[1]
    longest = np.zeros((_n_chunks(n), 2))

    def task(start, stop):
        _correct(columns, state, direction, mu, start, stop, longest[start // CHUNK])

    run_ranges(task, n, CHUNK, n_jobs)
    return longest.max(axis=0)


@njit(nogil=True, cache=True, fastmath=REASSOCIATE)
def _correct(columns, state, direction, mu, start, stop, longest):
    size = block_rows(columns.shape[0])
    fit = np.empty(size)
    primal, dual = np.zeros(size), np.zeros(size)
    for first in range(start, stop, size):
        count = min(size, stop - first)
        level, slack = state[0, first : first + count], state[1, first : first + count]
        below, above = state[2, first : first + count], state[3, first : first + count]
        weight, level_step = state[4, first : first + count], state[5, first : first + count]
        below_step, above_step = state[6, first : first + count], state[7, first : first + count]
        residual = state[8, first : first + count]
        multiply_block(columns, first, count, direction, fit)
        for i in range(count):
            z, w = below[i], above[i]
            inverse_level, inverse_slack = 1 / level[i], 1 / slack[i]
            up, down = level_step[i] * inverse_level, level_step[i] * inverse_slack
            # What the products of the predictor's steps add to the complementarity of either side.
            z_product, w_product = -up * z * (1 + up), down * w * (1 - down)
            z_push = mu * inverse_level - z_product
            w_push = mu * inverse_slack - w_product
            step = weight[i] * (residual[i] - fit[i] + z_push - w_push)
            z_step = z_push - z - z * inverse_level * step
            w_step = w_push - w + w * inverse_slack * step
            level_step[i], below_step[i], above_step[i] = step, z_step, w_step
            primal[i] = max(primal[i], max(-step * inverse_level, step * inverse_slack))
            dual[i] = max(dual[i], max(-z_step / z, -w_step / w))
    longest[0] = primal.max()
    longest[1] = dual.max()


def start_state(residual, tau, mu, state, n_jobs):
    """Set ``state`` to the point of the central path for these residuals.

    With ``below = mu (1 - tau) / a`` and ``above = mu tau / (1 - a)`` the condition ``above - below = r`` is a
    quadratic equation in a; where r = 0 it gives 1 - tau.
    """

    def task(start, stop):
        _start_state(residual, tau, mu, state, start, stop)

    run_ranges(task, len(residual), CHUNK, n_jobs)


@njit(nogil=True, cache=True)
def _start_state(residual, tau, mu, state, start, stop):
    for i in range(start, stop):
        r = residual[i]
        ratio = abs(r) / mu
        # Without cancellation: the smaller of a and 1 - a from the root, the other from it.
        t = tau if r > 0 else 1 - tau
        smaller = 2 * t / (1 + ratio + np.sqrt((1 - ratio) ** 2 + 4 * (1 - t) * ratio))
        beyond = mu * (1 - t) / (1 - smaller)
        if r > 0:
            state[0, i], state[1, i] = 1 - smaller, smaller
            state[2, i], state[3, i] = beyond, beyond + r
        else:
            state[0, i], state[1, i] = smaller, 1 - smaller
            state[2, i], state[3, i] = beyond - r, beyond
        state[5, i] = state[6, i] = state[7, i] = 0.0


def assess(columns, target, coef, dual, tau, residual, moment, n_jobs):
    """Compute in one pass what the loss of ``coef`` is, and what a dual point says about it.

    Parameters
    ----------
    columns : ndarray of shape (d, n)
    target : ndarray of shape (n,)
    coef : ndarray of shape (d,)
    dual : ndarray of shape (n,)
        In [tau - 1, tau].
    tau : float
    residual : ndarray of shape (n,)
        Set to ``target - columns.T @ coef``.
    moment : ndarray of shape (d,)
        Set to ``columns @ dual``.
    n_jobs : int or None

    Returns
    -------
    loss, gap, squares : float
        The sum of the losses, that of ``loss - dual * residual``, no term of which is negative, and that of the squared
        residuals.
    """
    d, n = columns.shape
    moments, sums = np.zeros((_n_chunks(n), d)), np.zeros((_n_chunks(n), 3))

    def task(start, stop):
        part = start // CHUNK
        _assess(columns, target, coef, dual, tau, residual, start, stop, moments[part], sums[part])

    run_ranges(task, n, CHUNK, n_jobs)
    moments.sum(axis=0, out=moment)
    return sums.sum(axis=0)


@njit(nogil=True, cache=True, fastmath=REASSOCIATE)
def _assess(columns, target, coef, dual, tau, residual, start, stop, moment, sums):
    size = block_rows(columns.shape[0])
    fit = np.empty(size)
    loss, gap, squares = 0.0, 0.0, 0.0
    for first in range(start, stop, size):
        count = min(size, stop - first)
        multiply_block(columns, first, count, coef, fit)
        values, point = target[first : first + count], dual[first : first + count]
        out = residual[first : first + count]
        for i in range(count):
            r = values[i] - fit[i]
            out[i] = r
            slope = tau if r > 0 else tau - 1
            loss += slope * r
            gap += (slope - point[i]) * r
            squares += r * r
        add_moments(columns, first, count, point, moment)
    sums[0] = loss
    sums[1] = gap
    sums[2] = squares
