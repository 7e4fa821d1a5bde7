"""Clouds in space lie where they should, uniformly."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial import KDTree
from scipy.stats import kstest

from sparsesci.datasets import make_slab, make_sphere, make_trefoil_knot
from sparsesci.datasets._transport_clouds import _trefoil

SIGNIFICANCE = 1e-6


def test_knot_lies_along_its_curve():
    curve = KDTree(_trefoil(np.linspace(0, 2 * np.pi, 100_000)))
    assert curve.query(make_trefoil_knot(500, thickness=0, random_state=0))[0].max() < 1e-3
    distance = curve.query(make_trefoil_knot(5000, thickness=0.3, random_state=0))[0]
    assert distance.max() <= 0.3
    assert distance.max() > 0.25


def test_knot_is_uniform_along_its_length():
    """Kolmogorov-Smirnov on the arc length, found by quadrature."""
    t = np.linspace(0, 2 * np.pi, 200_001)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(_trefoil(t), axis=0), axis=1))])
    places = KDTree(_trefoil(t)).query(make_trefoil_knot(4000, thickness=0, random_state=1))[1]
    assert kstest(length[places] / length[-1], "uniform").pvalue > SIGNIFICANCE


def test_slab_is_uniform():
    X = make_slab(4000, size=(1.0, 2.0, 0.0), random_state=0)
    assert not X[:, 2].any()
    assert kstest(X[:, 0] + 0.5, "uniform").pvalue > SIGNIFICANCE
    assert kstest(X[:, 1] / 2 + 0.5, "uniform").pvalue > SIGNIFICANCE


def test_sphere_is_uniform():
    X = make_sphere(4000, radius=3.0, random_state=0)
    assert_allclose(np.linalg.norm(X, axis=1), 3)
    for column in X.T:  # Archimedes: heights are uniform
        assert kstest(column / 6 + 0.5, "uniform").pvalue > SIGNIFICANCE
    thick = np.linalg.norm(make_sphere(2000, thickness=0.2, random_state=0), axis=1)
    assert 0.8 <= thick.min() < 0.85
    assert 1.15 < thick.max() <= 1.2


def test_size_has_three_entries():
    for size, kind in (((1, 2), ValueError), (3.0, TypeError), ((1, 2, -1), ValueError), ("abc", TypeError)):
        with pytest.raises(kind, match="size"):
            make_slab(5, size=size)
