"""CUDA twin of projection determinantal point processes: one block of threads draws one sample.

The threads of a block form groups. Each group evaluates one proposal: its lanes share out the rows that were taken,
one dot product after the other, and the coefficients of neighbouring lanes lie next to one another in memory. Of the
proposals that pass, the one with the smallest number is taken, as it would be if they came one by one: whichever
finishes first would favour proposals that are quickly evaluated. The next step goes on with the number after it, so
that the random numbers, and up to rounding the sample, are those of the CPU.

Sums are grouped otherwise than on the CPU; they are the same from run to run.
"""

import numpy as np
from numba import cuda, float64, int64

from sparsesci._core import cuda as device
from sparsesci._core.cuda import log2_ceil
from sparsesci.sampling._projection_dpp_device import (
    GROUPS,
    LANES,
    THREADS,
    append_column,
    measure_rows,
    orthogonalise,
    project_rows,
    propose_rows,
)
from sparsesci.sampling._projection_dpp_kernels import BLOCK, NEGLIGIBLE, trial_limit

_SCAN_THREADS = 32
_SCRATCH_BYTES = 1 << 28


@cuda.jit
def square_entries(V, weights):
    """weights[c, i] = V[i, c]**2, one thread for each."""
    place = cuda.grid(1)
    if place < weights.size:
        c, i = place // weights.shape[1], place % weights.shape[1]
        weights[c, i] = float64(V[i, c]) * float64(V[i, c])


@cuda.jit
def square_rows(V, weights):
    """weights[0, i] = squared length of row i, one thread for each."""
    i = cuda.grid(1)
    if i < V.shape[0]:
        total = float64(0)
        for c in range(V.shape[1]):
            total += float64(V[i, c]) * float64(V[i, c])
        weights[0, i] = total


@cuda.jit
def scan_blocks(prefix, totals):
    """Turn weights into sums from the beginning of each block of BLOCK rows; the grid is (blocks, laws)."""
    sums = cuda.shared.array(_SCAN_THREADS, float64)
    thread = cuda.threadIdx.x
    block, law = cuda.blockIdx.x, cuda.blockIdx.y
    share = BLOCK // _SCAN_THREADS
    begin = min(block * BLOCK + thread * share, prefix.shape[1])
    end = min(begin + share, prefix.shape[1])
    total = float64(0)
    for i in range(begin, end):
        total += prefix[law, i]
    sums[thread] = total
    cuda.syncthreads()
    running = float64(0)
    for earlier in range(thread):
        running += sums[earlier]
    for i in range(begin, end):
        running += prefix[law, i]
        prefix[law, i] = running
    if thread == _SCAN_THREADS - 1:
        totals[law, block] = running


@cuda.jit
def draw_samples(V, columns, counts, sizes, prefix, cumulative, key, first, out, trials, Q_all, products_all, v_all):
    """Draw sample ``first + block``.

    ``Q_all`` (blocks, D, rows), ``products_all`` (blocks, groups, rows) and ``v_all`` (blocks, D) are scratch.
    """
    shares = cuda.shared.array(THREADS, float64)
    rows = cuda.shared.array(GROUPS, int64)
    lengths = cuda.shared.array(GROUPS, float64)
    thresholds = cuda.shared.array(GROUPS, float64)
    passes = cuda.shared.array(GROUPS, int64)
    sample = first + cuda.blockIdx.x
    k = counts[sample]
    kept = columns[sample if columns.shape[0] > 1 else 0, :k]
    Q, products, v = Q_all[cuda.blockIdx.x], products_all[cuda.blockIdx.x], v_all[cuda.blockIdx.x, :k]
    trial, j = 0, 0
    last = trial_limit(k)
    while j < sizes[sample] and trial < last:
        propose_rows(prefix, cumulative, kept, key, sample, trial, rows, thresholds)
        measure_rows(V, kept, rows, lengths, thresholds, shares)
        project_rows(V, kept, Q, j, rows, lengths, thresholds, products, passes, shares)
        winner = 0
        while winner < GROUPS and passes[winner] == 0:
            winner += 1
        if winner == GROUPS or trial + winner >= last:
            trial += GROUPS
            cuda.syncthreads()
            continue
        trial += winner + 1
        row, length, threshold = rows[winner], lengths[winner], thresholds[winner]
        left = orthogonalise(V, kept, Q, j, row, length, products[winner], v, shares)
        if left > threshold and left > NEGLIGIBLE * length:
            append_column(Q, j, v, left)
            if cuda.threadIdx.x == 0:
                out[sample, j] = row
            j += 1
            last = trial + trial_limit(k)
        cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        trials[sample] = trial if j == sizes[sample] else -1


def row_law(V, n_jobs):
    """Return ``prefix`` (1, N) and ``cumulative`` (1, n_blocks) of the law of the squared lengths of the rows.

    They are device arrays, and ``n_jobs`` is not used: the parameter of the CPU twin.
    """
    V = device.as_device(V)
    prefix = cuda.device_array((1, V.shape[0]), np.float64)
    device.for_each(square_rows, V.shape[0])(V, prefix)
    return _law(prefix)


def column_laws(V, n_jobs):
    """Return ``prefix`` (D, N) and ``cumulative`` (D, n_blocks) of the laws of the squared entries of each column.

    They are device arrays, and ``n_jobs`` is not used: the parameter of the CPU twin.
    """
    V = device.as_device(V)
    prefix = cuda.device_array((V.shape[1], V.shape[0]), np.float64)
    device.for_each(square_entries, prefix.size)(V, prefix)
    return _law(prefix)


def _law(prefix):
    n_laws, n_rows = prefix.shape
    n_blocks = -(-n_rows // BLOCK)
    totals = cuda.device_array((n_laws, n_blocks), np.float64)
    device.configured(scan_blocks, (n_blocks, n_laws), _SCAN_THREADS)(prefix, totals)
    return prefix, cuda.to_device(np.cumsum(totals.copy_to_host(), axis=1))


def rejection_samples(V, columns, counts, sizes, prefix, cumulative, key, out, trials, n_jobs):
    """Draw samples of projection DPPs by rejection in the chain rule.

    Parameters
    ----------
    V : host or device array of shape (N, D), float32 or float64
    columns : ndarray of shape (n_samples, D) or (1, D), int64
        Sample s belongs to the columns ``columns[s, : counts[s]]`` of ``V``, or to those of the only row.
    counts, sizes : ndarray of shape (n_samples,), int64
        Number of columns, and of rows to draw: ``sizes <= counts``.
    prefix, cumulative : host or device array
        What ``row_law`` returns, where all samples have all columns, or ``column_laws``.
    key : numpy.uint64
    out : ndarray of shape (n_samples, max(sizes)), int64
        The rows drawn; entries beyond ``sizes`` are left as they are.
    trials : ndarray of shape (n_samples,), int64
        The number of proposals that each sample took, or -1 where none was accepted for so long that the columns
        cannot be orthonormal.
    n_jobs : int or None
        Not used: the parameter of the CPU twin.
    """
    n_samples, longest = out.shape
    widest = columns.shape[1]
    at_once = min(n_samples, max(1, _SCRATCH_BYTES // (8 * max(1, longest * widest))))
    Q = cuda.device_array((at_once, widest, longest), np.float64)
    products = cuda.device_array((at_once, GROUPS, longest), np.float64)
    v = cuda.device_array((at_once, widest), np.float64)
    n_threads = GROUPS * min(LANES, 1 << log2_ceil(widest))
    given = [device.as_device(array) for array in (V, columns, counts, sizes, prefix, cumulative)]
    with device.on_device(out) as held, device.on_device(trials) as held_trials:
        for first in range(0, n_samples, at_once):
            n_blocks = min(at_once, n_samples - first)
            kernel = device.configured(draw_samples, n_blocks, n_threads)
            kernel(*given, np.uint64(key), first, held, held_trials, Q, products, v)
