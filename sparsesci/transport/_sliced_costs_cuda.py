"""CUDA twin of ``_sliced_costs_kernels``: projections, their sort and the cost of every direction on the GPU.

Rows are padded with infinity to a power of two and sorted by a bitonic network: tiles of 2048 in shared memory, longer
strides in global memory. Where the sizes or the weights differ, every thread of a block finds its part of the two
merged quantile functions by bisection. Nothing is added atomically: a thread adds its terms in order, and a tree adds
the threads, so that results do not vary from run to run.
"""

import math

import numpy as np
from numba import cuda, float64, int32

from sparsesci._core.cuda import as_device, configured, log2_ceil, on_device
from sparsesci.transport._block_functions import out_of_order, sum_of_block
from sparsesci.transport._one_dimensional_kernels import powered

_LOG2_TILE = 11
_TILE = 1 << _LOG2_TILE
_THREADS = 256
_DIRECTIONS_PER_THREAD = 8
_CHUNK_BYTES = 1 << 28
_MOST_ROWS = 65535


@cuda.jit
def project_rows(points, directions, first, out):
    """out[l, i] = directions[first + l] . points[:, i], and infinity for i beyond the points; 8 rows for a thread."""
    i = cuda.grid(1)
    d, n = points.shape
    begin = cuda.blockIdx.y * _DIRECTIONS_PER_THREAD
    count = min(_DIRECTIONS_PER_THREAD, out.shape[0] - begin)
    if i >= out.shape[1]:
        return
    if i >= n:
        for row in range(count):
            out[begin + row, i] = math.inf
        return
    totals = cuda.local.array(_DIRECTIONS_PER_THREAD, float64)
    for row in range(_DIRECTIONS_PER_THREAD):
        totals[row] = 0.0
    for k in range(d):
        value = float64(points[k, i])
        for row in range(count):
            totals[row] += directions[first + begin + row, k] * value
    for row in range(count):
        out[begin + row, i] = totals[row]


@cuda.jit
def sort_tiles(values, order, log2_size):
    """Sort tiles of 2**log2_size neighbours, in turn upwards and downwards; ``order`` becomes their places, if wide."""
    held = cuda.shared.array(_TILE, float64)
    places = cuda.shared.array(_TILE, int32)
    size = 1 << log2_size
    row, first = cuda.blockIdx.y, cuda.blockIdx.x * size
    tracked = order.shape[1] == values.shape[1]
    for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
        held[i] = values[row, first + i]
        places[i] = first + i
    cuda.syncthreads()
    length = 2
    while length <= size:
        stride = length >> 1
        while stride > 0:
            for pair in range(cuda.threadIdx.x, size >> 1, cuda.blockDim.x):
                low = ((pair & ~(stride - 1)) << 1) | (pair & (stride - 1))
                high = low + stride
                if out_of_order(held[low], places[low], held[high], places[high], ((first + low) & length) != 0):
                    held[low], held[high] = held[high], held[low]
                    places[low], places[high] = places[high], places[low]
            cuda.syncthreads()
            stride >>= 1
        length <<= 1
    for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
        values[row, first + i] = held[i]
        if tracked:
            order[row, first + i] = places[i]


@cuda.jit
def merge_far(values, order, length, stride):
    """One step of the network between elements ``stride`` apart, in sequences of ``length``; a thread for each pair."""
    pair, row = cuda.grid(1), cuda.blockIdx.y
    if pair >= values.shape[1] >> 1:
        return
    low = ((pair & ~(stride - 1)) << 1) | (pair & (stride - 1))
    high = low + stride
    tracked = order.shape[1] == values.shape[1]
    a, b = values[row, low], values[row, high]
    place_a, place_b = (order[row, low], order[row, high]) if tracked else (low, high)
    if out_of_order(a, place_a, b, place_b, (low & length) != 0):
        values[row, low], values[row, high] = b, a
        if tracked:
            order[row, low], order[row, high] = place_b, place_a


@cuda.jit
def merge_tiles(values, order, length, log2_size):
    """All steps of the network within tiles of 2**log2_size neighbours, in sequences of ``length``."""
    held = cuda.shared.array(_TILE, float64)
    places = cuda.shared.array(_TILE, int32)
    size = 1 << log2_size
    row, first = cuda.blockIdx.y, cuda.blockIdx.x * size
    tracked = order.shape[1] == values.shape[1]
    for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
        held[i] = values[row, first + i]
        places[i] = order[row, first + i] if tracked else i
    cuda.syncthreads()
    downwards = (first & length) != 0
    stride = size >> 1
    while stride > 0:
        for pair in range(cuda.threadIdx.x, size >> 1, cuda.blockDim.x):
            low = ((pair & ~(stride - 1)) << 1) | (pair & (stride - 1))
            high = low + stride
            if out_of_order(held[low], places[low], held[high], places[high], downwards):
                held[low], held[high] = held[high], held[low]
                places[low], places[high] = places[high], places[low]
        cuda.syncthreads()
        stride >>= 1
    for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
        values[row, first + i] = held[i]
        if tracked:
            order[row, first + i] = places[i]


@cuda.jit
def mass_levels(order, weights, levels):
    """levels[r, i] = weights[order[r, 0]] + ... + weights[order[r, i]], and 1 at the end; a block for a row."""
    sums = cuda.shared.array(_THREADS, float64)
    row, thread, n = cuda.blockIdx.x, cuda.threadIdx.x, levels.shape[1]
    share = (n + cuda.blockDim.x - 1) // cuda.blockDim.x
    begin, end = min(n, thread * share), min(n, (thread + 1) * share)
    total = 0.0
    for i in range(begin, end):
        total += weights[order[row, i]]
    sums[thread] = total
    cuda.syncthreads()
    if thread == 0:
        total = 0.0
        for k in range(cuda.blockDim.x):
            before = total
            total += sums[k]
            sums[k] = before
    cuda.syncthreads()
    total = sums[thread]
    for i in range(begin, end):
        total += weights[order[row, i]]
        levels[row, i] = min(total, 1.0) if i < n - 1 else 1.0


@cuda.jit
def equal_rows(u, v, n, p, first, out):
    """out[first + r] = mean of |u[r, i] - v[r, i]|**p over i < n; a block for a row."""
    sums = cuda.shared.array(_THREADS, float64)
    row, total = cuda.blockIdx.x, 0.0
    for i in range(cuda.threadIdx.x, n, cuda.blockDim.x):
        total += powered(float64(u[row, i]) - float64(v[row, i]), p)
    total = sum_of_block(sums, total)
    if cuda.threadIdx.x == 0:
        out[first + row] = total / n


@cuda.jit
def merged_rows(u, v, x_levels, y_levels, p, scale, first, out):
    """out[first + r] = scale * integral of |F_u^{-1} - F_v^{-1}|**p up to the last level; a block for a row.

    A thread takes a piece of the merged levels. Levels of a single row stand for all rows.
    """
    sums = cuda.shared.array(_THREADS, float64)
    row, thread = cuda.blockIdx.x, cuda.threadIdx.x
    x_row, y_row = row % x_levels.shape[0], row % y_levels.shape[0]
    n, m = x_levels.shape[1], y_levels.shape[1]
    share = (n + m + cuda.blockDim.x - 1) // cuda.blockDim.x
    begin, end = min(n + m, thread * share), min(n + m, (thread + 1) * share)
    low, high = max(0, begin - m), min(begin, n)
    while low < high:
        middle = (low + high) >> 1
        if x_levels[x_row, middle] <= y_levels[y_row, begin - 1 - middle]:
            low = middle + 1
        else:
            high = middle
    i, j, previous, total = low, begin - low, 0.0, 0.0
    if i > 0:
        previous = x_levels[x_row, i - 1]
    if j > 0:
        previous = max(previous, y_levels[y_row, j - 1])
    for _ in range(begin, end):
        if i == n or j == m:
            break
        by_x = x_levels[x_row, i] <= y_levels[y_row, j]
        level = x_levels[x_row, i] if by_x else y_levels[y_row, j]
        total += (level - previous) * powered(float64(u[row, i]) - float64(v[row, j]), p)
        previous = level
        if by_x:
            i += 1
        else:
            j += 1
    total = sum_of_block(sums, total)
    if thread == 0:
        out[first + row] = total * scale


def _power_of_two_threads(n):
    return 1 << min(log2_ceil(max(n, 2)), log2_ceil(_THREADS))


def _sort(values, order, rows):
    """Sort the first rows of ``values``, whose width is a power of two, and with them their places."""
    width = values.shape[1]
    log2_size = min(_LOG2_TILE, log2_ceil(width))
    size, half = 1 << log2_size, width >> 1
    in_tile = min(_THREADS, size >> 1)
    configured(sort_tiles, (width // size, rows), in_tile)(values, order, log2_size)
    threads, length = min(_THREADS, half), 2 * size
    while length <= width:
        stride = length >> 1
        while stride >= size:
            configured(merge_far, (-(-half // threads), rows), threads)(values, order, length, stride)
            stride >>= 1
        configured(merge_tiles, (width // size, rows), in_tile)(values, order, length, log2_size)
        length <<= 1


class _Side:
    """One cloud on the device: its points, its masses, and room for the projections of a chunk of directions."""

    def __init__(self, points, weights, levels, rows):
        self.points, self.n = as_device(points), points.shape[1]
        width = 1 << max(1, log2_ceil(self.n))
        self.values = cuda.device_array((rows, width), points.dtype)
        self.weights = None if weights is None else as_device(weights)
        self.order = cuda.device_array((rows, 1) if weights is None else (rows, width), np.int32)
        self.levels = as_device(levels) if weights is None else cuda.device_array((rows, self.n), np.float64)

    def prepare(self, directions, first, rows):
        """Project on directions from ``first`` on, sort, and cumulate the masses."""
        values = self.values[:rows]
        width = values.shape[1]
        threads = min(_THREADS, width)
        grid = (-(-width // threads), -(-rows // _DIRECTIONS_PER_THREAD))
        configured(project_rows, grid, threads)(self.points, directions, first, values)
        _sort(values, self.order[:rows], rows)
        if self.weights is not None:
            threads = _power_of_two_threads(self.n)
            configured(mass_levels, rows, threads)(self.order[:rows], self.weights, self.levels[:rows])
        return values


def sliced_costs(x_points, y_points, x_weights, y_weights, directions, p, out, batch_size, n_jobs):
    """Write the exact one-dimensional cost W_p^p of the projections on every direction to ``out``.

    As the twin on the CPU. ``batch_size`` bounds the directions that the device holds at a time, ``n_jobs`` has no
    effect. Sums are in float64; projections too, and are then rounded to the type of the points.
    """
    n, m = x_points.shape[1], y_points.shape[1]
    weighted = x_weights is not None
    row_bytes = sum(2 * size * (x_points.dtype.itemsize + (12 if weighted else 0)) for size in (n, m))
    rows = max(1, min(_MOST_ROWS, _CHUNK_BYTES // row_bytes, len(directions), batch_size or len(directions)))
    # Equal masses in units of 1 / (n m): their levels are integers.
    x = _Side(x_points, x_weights, m * np.arange(1.0, n + 1)[np.newaxis], rows)
    y = _Side(y_points, y_weights, n * np.arange(1.0, m + 1)[np.newaxis], rows)
    scale = 1.0 if weighted else 1 / (float(n) * float(m))
    T = as_device(np.ascontiguousarray(directions, dtype=np.float64))
    with on_device(out) as costs:
        for first in range(0, len(directions), rows):
            count = min(rows, len(directions) - first)
            u, v = x.prepare(T, first, count), y.prepare(T, first, count)
            if n == m and not weighted:
                configured(equal_rows, count, _power_of_two_threads(n))(u, v, n, float(p), first, costs)
            else:
                levels = [side.levels[:count] if weighted else side.levels for side in (x, y)]
                threads = _power_of_two_threads(n + m)
                configured(merged_rows, count, threads)(u, v, *levels, float(p), scale, first, costs)
