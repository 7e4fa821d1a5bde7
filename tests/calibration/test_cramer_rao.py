"""The bound, and that the estimates attain it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.calibration import blind_calibrate, cramer_rao_bound
from sparsesci.datasets import make_blind_calibration
from tests.reference import calibration as reference


def test_equals_the_oracle():
    A, _, x, gains = make_blind_calibration(7, 5, 6, random_state=0)
    bound = cramer_rao_bound(A, x, gains, 0.3)
    expected = reference.cramer_rao(A, x, gains, 0.3)
    assert_allclose(bound.covariance, expected, atol=1e-10)
    assert_allclose(bound.x, np.diagonal(expected)[:7])
    assert_allclose(bound.gains, np.diagonal(expected)[7:])
    assert_allclose(bound.covariance[7:, 7:].sum(), 0, atol=1e-12)


def test_refuses():
    A, _, x, gains = make_blind_calibration(7, 5, 6, random_state=0)
    for arguments, name in (
        ((A, x[1:], gains, 1.0), "x"),
        ((A, x, gains[1:], 1.0), "gains"),
        ((A, x, gains, 0), "sigma"),
    ):
        with pytest.raises(ValueError, match=name):
            cramer_rao_bound(*arguments)


@pytest.mark.parametrize("snr", [10, 20])
def test_estimates_attain_it(snr):
    """Mean squared error over 40 trials within 10 % of the bound.

    The sum of 40 x 64 squared errors has a relative standard deviation of about 4 %: the seeds are fixed.
    """
    attained = {"gradient": 0.0, "gauss_newton": 0.0}
    bound = 0.0
    for seed in range(40):
        A, clean, x, gains = make_blind_calibration(64, 32, 16, rho=0.5, random_state=seed)
        sigma = np.sqrt(np.mean(clean**2) / 10 ** (snr / 10))
        Y = clean + sigma * np.random.default_rng(100 + seed).standard_normal(clean.shape)
        bound += cramer_rao_bound(A, x, gains, sigma).x.sum() / (x @ x)
        for solver in attained:
            attained[solver] += np.sum((blind_calibrate(A, Y, solver=solver).x - x) ** 2) / (x @ x)
    for solver, error in attained.items():
        assert 0.9 < error / bound < 1.1, solver
