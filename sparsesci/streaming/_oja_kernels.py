"""CPU kernels of Oja's rule: several vectors, each with a step size of its own, follow a stream of rows."""

import numpy as np
from numba import njit

from sparsesci._core.threads import run_chunks
from sparsesci.streaming._block_power_kernels import _add, _dot


@njit(nogil=True, cache=True)
def oja_range(x, d, steps, rates, v, logs, energies, first_number, period, start, stop):
    """Let vectors start <= r < stop of ``v`` follow the rows of ``x`` (both flat)."""
    for r in range(start, stop):
        at = r * d
        for i in range(steps.size):
            p = _dot(x, i * d, d, v, at)
            energies[r] += p * p
            _add(x, i * d, d, rates[r] * steps[i] * p, v, at, 0, d)
            if period > 0 and (first_number + i + 1) % period == 0:
                size = np.sqrt(_dot(v, at, d, v, at))
                logs[r] += np.log(size)
                for j in range(at, at + d):
                    v[j] /= size


@njit(nogil=True, cache=True)
def subtract_running_mean(A, scale, count, mean, out):
    """out[i] = scale * A[i] - mean of all rows up to this one.

    ``mean``, that of the ``count`` rows before, is brought up to date.
    """
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            value = np.float64(A[i, j]) * scale
            mean[j] += (value - mean[j]) / (count + i + 1)
            out[i, j] = value - mean[j]


def oja_rows(A, steps, rates, V, logs, energies, first_number, period, n_jobs):
    """For every row a and vector v: v += rate * step * (a . v) a, and every ``period`` rows v is normalised.

    Parameters
    ----------
    A : ndarray of shape (n, d), C-ordered, float64
    steps : ndarray of shape (n,), float64
        One factor for each row.
    rates : ndarray of shape (r,), float64
        One factor for each vector.
    V : ndarray of shape (r, d), C-ordered, float64
        Changed in place.
    logs : ndarray of shape (r,), float64
        The logarithms of the norms that are divided out are added to it.
    energies : ndarray of shape (r,), float64
        The squares of a . v are added to it.
    first_number : int
        Number of the first row in the stream, on which depends where vectors are normalised.
    period : int
        0: never.
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    d = A.shape[1]
    x, v = A.reshape(-1), V.reshape(-1)

    def task(r):
        oja_range(x, d, steps, rates, v, logs, energies, first_number, period, r, r + 1)

    run_chunks(task, len(V), n_jobs)
