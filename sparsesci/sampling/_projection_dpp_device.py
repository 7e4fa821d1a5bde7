"""Device functions of the CUDA twin of projection determinantal point processes, called by all threads of a block.

The threads form groups of equal size, one for each proposal. ``shares`` is shared memory with a number for each thread.
"""

from numba import cuda, float64, njit, uint64

from sparsesci._core.rng import index_from_words, random_words, stream_of, uniform_from_words
from sparsesci.sampling import _projection_dpp_kernels
from sparsesci.sampling._projection_dpp_kernels import CANCELLATION, COLUMNS, PROPOSALS

GROUPS = 4
LANES = 32
THREADS = GROUPS * LANES

# The simulator runs Python, so that array functions of the CPU are taken before they were compiled.
_propose = cuda.jit(device=True)(_projection_dpp_kernels.propose.py_func)


@njit
def sum_of_shares(shares, first, count):
    """Return the sum of ``count`` shares of threads, in their order."""
    total = 0.0
    for t in range(first, first + count):
        total += shares[t]
    return total


@cuda.jit(device=True)
def propose_rows(prefix, cumulative, kept, key, sample, trial, rows, fractions):
    """Write to rows[g] and fractions[g] the proposal of trial ``trial + g``, and its uniform number."""
    n_lanes = cuda.blockDim.x // GROUPS
    group, lane = cuda.threadIdx.x // n_lanes, cuda.threadIdx.x % n_lanes
    if lane == 0:
        words = random_words(key, stream_of(PROPOSALS, uint64(sample)), uint64(trial + group))
        law = 0
        if prefix.shape[0] > 1:
            other = random_words(key, stream_of(COLUMNS, uint64(sample)), uint64(trial + group))
            law = kept[index_from_words(other[0], other[1], kept.size)]
        rows[group] = _propose(prefix[law], cumulative[law], uniform_from_words(words[0], words[1]))
        fractions[group] = uniform_from_words(words[2], words[3])
    cuda.syncthreads()


@cuda.jit(device=True)
def measure_rows(V, kept, rows, lengths, thresholds, shares):
    """Write to lengths[g] the squared length of the row of group g, and multiply its threshold by it."""
    n_lanes = cuda.blockDim.x // GROUPS
    group, lane = cuda.threadIdx.x // n_lanes, cuda.threadIdx.x % n_lanes
    row = rows[group]
    share = float64(0)
    for c in range(lane, kept.size, n_lanes):
        share += float64(V[row, kept[c]]) * float64(V[row, kept[c]])
    shares[cuda.threadIdx.x] = share
    cuda.syncthreads()
    if lane == 0:
        lengths[group] = sum_of_shares(shares, cuda.threadIdx.x, n_lanes)
        thresholds[group] *= lengths[group]
    cuda.syncthreads()


@cuda.jit(device=True)
def project_rows(V, kept, Q, j, rows, lengths, thresholds, products, passes, shares):
    """Write the products of every group's row with columns 0 ... j - 1 of Q, and whether enough is left of it."""
    n_lanes = cuda.blockDim.x // GROUPS
    group, lane = cuda.threadIdx.x // n_lanes, cuda.threadIdx.x % n_lanes
    row = rows[group]
    share = float64(0)
    for q in range(lane, j, n_lanes):
        product = float64(0)
        for c in range(kept.size):
            product += Q[c, q] * float64(V[row, kept[c]])
        products[group, q] = product
        share += product * product
    shares[cuda.threadIdx.x] = share
    cuda.syncthreads()
    if lane == 0:
        left = lengths[group] - sum_of_shares(shares, cuda.threadIdx.x, n_lanes)
        passes[group] = 1 if left > thresholds[group] else 0
    cuda.syncthreads()


@cuda.jit(device=True)
def orthogonalise(V, kept, Q, j, row, length, products, v, shares):
    """Write to v what is left of a row beside columns 0 ... j - 1 of Q; return its squared length."""
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for c in range(thread, kept.size, n_threads):
        v[c] = V[row, kept[c]]
    left = length
    # "Twice is enough" (Kahan and Parlett): a second pass where cancellation has spoiled the first.
    for attempt in range(2):
        if attempt == 1:
            if CANCELLATION * left >= length:
                break
            for q in range(thread, j, n_threads):
                product = float64(0)
                for c in range(kept.size):
                    product += Q[c, q] * v[c]
                products[q] = product
            cuda.syncthreads()
        share = float64(0)
        for c in range(thread, kept.size, n_threads):
            value = v[c]
            for q in range(j):
                value -= products[q] * Q[c, q]
            v[c] = value
            share += value * value
        shares[thread] = share
        cuda.syncthreads()
        left = sum_of_shares(shares, 0, n_threads)
        cuda.syncthreads()
    return left


@cuda.jit(device=True)
def append_column(Q, j, v, squared_length):
    """Make v, scaled to length one, column j of Q."""
    scale = 1.0 / squared_length**0.5
    for c in range(cuda.threadIdx.x, v.size, cuda.blockDim.x):
        Q[c, j] = v[c] * scale
