"""The pass of k-means++: distances to a new centre, nearest centres, and sums for the next draw, in one loop."""

import numpy as np
from numba import njit

from sparsesci._core.arrays import kernel_view
from sparsesci._core.threads import run_chunks

RANGE_ROWS = 2048
_REASSOCIATING = {"reassoc", "contract", "nsz", "arcp"}


def _n_ranges(n):
    """Return the number of ranges of rows, each with a sum of its own."""
    return -(-n // RANGE_ROWS)


@njit(nogil=True, cache=True, fastmath=_REASSOCIATING)
def _nearest_range(A, centre, label, weights, power, costs, labels, start, stop):
    total = 0.0
    for i in range(start, stop):
        square = 0.0
        for j in range(len(centre)):
            difference = A[i, j] - centre[j]
            square += difference * difference
        cost = square if power == 2 else np.sqrt(square)
        if cost < costs[i]:
            costs[i] = cost
            labels[i] = label
        total += weights[i] * costs[i]
    return total


def update_nearest(A, centre, label, weights, power, costs, labels, n_jobs):
    """Compare the distances to one more centre with those to the nearest so far.

    Parameters
    ----------
    A : ndarray of shape (n, d), float32 or float64
    centre : ndarray of shape (d,), float64
    label : int
        The centre's number.
    weights : ndarray of shape (n,), float64
    power : {1, 2}
        Of the distances.
    costs : ndarray of shape (n,), float64
        Powers of the distances to the nearest centre: brought up to date.
    labels : ndarray of shape (n,), int64
        Its number: brought up to date.
    n_jobs : int or None

    Returns
    -------
    sums : ndarray of shape (n_ranges,), float64
        Of ``weights * costs`` over every ``RANGE_ROWS`` rows.
    """
    A = kernel_view(A)
    n = len(costs)
    sums = np.empty(_n_ranges(n))

    def task(r):
        start, stop = r * RANGE_ROWS, min(n, (r + 1) * RANGE_ROWS)
        sums[r] = _nearest_range(A, centre, label, weights, power, costs, labels, start, stop)

    run_chunks(task, len(sums), n_jobs)
    return sums
