"""What a gradient iteration does between its two products with the sensing matrix: sums over readings, in one pass."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def residual_terms(U, Y, gains, weights, scaled, sensor_gradient, start, stop):
    """Write what both gradients need of snapshots start ... stop - 1, and return the sum of squared residuals.

    scaled[s, i] = weights[s] gains[i] R[s, i], and sensor_gradient[i] += sum_s weights[s] U[s, i] R[s, i], with
    R = gains U - Y. Sums are float64.
    """
    loss = 0.0
    for s in range(start, stop):
        weight = weights[s]
        row = 0.0
        for i in range(U.shape[1]):
            r = gains[i] * np.float64(U[s, i]) - Y[s, i]
            row += r * r
            sensor_gradient[i] += weight * U[s, i] * r
            scaled[s, i] = weight * gains[i] * r
        loss += weight * row
    return loss


@njit(nogil=True, cache=True)
def step_lengths(U, V, Y, gains, direction, weights, start, stop):
    """Return the four sums that make the exact step lengths: <gV, R>, <gV, gV>, <W, R>, <W, W>, W = direction U."""
    signal_slope = signal_curvature = gain_slope = gain_curvature = 0.0
    for s in range(start, stop):
        a = b = c = d = 0.0
        for i in range(U.shape[1]):
            u = np.float64(U[s, i])
            r = gains[i] * u - Y[s, i]
            v = gains[i] * V[s, i]
            w = direction[i] * u
            a += v * r
            b += v * v
            c += w * r
            d += w * w
        signal_slope += weights[s] * a
        signal_curvature += weights[s] * b
        gain_slope += weights[s] * c
        gain_curvature += weights[s] * d
    return signal_slope, signal_curvature, gain_slope, gain_curvature
