"""Proximal maps against minimisation on a grid, the table of the documentation, and the penalties they belong to."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.decomposition import penalty, prox
from tests.reference import decomposition as reference

NAMES = ("l1", "l0", "half", "two_thirds", "cel0", "mcp", "scad", "log")
Z = [0.2, 0.5, 0.8, 1.0, 1.5, 3.0]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("l0", {}, [0, 0, 0, 1, 1.5, 3]),
        ("cel0", {}, [0, 0, 0.41678, 0.81678, 1.5, 3]),
        ("half", {}, [0, 0, 0.56775, 0.80495, 1.34935, 2.89719]),
        ("mcp", {"gamma": 2.5}, [0, 0.1875, 0.5625, 0.8125, 1.4375, 3]),
        ("scad", {"a": 3.7}, [0, 0.15, 0.45, 0.65, 1.25227, 3]),
    ],
)
def test_table(name, options, expected):
    assert_allclose(getattr(prox, name)(Z, 0.7, 0.5, **options), expected, atol=6e-6)


@pytest.mark.parametrize("mu", [0.5, 0.9])
@pytest.mark.parametrize("name", NAMES)
def test_minimises(name, mu):
    """No point of a fine grid is better than the map; and it is where the grid's best point is."""
    lam = 0.7
    g = reference.penalties(lam)[name]
    for z in [-3.0, -0.95, *np.linspace(0.05, 2.5, 24)]:
        r, best = getattr(prox, name)(z, lam, mu), reference.grid_prox(g, z, mu)

        def objective(value, z=z):
            return (value - z) ** 2 / 2 + mu * g(np.asarray(value))

        assert objective(r) <= objective(best) + 1e-12
        assert abs(r - best) <= 2e-5 or abs(objective(r) - objective(best)) < 1e-9


@pytest.mark.parametrize("norm", [0.5, 1.0, 1.3, 3.0])
def test_cel0_of_any_norm(norm):
    g = reference.penalties(0.7, norm=norm)["cel0"]
    for z in np.linspace(-2, 3, 21):
        r, best = prox.cel0(z, 0.7, 0.5, norm), reference.grid_prox(g, z, 0.5)
        values = [(v - z) ** 2 / 2 + 0.5 * float(g(np.asarray(v))) for v in (r, best)]
        assert values[0] <= values[1] + 1e-12


def test_ties_go_to_zero():
    assert prox.l0([np.sqrt(2.0), -np.sqrt(2.0), np.nextafter(np.sqrt(2.0), 2)], 1.0)[:2].tolist() == [0, 0]
    assert prox.l0(1.5, 1.0) == 1.5
    t = 0.35
    assert prox.half(1.5 * t ** (2 / 3), t) == 0
    assert prox.half(1.5 * t ** (2 / 3) * (1 + 1e-9), t) > 0.3


def test_threshold_of_the_authors_code():
    """54^(1/3) / 4 (2 t)^(2/3) = 1.5 t^(2/3): their lam is twice ours."""
    t = np.linspace(0.1, 2, 9)
    assert_allclose(54 ** (1 / 3) / 4 * (2 * t) ** (2 / 3), 1.5 * t ** (2 / 3))


def test_cel0_at_unit_step_is_hard_thresholding():
    z = np.linspace(-3, 3, 101)
    assert_allclose(prox.cel0(z, 0.7), prox.l0(z, 0.7))


@pytest.mark.parametrize("name", NAMES)
def test_values(name):
    r = np.linspace(-3, 3, 61)
    assert_allclose(penalty.by_name(name).value(r, 0.7), reference.penalties(0.7)[name](r), atol=1e-12)
    assert_allclose(penalty.by_name(name).value(2.0, 0.7), reference.penalties(0.7)[name](np.float64(2.0)))


@pytest.mark.parametrize("name", NAMES)
def test_odd_and_positive(name):
    z = np.linspace(-3, 3, 31)
    one = penalty.by_name(name)
    assert_allclose(one.prox(-z, 0.3, 0.6), -one.prox(z, 0.3, 0.6))
    assert_allclose(one.prox(z, 0.3, 0.6, positive=True), np.where(z > 0, one.prox(z, 0.3, 0.6), 0))


def test_refusals():
    for call in (
        lambda: prox.mcp(1.0, 1.0, 0.5, gamma=0.5),
        lambda: prox.scad(1.0, 1.0, 0.5, a=1.5),
        lambda: prox.log(1.0, 1.0, 0.5, eps=0.0),
        lambda: prox.l1(1.0, -1.0),
        lambda: prox.l1(1.0, 1.0, mu=0.0),
        lambda: prox.l1([1.0, np.nan], 1.0),
    ):
        with pytest.raises(ValueError, match=r"gamma|a of|eps|lam|mu|z must"):
            call()
    with pytest.raises(TypeError, match="z"):
        prox.l1("x", 1.0)
    with pytest.raises(ValueError, match="penalty"):
        penalty.by_name("l3")
