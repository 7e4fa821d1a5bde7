"""The step of the iteration for Lewis weights, in one loop over the rows."""

import numpy as np
from numba import njit

from sparsesci._core.simd import lanes, load, splat, store

_BLOCK = 64


@njit(nogil=True, cache=True)
def take_step(log_squares, log_weights, previous, offsets, power, shift, step, momentum, negligible):
    """Move the logarithms of weights by ``step`` times their distance from those of leverage scores, and on as before.

    ``previous`` are the logarithms of the last iteration, ``momentum`` the share of the last move that is made again.
    The leverage scores are exp(power * log_weights + offsets - shift + log_squares). ``log_squares`` is replaced by the
    same exponent for the new weights. Returns the largest distance among rows with log_weights above ``negligible``.
    """
    n = len(log_weights)
    change = np.empty(n)
    width = lanes(change)
    whole = n // width * width
    minus, other = splat(change, -shift), splat(change, power - 1.0)
    pace, share, slope = splat(change, step), splat(change, momentum), splat(change, power)
    for i in range(0, whole, width):
        constant = load(offsets, i) + minus
        before = load(log_weights, i)
        moved = load(log_squares, i) + constant + other * before
        after = before + pace * moved + share * (before - load(previous, i))
        store(change, i, moved)
        store(previous, i, before)
        store(log_weights, i, after)
        store(log_squares, i, slope * after + constant)
    for i in range(whole, n):
        constant = offsets[i] - shift
        before = log_weights[i]
        change[i] = log_squares[i] + constant + (power - 1.0) * before
        log_weights[i] = before + step * change[i] + momentum * (before - previous[i])
        previous[i] = before
        log_squares[i] = power * log_weights[i] + constant
    return _largest(change, previous, negligible)


@njit(nogil=True, cache=True)
def _largest(change, before, negligible):
    """Return the largest size of a change where ``before`` is above ``negligible``."""
    n = len(change)
    largest = np.zeros(_BLOCK)
    for first in range(0, n, _BLOCK):
        for k in range(min(_BLOCK, n - first)):
            distance = abs(change[first + k]) if before[first + k] > negligible else 0.0
            # NaN, from a square that was zero or infinite, must not pass unnoticed.
            largest[k] = largest[k] if distance <= largest[k] else distance
    return largest.max()
