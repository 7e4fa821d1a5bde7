"""Test functions of surrogate models: published means and variances, and values by hand."""

import math

import numpy as np
import pytest

from sparsesci.datasets import borehole_function, ishigami_function


def test_moments_of_ishigami():
    """The published mean and variance, by the trapezoidal rule in the periodic variables and Gauss in the third."""
    x = -np.pi + 2 * np.pi * np.arange(40) / 40
    z, w = np.polynomial.legendre.leggauss(20)
    nodes = np.stack([a.ravel() for a in np.meshgrid(x, x, np.pi * z, indexing="ij")], axis=1)
    weights = np.broadcast_to(w / 2 / 1600, (1600, 20)).ravel()
    for a, b in ((7.0, 0.1), (5.0, 0.2)):
        f = ishigami_function(nodes, a=a, b=b)
        mean = weights @ f
        variance = 0.5 + a**2 / 8 + b * np.pi**4 / 5 + b**2 * np.pi**8 / 18
        assert abs(mean - a / 2) < 1e-12
        assert abs(weights @ (f - mean) ** 2 - variance) < 1e-10


def test_borehole_by_hand():
    rw, r, Tu, Hu, Tl, Hl, L, Kw = row = [0.1, 100.0, 1.0, 3.0, 2.0, 1.0, 5.0, 1000.0]
    ratio = math.log(1000)
    expected = 2 * math.pi * Tu * (Hu - Hl) / (ratio * (1 + 2 * L * Tu / (ratio * rw**2 * Kw) + Tu / Tl))
    assert abs(borehole_function([row])[0] - expected) < 1e-14


@pytest.mark.parametrize("function", [ishigami_function, borehole_function])
def test_wrong_number_of_columns(function):
    with pytest.raises(ValueError, match="X must have"):
        function(np.ones((3, 5)))
