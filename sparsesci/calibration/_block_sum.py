"""Sum over the threads of a block, for the CUDA kernels."""

from numba import cuda

BLOCK_THREADS = 128


@cuda.jit(device=True, inline="always")
def add_tree(shared):
    """Leave the sum of the 128 elements of ``shared`` in the first, adding halves to halves."""
    t = cuda.threadIdx.x
    half = BLOCK_THREADS // 2
    while half:
        cuda.syncthreads()
        if t < half:
            shared[t] += shared[t + half]
        half //= 2
    cuda.syncthreads()
