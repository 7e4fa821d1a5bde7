"""CUDA twin of the abundances for known endmembers: a tiled product with the spectra, then one thread for each pixel.

The active sets are the scalar code of the CPU. Pixels are copied to the device in pieces, and stay there from one pass
to the next where they take no more than half of the memory that is free. Sums over the pixels come in a fixed order,
which depends on the sizes only.
"""

import math

import numpy as np
from numba import config, cuda, float64, int64, njit

from sparsesci._core import cuda as device
from sparsesci._core.threads import single_threaded_blas
from sparsesci.unmixing._abundance_kernels import QuadraticBlock
from sparsesci.unmixing._active_set import solve_pixel

# A block of the product has this many pixels, reads as many bands at a time, and does this many endmembers.
_TILE, _GROUP = 32, 8
_PADDED = _TILE + 1
# With so few endmembers a thread has its scratch in local memory.
_LOCAL = 16
_RESIDENT_SHARE = 0.5
_ROWS_PER_SLOT = 64

if config.ENABLE_CUDASIM:

    def _plain(array):
        """Return the NumPy array that the simulator has wrapped: compiled functions do not know the wrapping."""
        return array._item._ary

else:

    @njit
    def _plain(array):
        return array


@cuda.jit
def _project(x, W, B):
    """B = x W', tile by tile; the grid is (tiles of pixels, groups of endmembers)."""
    pixels = cuda.shared.array((_TILE, _PADDED), float64)
    spectra = cuda.shared.array((_GROUP, _TILE), float64)
    thread = cuda.threadIdx.x
    lane, group = thread % _TILE, thread // _TILE
    first = cuda.blockIdx.x * _TILE
    k = cuda.blockIdx.y * _GROUP + group
    total = 0.0
    for begin in range(0, x.shape[1], _TILE):
        band = begin + lane
        for row in range(group, _TILE, _GROUP):
            exists = first + row < x.shape[0] and band < x.shape[1]
            pixels[row, lane] = x[first + row, band] if exists else 0.0
        spectra[group, lane] = W[k, band] if k < W.shape[0] and band < x.shape[1] else 0.0
        cuda.syncthreads()
        for i in range(_TILE):
            total += pixels[lane, i] * spectra[group, i]
        cuda.syncthreads()
    if first + lane < x.shape[0] and k < W.shape[0]:
        B[first + lane, k] = total


@cuda.jit
def _accumulate(weights, a, x, partial):
    """Add sum(weights[n] a[n, k] x[n, l]) to ``partial`` (slots, K, L); the grid is (panels of columns, slots)."""
    thread = cuda.threadIdx.x
    column = cuda.blockIdx.x * _TILE + thread % _TILE
    slot, n_slots = cuda.blockIdx.y, cuda.gridDim.y
    if column >= x.shape[1]:
        return
    start, stop = slot * x.shape[0] // n_slots, (slot + 1) * x.shape[0] // n_slots
    for k in range(thread // _TILE, a.shape[1], _GROUP):
        total = partial[slot, k, column]
        for n in range(start, stop):
            total += weights[n] * a[n, k] * x[n, column]
        partial[slot, k, column] = total


@njit(error_model="numpy")
def _minimise_freely(G, inverse, ones, trusted, simplex, B, n, A, work):
    """Write the minimiser without the signs to A[n]; return whether it is finite. ``work`` (2, K) is scratch."""
    K = G.shape[0]
    total = 0.0
    for k in range(K):
        s = 0.0
        for j in range(K):
            s += B[n, j] * inverse[j, k]
        A[n, k] = s
    if trusted:
        for k in range(K):
            s = B[n, k]
            for j in range(K):
                s -= A[n, j] * G[j, k]
            work[0, k] = s
        for k in range(K):
            for j in range(K):
                A[n, k] += work[0, j] * inverse[j, k]
    if simplex:
        unit = 0.0
        for k in range(K):
            total += A[n, k]
            unit += ones[k]
        shift = (1.0 - total) / unit
        for k in range(K):
            A[n, k] += shift * ones[k]
    total = 0.0
    for k in range(K):
        total += B[n, k]
    return math.isfinite(total)


@cuda.jit
def _solve_few(G, inverse, ones, simplex, tol, trusted, B, A, failed):
    """Solve one pixel with each thread, for up to ``_LOCAL`` endmembers."""
    inside, order = cuda.local.array(_LOCAL, int64), cuda.local.array(_LOCAL, int64)
    C, unit = cuda.local.array((1, _LOCAL, _LOCAL), float64), cuda.local.array((1, _LOCAL), float64)
    tags, work = cuda.local.array(1, int64), cuda.local.array((2, _LOCAL), float64)
    n = cuda.grid(1)
    if n >= A.shape[0]:
        return
    tags[0] = -1
    failed[n, 0] = 0.0
    if _minimise_freely(_plain(G), _plain(inverse), _plain(ones), trusted, simplex, _plain(B), n, _plain(A), work):
        failed[n, 0] = solve_pixel(
            _plain(G), _plain(B), n, simplex, tol, trusted, _plain(A), inside, order, C, unit, tags, work
        )
    else:
        for k in range(A.shape[1]):
            A[n, k] = math.nan


@cuda.jit
def _solve_many(G, inverse, ones, simplex, tol, trusted, B, A, failed, lists, C, unit, work, first):
    """The same for more endmembers, with scratch in global memory, for as many pixels as there is scratch for."""
    tags = cuda.local.array(1, int64)
    slot = cuda.grid(1)
    n = first + slot
    if slot >= C.shape[0] or n >= A.shape[0]:
        return
    tags[0] = -1
    failed[n, 0] = 0.0
    if _minimise_freely(
        _plain(G), _plain(inverse), _plain(ones), trusted, simplex, _plain(B), n, _plain(A), _plain(work[slot])
    ):
        failed[n, 0] = solve_pixel(
            _plain(G), _plain(B), n, simplex, tol, trusted, _plain(A), _plain(lists[slot, 0]), _plain(lists[slot, 1]),
            _plain(C[slot]), _plain(unit[slot]), tags, _plain(work[slot]),
        )  # fmt: skip
    else:
        for k in range(A.shape[1]):
            A[n, k] = math.nan


def _pieces(X):
    """Yield (start, stop, rows) with the pixels of a PixelRows on the device, in pieces that the sizes determine."""
    dtype = np.dtype(np.float32 if X.X.dtype == np.float32 else np.float64)
    step = device.rows_per_piece(X.n_bands * dtype.itemsize)
    if X.resident is None:
        needed = len(X) * X.n_bands * dtype.itemsize
        X.resident = {} if needed <= _RESIDENT_SHARE * cuda.current_context().get_memory_info()[0] else False
    kept = X.resident
    buffer = None
    for start in range(0, len(X), step):
        stop = min(len(X), start + step)
        if kept is not False and start in kept:
            yield start, stop, kept[start]
            continue
        rows = X.X[start:stop] if X.keep is None else X.X[X.keep[start:stop]]
        rows = np.ascontiguousarray(rows, dtype=dtype)
        if kept is not False:
            kept[start] = cuda.to_device(rows)
            yield start, stop, kept[start]
            continue
        if buffer is None:
            buffer = cuda.device_array(rows.shape, dtype)
        piece = buffer[: len(rows)]
        piece.copy_to_device(rows)
        yield start, stop, piece


def _projected(x, W):
    """Return x W' as a device array."""
    B = cuda.device_array((x.shape[0], W.shape[0]), np.float64)
    grid = -(-x.shape[0] // _TILE), -(-W.shape[0] // _GROUP)
    device.configured(_project, grid, _TILE * _GROUP)(x, W, B)
    return B


def _add_sums(weights, a, x, out):
    """out (K, L), a device array, += a' diag(weights) x."""
    panels = -(-x.shape[1] // _TILE)
    n_slots = device.slot_count(-(-x.shape[0] // _ROWS_PER_SLOT), panels, out.size * 8)
    partial = device.device_zeros((n_slots, *out.shape), np.float64)
    device.configured(_accumulate, (panels, n_slots), _TILE * _GROUP)(weights, a, x, partial)
    device.for_each(device.add_slots, out.size)(partial, out)


class _QuadraticDevice:
    """Solves pieces of pixels for one matrix G, as ``QuadraticBlock`` does on the CPU."""

    def __init__(self, G, simplex, tol):
        with single_threaded_blas():
            block = QuadraticBlock(G, simplex, tol)
        self.arrays = [cuda.to_device(array) for array in (block.G, block.inverse, block.ones)]
        self.options = bool(simplex), float(tol), block.trusted
        self.K = len(block.G)

    def solve(self, B, A):
        """Write the minimisers for the linear terms B (n, K) to A (n, K); return (n, 1) with 1 where steps ran out."""
        n, K = B.shape[0], self.K
        failed = cuda.device_array((n, 1), np.float64)
        if K <= _LOCAL:
            device.for_each(_solve_few, n)(*self.arrays, *self.options, B, A, failed)
            return failed
        n_slots = max(1, min(n, device.PIECE_BYTES // (8 * K * (K + 5))))
        work = (
            cuda.device_array((n_slots, 2, K), np.int64),
            cuda.device_array((n_slots, 1, K, K), np.float64),
            cuda.device_array((n_slots, 1, K), np.float64),
            cuda.device_array((n_slots, 2, K), np.float64),
        )
        for first in range(0, n, n_slots):
            device.for_each(_solve_many, n_slots)(*self.arrays, *self.options, B, A, failed, *work, first)
        return failed


def active_set_abundances(X, W, G, simplex, tol, A, n_jobs):
    """Do what ``_abundance_kernels.active_set_abundances`` does, on the GPU; ``A`` may lie there, too."""
    quadratic = _QuadraticDevice(G, simplex, tol)
    W = device.as_device(W)
    unfinished = 0
    with device.on_device(A) as held:
        for start, stop, x in _pieces(X):
            failed = quadratic.solve(_projected(x, W), held[start:stop])
            unfinished += int(failed.copy_to_host().sum())
    return np.int64(unfinished)
