"""CUDA twin of the pursuits: one warp codes one patch at a time, its threads sharing the atoms."""

import math

import numpy as np
from numba import cuda

from sparsesci._core import cuda as device
from sparsesci.decomposition._pursuit_kernels import tolerance_of
from sparsesci.decomposition._warp_argmax import WARP, reduce_largest

_WORKSPACE_BYTES = 1 << 28
_MOST_BLOCKS = 4096


@cuda.jit
def pursue_patches(gram, correlations, energies, k, eps, recursive, tolerance, floor_share, codes, basis, q, off,
                   factor, rhs, chosen):  # fmt: skip
    """Code the patches of a block, one after the other; the last six arrays are work space of each block.

    ``off`` holds the squared norms off the span, and -1 for chosen atoms.
    """
    scores = cuda.shared.array(WARP, codes.dtype)
    places = cuda.shared.array(WARP, np.int64)
    t, block = cuda.threadIdx.x, cuda.blockIdx.x
    size = gram.shape[0]
    for i in range(block, codes.shape[0], cuda.gridDim.x):
        for c in range(t, size, WARP):
            q[block, c] = correlations[i, c]
            off[block, c] = 1
            codes[i, c] = 0
        cuda.syncthreads()
        error = energies[i]
        floor = error * floor_share
        n = 0
        while n < k and error > eps:
            scores[t] = 0
            places[t] = size
            for c in range(t, size, WARP):
                left = off[block, c]
                score = q[block, c] * q[block, c]
                if recursive:
                    score = score / left if left > tolerance else score * 0
                if left >= 0 and score > scores[t]:
                    scores[t] = score
                    places[t] = c
            reduce_largest(scores, places)
            best, j = scores[0], places[0]
            cuda.syncthreads()
            if not best > floor:
                break
            rest = 1.0
            for earlier in range(n):
                rest -= np.float64(basis[block, earlier, j]) ** 2
            if rest <= tolerance:
                break
            length = math.sqrt(rest)
            coefficient = q[block, j] / length
            cuda.syncthreads()
            for c in range(t, size, WARP):
                value = gram[j, c]
                for earlier in range(n):
                    value -= basis[block, earlier, j] * basis[block, earlier, c]
                value = value / length
                basis[block, n, c] = value
                q[block, c] -= coefficient * value
                if c == j:
                    off[block, c] = -1
                elif off[block, c] >= 0:
                    off[block, c] = max(off[block, c] - value * value, 0)
            if t == 0:
                for earlier in range(n):
                    factor[block, n, earlier] = basis[block, earlier, j]
                factor[block, n, n] = length
                rhs[block, n] = coefficient
                chosen[block, n] = j
            error -= np.float64(coefficient) ** 2
            n += 1
            cuda.syncthreads()
        if t == 0:
            for place in range(n - 1, -1, -1):
                value = rhs[block, place]
                for later in range(place + 1, n):
                    value -= factor[block, later, place] * rhs[block, later]
                rhs[block, place] = value / factor[block, place, place]
                codes[i, chosen[block, place]] = rhs[block, place]
        cuda.syncthreads()


def pursue(gram, correlations, energies, k, eps, recursive, codes, n_jobs):
    """Code each row of ``correlations`` by at most k atoms, and until the squared error is at most ``eps``.

    Parameters are those of the CPU twin; ``n_jobs`` is not used.
    """
    n, size = codes.shape
    dtype = codes.dtype
    blocks = max(1, min(n, _MOST_BLOCKS, _WORKSPACE_BYTES // ((k + 2) * size * dtype.itemsize)))
    work = [
        cuda.device_array(shape, dtype)
        for shape in ((blocks, k, size), (blocks, size), (blocks, size), (blocks, k, k), (blocks, k))
    ]
    chosen = cuda.device_array((blocks, k), np.int64)
    single = dtype.itemsize == 4
    limits = tolerance_of(single), 1e-12 if single else 1e-28
    given = (device.as_device(gram), device.as_device(correlations), device.as_device(energies))
    with device.on_device(codes) as held:
        kernel = device.configured(pursue_patches, blocks, WARP)
        kernel(*given, k, float(eps), bool(recursive), *limits, held, *work, chosen)
