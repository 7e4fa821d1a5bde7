"""CPU kernels of entropic transport around the evaluation of the semi-dual: the plan, ranges, maps and gradients."""

import numpy as np
from numba import njit

from sparsesci._core.threads import run_chunks
from sparsesci.transport._entropic_ranges import BLOCK, row_edges
from sparsesci.transport._semidual_kernels import (
    CITYBLOCK,
    EUCLIDEAN,
    MATRIX,
    SQEUCLIDEAN,
    costs_of_point,
    exp_row,
)

# exp of less than this is not a normal number: such entries of a plan are zero.
_UNDERFLOW = -708.0
# Weights below exp(-60) do not change a mean.
_MAP_CUT = 60.0


@njit(nogil=True, cache=True)
def cost_of_row(C, X, Yt, metric, i, cost):
    """Write row i of the costs to ``cost``, whichever way they are given."""
    if metric == MATRIX:
        for j in range(cost.size):
            cost[j] = C[i, j]
    else:
        costs_of_point(X[i], Yt, metric, cost)


@njit(nogil=True, cache=True)
def softmax_of_cost(cost, y, eta, weights):
    """Write the softmax over j of eta (y_j - cost_j) to ``weights``; return the logarithm of the sum."""
    top = -np.inf
    for j in range(y.size):
        weights[j] = eta * (y[j] - cost[j])
        top = max(top, weights[j])
    total = 0.0
    for j in range(y.size):
        score = weights[j] - top
        weights[j] = np.exp(score) if score > _UNDERFLOW else 0.0
        total += weights[j]
    for j in range(y.size):
        weights[j] /= total
    return top + np.log(total)


@njit(nogil=True, cache=True)
def plan_range(C, X, Yt, metric, y, eta, r, threshold, x, out, sums, totals, start, stop):
    """Write rows of the plan to ``out`` (unless empty), add to column sums; totals[i] = (cost, entries above)."""
    m = y.size
    cost, weights = np.empty(m), np.empty(m)
    for i in range(start, stop):
        cost_of_row(C, X, Yt, metric, i, cost)
        x[i] = (np.log(r[i]) - softmax_of_cost(cost, y, eta, weights)) / eta
        total, count = 0.0, 0
        for j in range(m):
            mass = r[i] * weights[j]
            if mass > 0:
                total += mass * cost[j]
                sums[j] += mass
                count += weights[j] > threshold
            if out.size:
                out[i, j] = mass
        totals[i, 0], totals[i, 1] = total, count


def plan_pass(C, X, Yt, metric, y, eta, r, threshold, out, n_jobs):
    """Return (x, column sums, transport cost, number of entries above ``threshold`` r_i); write the plan to ``out``.

    The arguments are those of ``semidual_pass``; ``out`` has shape (n, m), or (0, 0) where no plan is wanted.
    """
    n, m = r.size, y.size
    edges = row_edges(n, m)
    x, totals = np.empty(n), np.empty((n, 2))
    partial = np.zeros((edges.size - 1, m))

    def write(k):
        plan_range(
            C, X, Yt, metric, y, eta, r, threshold, x, out, partial[k], totals, edges[k], edges[k + 1]
        )  # fmt: skip

    run_chunks(write, edges.size - 1, n_jobs)
    cost, count = totals.sum(axis=0)
    return x, partial.sum(axis=0), float(cost), int(count)


@njit(nogil=True, cache=True)
def extent_range(C, X, Yt, metric, m, extent, start, stop):
    """extent[:] = smallest and largest finite cost of the rows."""
    cost = np.empty(m)
    low, high = np.inf, -np.inf
    for i in range(start, stop):
        cost_of_row(C, X, Yt, metric, i, cost)
        for j in range(m):
            if cost[j] < np.inf:
                low, high = min(low, cost[j]), max(high, cost[j])
    extent[0], extent[1] = low, high


def cost_extent(C, X, Yt, metric, n, m, n_jobs):
    """Return the smallest and the largest finite cost."""
    edges = row_edges(n, m)
    extents = np.empty((edges.size - 1, 2))
    run_chunks(lambda k: extent_range(C, X, Yt, metric, m, extents[k], edges[k], edges[k + 1]), edges.size - 1, n_jobs)
    return float(extents[:, 0].min()), float(extents[:, 1].max())


@njit(nogil=True, cache=True)
def column_logsumexp_range(C, X, Yt, metric, x, eta, top, total, start, stop):
    """Go on with a logarithm of a sum over i of exp(eta (x_i - C_ij)), kept as top_j and the sum beside exp(top_j)."""
    cost = np.empty(top.size)
    for i in range(start, stop):
        cost_of_row(C, X, Yt, metric, i, cost)
        for j in range(top.size):
            score = eta * (x[i] - cost[j])
            if score > top[j]:
                total[j] = total[j] * np.exp(top[j] - score) + 1.0
                top[j] = score
            elif score > top[j] + _UNDERFLOW:
                total[j] += np.exp(score - top[j])


def column_logsumexp(C, X, Yt, metric, x, eta, m, n_jobs):
    """Return for every column the logarithm of the sum over i of exp(eta (x_i - C_ij)): never a sum of zero."""
    edges = row_edges(x.size, m)
    tops, totals = np.full((edges.size - 1, m), -np.inf), np.zeros((edges.size - 1, m))

    def add(k):
        column_logsumexp_range(C, X, Yt, metric, x, eta, tops[k], totals[k], edges[k], edges[k + 1])

    run_chunks(add, edges.size - 1, n_jobs)
    top = tops.max(axis=0)
    with np.errstate(invalid="ignore"):
        shares = np.where(totals > 0, totals * np.exp(tops - top), 0.0)
    return top + np.log(shares.sum(axis=0))


@njit(nogil=True, cache=True)
def map_range(X, Yt, metric, y, eta, values, out, start, stop):
    """out[i] = mean of ``values`` with the weights of the softmax of eta (y_j - c(X_i, Y_j))."""
    n_blocks = (y.size + BLOCK - 1) // BLOCK
    z, cost = np.empty(n_blocks * BLOCK), np.empty(y.size)
    block_max = np.empty(n_blocks)
    active = np.empty(n_blocks + 1, dtype=np.int64)
    nothing = np.empty((0, 0))
    for i in range(start, stop):
        _, n_active, total = exp_row(nothing, X, Yt, metric, i, y, eta, _MAP_CUT, cost, z, block_max, active)
        for k in range(values.shape[1]):
            out[i, k] = 0.0
        for a in range(n_active):
            for j in range(active[a] * BLOCK, min(y.size, (active[a] + 1) * BLOCK)):
                weight = z[j] / total
                for k in range(values.shape[1]):
                    out[i, k] += weight * values[j, k]


def barycentric_map(X, Yt, metric, y, eta, values, n_jobs):
    """Return for every row of ``X`` the mean of ``values`` (m, k) weighted by the softmax of eta (y_j - cost)."""
    out = np.empty((len(X), values.shape[1]))
    edges = row_edges(len(X), y.size)
    run_chunks(lambda k: map_range(X, Yt, metric, y, eta, values, out, edges[k], edges[k + 1]), edges.size - 1, n_jobs)
    return out


@njit(nogil=True, cache=True)
def gradient_range(X, Yt, metric, y, eta, r, out, start, stop):
    """out[i] = sum over j of P_ij times the derivative of c(X_i, Y_j) by X_i."""
    cost, weights = np.empty(y.size), np.empty(y.size)
    for i in range(start, stop):
        costs_of_point(X[i], Yt, metric, cost)
        softmax_of_cost(cost, y, eta, weights)
        for k in range(X.shape[1]):
            total = 0.0
            for j in range(y.size):
                difference = X[i, k] - Yt[k, j]
                if metric == SQEUCLIDEAN:
                    total += weights[j] * 2.0 * difference
                elif metric == EUCLIDEAN:
                    if cost[j] > 0:
                        total += weights[j] * difference / cost[j]
                elif metric == CITYBLOCK:
                    total += weights[j] * np.sign(difference)
            out[i, k] = r[i] * total


def point_gradient(X, Yt, metric, y, eta, r, n_jobs):
    """Return the gradient (n, d) of the transport cost by the points X, for the plan of potentials y of the columns."""
    out = np.empty(X.shape)
    edges = row_edges(len(X), y.size)
    run_chunks(lambda k: gradient_range(X, Yt, metric, y, eta, r, out, edges[k], edges[k + 1]), edges.size - 1, n_jobs)
    return out
