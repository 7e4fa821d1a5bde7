"""Plots of designs: what is drawn, for one, two and more coordinates, and what is refused."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from sparsesci.sampling import CandidateSetBasis, DesignDisplay, OrthogonalPolynomials, optimal_design


def displayed(basis, **options):
    design = optimal_design(basis, random_state=0)
    return design, DesignDisplay.from_design(design, basis, ax=Figure().subplots(), **options)


def test_on_a_line():
    basis = OrthogonalPolynomials("legendre", max_degree=4, domain=(2, 6))
    design, display = displayed(basis)
    np.testing.assert_array_equal(display.ax_.collections[-1].get_offsets()[:, 0], design.points[:, 0])
    np.testing.assert_array_equal(display.ax_.collections[-1].get_offsets()[:, 1], design.weights)
    assert display.grid[[0, -1]].tolist() == [2, 6]
    np.testing.assert_allclose(display.density, basis.christoffel(display.grid) / 5)


def test_in_the_plane():
    rng = np.random.default_rng(0)
    for basis in (
        OrthogonalPolynomials(("legendre", "hermite"), total_degree=2),
        CandidateSetBasis(None, rng.standard_normal((50, 2))),
    ):
        design, display = displayed(basis, coordinates=(1, 0) if basis.n_functions == 2 else (0, 1))
        assert display.density.shape == (160, 160)
        assert np.isfinite(display.density).all()
        first, second = display.coordinates
        offsets = display.ax_.collections[-1].get_offsets()
        np.testing.assert_array_equal(offsets, design.points[:, [first, second]])


def test_two_of_three_coordinates():
    basis = OrthogonalPolynomials("fourier", max_degree=1, dimension=3)
    design, display = displayed(basis, coordinates=(2, 0), color="black")
    assert display.density is None
    np.testing.assert_array_equal(display.ax_.collections[-1].get_offsets(), design.points[:, [2, 0]])
    assert display.ax_.get_xlabel() == "coordinate 2"


@pytest.mark.parametrize(
    ("options", "exception"),
    [
        ({"coordinates": (0, 3)}, ValueError),
        ({"coordinates": (1, 1)}, ValueError),
        ({"coordinates": 1}, TypeError),
        ({"coordinates": (0, 1.0)}, TypeError),
        ({"coordinates": (0, 1, 2)}, TypeError),
    ],
)
def test_refuses_coordinates(options, exception):
    with pytest.raises(exception, match="coordinates"):
        displayed(OrthogonalPolynomials("fourier", max_degree=1, dimension=3), **options)


def test_refuses_other_things():
    basis = OrthogonalPolynomials(max_degree=2)
    design = optimal_design(basis, random_state=0)
    with pytest.raises(TypeError, match="design"):
        DesignDisplay.from_design(design.points, basis)
    with pytest.raises(TypeError, match="basis"):
        DesignDisplay.from_design(design, None)
