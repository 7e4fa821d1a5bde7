"""CUDA twin of the evaluation of the semi-dual: one block of threads for each row, one thread for each column.

A block finds the maximum of its row, and then the sum of exponentials; column sums are added by a second kernel in
which neighbouring threads own neighbouring columns and go through the rows in order, so that nothing is added
atomically. Entries to be kept are counted, and then written by threads that each own a piece of the row, in order.
Sums are grouped otherwise than on the CPU: results agree to rounding. All arithmetic is in double precision, whatever
the type of the costs.
"""

import math

import numpy as np
from numba import cuda, float64, int64

from sparsesci._core import cuda as device
from sparsesci.transport._entropic_device import cost_of_pair
from sparsesci.transport._semidual_kernels import LEAST_WEIGHT, NO_ENTRIES

_THREADS = 128
_ROWS_PER_SLOT = 16
_MAX_SLOTS = 64


@cuda.jit
def sum_rows(C, X, Yt, metric, y, eta, tops, totals):
    """tops[i] = largest score of row i, totals[i] = sum of exp(score - top); one block for each row."""
    shared = cuda.shared.array(_THREADS, float64)
    i, thread = cuda.blockIdx.x, cuda.threadIdx.x
    top = -math.inf
    for j in range(thread, y.size, _THREADS):
        top = max(top, eta * (y[j] - cost_of_pair(C, X, Yt, metric, i, j)))
    shared[thread] = top
    cuda.syncthreads()
    half = _THREADS // 2
    while half > 0:
        if thread < half:
            shared[thread] = max(shared[thread], shared[thread + half])
        cuda.syncthreads()
        half //= 2
    top = shared[0]
    cuda.syncthreads()
    total = 0.0
    for j in range(thread, y.size, _THREADS):
        total += math.exp(eta * (y[j] - cost_of_pair(C, X, Yt, metric, i, j)) - top)
    shared[thread] = total
    cuda.syncthreads()
    half = _THREADS // 2
    while half > 0:
        if thread < half:
            shared[thread] += shared[thread + half]
        cuda.syncthreads()
        half //= 2
    if thread == 0:
        tops[i] = top
        totals[i] = shared[0]


@cuda.jit
def sum_columns(C, X, Yt, metric, y, eta, r, tops, totals, partial):
    """partial[s, j] = sum of the plan in column j over the rows of slot s; the grid is (columns, slots)."""
    j, slot = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x, cuda.blockIdx.y
    if j >= y.size:
        return
    n, n_slots = r.size, partial.shape[0]
    total = 0.0
    for i in range(slot * n // n_slots, (slot + 1) * n // n_slots):
        score = eta * (y[j] - cost_of_pair(C, X, Yt, metric, i, j))
        total += math.exp(score - tops[i]) * (r[i] / totals[i])
    partial[slot, j] = total


@cuda.jit
def count_entries(C, X, Yt, metric, y, eta, tops, totals, threshold, counts):
    """counts[i, t] = entries of row i above the threshold in the piece of thread t; one block for each row."""
    i, thread, m = cuda.blockIdx.x, cuda.threadIdx.x, y.size
    count = 0
    for j in range(thread * m // _THREADS, (thread + 1) * m // _THREADS):
        score = eta * (y[j] - cost_of_pair(C, X, Yt, metric, i, j))
        if math.exp(score - tops[i]) * (1.0 / totals[i]) > threshold:
            count += 1
    counts[i, thread] = count


@cuda.jit
def write_entries(C, X, Yt, metric, y, eta, tops, totals, threshold, starts, indices, weights):
    """Write the entries that were counted; those of thread t of row i begin at starts[i, t]."""
    i, thread, m = cuda.blockIdx.x, cuda.threadIdx.x, y.size
    e = int64(starts[i, thread])
    for j in range(thread * m // _THREADS, (thread + 1) * m // _THREADS):
        score = eta * (y[j] - cost_of_pair(C, X, Yt, metric, i, j))
        weight = math.exp(score - tops[i]) * (1.0 / totals[i])
        if weight > threshold:
            indices[e] = j
            weights[e] = weight
            e += 1


def hold(array):
    """Return a host array on the device, where it stays for all evaluations."""
    return device.as_device(array if array.size else np.zeros((1, 1)))


def semidual_pass(C, X, Yt, metric, y, eta, r, cut, threshold, n_jobs):
    """Evaluate the semi-dual at ``y``: see the CPU twin. Nothing is left out, whatever ``cut`` is."""
    n, m = r.size, y.size
    costs = (hold(C), hold(X), hold(Yt), metric, device.as_device(y), eta)
    tops, totals = cuda.device_array(n), cuda.device_array(n)
    device.configured(sum_rows, n, _THREADS)(*costs, tops, totals)
    n_slots = min(_MAX_SLOTS, -(-n // _ROWS_PER_SLOT))
    partial = cuda.device_array((n_slots, m))
    grid = (-(-m // _THREADS), n_slots)
    device.configured(sum_columns, grid, _THREADS)(*costs, device.as_device(r), tops, totals, partial)
    indptr, indices, weights = np.zeros(n + 1, dtype=np.int64), np.empty(0, dtype=np.int32), np.empty(0)
    if threshold < NO_ENTRIES:
        indptr, indices, weights = _entries(n, costs, tops, totals, max(threshold, LEAST_WEIGHT))
    x = (np.log(r) - tops.copy_to_host() - np.log(totals.copy_to_host())) / eta
    return x, partial.copy_to_host().sum(axis=0), indptr, indices, weights


def _entries(n, costs, tops, totals, threshold):
    """Return the entries above the threshold in CSR form, on the host."""
    counts = cuda.device_array((n, _THREADS), np.int64)
    device.configured(count_entries, n, _THREADS)(*costs, tops, totals, threshold, counts)
    counts = counts.copy_to_host()
    starts = np.concatenate([[0], np.cumsum(counts)])
    indptr = starts[::_THREADS].copy()
    size = int(starts[-1])
    indices, weights = cuda.device_array(max(1, size), np.int32), cuda.device_array(max(1, size))
    begin = cuda.to_device(np.ascontiguousarray(starts[:-1].reshape(n, _THREADS)))
    device.configured(write_entries, n, _THREADS)(*costs, tops, totals, threshold, begin, indices, weights)
    return indptr, indices.copy_to_host()[:size], weights.copy_to_host()[:size]
