"""CPU products with a sensing matrix: a stored one by BLAS, a random one of signs made where it is needed."""

import numpy as np
from numba import njit, uint32, uint64

from sparsesci._core.rng import random_words, stream_of
from sparsesci._core.threads import run_chunks, run_ranges, single_threaded_blas
from sparsesci.calibration._ranges import CHUNK_ELEMENTS, range_edges

SIGN_PURPOSE = 71
BITS = 128


def resident(A):
    """Return ``A`` where the products are computed: on the CPU the array itself."""
    return A


def sensing_forward(A, x, out, n_jobs):
    """out = A @ x, rows in blocks.

    Parameters
    ----------
    A : array of shape (n_rows, n), float32 or float64, C-ordered
    x : ndarray of shape (n,)
    out : ndarray of shape (n_rows,)
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    n_rows, n = A.shape

    def task(start, stop):
        np.dot(A[start:stop], x, out=out[start:stop])

    with single_threaded_blas():
        run_ranges(task, n_rows, max(1, CHUNK_ELEMENTS // n), n_jobs)


def sensing_adjoint(A, r, out, n_jobs):
    """out = A.T @ r, summed over blocks of rows in their order.

    Parameters
    ----------
    A : array of shape (n_rows, n), float32 or float64, C-ordered
    r : ndarray of shape (n_rows,)
    out : ndarray of shape (n,)
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    n_rows, n = A.shape
    edges = range_edges(n_rows, n)
    partial = np.empty((len(edges) - 1, n), dtype=out.dtype)

    def task(i):
        np.dot(r[edges[i] : edges[i + 1]], A[edges[i] : edges[i + 1]], out=partial[i])

    with single_threaded_blas():
        run_chunks(task, len(partial), n_jobs)
    np.sum(partial, axis=0, out=out)


@njit(cache=True)
def sign_words(key, row, block):
    """Return the four words whose 128 bits are the signs of columns 128 ``block`` ... of ``row``; 1 is negative."""
    return random_words(key, stream_of(SIGN_PURPOSE, row), uint64(block))


@njit(cache=True, inline="always")
def sign_of(word, bit):
    """Return -1.0 if that bit of the word is set, otherwise 1.0, as float32, which every type takes exactly."""
    return np.float32(1 - 2 * np.int32((word >> uint32(bit)) & uint32(1)))


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def _sign_dot(word, x, begin, count):
    total = x.dtype.type(0)
    for bit in range(count):
        total += sign_of(word, bit) * x[begin + bit]
    return total


@njit(nogil=True, cache=True)
def _sign_forward(key, x, out, start, stop):
    n = x.size
    for i in range(start, stop):
        total = x.dtype.type(0)
        for block in range((n + BITS - 1) // BITS):
            words = sign_words(key, i, block)
            for which in range(4):
                begin = BITS * block + 32 * which
                if begin < n:
                    total += _sign_dot(words[which], x, begin, min(32, n - begin))
        out[i] = total


@njit(nogil=True, cache=True)
def _sign_axpy(word, scale, out, begin, count):
    for bit in range(count):
        out[begin + bit] += sign_of(word, bit) * scale


@njit(nogil=True, cache=True)
def _sign_adjoint(key, r, out, start, stop):
    n = out.size
    out[:] = 0
    for i in range(start, stop):
        for block in range((n + BITS - 1) // BITS):
            words = sign_words(key, i, block)
            for which in range(4):
                begin = BITS * block + 32 * which
                if begin < n:
                    _sign_axpy(words[which], r[i], out, begin, min(32, n - begin))


def sign_forward(key, x, out, n_jobs):
    """out = S @ x for the random matrix of signs that ``key`` stands for.

    Parameters
    ----------
    key : numpy.uint64
    x : ndarray of shape (n,)
    out : ndarray of shape (n_rows,), of the dtype of ``x``
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    chunk = max(1, CHUNK_ELEMENTS // x.size)
    run_ranges(lambda start, stop: _sign_forward(key, x, out, start, stop), out.size, chunk, n_jobs)


def sign_adjoint(key, r, out, n_jobs):
    """out = S.T @ r for the random matrix of signs that ``key`` stands for.

    Parameters
    ----------
    key : numpy.uint64
    r : ndarray of shape (n_rows,)
    out : ndarray of shape (n,), of the dtype of ``r``
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    edges = range_edges(r.size, out.size)
    partial = np.empty((len(edges) - 1, out.size), dtype=out.dtype)
    run_chunks(lambda i: _sign_adjoint(key, r, partial[i], edges[i], edges[i + 1]), len(partial), n_jobs)
    np.sum(partial, axis=0, out=out)
