"""Orthonormal bases: values, index sets, domains, and what the class refuses."""

import itertools
import math

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from sparsesci.sampling import OrthogonalPolynomials
from tests.reference import christoffel as reference

FAMILIES = ("legendre", "hermite", "chebyshev", "fourier")


def canonical_points(family, n, seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, n)
    return {"hermite": 3 * x, "fourier": (x + 1) / 2}.get(family, x)


@pytest.mark.parametrize("family", FAMILIES)
def test_values_of_numpy(family):
    basis = OrthogonalPolynomials(family, np.arange(25))
    x = canonical_points(family, 150)
    expected = reference.evaluate([family], np.arange(25)[:, np.newaxis], x[:, np.newaxis])
    np.testing.assert_allclose(basis.evaluate(x), expected, rtol=0, atol=1e-11 * np.abs(expected).max())


def test_mixed_families_in_their_domains():
    families, domain = ("legendre", "hermite", "fourier", "chebyshev"), [(1, 4), (2, 0.5), (-1, 3), (0, 10)]
    basis = OrthogonalPolynomials(families, total_degree=3, domain=domain)
    Z = np.stack([canonical_points(family, 100, c) for c, family in enumerate(families)], axis=1)
    X = Z * [1.5, 0.5, 4, 5] + [2.5, 2, -1, 5]
    expected = reference.evaluate(families, basis.index_set, Z)
    np.testing.assert_allclose(basis.evaluate(X), expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(basis.christoffel(X), (expected**2).sum(axis=1), rtol=1e-11)


@pytest.mark.parametrize("family", FAMILIES)
def test_orthonormal(family):
    """Up to degree 40 by exact quadrature, in the canonical domain and in another one."""
    x, w = reference.quadrature(family, 60)
    for domain, shift, scale in ((None, 0.0, 1.0), ((3.0, 5.0), 3.0, 2.0)):
        if domain and family not in ("hermite", "fourier"):
            domain, shift, scale = (1.0, 5.0), 3.0, 2.0
        if domain and family == "hermite":
            domain = (3.0, 2.0)
        if domain and family == "fourier":
            domain = (3.0, 5.0)
        values = OrthogonalPolynomials(family, max_degree=20, domain=domain).evaluate(shift + scale * x)
        np.testing.assert_allclose((values * w[:, np.newaxis]).T @ values, np.eye(values.shape[1]), atol=1e-11)


def test_index_sets_by_definition():
    grid = list(itertools.product(range(6), repeat=3))
    for options, member in (
        ({"total_degree": 5}, lambda a: sum(a) <= 5),
        ({"hyperbolic_cross": 5}, lambda a: math.prod(v + 1 for v in a) <= 6),
        ({"max_degree": 5}, lambda a: True),
        ({"max_degree": (1, 5, 0)}, lambda a: a[0] <= 1 and a[2] == 0),
    ):
        rows = OrthogonalPolynomials("legendre", dimension=3, **options).index_set
        assert {tuple(row) for row in rows.tolist()} == {a for a in grid if member(a)}
        assert len(rows) == sum(map(member, grid))
        assert (np.diff(rows.sum(axis=1)) >= 0).all()
        assert rows[0].tolist() == [0, 0, 0]


def test_fourier_sets_are_closed_under_conjugation():
    """k_m is constant, and as many functions as complex exponentials."""
    basis = OrthogonalPolynomials("fourier", total_degree=3, dimension=2)
    frequencies = [a for a in itertools.product(range(-3, 4), repeat=2) if sum(map(abs, a)) <= 3]
    assert len(basis) == len(frequencies)
    X = np.random.default_rng(0).uniform(size=(200, 2))
    np.testing.assert_allclose(basis.christoffel(X), len(basis), rtol=1e-12)
    np.testing.assert_allclose(basis.evaluate(X + 3), basis.evaluate(X), atol=1e-12)


def test_hermite_of_high_degree():
    """Values have the size of the asymptotic formula and the sign changes of theory; designs are in range."""
    from sparsesci.sampling import optimal_design

    basis = OrthogonalPolynomials("hermite", [400])
    x = np.linspace(-2, 2, 4001)
    scaled = basis.evaluate(x)[:, 0] * np.exp(-(x**2) / 4)
    bound = (2 / (math.pi * 400)) ** 0.25
    assert abs(np.abs(scaled).max() / bound - 1) < 0.01
    zeros = eigh_tridiagonal(np.zeros(400), np.sqrt(np.arange(1.0, 400)), eigvals_only=True)
    values = basis.evaluate(np.sort(np.concatenate([zeros - 1e-6, zeros + 1e-6])))[:, 0]
    assert (np.sign(values[::2]) == -np.sign(values[1::2])).all()
    at = optimal_design(OrthogonalPolynomials("hermite", [0, 900, 1100]), 30, strategy="iid", random_state=0)
    assert np.isfinite(at.points).all()
    assert np.isfinite(at.gram).all()
    assert np.abs(at.points).max() > 60
    far = OrthogonalPolynomials("hermite", [0, 1000]).evaluate(np.array([0.0, 1e4]))
    assert far[1].tolist() == [1.0, np.inf]


def test_single_precision_and_vectors():
    basis = OrthogonalPolynomials("legendre", max_degree=5)
    x = np.linspace(-1, 1, 9)
    single = basis.evaluate(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, basis.evaluate(x[:, np.newaxis]), atol=1e-5)
    assert basis.christoffel(x.astype(np.float32)).dtype == np.float32


def test_same_bits_for_every_number_of_threads():
    basis = OrthogonalPolynomials(("hermite", "legendre"), total_degree=4)
    X = np.random.default_rng(0).standard_normal((9000, 2))
    for call in (
        lambda n_jobs: basis.evaluate(X, n_jobs=n_jobs),
        lambda n_jobs: basis.christoffel(X, n_jobs=n_jobs),
        lambda n_jobs: basis.sample_measure(3000, random_state=1, n_jobs=n_jobs),
        lambda n_jobs: basis.sample_christoffel(3000, random_state=1, n_jobs=n_jobs),
        lambda n_jobs: basis.sample_dpp(100, random_state=1, n_jobs=n_jobs),
    ):
        alone = call(1)
        for n_jobs in (2, 7):
            np.testing.assert_array_equal(call(n_jobs), alone)


def test_rows_do_not_depend_on_their_neighbours():
    """Blocks are an implementation detail."""
    basis = OrthogonalPolynomials(("hermite", "legendre"), total_degree=4)
    X = np.random.default_rng(0).standard_normal((200, 2))
    whole = basis.evaluate(X)
    np.testing.assert_allclose(basis.evaluate(X[::-1])[::-1], whole, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(np.concatenate([basis.evaluate(X[i : i + 7]) for i in range(0, 200, 7)]), whole)


def test_pickles_and_says_what_it_is():
    import pickle

    basis = OrthogonalPolynomials("hermite", hyperbolic_cross=4, dimension=3)
    copy = pickle.loads(pickle.dumps(basis))
    np.testing.assert_array_equal(copy.sample_dpp(random_state=0), basis.sample_dpp(random_state=0))
    assert repr(basis) == f"OrthogonalPolynomials('hermite', dimension=3, n_functions={len(basis)})"


@pytest.mark.parametrize(
    ("options", "exception", "named"),
    [
        ({}, ValueError, "index_set"),
        ({"total_degree": 2, "max_degree": 2}, ValueError, "total_degree, max_degree"),
        ({"family": "laguerre", "max_degree": 2}, ValueError, "family"),
        ({"family": ("legendre", "gegenbauer"), "max_degree": 2}, ValueError, "family"),
        ({"family": 3, "max_degree": 2}, ValueError, "family"),
        ({"total_degree": -1}, ValueError, "total_degree"),
        ({"total_degree": 2.0}, TypeError, "total_degree"),
        ({"hyperbolic_cross": -1}, ValueError, "hyperbolic_cross"),
        ({"max_degree": "3"}, TypeError, "max_degree"),
        ({"max_degree": (1, 2), "dimension": 3}, ValueError, "dimension"),
        ({"total_degree": 60, "dimension": 30}, ValueError, "index set"),
        ({"max_degree": 40, "dimension": 5}, ValueError, "index set"),
        ({"index_set": [[0, -1]]}, ValueError, "index_set"),
        ({"index_set": [[0, 1], [0, 1]]}, ValueError, "index_set"),
        ({"index_set": [0.5, 1.0]}, TypeError, "index_set"),
        ({"index_set": []}, (TypeError, ValueError), "index_set"),
        ({"index_set": [[0, 1]], "dimension": 3}, ValueError, "index_set"),
        ({"max_degree": 2, "domain": (1, 1)}, ValueError, "domain"),
        ({"max_degree": 2, "domain": (1, np.inf)}, ValueError, "domain"),
        ({"max_degree": 2, "domain": [1, 2, 3]}, ValueError, "domain"),
        ({"max_degree": 2, "domain": "ab"}, ValueError, "domain"),
        ({"family": "hermite", "max_degree": 2, "domain": (0, -1)}, ValueError, "domain"),
        ({"max_degree": 2, "domain": [(0, 1), (0, 1)], "dimension": 3}, ValueError, "domain"),
        ({"max_degree": 2, "dimension": 0}, ValueError, "dimension"),
    ],
)
def test_refuses(options, exception, named):
    with pytest.raises(exception, match=named):
        OrthogonalPolynomials(**options)


@pytest.mark.parametrize("method", ["evaluate", "christoffel"])
@pytest.mark.parametrize(
    "X", [np.zeros((3, 3)), np.zeros(3), np.full((2, 2), np.nan), np.zeros((0, 2)), "text", None, np.zeros((2, 2, 2))]
)
def test_methods_refuse_points(method, X):
    basis = OrthogonalPolynomials("legendre", total_degree=2, dimension=2)
    with pytest.raises((TypeError, ValueError), match="X"):
        getattr(basis, method)(X)


@pytest.mark.parametrize("method", ["sample_measure", "sample_christoffel", "sample_dpp"])
@pytest.mark.parametrize(("n", "exception"), [(0, ValueError), (2.0, TypeError), (-3, ValueError), ("a", TypeError)])
def test_samplers_refuse_sizes(method, n, exception):
    with pytest.raises(exception, match="n"):
        getattr(OrthogonalPolynomials(max_degree=2), method)(n)


def test_samplers_refuse_options():
    plane = OrthogonalPolynomials(total_degree=2, dimension=2)
    with pytest.raises(ValueError, match="tridiagonal"):
        plane.sample_dpp(method="tridiagonal")
    with pytest.raises(ValueError, match="tridiagonal"):
        OrthogonalPolynomials("legendre", [0, 2]).sample_dpp(method="tridiagonal")
    with pytest.raises(ValueError, match="method"):
        plane.sample_dpp(method="mcmc")
    with pytest.raises(ValueError, match="random_state"):
        plane.sample_dpp(random_state="seed")
    with pytest.raises(TypeError, match="return_n_trials"):
        plane.sample_dpp(return_n_trials=1)
