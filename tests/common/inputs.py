"""Inputs that entries of the registry share. Arrays hold small integers, see ``Entry``."""

import numpy as np

from tests.common.kinds import Array, of_length


def integers(*shape, seed=0, dtype=np.float64):
    """Return an array of small random integers; without a constant column."""
    return np.random.default_rng(seed).integers(-4, 5, size=shape).astype(dtype)


def regression(n_samples, n_features):
    """Return integer data of a regression with noise."""
    X = integers(n_samples, n_features)
    return {"X": X, "y": X @ np.arange(1.0, n_features + 1) + integers(n_samples, seed=1)}


REGRESSION_DATA = {
    "X": Array(sparse=True, dates=True, extra=(of_length("y", 5), of_length("y", -5))),
    "y": Array(ndims=(1, 2), dates=True, extra=(of_length("X", 5), of_length("X", -5))),
}
