"""Device functions of the CUDA kernels of sliced costs."""

from numba import cuda


@cuda.jit(device=True, inline="always")
def out_of_order(a, place_a, b, place_b, downwards):
    """Tell whether b belongs before a; values that are equal are ordered by their places."""
    greater = a > b or (a == b and place_a > place_b)
    return greater != downwards


@cuda.jit(device=True, inline="always")
def sum_of_block(sums, value):
    """Return the sum of the values of all threads, a power of two of them, in a fixed order."""
    thread = cuda.threadIdx.x
    sums[thread] = value
    cuda.syncthreads()
    stride = cuda.blockDim.x >> 1
    while stride > 0:
        if thread < stride:
            sums[thread] += sums[thread + stride]
        cuda.syncthreads()
        stride >>= 1
    return sums[0]
