"""CUDA twin of coordinate descent, greedy only: one warp codes one patch at a time.

Unlike the CPU's, it does not solve for the support of l1 exactly, but goes on until no coordinate changes by more than
the tolerance.
"""

import numpy as np
from numba import cuda

from sparsesci._core import cuda as device
from sparsesci.decomposition._descent_kernels import GREEDY
from sparsesci.decomposition._prox_scalar import prox
from sparsesci.decomposition._warp_argmax import WARP, reduce_largest

_MOST_BLOCKS = 4096


@cuda.jit
def descend_patches(kind, gram, correlations, lam, param, positive, tol, max_steps, codes, converged, q, norms):
    """Descend for the patches of a block, one after the other; ``q`` is work space of each block."""
    scores = cuda.shared.array(WARP, np.float64)
    places = cuda.shared.array(WARP, np.int64)
    t, block = cuda.threadIdx.x, cuda.blockIdx.x
    size = gram.shape[0]
    for i in range(block, codes.shape[0], cuda.gridDim.x):
        scores[t] = 0
        places[t] = t
        for c in range(t, size, WARP):
            value = correlations[i, c]
            scores[t] = max(scores[t], abs(np.float64(value)) / norms[c])
            for other in range(size):
                value -= gram[other, c] * codes[i, other]
            q[block, c] = value
        reduce_largest(scores, places)
        goal = tol * scores[0]
        cuda.syncthreads()
        done = False
        for _ in range(max_steps):
            scores[t] = 0
            places[t] = size
            for c in range(t, size, WARP):
                step = 1.0 / (norms[c] * norms[c])
                z = codes[i, c] + q[block, c] * step
                target = 0.0 if positive and z <= 0 else prox(kind, z, lam, step, param, norms[c])
                score = abs(target - codes[i, c]) * norms[c]
                if score > scores[t]:
                    scores[t] = score
                    places[t] = c
            reduce_largest(scores, places)
            largest, j = scores[0], places[0]
            cuda.syncthreads()
            if not largest > goal:
                done = True
                break
            step = 1.0 / (norms[j] * norms[j])
            z = codes[i, j] + q[block, j] * step
            target = 0.0 if positive and z <= 0 else prox(kind, z, lam, step, param, norms[j])
            change = target - codes[i, j]
            cuda.syncthreads()
            for c in range(t, size, WARP):
                q[block, c] -= change * gram[j, c]
            if t == 0:
                codes[i, j] = target
            cuda.syncthreads()
        if t == 0:
            converged[i] = done
        cuda.syncthreads()


def descend(order, kind, gram, correlations, lam, param, positive, n_features, tol, max_iter, codes, converged, n_jobs):
    """Minimise |x - D r|^2 / 2 + sum_j g(r_j) for every row of ``correlations``, from the codes given.

    Parameters are those of the CPU twin; ``order`` must be GREEDY, ``n_features`` and ``n_jobs`` are not used.
    """
    if order != GREEDY:
        raise ValueError("order must be GREEDY on the GPU")
    n, size = codes.shape
    blocks = min(n, _MOST_BLOCKS)
    norms = np.sqrt(np.diagonal(gram).astype(np.float64))
    q = cuda.device_array((blocks, size), codes.dtype)
    given = device.as_device(gram), device.as_device(correlations)
    with device.on_device(codes) as held, device.on_device(converged) as reached:
        kernel = device.configured(descend_patches, blocks, WARP)
        kernel(kind, *given, float(lam), float(param), bool(positive), float(tol), max_iter * size, held, reached, q,
               device.as_device(norms))  # fmt: skip
