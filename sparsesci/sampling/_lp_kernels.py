"""Passes over the rows that the solvers of l_p regression share; rows are stored by columns (``columns[j, i]``)."""

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges
from sparsesci.sampling._lp_blocks import REASSOCIATE, add_gram, add_moments, block_rows, multiply_block

CHUNK = 4096
# From here on BLAS, on one chunk of rows at a time, forms Gram matrices faster.
LARGEST_OWN_GRAM = 64


def weighted_gram(columns, weights, values, gram, moment, n_jobs):
    """Set ``gram`` (lower triangle) to ``columns @ diag(weights) @ columns.T``, ``moment`` to ``columns @ values``.

    Parameters
    ----------
    columns : ndarray of shape (d, n)
    weights, values : ndarray of shape (n,)
    gram : ndarray of shape (d, d)
    moment : ndarray of shape (d,)
    n_jobs : int or None
    """
    d, n = columns.shape
    grams, moments = np.zeros((-(-n // CHUNK), d, d)), np.zeros((-(-n // CHUNK), d))

    def task(start, stop):
        part = start // CHUNK
        if d > LARGEST_OWN_GRAM:
            blas_gram(columns, weights, start, stop, grams[part])
            np.dot(columns[:, start:stop], values[start:stop], out=moments[part])
        else:
            _weighted_gram(columns, weights, values, start, stop, grams[part], moments[part])

    run_ranges(task, n, CHUNK, n_jobs)
    grams.sum(axis=0, out=gram)
    moments.sum(axis=0, out=moment)


def blas_gram(columns, weights, start, stop, out):
    """Set ``out`` to the weighted Gram matrix of the rows from start to stop."""
    rows = columns[:, start:stop]
    np.matmul(rows * weights[start:stop], rows.T, out=out)


@njit(nogil=True, cache=True)
def _weighted_gram(columns, weights, values, start, stop, gram, moment):
    size = block_rows(columns.shape[0])
    scaled = np.empty((2, size))
    for first in range(start, stop, size):
        count = min(size, stop - first)
        add_gram(columns, first, count, weights[first : first + count], scaled, gram)
        add_moments(columns, first, count, values[first : first + count], moment)


def multiply(columns, coef, out, n_jobs):
    """Set ``out`` to ``columns.T @ coef``."""

    def task(start, stop):
        _multiply(columns, coef, out, start, stop)

    run_ranges(task, columns.shape[1], CHUNK, n_jobs)


@njit(nogil=True, cache=True)
def _multiply(columns, coef, out, start, stop):
    size = block_rows(columns.shape[0])
    for first in range(start, stop, size):
        count = min(size, stop - first)
        multiply_block(columns, first, count, coef, out[first : first + count])


def moments(columns, values, out, n_jobs):
    """Set ``out`` to ``columns @ values``."""
    d, n = columns.shape
    parts = np.zeros((-(-n // CHUNK), d))

    def task(start, stop):
        _moments(columns, values, start, stop, parts[start // CHUNK])

    run_ranges(task, n, CHUNK, n_jobs)
    parts.sum(axis=0, out=out)


@njit(nogil=True, cache=True)
def _moments(columns, values, start, stop, out):
    size = block_rows(columns.shape[0])
    for first in range(start, stop, size):
        count = min(size, stop - first)
        add_moments(columns, first, count, values[first : first + count], out)


def squared_norms(columns, matrix, out, n_jobs):
    """Set ``out[i]`` to the squared norm of ``matrix @ columns[:, i]``."""

    def task(start, stop):
        _squared_norms(columns, matrix, out, start, stop)

    run_ranges(task, columns.shape[1], CHUNK, n_jobs)


@njit(nogil=True, cache=True)
def _squared_norms(columns, matrix, out, start, stop):
    size = block_rows(columns.shape[0])
    product = np.empty(size)
    for first in range(start, stop, size):
        count = min(size, stop - first)
        norms = out[first : first + count]
        norms[:] = 0.0
        for k in range(matrix.shape[0]):
            multiply_block(columns, first, count, matrix[k], product)
            for i in range(count):
                norms[i] += product[i] * product[i]


def centre_columns(X, centre, row_scale, share, columns, squares, n_jobs):
    """Write the rows of X, centred and multiplied by their scale, column by column.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64
    centre : ndarray of shape (d,)
    row_scale : ndarray of shape (n,)
    share : ndarray of shape (n,)
        Weights of the mean squares.
    columns : ndarray of shape (d, n)
    squares : ndarray of shape (d,)
        Set to the weighted sums of the squares of the centred columns, before they are multiplied.
    n_jobs : int or None
    """
    n, d = X.shape
    parts = np.zeros((-(-n // CHUNK), d))

    def task(start, stop):
        _centre_columns(X, centre, row_scale, share, start, stop, columns, parts[start // CHUNK])

    run_ranges(task, n, CHUNK, n_jobs)
    parts.sum(axis=0, out=squares)


@njit(nogil=True, cache=True, fastmath=REASSOCIATE)
def _centre_columns(X, centre, row_scale, share, start, stop, columns, squares):
    size = block_rows(X.shape[1])
    for first in range(start, stop, size):
        count = min(size, stop - first)
        scale, part = row_scale[first : first + count], share[first : first + count]
        for j in range(X.shape[1]):
            out = columns[j, first : first + count]
            total = 0.0
            for i in range(count):
                value = np.float64(X[first + i, j]) - centre[j]
                total += part[i] * value * value
                out[i] = value * scale[i]
            squares[j] += total


def scale_columns(columns, factors, n_jobs):
    """Multiply every column by its factor, in place."""

    def task(start, stop):
        _scale_columns(columns, factors, start, stop)

    run_ranges(task, columns.shape[1], CHUNK, n_jobs)


@njit(nogil=True, cache=True)
def _scale_columns(columns, factors, start, stop):
    for j in range(columns.shape[0]):
        column = columns[j, start:stop]
        for i in range(stop - start):
            column[i] *= factors[j]
