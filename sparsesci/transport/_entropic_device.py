"""Device functions of the CUDA kernels of entropic transport."""

import math

from numba import cuda, float64

from sparsesci.transport._semidual_kernels import CITYBLOCK, EUCLIDEAN, MATRIX


@cuda.jit(device=True, inline="always")
def cost_of_pair(C, X, Yt, metric, i, j):
    """Return the cost of the pair (i, j), whichever way costs are given."""
    total = 0.0
    if metric == MATRIX:
        total = float64(C[i, j])
    else:
        for k in range(X.shape[1]):
            difference = X[i, k] - Yt[k, j]
            total += abs(difference) if metric == CITYBLOCK else difference * difference
        if metric == EUCLIDEAN:
            total = math.sqrt(total)
    return total
