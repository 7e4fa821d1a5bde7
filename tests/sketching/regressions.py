"""Small data and estimators for the tests of SketchedRegression."""

import numpy as np

from sparsesci.sketching import SketchedRegression

KINDS = ("srht", "gaussian", "sparse_sign", "countsketch")
CERTIFIED = ("srht", "gaussian")
N, D, M = 700, 5, 60


def data(n=N, d=D, targets=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + 0.3
    shape = (d,) if targets is None else (d, targets)
    y = X @ rng.standard_normal(shape) + 2.0
    return X, y + rng.standard_normal(y.shape)


def model(kind="srht", **parameters):
    return SketchedRegression(**{"n_components": M, "sketch": kind, "n_max": 2 * N, "random_state": 3} | parameters)


def results(fitted):
    """Return all numbers that a fitted estimator shows."""
    names = ("coef_", "intercept_", "coef_stderr_", "residual_norm_", "linf_bound_", "n_samples_seen_")
    return np.concatenate([np.ravel(getattr(fitted, name)) for name in names])


def assert_same_results(first, second, rtol=1e-12):
    expected = results(second)
    np.testing.assert_allclose(results(first), expected, rtol=0, atol=rtol * np.abs(expected[:-1]).max())
