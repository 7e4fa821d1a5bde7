"""Projection determinantal point processes by Gram-Schmidt: the conditional probabilities of all rows at every step."""

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
    project,
    trial_limit,
)


@njit(cache=True, fastmath=FAST)
def _products_of_four(V, i, q):
    """Return the products of q with four rows of V: q is read once for all of them."""
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for c in range(V.shape[1]):
        s0 += np.float64(V[i, c]) * q[c]
        s1 += np.float64(V[i + 1, c]) * q[c]
        s2 += np.float64(V[i + 2, c]) * q[c]
        s3 += np.float64(V[i + 3, c]) * q[c]
    return s0, s1, s2, s3


@njit(cache=True)
def _take(residuals, i, product):
    """Take the square of a product from a row's residual, and return what is left."""
    residuals[i] = max(residuals[i] - product * product, 0.0)
    return residuals[i]


@njit(cache=True, fastmath=FAST)
def _update_residuals(V, q, residuals, sums):
    """Take from every row's residual the square of its product with ``q``."""
    for block in range(sums.size):
        running = 0.0
        i, stop = block * BLOCK, min((block + 1) * BLOCK, V.shape[0])
        while i + 4 <= stop:
            s0, s1, s2, s3 = _products_of_four(V, i, q)
            running += _take(residuals, i, s0) + _take(residuals, i + 1, s1)
            running += _take(residuals, i + 2, s2) + _take(residuals, i + 3, s3)
            i += 4
        while i < stop:
            product = 0.0
            for c in range(V.shape[1]):
                product += np.float64(V[i, c]) * q[c]
            running += _take(residuals, i, product)
            i += 1
        sums[block] = running


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
    """Fill ``out`` with the rows of one sample; return the number of trials, or -1 where V is not orthonormal."""
    stream = stream_of(PROPOSALS, sample)
    trial = 0
    for j in range(out.size):
        last = trial + trial_limit(v.size)
        while True:
            if trial == last:
                return -1
            words = random_words(key, stream, trial)
            trial += 1
            i = _find_residual(residuals, sums, uniform_from_words(words[0], words[1]))
            for c in range(v.size):
                v[c] = V[i, c]
            length = dot(v, v)
            project(Q, j, v, coefficients, length, -np.inf)
            left = orthogonalise(Q, j, v, coefficients, length)
            if residuals[i] > 0.0 and left > NEGLIGIBLE * length:
                break
        append_row(Q, j, v, left)
        out[j] = i
        residuals[i] = 0.0
        if j < out.size - 1:
            _update_residuals(V, Q[j], residuals, sums)
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
    k = V.shape[1]
    Q, v, coefficients = np.empty((out.shape[1], k)), np.empty(k), np.empty(out.shape[1])
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
