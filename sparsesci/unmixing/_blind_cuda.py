"""CUDA twin of the passes of blind unmixing.

For each piece of pixels: the product with the weighted spectra, one thread for each pixel that runs the scalar code of
the CPU, and the sums that the next step needs, in a fixed order. The pixels stay on the device from pass to pass where
they fit (see ``_abundance_cuda``); a piece is read twice there, for the product and for the sums.
"""

import numpy as np
from numba import cuda

from sparsesci._core import cuda as device
from sparsesci.unmixing._abundance_cuda import _add_sums, _pieces, _plain, _projected, _QuadraticDevice
from sparsesci.unmixing._blind_kernels import FLOOR_OF_SLOPE, finish_pixel, multiply_pixel, slope


@cuda.jit
def _set_ones(target):
    n = cuda.grid(1)
    if n < target.size:
        target[n] = 1.0


@cuda.jit
def _multiply(B, G, column_scale, weights, penalty, closure, guidance, h_max, h_damping, A, h, AG, terms, scratch):
    """Update one pixel with each thread multiplicatively, and what follows."""
    n = cuda.grid(1)
    if n >= A.shape[0]:
        return
    K = A.shape[1]
    for k in range(K):
        A[n, k] *= column_scale[k]
    for k in range(K):
        s = 0.0
        for j in range(K):
            s += A[n, j] * G[j, k]
        AG[n, k] = s
    terms[n, 0] = 0.0
    terms[n, 1] = 0.0
    multiply_pixel(_plain(B), _plain(AG), n, penalty, closure, _plain(A), _plain(h))
    finish_pixel(
        n, weights[n], penalty, closure, guidance, h_max, h_damping, 0.0, _plain(A), _plain(h), _plain(terms), n,
        _plain(scratch[n]),
    )  # fmt: skip


@cuda.jit
def _linear_terms(A, column_scale, h, scale, penalty, closure, B):
    """B += closure - scale * penalty * slope of the penalty at A * column_scale, one thread for each pixel."""
    n = cuda.grid(1)
    if n >= A.shape[0]:
        return
    for k in range(A.shape[1]):
        B[n, k] += closure
        if penalty > 0.0:
            B[n, k] -= scale * penalty * slope(A[n, k] * column_scale[k], 1.0 - h[n], FLOOR_OF_SLOPE)


@cuda.jit
def _finish(weights, penalty, closure, guidance, h_max, h_damping, offset, A, h, terms, scratch):
    """What follows the exact solution, one thread for each pixel."""
    n = cuda.grid(1)
    if n >= A.shape[0]:
        return
    terms[n, 0] = 0.0
    terms[n, 1] = 0.0
    finish_pixel(
        n, weights[n], penalty, closure, guidance, h_max, h_damping, offset, _plain(A), _plain(h), _plain(terms), n,
        _plain(scratch[n]),
    )  # fmt: skip


class _Sums:
    """The sums of a pass, on the device: A'X (K, L), A'A (K, K) and the terms of the objective (1, 2)."""

    def __init__(self, K, L):
        self.held = [device.device_zeros(shape, np.float64) for shape in ((K, L), (K, K), (1, 2))]

    def add(self, weights, a, x, terms):
        """Add what a piece contributes."""
        ones = cuda.device_array(a.shape[0], np.float64)
        device.for_each(_set_ones, ones.size)(ones)
        _add_sums(weights, a, x, self.held[0])
        _add_sums(weights, a, a, self.held[1])
        # The weights are in the terms already.
        _add_sums(ones, ones.reshape(ones.size, 1), terms, self.held[2])

    def on_host(self):
        """Return the three sums, the last of shape (2,)."""
        AtX, AtA, terms = (array.copy_to_host() for array in self.held)
        return AtX, AtA, terms[0]


def _empty(*shape):
    return cuda.device_array(shape, np.float64)


def multiplicative_pass(X, weights, W, G, column_scale, options, A, h, n_jobs):
    """Do what ``_blind_kernels.multiplicative_pass`` does, on the GPU; ``A`` may lie there, too."""
    o, K = options, A.shape[1]
    W, G, column_scale, weights = (device.as_device(array) for array in (W, G, column_scale, weights))
    sums = _Sums(K, X.n_bands)
    choices = float(o.penalty), float(o.closure), int(o.guidance), float(o.h_max), float(o.h_damping)
    with device.on_device(A) as A, device.on_device(h) as h:
        for start, stop, x in _pieces(X):
            n, a, w = stop - start, A[start:stop], weights[start:stop]
            terms = _empty(n, 2)
            device.for_each(_multiply, n)(
                _projected(x, W), G, column_scale, w, *choices, a, h[start:stop], _empty(n, K), terms, _empty(n, K)
            )
            sums.add(w, a, x, terms)
    return sums.on_host()


def exact_pass(X, weights, W, G, column_scale, options, A, h, n_jobs):
    """Do what ``_blind_kernels.exact_pass`` does, on the GPU; ``A`` may lie there, too."""
    o, K = options, A.shape[1]
    scale = 1.0 / (np.abs(G).max() or 1.0)
    closure = 0.0 if o.simplex else o.closure
    quadratic = _QuadraticDevice((G + closure) * scale, o.simplex, o.tol)
    W, column_scale, weights = (device.as_device(array) for array in (W * scale, column_scale, weights))
    sums = _Sums(K, X.n_bands)
    choices = float(o.penalty), float(o.closure), int(o.guidance), float(o.h_max), float(o.h_damping), float(o.offset)
    with device.on_device(A) as A, device.on_device(h) as h:
        for start, stop, x in _pieces(X):
            n, a, w = stop - start, A[start:stop], weights[start:stop]
            B, terms = _projected(x, W), _empty(n, 2)
            device.for_each(_linear_terms, n)(
                a, column_scale, h[start:stop], float(scale), float(o.penalty), float(closure * scale), B
            )
            quadratic.solve(B, a)
            device.for_each(_finish, n)(w, *choices, a, h[start:stop], terms, _empty(n, K))
            sums.add(w, a, x, terms)
    return sums.on_host()
