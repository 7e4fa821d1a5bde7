"""CPU kernels of the evaluation of the semi-dual: for potentials y of the columns, the x and the plan that fit them.

Row i of the plan is r_i times the softmax over j of ``z_j = eta (y_j - C_ij)``. Where eta is large nearly all terms
vanish beside the largest, so the row is gone through in blocks: a first pass finds the maximum of each, and only
blocks that come close to the maximum of the row are exponentiated. Costs come from a matrix or, where points
are given, are computed on the way.
"""

import numpy as np
from numba import njit, types, uintp
from numba.extending import intrinsic

from sparsesci._core.threads import run_chunks
from sparsesci.transport._entropic_ranges import BLOCK, padded_length, row_edges

# How the costs are given: as a matrix, or as points and a metric.
MATRIX, SQEUCLIDEAN, EUCLIDEAN, CITYBLOCK = 0, 1, 2, 3
METRICS = {"sqeuclidean": SQEUCLIDEAN, "euclidean": EUCLIDEAN, "cityblock": CITYBLOCK}
# No entry is kept where the threshold is this: weights are at most 1.
NO_ENTRIES = 2.0


_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to the nearest integer
# Less would make denormal numbers of the products with masses, at a hundred cycles each.
_SMALLEST = -600.0
# Above exp(_SMALLEST): what is clamped there counts as zero.
LEAST_WEIGHT = 1e-250


_FLAGS = ("nnan", "nsz")


@intrinsic
def larger_of(typingctx, a, b):
    """Return the larger of two float64, neither of them NaN, in the form that the loop vectoriser recognises."""

    def codegen(context, builder, signature, args):
        is_larger = builder.fcmp_ordered(">", *args, flags=_FLAGS)
        return builder.select(is_larger, *args, flags=_FLAGS)

    return types.float64(types.float64, types.float64), codegen


@njit(nogil=True, cache=True, fastmath={"contract"})
def exp_of(x):
    """Return exp(x) for x <= 0, exact to two units in the last place; below -600 about 3e-261 instead of less.

    Cody and Waite's reduction and the Taylor polynomial of degree 12, without a branch, so that loops vectorise.
    """
    x = larger_of(x, _SMALLEST)
    shifted = x * _LOG2_E + _ROUNDER
    n = shifted - _ROUNDER
    f = (x - n * _LN2_HIGH) - n * _LN2_LOW
    f2 = f * f
    f4 = f2 * f2
    low = (1.0 + f) + f2 * (0.5 + f * (1.0 / 6.0))
    middle = (1.0 / 24.0 + f * (1.0 / 120.0)) + f2 * (1.0 / 720.0 + f * (1.0 / 5040.0))
    high = (1.0 / 40320.0 + f * (1.0 / 362880.0)) + f2 * (1.0 / 3628800.0 + f * (1.0 / 39916800.0))
    p = low + f4 * (middle + f4 * (high + f4 * (1.0 / 479001600.0)))
    power = np.int64((np.float64(shifted).view(np.int64) << 52) + (1023 << 52))
    return p * power.view(np.float64)


@njit(nogil=True, cache=True, fastmath={"nsz", "nnan"})
def _largest_difference(cost, y, start, stop):
    # Unsigned indices, here and below: Numba would otherwise look for negative ones. That the ends are known at run
    # time only is on purpose too: loops of fixed length are unrolled, and then stay scalar.
    largest = -np.inf
    for j in range(start, stop):
        largest = larger_of(largest, y[uintp(j)] - cost[uintp(j)])
    return largest


@njit(nogil=True, cache=True)
def _largest_differences(cost, y, block_max):
    """Write the largest y_j - cost_j of each block to block_max; return the largest of all."""
    top = -np.inf
    for b in range(block_max.size):
        block_max[b] = _largest_difference(cost, y, b * BLOCK, min(y.size, (b + 1) * BLOCK))
        top = max(top, block_max[b])
    return top


@njit(nogil=True, cache=True, fastmath={"contract"})
def _scores(cost, y, eta, top, z, start, stop):
    for j in range(start, stop):
        z[uintp(j)] = eta * (y[uintp(j)] - cost[uintp(j)]) - top


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _exp_block(z, first):
    """z = exp(z) for a block; return the sum."""
    begin = uintp(first)
    total = 0.0
    for j in range(BLOCK):
        value = exp_of(z[begin + uintp(j)])
        z[begin + uintp(j)] = value
        total += value
    return total


@njit(nogil=True, cache=True)
def exp_of_row(cost, y, eta, cut, z, block_max, active):
    """z = exp(eta (y_j - cost_j) - top) for a row, where top is the largest of the scores eta (y_j - cost_j).

    Only blocks with scores within ``cut`` of top are computed, and listed in ``active``. ``z`` is a whole number of
    blocks long; beyond the end of the row it becomes nearly zero. Costs may be infinite; nothing may be NaN.

    Returns
    -------
    top : float
    n_active : int
    total : float
        The sum of z over these blocks.
    """
    m = y.size
    largest = _largest_differences(cost, y, block_max)
    top = eta * largest
    lowest = largest - cut / eta
    n_active = 0
    for b in range(block_max.size):
        active[n_active] = b
        n_active += block_max[b] >= lowest
    # Neighbouring blocks at once: a loop must be long for the compiler to check that arrays do not overlap.
    first = 0
    while first < n_active:
        last = first + 1
        while last < n_active and active[last] == active[last - 1] + 1:
            last += 1
        _scores(cost, y, eta, top, z, active[first] * BLOCK, min(m, (active[last - 1] + 1) * BLOCK))
        first = last
    z[m:] = -np.inf
    total = 0.0
    for a in range(n_active):
        total += _exp_block(z, active[a] * BLOCK)
    return top, n_active, total


@njit(nogil=True, cache=True, fastmath={"contract"})
def _add_distances(x, coordinates, metric, cost):
    if metric == CITYBLOCK:
        for j in range(cost.size):
            cost[j] += abs(x - coordinates[j])
    else:
        for j in range(cost.size):
            difference = x - coordinates[j]
            cost[j] += difference * difference


@njit(nogil=True, cache=True)
def costs_of_point(point, Yt, metric, cost):
    """Write the costs from ``point`` (d,) to the columns of ``Yt`` (d, m) to ``cost``."""
    cost[:] = 0
    for k in range(point.size):
        _add_distances(point[k], Yt[k], metric, cost)
    if metric == EUCLIDEAN:
        for j in range(cost.size):
            cost[j] = np.sqrt(cost[j])


@njit(nogil=True, cache=True)
def exp_row(C, X, Yt, metric, i, y, eta, cut, cost, z, block_max, active):
    """Do as ``exp_of_row`` with row i, whichever way the costs are given; ``cost`` is space for those from points."""
    if metric == MATRIX:
        return exp_of_row(C[i], y, eta, cut, z, block_max, active)
    costs_of_point(X[i], Yt, metric, cost)
    return exp_of_row(cost, y, eta, cut, z, block_max, active)


@njit(nogil=True, cache=True, fastmath={"contract"})
def add_row(z, active, n_active, scale, sums):
    """sums += scale * z in the active blocks."""
    for a in range(n_active):
        begin = uintp(active[a] * BLOCK)
        for j in range(BLOCK):
            sums[begin + uintp(j)] += z[begin + uintp(j)] * scale


@njit(nogil=True, cache=True)
def _larger(values, used, wanted):
    grown = np.empty(max(wanted, 2 * values.size), dtype=values.dtype)
    grown[:used] = values[:used]
    return grown


@njit(nogil=True, cache=True)
def _keep_row(z, active, n_active, scale, threshold, indices, weights, used):
    """Append the entries of the active blocks whose weight is above the threshold; return how many there are now."""
    last = uintp(used)
    for a in range(n_active):
        begin = uintp(active[a] * BLOCK)
        for j in range(BLOCK):
            weight = z[begin + uintp(j)] * scale
            # Written in any case, and kept by counting it: a branch would be mispredicted more often than not.
            indices[last] = np.int32(begin + uintp(j))
            weights[last] = weight
            last += uintp(weight > threshold)
    return np.int64(last)


@njit(nogil=True, cache=True)
def semidual_range(C, X, Yt, metric, y, eta, r, cut, threshold, x, sums, start, stop):
    """Evaluate rows start <= i < stop: write x, add to the column sums, return counts, indices and weights kept.

    ``sums`` is as long as a whole number of blocks.
    """
    n_blocks = sums.size // BLOCK
    z = np.empty(sums.size)
    cost = np.empty(y.size if metric != MATRIX else 0)
    block_max = np.empty(n_blocks)
    active = np.empty(n_blocks + 1, dtype=np.int64)
    keep = threshold < NO_ENTRIES
    # What is beyond the end of the row must not be kept.
    threshold = max(threshold, LEAST_WEIGHT)
    capacity = 4 * (stop - start) + sums.size if keep else 0
    indices, weights = np.empty(capacity, dtype=np.int32), np.empty(capacity)
    counts = np.zeros(stop - start, dtype=np.int64)
    used = 0
    for i in range(start, stop):
        top, n_active, total = exp_row(C, X, Yt, metric, i, y, eta, cut, cost, z, block_max, active)
        x[i] = (np.log(r[i]) - top - np.log(total)) / eta
        add_row(z, active, n_active, r[i] / total, sums)
        if keep:
            if used + n_active * BLOCK >= indices.size:
                indices = _larger(indices, used, used + n_active * BLOCK + 1)
                weights = _larger(weights, used, used + n_active * BLOCK + 1)
            before = used
            used = _keep_row(z, active, n_active, 1.0 / total, threshold, indices, weights, used)
            counts[i - start] = used - before
    return counts, indices[:used], weights[:used]


def hold(array):
    """Return ``array`` where the kernels of this device want it: as it is."""
    return array


def semidual_pass(C, X, Yt, metric, y, eta, r, cut, threshold, n_jobs):
    """Evaluate the semi-dual at ``y``: one pass over the costs.

    Parameters
    ----------
    C : ndarray of shape (n, m), C-ordered, float32 or float64
        Costs; may hold infinity, but no row may consist of it. Of shape (0, 0) where points are given.
    X : ndarray of shape (n, d), float64, C-ordered
        Points; of shape (0, 0) where a matrix is given.
    Yt : ndarray of shape (d, m), float64, C-ordered
        Points, one in each column.
    metric : int
        ``MATRIX``, ``SQEUCLIDEAN``, ``EUCLIDEAN`` or ``CITYBLOCK``.
    y : ndarray of shape (m,)
        Potentials of the columns.
    eta : float
        One over the regularisation.
    r : ndarray of shape (n,)
        Masses of the rows, positive.
    cut : float
        Blocks of entries that are all below exp(-cut) times the largest of their row are left out.
    threshold : float
        Entries of P_ij / r_i above it, and above 1e-250, are returned; ``NO_ENTRIES`` for none.
    n_jobs : int or None
        Number of threads. The result does not depend on it.

    Returns
    -------
    x : ndarray of shape (n,)
        Potentials of the rows, for which the plan has row sums r.
    sums : ndarray of shape (m,)
        Column sums of that plan.
    indptr, indices, weights : ndarrays
        The entries above the threshold of the plan with every row divided by its mass, in CSR form.
    """
    n, m = r.size, y.size
    edges = row_edges(n, m)
    x = np.empty(n)
    partial = np.zeros((edges.size - 1, padded_length(m)))
    parts = [None] * (edges.size - 1)

    def evaluate(k):
        parts[k] = semidual_range(
            C, X, Yt, metric, y, eta, r, cut, threshold, x, partial[k], edges[k], edges[k + 1]
        )  # fmt: skip

    run_chunks(evaluate, edges.size - 1, n_jobs)
    sums = partial[0]
    for part in partial[1:]:
        sums += part
    indptr = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.concatenate([part[0] for part in parts]), out=indptr[1:])
    if len(parts) == 1:
        return x, sums[:m], indptr, parts[0][1], parts[0][2]
    return x, sums[:m], indptr, np.concatenate([p[1] for p in parts]), np.concatenate([p[2] for p in parts])
