"""Scores and coresets with ``device="cuda"``: the same rows, the same weights to rounding."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.sampling import KMeansCoreset, LpCoreset, leverage_scores, lewis_weights

pytestmark = pytest.mark.cuda


@pytest.fixture
def X():
    return np.random.default_rng(0).standard_normal((6, 2))


def test_scores(X):
    assert_allclose(leverage_scores(X, device="cuda"), leverage_scores(X), rtol=1e-12)
    assert_allclose(lewis_weights(X, 1.5, tol=0.9, device="cuda"), lewis_weights(X, 1.5, tol=0.9), rtol=1e-10)


def test_device_array(X):
    from numba import cuda

    assert_allclose(leverage_scores(cuda.to_device(X), device="cuda"), leverage_scores(X), rtol=1e-12)
    with pytest.raises(TypeError, match="X is on a GPU"):
        leverage_scores(cuda.to_device(X))


@pytest.mark.parametrize("make", [LpCoreset, lambda m, **o: KMeansCoreset(m, 2, **o)], ids=["lp", "kmeans"])
def test_coresets(make, X):
    on_host, on_device = (make(3, random_state=0, device=device).fit(X) for device in ("cpu", "cuda"))
    np.testing.assert_array_equal(on_device.sample_indices_, on_host.sample_indices_)
    assert_allclose(on_device.sample_weight_, on_host.sample_weight_, rtol=1e-10)
