"""Passes over the measurement tensor: the eigenvalues of the covariance are computed on the way, never stored.

In eigenvector coordinates the covariance of the measurements is diagonal, ``D = noise_var + (outer product of the
modes' eigenvalues)``. A tensor is seen as rows of neighbouring elements; each row is summed by itself and the sums of
rows are added in order, so that the result does not depend on the number of threads.
"""

import math

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges

_CHUNK_ELEMENTS = 1 << 15
_LARGE, _SMALL = 1e100, 1e-100
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, error_model="numpy")
def cost_of_row(rotated, row, factor, last, noise_var):
    """Return the sums of log D, |rotated|^2 / D, |rotated|^2 / D^2 and 1 / D over one row.

    Logarithms are taken of products, as long as these neither overflow nor vanish.
    """
    log_det, quadratic, squared, trace = 0.0, 0.0, 0.0, 0.0
    product = 1.0
    for i in range(last.size):
        D = noise_var + factor * last[i]
        value = rotated[row, i]
        power = value.real * value.real + value.imag * value.imag
        inverse = 1.0 / D
        scaled = power * inverse
        quadratic += scaled
        squared += scaled * inverse
        trace += inverse
        product *= D
        if product > _LARGE or product < _SMALL:
            log_det += math.log(product)
            product = 1.0
    return log_det + math.log(product), quadratic, squared, trace


@njit(nogil=True, cache=True, error_model="numpy")
def _cost_rows(rotated, factors, last, noise_var, sums, start, stop):
    for row in range(start, stop):
        sums[row, 0], sums[row, 1], sums[row, 2], sums[row, 3] = cost_of_row(
            rotated, row, factors[row], last, noise_var
        )


def cost_sums(rotated, factors, last, noise_var, n_jobs=None):
    """Return the sums of log D, |rotated|^2 / D, |rotated|^2 / D^2 and 1 / D with D = noise_var + factors x last.

    Parameters
    ----------
    rotated : ndarray of shape (n_rows, n_columns), float64 or complex128
    factors : ndarray of shape (n_rows,)
    last : ndarray of shape (n_columns,)
    noise_var : float
    n_jobs : int or None

    Returns
    -------
    sums : ndarray of shape (4,)
    """
    sums = np.empty((rotated.shape[0], 4))
    run_ranges(
        lambda start, stop: _cost_rows(rotated, factors, last, noise_var, sums, start, stop),
        rotated.shape[0],
        max(1, _CHUNK_ELEMENTS // rotated.shape[1]),
        n_jobs,
    )
    return sums.sum(axis=0)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FAST)
def _weigh_rows(rotated, left, middle, right, noise_var, weighted, sums, start, stop):
    n_middle = middle.size
    for row in range(start, stop):
        outside = left[row // n_middle]
        inside = middle[row % n_middle]
        total = 0.0
        for i in range(right.size):
            others = outside * right[i]
            inverse = 1.0 / (noise_var + others * inside)
            total += others * inverse
            weighted[row, i] = rotated[row, i] * (inverse * math.sqrt(others))
        sums[row] = total


def mode_weights(rotated, left, middle, right, noise_var, weighted, n_jobs=None):
    """Return what the update of one mode needs of the tensor, and write the scaled tensor to ``weighted``.

    With ``others`` the outer product of ``left`` and ``right`` and D = noise_var + others x middle, ``weighted`` is
    ``rotated * sqrt(others) / D``, and the sums of ``others / D`` over all but the middle axis are returned.

    Parameters
    ----------
    rotated : ndarray of shape (n_left * n_middle, n_right), float64 or complex128
    left, middle, right : ndarray of shape (n_left,), (n_middle,), (n_right,)
    noise_var : float
    weighted : ndarray of the shape and type of ``rotated``
    n_jobs : int or None

    Returns
    -------
    sums : ndarray of shape (n_middle,)
    """
    sums = np.empty(rotated.shape[0])
    run_ranges(
        lambda start, stop: _weigh_rows(rotated, left, middle, right, noise_var, weighted, sums, start, stop),
        rotated.shape[0],
        max(1, _CHUNK_ELEMENTS // rotated.shape[1]),
        n_jobs,
    )
    return sums.reshape(left.size, middle.size).sum(axis=0)
