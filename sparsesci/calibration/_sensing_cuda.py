"""CUDA twin of the products with a sensing matrix.

A stored matrix stays on the device between calls (``resident``). A block of threads makes one element of A x, adding in
a fixed tree; in the adjoint a thread owns one column of one share of the rows, so that neighbouring threads read
neighbouring elements.
"""

import numpy as np
from numba import cuda

from sparsesci._core import cuda as device
from sparsesci.calibration._block_sum import BLOCK_THREADS, add_tree
from sparsesci.calibration._sensing_kernels import BITS, sign_of, sign_words

_THREADS = BLOCK_THREADS


def resident(A):
    """Return ``A`` where the products are computed: a device array."""
    return device.as_device(A)


@cuda.jit
def forward_rows(A, x, out):
    """out[i] = A[i] . x, one block for each row."""
    shared = cuda.shared.array(_THREADS, A.dtype)
    i, t = cuda.blockIdx.x, cuda.threadIdx.x
    total = x[0] - x[0]
    for j in range(t, A.shape[1], _THREADS):
        total += A[i, j] * x[j]
    shared[t] = total
    add_tree(shared)
    if t == 0:
        out[i] = shared[0]


@cuda.jit
def adjoint_columns(A, r, partial):
    """partial[slot, 0, j] += sum over the rows of a slot of r[i] A[i, j]; the grid is (tiles of columns, slots)."""
    j = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    slot, n_slots = cuda.blockIdx.y, cuda.gridDim.y
    n_rows = A.shape[0]
    if j < A.shape[1]:
        total = r[0] - r[0]
        for i in range(slot * n_rows // n_slots, (slot + 1) * n_rows // n_slots):
            total += r[i] * A[i, j]
        partial[slot, 0, j] += total


@cuda.jit
def forward_signs(key, x, out):
    """out[i] = sum of the entries of x with the signs of row i, one block for each row."""
    shared = cuda.shared.array(_THREADS, x.dtype)
    i, t = cuda.blockIdx.x, cuda.threadIdx.x
    n = x.size
    total = x[0] - x[0]
    for block in range(t, (n + BITS - 1) // BITS, _THREADS):
        words = sign_words(key, i, block)
        for which in range(4):
            begin = BITS * block + 32 * which
            for bit in range(32):
                if begin + bit < n:
                    total += sign_of(words[which], bit) * x[begin + bit]
    shared[t] = total
    add_tree(shared)
    if t == 0:
        out[i] = shared[0]


@cuda.jit
def adjoint_signs(key, r, partial):
    """partial[slot, 0] += sum over the rows of a slot of r[i] times row i; one warp makes the words of 32 columns."""
    j = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    slot, n_slots = cuda.blockIdx.y, cuda.gridDim.y
    n_rows = r.size
    if j < partial.shape[2]:
        block, which, bit = j // BITS, (j % BITS) // 32, j % 32
        total = r[0] - r[0]
        for i in range(slot * n_rows // n_slots, (slot + 1) * n_rows // n_slots):
            words = sign_words(key, i, block)
            total += sign_of(words[which], bit) * r[i]
        partial[slot, 0, j] += total


def sensing_forward(A, x, out, n_jobs):
    """out = A @ x; ``A`` is a host or device array, ``n_jobs`` is not used."""
    A, x = device.as_device(A), device.as_device(x)
    with device.on_device(out) as held:
        device.configured(forward_rows, A.shape[0], _THREADS)(A, x, held)


def sensing_adjoint(A, r, out, n_jobs):
    """out = A.T @ r; ``A`` is a host or device array, ``n_jobs`` is not used."""
    A = device.as_device(A)
    _in_slots(adjoint_columns, A, r, A.shape[0], out)


def sign_forward(key, x, out, n_jobs):
    """out = S @ x for the random matrix of signs that ``key`` stands for; ``n_jobs`` is not used."""
    x = device.as_device(x)
    with device.on_device(out) as held:
        device.configured(forward_signs, out.size, _THREADS)(key, x, held)


def sign_adjoint(key, r, out, n_jobs):
    """out = S.T @ r for the random matrix of signs that ``key`` stands for; ``n_jobs`` is not used."""
    _in_slots(adjoint_signs, key, r, r.size, out)


def _in_slots(kernel, source, r, n_rows, out):
    n = out.size
    tiles = -(-n // _THREADS)
    n_slots = device.slot_count(n_rows, tiles, n * np.dtype(out.dtype).itemsize)
    out[:] = 0
    r = device.as_device(r)
    with device.slots_of(n_slots, out.reshape(1, n)) as partial:
        device.configured(kernel, (tiles, n_slots), _THREADS)(source, r, partial)
