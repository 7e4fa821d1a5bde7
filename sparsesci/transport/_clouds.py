"""Checking point clouds and weights, and bringing clouds to a common centre and scale."""

from typing import NamedTuple

import numpy as np
import scipy.sparse

from sparsesci._core.arrays import check_rows
from sparsesci._core.validation import naming


class Pair(NamedTuple):
    """Two clouds, centred at the mean of the first and divided by ``scale``, a power of two; weights or None."""

    x: np.ndarray
    y: np.ndarray
    x_weights: np.ndarray | None
    y_weights: np.ndarray | None
    scale: float


def check_cloud(X, name):
    """Return a cloud as a float array of shape (n, d)."""
    if scipy.sparse.issparse(X):
        raise TypeError(f"{name} must be a dense array; got a sparse one")
    return check_rows(X, name=name)


def check_vector(values, name):
    """Return a 1-d array of finite numbers, as floats."""
    if scipy.sparse.issparse(values):
        raise TypeError(f"{name} must be a dense array; got a sparse one")
    with naming(name):
        given = np.asarray(values)
    if given.ndim != 1:
        raise ValueError(f"{name} must be 1-d; got {given.ndim} dimension(s)")
    if given.dtype.kind in "mM":
        raise TypeError(f"{name} must be numeric; got dtype {given.dtype}")
    return check_rows(given, name=name, allow_vector=True)[:, 0]


def check_weights(weights, n, name):
    """Return weights of ``n`` points with sum one, as float64, or None for None."""
    if weights is None:
        return None
    weights = check_vector(weights, name).astype(np.float64)
    if len(weights) != n:
        raise ValueError(f"{name} must have one weight for each of the {n} points; got {len(weights)}")
    if weights.min() < 0:
        raise ValueError(f"{name} must not be negative; got {weights.min()!r}")
    if weights.max() == 0:
        raise ValueError(f"{name} must not all be zero")
    weights = weights / weights.max()
    return weights / weights.sum()


def check_pair(X, Y, x_weights, y_weights):
    """Return two clouds of the same dtype and dimension, and their weights."""
    X, Y = check_cloud(X, "X"), check_cloud(Y, "Y")
    if X.shape[1] != Y.shape[1]:
        raise ValueError(f"X and Y must have the same number of features; got {X.shape[1]} (X) and {Y.shape[1]} (Y)")
    return X, Y, check_weights(x_weights, len(X), "x_weights"), check_weights(y_weights, len(Y), "y_weights")


def power_of_two(largest):
    """Return the power of two next above ``largest``, 1 for 0."""
    return float(2.0 ** min(1023, np.frexp(largest)[1])) if largest > 0 else 1.0


def bring_together(X, Y, x_weights, y_weights):
    """Return the clouds centred and scaled, without points of no mass; both weights are None if all are equal."""
    dtype = np.result_type(X, Y)
    if x_weights is not None or y_weights is not None:
        x_weights = np.full(len(X), 1 / len(X)) if x_weights is None else x_weights
        y_weights = np.full(len(Y), 1 / len(Y)) if y_weights is None else y_weights
        X, Y = X[x_weights > 0], Y[y_weights > 0]
        x_weights, y_weights = x_weights[x_weights > 0], y_weights[y_weights > 0]
    first = power_of_two(max(np.abs(X).max(), np.abs(Y).max()))
    x, y = X.astype(np.float64) / first, Y.astype(np.float64) / first
    centre = np.average(x, axis=0, weights=x_weights)
    x -= centre
    y -= centre
    second = power_of_two(max(np.abs(x).max(), np.abs(y).max()))
    return Pair((x / second).astype(dtype), (y / second).astype(dtype), x_weights, y_weights, first * second)
