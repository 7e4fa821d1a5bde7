"""CUDA twin of the passes over the measurement tensor: one thread for each row, so that sums come in the same order."""

import math

import numpy as np
from numba import cuda

from sparsesci._core import cuda as device

_LARGE, _SMALL = 1e100, 1e-100


@cuda.jit
def _cost_rows(rotated, factors, last, noise_var, sums):
    row = cuda.grid(1)
    if row >= rotated.shape[0]:
        return
    log_det, quadratic, squared, trace = 0.0, 0.0, 0.0, 0.0
    product = 1.0
    for i in range(last.size):
        D = noise_var + factors[row] * last[i]
        value = rotated[row, i]
        inverse = 1.0 / D
        scaled = (value.real * value.real + value.imag * value.imag) * inverse
        quadratic += scaled
        squared += scaled * inverse
        trace += inverse
        product *= D
        if product > _LARGE or product < _SMALL:
            log_det += math.log(product)
            product = 1.0
    sums[row, 0] = log_det + math.log(product)
    sums[row, 1] = quadratic
    sums[row, 2] = squared
    sums[row, 3] = trace


def cost_sums(rotated, factors, last, noise_var, n_jobs=None):
    """Return the four sums of ``_passes_kernels.cost_sums``, computed on the GPU."""
    rotated, factors, last = device.as_device(rotated), device.as_device(factors), device.as_device(last)
    sums = cuda.device_array((rotated.shape[0], 4), np.float64)
    device.for_each(_cost_rows, rotated.shape[0])(rotated, factors, last, noise_var, sums)
    return sums.copy_to_host().sum(axis=0)


@cuda.jit
def _weigh_rows(rotated, left, middle, right, noise_var, weighted, sums):
    row = cuda.grid(1)
    if row >= rotated.shape[0]:
        return
    outside = left[row // middle.size]
    inside = middle[row % middle.size]
    total = 0.0
    for i in range(right.size):
        others = outside * right[i]
        inverse = 1.0 / (noise_var + others * inside)
        total += others * inverse
        weighted[row, i] = rotated[row, i] * (inverse * math.sqrt(others))
    sums[row] = total


def mode_weights(rotated, left, middle, right, noise_var, weighted, n_jobs=None):
    """Do what ``_passes_kernels.mode_weights`` does, on the GPU."""
    rotated, left, middle, right = (device.as_device(array) for array in (rotated, left, middle, right))
    sums = cuda.device_array(rotated.shape[0], np.float64)
    with device.on_device(weighted) as held:
        device.for_each(_weigh_rows, rotated.shape[0])(rotated, left, middle, right, noise_var, held, sums)
    return sums.copy_to_host().reshape(left.size, middle.size).sum(axis=0)
