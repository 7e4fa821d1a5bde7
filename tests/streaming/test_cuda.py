"""Estimators on the GPU, or on Numba's simulator: the answers of the CPU to rounding."""

import numpy as np
import pytest
import scipy.sparse

from sparsesci.streaming import OjaPCA, StreamingPCA

pytestmark = pytest.mark.cuda


def rows():
    X = np.random.default_rng(0).standard_normal((10, 5)) + 1
    X[:, 2] *= 5
    return X


HEAVY = {"growth_factors": (2.0,), "first_block": 4, "max_heavy_rows": 2}
TWO = {"growth_factors": (2.0,), "first_block": 4, "max_heavy_rows": 0, "n_components": 2, "center": False}


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (HEAVY, "float64"),
        (HEAVY, "float32"),
        (HEAVY, "sparse"),
        (TWO, "float64"),
        ({"order": "arbitrary"}, "float64"),
    ],
    ids=["float64", "float32", "sparse", "two components", "grid"],
)
def test_streaming_pca(options, kind):
    X = scipy.sparse.csr_array(rows()) if kind == "sparse" else rows().astype(kind)
    expected = StreamingPCA(random_state=0, **options).fit(X)
    actual = StreamingPCA(random_state=0, device="cuda", **options).fit(X)
    tolerance = 1e-5 if kind == "float32" else 1e-10
    np.testing.assert_allclose(actual.components_, expected.components_, atol=tolerance)
    np.testing.assert_allclose(actual.singular_values_, expected.singular_values_, rtol=tolerance)
    np.testing.assert_allclose(actual.schedule_scores_, expected.schedule_scores_, rtol=tolerance, atol=tolerance)


def test_oja():
    expected = OjaPCA(2, random_state=0).fit(rows())
    actual = OjaPCA(2, random_state=0, device="cuda").fit(rows())
    np.testing.assert_allclose(actual.components_, expected.components_, atol=1e-10)
