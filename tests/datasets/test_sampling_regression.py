"""Regressions with gross errors."""

import numpy as np
from numpy.testing import assert_array_equal

from sparsesci.datasets import make_contaminated_regression


def test_parts():
    X, y, coef, is_outlier = make_contaminated_regression(
        2000, 4, n_leverage=10, outliers=0.1, outlier_scale=1e6, random_state=0
    )
    assert X.shape == (2000, 4)
    assert_array_equal(coef, [1, 2, 3, 4])
    assert is_outlier.sum() == 200
    error = np.abs(y - X @ coef)
    # Laplace noise beyond 40 has probability e**-40; a gross error below 40 has one below 4e-5 each.
    assert error[~is_outlier].max() < 40
    assert (error[is_outlier] > 40).sum() >= 195


def test_leverage_rows():
    plain = make_contaminated_regression(300, 5, n_leverage=0, random_state=1).X
    scaled = make_contaminated_regression(300, 5, n_leverage=7, random_state=1).X
    changed = (plain != scaled).any(axis=1)
    assert changed.sum() == 7
    assert_array_equal(scaled[changed], plain[changed] * [50, 50, 50, 1, 1])


def test_clean():
    problem = make_contaminated_regression(50, 2, outliers=0.0, random_state=0)
    assert not problem.is_outlier.any()
