"""Kernels of projection determinantal point processes: sampling by rejection in the chain rule.

The rows of V (N, D) restricted to some of its columns are orthonormal as columns; a sample is as many rows as there
are columns, or fewer. Proposals come from distributions over the rows that are prepared once: ``prefix`` (n_laws, N)
holds sums of weights from the beginning of each block of ``BLOCK`` rows, and ``cumulative`` (n_laws, n_blocks) the
sums of blocks, so that a search touches few cache lines and rounding does not grow with N. One law is that of the row
lengths; D laws are those of the squared entries of each column, of which a proposal takes one at random.

Every sample has its own stream of random numbers, the counter being the number of the trial.
"""

import numpy as np
from numba import njit, uint64

from sparsesci._core.rng import index_from_words, random_words, stream_of, uniform_from_words
from sparsesci._core.threads import run_ranges

PROPOSALS = 1
COLUMNS = 2
BLOCK = 1024

#: A residual below this share of the row's squared length is rounding: the row depends on those that were taken.
NEGLIGIBLE = 1e-28
#: By how much a squared length may shrink before its direction is computed again: one digit of the length is lost.
CANCELLATION = 100.0
FAST = {"reassoc", "contract", "nsz", "arcp"}
RANGE_BLOCKS = 8
_BATCH = 16
_WORK_PER_RANGE = 1 << 18


@njit(cache=True)
def trial_limit(k):
    """Return how many trials in one step mean that V is not orthonormal: chance exceeds it less than once in e**100."""
    return 100 * k + 1000


@njit(cache=True)
def padded_width(k):
    """Return how many numbers a row of k has with the zeros that fill its last vector."""
    return (k + 7) // 8 * 8


@njit(cache=True)
def propose(prefix, cumulative, fraction):
    """Return the row in which ``fraction`` of the total weight of one law falls."""
    target = fraction * cumulative[-1]
    # Two searches by halving without branches, which could not be predicted: first the block, then the row in it.
    block, count = 0, cumulative.size
    while count > 1:
        half = count >> 1
        block += half * (cumulative[block + half - 1] <= target)
        count -= half
    if block > 0:
        target -= cumulative[block - 1]
    row = block * BLOCK
    count = min(BLOCK, prefix.size - row)
    while count > 1:
        half = count >> 1
        row += half * (prefix[row + half - 1] <= target)
        count -= half
    return row


@njit(cache=True)
def propose_row(prefix, cumulative, columns, key, sample, trial):
    """Return the row that trial ``trial`` of the sample proposes, and its uniform number in [0, 1)."""
    words = random_words(key, stream_of(PROPOSALS, sample), trial)
    law = 0
    if prefix.shape[0] > 1:
        other = random_words(key, stream_of(COLUMNS, sample), trial)
        law = columns[index_from_words(other[0], other[1], columns.size)]
    row = propose(prefix[law], cumulative[law], uniform_from_words(words[0], words[1]))
    return row, uniform_from_words(words[2], words[3])


@njit(nogil=True, cache=True, fastmath=FAST)
def _sum_row_lengths(V, prefix, totals, start, stop):
    for block in range(start, stop):
        running = 0.0
        for i in range(block * BLOCK, min((block + 1) * BLOCK, V.shape[0])):
            length = 0.0
            for c in range(V.shape[1]):
                length += np.float64(V[i, c]) * np.float64(V[i, c])
            running += length
            prefix[0, i] = running
        totals[0, block] = running


@njit(nogil=True, cache=True)
def _sum_column_squares(V, prefix, totals, start, stop):
    for block in range(start, stop):
        for c in range(V.shape[1]):
            running = 0.0
            for i in range(block * BLOCK, min((block + 1) * BLOCK, V.shape[0])):
                running += np.float64(V[i, c]) * np.float64(V[i, c])
                prefix[c, i] = running
            totals[c, block] = running


@njit(cache=True, fastmath=FAST)
def dot(x, y):
    total = 0.0
    for c in range(x.size):
        total += x[c] * y[c]
    return total


@njit(cache=True, fastmath=FAST)
def _dot_four(Q, first, v):
    """Return the products of v with four rows of Q."""
    a, b, c, d = Q[first], Q[first + 1], Q[first + 2], Q[first + 3]
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for e in range(v.size):
        s0 += a[e] * v[e]
        s1 += b[e] * v[e]
        s2 += c[e] * v[e]
        s3 += d[e] * v[e]
    return s0, s1, s2, s3


@njit(cache=True)
def project(Q, n_rows, v, coefficients, residual, threshold):
    """Write the products of v with the rows of Q, and return what is left of its squared length ``residual``.

    Stops as soon as no more than ``threshold`` is left: further rows can only take more of it.
    """
    first = 0
    while first + 4 <= n_rows:
        s0, s1, s2, s3 = _dot_four(Q, first, v)
        coefficients[first], coefficients[first + 1] = s0, s1
        coefficients[first + 2], coefficients[first + 3] = s2, s3
        residual -= (s0 * s0 + s1 * s1) + (s2 * s2 + s3 * s3)
        if residual <= threshold:
            return residual
        first += 4
    for e in range(first, n_rows):
        s0 = dot(Q[e], v)
        coefficients[e] = s0
        residual -= s0 * s0
    return residual


@njit(cache=True, fastmath=FAST)
def _subtract(Q, n_rows, coefficients, v):
    """v -= coefficients @ Q[:n_rows]; return the squared length of what is left."""
    first = 0
    while first + 4 <= n_rows:
        a, b, c, d = Q[first], Q[first + 1], Q[first + 2], Q[first + 3]
        s0, s1, s2, s3 = coefficients[first : first + 4]
        for e in range(v.size):
            v[e] -= (s0 * a[e] + s1 * b[e]) + (s2 * c[e] + s3 * d[e])
        first += 4
    for q in range(first, n_rows):
        a, s0 = Q[q], coefficients[q]
        for e in range(v.size):
            v[e] -= s0 * a[e]
    return dot(v, v)


@njit(cache=True)
def orthogonalise(Q, n_rows, v, coefficients, length):
    """Make v orthogonal to the rows of Q, given its products with them; return its squared length."""
    left = _subtract(Q, n_rows, coefficients, v)
    # "Twice is enough" (Kahan and Parlett): a second pass where cancellation has spoiled the first.
    if CANCELLATION * left < length:
        project(Q, n_rows, v, coefficients, left, -np.inf)
        left = _subtract(Q, n_rows, coefficients, v)
    return left


@njit(cache=True)
def append_row(Q, j, v, squared_length):
    scale = 1.0 / np.sqrt(squared_length)
    for c in range(v.size):
        Q[j, c] = v[c] * scale


@njit(cache=True)
def _propose_batch(V, columns, prefix, cumulative, key, sample, trial, rows, fractions, candidates, lengths):
    """Prepare the proposals of the next trials: memory then is waited for once, not once for each."""
    for t in range(rows.size):
        rows[t], fractions[t] = propose_row(prefix, cumulative, columns, key, sample, trial + t)
    for t in range(rows.size):
        for c in range(columns.size):
            candidates[t, c] = V[rows[t], columns[c]]
        lengths[t] = dot(candidates[t], candidates[t])


@njit(cache=True)
def _reject_sample(V, columns, prefix, cumulative, key, sample, out, Q, candidates, coefficients):
    """Fill ``out`` with the rows of one sample; return the number of trials, or -1 where V is not orthonormal."""
    batch = min(_BATCH, columns.size)
    rows, fractions, lengths = np.empty(batch, np.int64), np.empty(batch), np.empty(batch)
    trial, t = 0, batch
    for j in range(out.size):
        last = trial + trial_limit(columns.size)
        while True:
            if trial == last:
                return -1
            if t == batch:
                _propose_batch(V, columns, prefix, cumulative, key, sample, trial, rows, fractions, candidates, lengths)
                t = 0
            v, length, threshold, i = candidates[t], lengths[t], fractions[t] * lengths[t], rows[t]
            trial += 1
            t += 1
            if project(Q, j, v, coefficients, length, threshold) <= threshold:
                continue
            left = orthogonalise(Q, j, v, coefficients, length)
            if left > threshold and left > NEGLIGIBLE * length:
                break
        append_row(Q, j, v, left)
        out[j] = i
    return trial


@njit(nogil=True, cache=True)
def _reject_samples(V, columns, counts, sizes, prefix, cumulative, key, out, trials, start, stop):
    widest, longest = padded_width(columns.shape[1]), out.shape[1]
    Q_memory, v_memory, coefficients = np.empty(longest * widest), np.empty(_BATCH * widest), np.empty(longest)
    for s in range(start, stop):
        k = counts[s]
        width = padded_width(k)
        chosen = columns[s if columns.shape[0] > 1 else 0, :k]
        Q = Q_memory[: longest * width].reshape((longest, width))
        candidates = v_memory[: _BATCH * width].reshape((_BATCH, width))
        candidates[:, k:] = 0.0
        trials[s] = _reject_sample(
            V, chosen, prefix, cumulative, key, uint64(s), out[s, : sizes[s]], Q, candidates, coefficients
        )


def row_law(V, n_jobs):
    """Return ``prefix`` (1, N) and ``cumulative`` (1, n_blocks) of the law of the squared lengths of the rows."""
    return _law(_sum_row_lengths, V, 1, n_jobs)


def column_laws(V, n_jobs):
    """Return ``prefix`` (D, N) and ``cumulative`` (D, n_blocks) of the laws of the squared entries of each column."""
    return _law(_sum_column_squares, V, V.shape[1], n_jobs)


def _law(kernel, V, n_laws, n_jobs):
    n_blocks = -(-V.shape[0] // BLOCK)
    prefix, totals = np.empty((n_laws, V.shape[0])), np.empty((n_laws, n_blocks))
    run_ranges(lambda start, stop: kernel(V, prefix, totals, start, stop), n_blocks, RANGE_BLOCKS, n_jobs)
    return prefix, np.cumsum(totals, axis=1)


def rejection_samples(V, columns, counts, sizes, prefix, cumulative, key, out, trials, n_jobs):
    """Draw samples of projection DPPs by rejection in the chain rule.

    Parameters
    ----------
    V : ndarray of shape (N, D), float32 or float64
    columns : ndarray of shape (n_samples, D) or (1, D), int64
        Sample s belongs to the columns ``columns[s, : counts[s]]`` of ``V``, or to those of the only row.
    counts, sizes : ndarray of shape (n_samples,), int64
        Number of columns, and of rows to draw: ``sizes <= counts``.
    prefix, cumulative : ndarray
        What ``row_law`` returns, where all samples have all columns, or ``column_laws``.
    key : numpy.uint64
    out : ndarray of shape (n_samples, max(sizes)), int64
        The rows drawn; entries beyond ``sizes`` are left as they are.
    trials : ndarray of shape (n_samples,), int64
        The number of proposals that each sample took, or -1 where none was accepted for so long that the columns
        cannot be orthonormal.
    n_jobs : int or None
    """
    work = max(1, int(sizes.max(initial=0)) * int(counts.max(initial=0)) * 8)
    chunk = max(1, _WORK_PER_RANGE // work)
    given = V, columns, counts, sizes, prefix, cumulative, np.uint64(key), out, trials
    run_ranges(lambda start, stop: _reject_samples(*given, start, stop), out.shape[0], chunk, n_jobs)
