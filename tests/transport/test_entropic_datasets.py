"""Generators of transport problems."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sparsesci.datasets import load_digits_transport, make_gaussian_clouds, make_random_assignment


def test_random_assignment():
    assert_array_equal(make_random_assignment(7, random_state=3), np.random.default_rng(3).random((7, 7)))
    generator = np.random.default_rng(3)
    assert (
        make_random_assignment(7, random_state=generator) != make_random_assignment(7, random_state=generator)
    ).any()


def test_gaussian_clouds():
    X, Y = make_gaussian_clouds(20_000, 3, scale=2.0, shift=-1.0, random_state=0)
    # Six standard errors: false alarm below 1e-8 for each figure.
    assert_allclose(X.mean(axis=0), 0, atol=6 / np.sqrt(20_000))
    assert_allclose(Y.mean(axis=0), -1, atol=12 / np.sqrt(20_000))
    assert_allclose(Y.std(axis=0), 2, atol=12 / np.sqrt(40_000))


@pytest.mark.parametrize("metric", ["sqeuclidean", "cityblock"])
def test_digits(metric):
    data = load_digits_transport(3, 8, metric=metric)
    assert data.C.shape == (784, 784)
    assert data.C.max() == 1
    assert_allclose([data.a.sum(), data.b.sum()], 1)
    assert data.a.min() > 0
    assert_allclose(data.C, data.C.T)
    assert_allclose(data.points.min(axis=0), 0)
    assert_allclose(data.points.max(axis=0), 1)
    assert (load_digits_transport(background=0.0).a == 0).any()
