"""Determinantal and volume sampling with device="cuda": the samples of the CPU."""

import numpy as np
import pytest

from sparsesci.sampling import KDPP, FiniteDPP, projection_dpp, volume_sample

pytestmark = pytest.mark.cuda


def features(n, d):
    return np.random.default_rng(0).standard_normal((n, d))


def test_projection():
    V = np.linalg.qr(features(12, 3))[0]
    expected = projection_dpp(V, n_samples=2, method="rejection", random_state=4)
    np.testing.assert_array_equal(projection_dpp(V, n_samples=2, random_state=4, device="cuda"), expected)


def test_gives_up_without_orthonormal_columns():
    with pytest.raises(ValueError, match="orthonormal"):
        projection_dpp(np.zeros((3, 1)), check_input=False, device="cuda")


def test_finite_processes():
    for dpp in (FiniteDPP("features", features(10, 2)), KDPP("features", features(10, 3), 2)):
        expected, actual = (dpp.sample(2, random_state=1, device=device) for device in ("cpu", "cuda"))
        for one, other in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(other, one)


def test_volume():
    X = features(10, 2)
    expected, actual = (volume_sample(X, 4, random_state=2, device=device) for device in ("cpu", "cuda"))
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(other, one)
