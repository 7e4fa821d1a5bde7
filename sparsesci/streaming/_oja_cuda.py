"""CUDA twin of Oja's rule: a warp for each vector, rows one after the other."""

import math

import numpy as np
from numba import cuda, float64

from sparsesci._core import cuda as device

_THREADS = 32


@cuda.jit
def oja_kernel(x, steps, rates, v, logs, energies, first_number, period):
    """Let every vector follow the rows. One warp for each vector; each thread owns columns."""
    held = cuda.shared.array(_THREADS, float64)
    r, thread = cuda.blockIdx.x, cuda.threadIdx.x
    d = x.shape[1]
    for i in range(x.shape[0]):
        total = 0.0
        for j in range(thread, d, _THREADS):
            total += x[i, j] * v[r, j]
        held[thread] = total
        cuda.syncthreads()
        half = _THREADS // 2
        while half > 0:
            if thread < half:
                held[thread] += held[thread + half]
            cuda.syncthreads()
            half //= 2
        p = held[0]
        cuda.syncthreads()
        if thread == 0:
            energies[r] += p * p
        factor = rates[r] * steps[i] * p
        total = 0.0
        for j in range(thread, d, _THREADS):
            value = v[r, j] + factor * x[i, j]
            v[r, j] = value
            total += value * value
        if period > 0 and (first_number + i + 1) % period == 0:
            held[thread] = total
            cuda.syncthreads()
            half = _THREADS // 2
            while half > 0:
                if thread < half:
                    held[thread] += held[thread + half]
                cuda.syncthreads()
                half //= 2
            size = math.sqrt(held[0])
            cuda.syncthreads()
            if thread == 0:
                logs[r] += math.log(size)
            for j in range(thread, d, _THREADS):
                v[r, j] /= size
        cuda.syncthreads()


def oja_rows(A, steps, rates, V, logs, energies, first_number, period, n_jobs):
    """For every row a and vector v: v += rate * step * (a . v) a, and every ``period`` rows v is normalised.

    Parameters
    ----------
    A : host or device array of shape (n, d), C-ordered, float64
    steps : ndarray of shape (n,), float64
    rates : ndarray of shape (r,), float64
    V : ndarray of shape (r, d), C-ordered, float64
        Changed in place.
    logs, energies : ndarray of shape (r,), float64
        Added to.
    first_number : int
    period : int
    n_jobs : int or None
        Not used: the parameter of the CPU twin.
    """
    factors, scales = cuda.to_device(np.ascontiguousarray(steps)), cuda.to_device(np.ascontiguousarray(rates))
    with device.on_device(V) as v, device.on_device(logs) as grown, device.on_device(energies) as met:
        for start, x in device.row_pieces(A, device.rows_per_piece(8 * A.shape[1])):
            piece = factors[start : start + x.shape[0]]
            kernel = device.configured(oja_kernel, V.shape[0], _THREADS)
            kernel(x, piece, scales, v, grown, met, first_number + start, period)
