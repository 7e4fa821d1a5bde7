"""The step of the iteration for Lewis weights, in one loop over the rows."""

import numpy as np
from numba import njit

_BLOCK = 64


@njit(nogil=True, cache=True)
def take_step(log_squares, log_weights, previous, offsets, power, shift, step, momentum, negligible):
    """Move the logarithms of weights by ``step`` times their distance from those of leverage scores, and on as before.

    ``previous`` are the logarithms of the last iteration, ``momentum`` the share of the last move that is made again.

    The leverage scores are exp(power * log_weights + offsets - shift + log_squares). ``log_squares`` is replaced by the
    same exponent for the new weights. Returns the largest distance among rows with log_weights above ``negligible``.
    """
    n = len(log_weights)
    largest = np.zeros(_BLOCK)
    for first in range(0, n, _BLOCK):
        for k in range(min(_BLOCK, n - first)):
            i = first + k
            constant = offsets[i] - shift
            before = log_weights[i]
            change = log_squares[i] + constant + (power - 1.0) * before
            after = before + step * change + momentum * (before - previous[i])
            previous[i] = before
            log_weights[i] = after
            log_squares[i] = power * after + constant
            distance = abs(change) if before > negligible else 0.0
            # NaN, from a square that was zero or infinite, must not pass unnoticed.
            largest[k] = largest[k] if distance <= largest[k] else distance
    return largest.max()
