"""CUDA twin of the pass of k-means++: one thread for each row, then one for each range of rows."""

import math

import numpy as np
from numba import cuda

from sparsesci._core import cuda as device
from sparsesci.sampling._kmeans_coreset_kernels import RANGE_ROWS


@cuda.jit
def nearest_kernel(x, centre, label, power, costs, labels):
    """Bring the cost and the label of row i up to date, one thread for each row."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        square = 0.0
        for j in range(x.shape[1]):
            difference = x[i, j] - centre[j]
            square += difference * difference
        cost = square if power == 2 else math.sqrt(square)
        if cost < costs[i]:
            costs[i] = cost
            labels[i] = label


@cuda.jit
def sums_kernel(weights, costs, range_rows, sums):
    """sums[r] = sum of weights * costs over range r, one thread for each, in the order of the rows."""
    r = cuda.grid(1)
    if r < sums.size:
        total = 0.0
        for i in range(r * range_rows, min(costs.size, (r + 1) * range_rows)):
            total += weights[i] * costs[i]
        sums[r] = total


def _n_ranges(n):
    """Return the number of ranges of rows, each with a sum of its own."""
    return -(-n // RANGE_ROWS)


def update_nearest(A, centre, label, weights, power, costs, labels, n_jobs):
    """Compare the distances to one more centre with those to the nearest so far.

    Parameters
    ----------
    A : host or device array of shape (n, d), float32 or float64
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
        Not used: the parameter of the CPU twin.

    Returns
    -------
    sums : ndarray of shape (n_ranges,), float64
        Of ``weights * costs`` over every ``RANGE_ROWS`` rows.
    """
    n, d = A.shape
    sums = np.empty(_n_ranges(n))
    place, own = cuda.to_device(np.ascontiguousarray(centre)), cuda.to_device(weights)
    with device.on_device(costs) as held, device.on_device(labels) as numbers, device.on_device(sums) as added:
        for start, x in device.row_pieces(A, device.rows_per_piece(8 * d)):
            rows = slice(start, start + x.shape[0])
            device.for_each(nearest_kernel, x.shape[0])(x, place, label, power, held[rows], numbers[rows])
        device.for_each(sums_kernel, added.size)(own, held, RANGE_ROWS, added)
    return sums
