"""The oracle of l_p regression against what can be said by hand and against the published figures of the literature."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes

from tests.reference import lp_regression as reference


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return reference.with_ones(20 * X), y


def test_median_by_hand():
    ones, y = np.ones((5, 1)), np.array([1.0, 2.0, 4.0, 8.0, 100.0])
    assert_allclose(reference.quantile_interior_point(ones, y, 0.5)[0], 4.0, atol=1e-6)
    assert_allclose(reference.linear_program(ones, y, 0.5), 0.5 * (3 + 2 + 0 + 4 + 96))
    assert_allclose(reference.chebyshev(ones, y), 49.5)


def test_powers_by_hand():
    """Of 0, 0, 1 the minimiser of 2 t**p + (1 - t)**p has (1 - t) / t = 2**(1 / (p - 1))."""
    ones, y = np.ones((3, 1)), np.array([0.0, 0.0, 1.0])
    for p, solve in [(1.5, reference.irls), (4, reference.damped_newton)]:
        assert_allclose(solve(ones, y, p), 1 / (1 + 2 ** (1 / (p - 1))), rtol=1e-9)


@pytest.mark.parametrize(("tau", "expected"), [(0.05, 2070.7900564), (0.5, 9512.1716514), (0.9, 4016.8503785)])
def test_quantiles_of_diabetes(diabetes, tau, expected):
    A, y = diabetes
    beta, dual, n_iter = reference.quantile_interior_point(A, y, tau)
    assert_allclose(reference.pinball(y - A @ beta, tau), expected, rtol=1e-9)
    assert_allclose(y @ dual, expected, rtol=1e-9)
    assert 9 <= n_iter <= 13


@pytest.mark.parametrize(("p", "expected"), [(1.5, 149968.6837), (3, 102894237.155), (4, 9426690968.80)])
def test_powers_of_diabetes(diabetes, p, expected):
    A, y = diabetes
    beta = (reference.irls if p < 2 else reference.damped_newton)(A, y, p)
    loss = reference.power_loss(y - A @ beta, p)
    assert_allclose(loss, expected, rtol=2e-9)
    assert -1e-12 < 1 - reference.dual_bound(A, y, p, beta) / loss < 1e-7
