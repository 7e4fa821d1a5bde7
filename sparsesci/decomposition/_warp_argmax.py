"""The largest of many scores, found by the 32 threads of a warp, for the CUDA kernels."""

from numba import cuda

WARP = 32


@cuda.jit(device=True, inline="always")
def reduce_largest(scores, places):
    """Leave the largest of 32 scores, and its place, in the first elements; of equals the one of lowest place."""
    t = cuda.threadIdx.x
    half = WARP // 2
    while half:
        cuda.syncthreads()
        if t < half:
            other, place = scores[t + half], places[t + half]
            if other > scores[t] or (other == scores[t] and place < places[t]):
                scores[t] = other
                places[t] = place
        half //= 2
    cuda.syncthreads()
