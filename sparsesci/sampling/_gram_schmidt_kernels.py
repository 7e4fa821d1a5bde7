"""Projection determinantal point processes by Gram-Schmidt: the conditional probabilities of all rows."""

import numpy as np
from numba import njit, uint64

from sparsesci._core.rng import random_words, stream_of, uniform_from_words
from sparsesci._core.threads import run_ranges
from sparsesci.sampling._projection_dpp_kernels import (
    BLOCK,
    FAST,
    NEGLIGIBLE,
    PROPOSALS,
    RANGE_BLOCKS,
    append_row,
    dot,
    orthogonalise,
    padded_width,
    project,
    trial_limit,
)

# Steps between passes over V, which then is read once for so many rows of the basis. The products are written out.
_STEPS = 4


@njit(cache=True, fastmath=FAST)
def _taken_from_two(V, i, q):
    """Return the squared lengths of the projections of rows i and i + 1 of V on the four rows of q."""
    a0, a1, a2, a3, b0, b1, b2, b3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for c in range(V.shape[1]):
        a, b = np.float64(V[i, c]), np.float64(V[i + 1, c])
        a0 += a * q[0, c]
        a1 += a * q[1, c]
        a2 += a * q[2, c]
        a3 += a * q[3, c]
        b0 += b * q[0, c]
        b1 += b * q[1, c]
        b2 += b * q[2, c]
        b3 += b * q[3, c]
    return (a0 * a0 + a1 * a1) + (a2 * a2 + a3 * a3), (b0 * b0 + b1 * b1) + (b2 * b2 + b3 * b3)


@njit(cache=True, fastmath=FAST)
def _taken_from_one(V, i, q):
    taken = 0.0
    for row in range(q.shape[0]):
        product = 0.0
        for c in range(V.shape[1]):
            product += np.float64(V[i, c]) * q[row, c]
        taken += product * product
    return taken


@njit(cache=True)
def _update_residuals(V, q, residuals, sums):
    """Take from the residuals of all rows what the four rows of ``q`` account for, in one pass over V."""
    for block in range(sums.size):
        running = 0.0
        i, stop = block * BLOCK, min((block + 1) * BLOCK, V.shape[0])
        while i + 2 <= stop:
            first, second = _taken_from_two(V, i, q)
            residuals[i] = max(residuals[i] - first, 0.0)
            residuals[i + 1] = max(residuals[i + 1] - second, 0.0)
            running += residuals[i] + residuals[i + 1]
            i += 2
        if i < stop:
            residuals[i] = max(residuals[i] - _taken_from_one(V, i, q), 0.0)
            running += residuals[i]
        sums[block] = running


@njit(cache=True)
def _remove(residuals, sums, i):
    """Set the residual of row i to zero."""
    residuals[i] = 0.0
    block = i // BLOCK
    sums[block] = residuals[block * BLOCK : (block + 1) * BLOCK].sum()


@njit(cache=True)
def _find_residual(residuals, sums, fraction):
    """Return the row in which ``fraction`` of the sum of the residuals falls."""
    target = fraction * sums.sum()
    block = 0
    while block < sums.size - 1 and sums[block] <= target:
        target -= sums[block]
        block += 1
    i, last = block * BLOCK, min((block + 1) * BLOCK, residuals.size) - 1
    while i < last and residuals[i] <= target:
        target -= residuals[i]
        i += 1
    return i


@njit(cache=True)
def _gram_schmidt_sample(V, key, sample, out, residuals, sums, Q, v, coefficients):
    """Fill ``out`` with the rows of one sample; return the number of trials, or -1 where V is not orthonormal.

    The residuals are up to date at every fourth step. In between they are upper bounds, and a row that they propose is
    accepted with the probability that makes up for it.
    """
    stream = stream_of(PROPOSALS, sample)
    k = V.shape[1]
    trial = 0
    for j in range(out.size):
        if j > 0 and j % _STEPS == 0:
            _update_residuals(V, Q[j - _STEPS : j], residuals, sums)
        last = trial + trial_limit(k)
        while True:
            if trial == last:
                return -1
            words = random_words(key, stream, trial)
            trial += 1
            i = _find_residual(residuals, sums, uniform_from_words(words[0], words[1]))
            threshold = uniform_from_words(words[2], words[3]) * residuals[i]
            for c in range(k):
                v[c] = V[i, c]
            length = dot(v, v)
            if project(Q, j, v, coefficients, length, threshold) <= threshold:
                continue
            left = orthogonalise(Q, j, v, coefficients, length)
            if left > threshold and left > NEGLIGIBLE * length:
                break
        append_row(Q, j, v, left)
        out[j] = i
        _remove(residuals, sums, i)
    return trial


@njit(nogil=True, cache=True, fastmath=FAST)
def _row_lengths(V, lengths, sums, start, stop):
    for block in range(start, stop):
        running = 0.0
        for i in range(block * BLOCK, min((block + 1) * BLOCK, V.shape[0])):
            length = 0.0
            for c in range(V.shape[1]):
                length += np.float64(V[i, c]) * np.float64(V[i, c])
            lengths[i] = length
            running += length
        sums[block] = running


@njit(nogil=True, cache=True)
def _gram_schmidt_samples(V, lengths, length_sums, key, out, trials, start, stop):
    width = padded_width(V.shape[1])
    Q, v, coefficients = np.empty((out.shape[1], width)), np.zeros(width), np.empty(out.shape[1])
    for s in range(start, stop):
        residuals, sums = lengths.copy(), length_sums.copy()
        trials[s] = _gram_schmidt_sample(V, key, uint64(s), out[s], residuals, sums, Q, v, coefficients)


def gram_schmidt_samples(V, key, out, trials, n_jobs):
    """Draw samples of the projection DPP of all columns of ``V``, with the residuals of all rows after every step.

    The parameters are those of ``_projection_dpp_kernels.rejection_samples``.
    """
    lengths, sums = np.empty(V.shape[0]), np.empty(-(-V.shape[0] // BLOCK))
    run_ranges(lambda start, stop: _row_lengths(V, lengths, sums, start, stop), sums.size, RANGE_BLOCKS, n_jobs)
    given = V, lengths, sums, np.uint64(key), out, trials
    run_ranges(lambda start, stop: _gram_schmidt_samples(*given, start, stop), out.shape[0], 1, n_jobs)
