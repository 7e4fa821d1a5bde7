"""Bases on pools of candidates: orthonormality, laws of the draws, designs of subsets, what is refused."""

import itertools

import numpy as np
import pytest
from scipy import stats

from sparsesci.sampling import CandidateSetBasis, OrthogonalPolynomials, optimal_design

ALARM = 1e-6


def disc(n, seed=0):
    points = np.random.default_rng(seed).uniform(-1, 1, (2 * n, 2))
    return points[(points**2).sum(axis=1) < 1][:n]


def quadratic(X):
    x, y = X.T
    return np.column_stack([np.ones(len(X)), x, y, x**2, x * y, y**2])


def test_orthonormal_on_the_pool():
    pool = disc(2000)
    basis = CandidateSetBasis(quadratic, pool)
    values = basis.evaluate(pool)
    np.testing.assert_allclose(values.T @ values / len(pool), np.eye(6), atol=1e-12)
    np.testing.assert_allclose(basis.christoffel(pool).mean(), 6, rtol=1e-12)
    np.testing.assert_allclose(quadratic(pool[:9]) @ basis.transform, values[:9], atol=1e-12)
    assert len(basis) == basis.n_functions == 6
    assert basis.dimension == 2
    assert repr(basis) == "CandidateSetBasis(n_functions=6, pool of 2000 points)"


def test_badly_scaled_features():
    """The Gram matrix of the features has condition number 1e20: orthonormalising does not square it away."""
    pool = disc(500)
    basis = CandidateSetBasis(lambda X: quadratic(X) * np.array([1e5, 1, 1, 1e-5, 1, 1]), pool)
    plain = CandidateSetBasis(quadratic, pool)
    np.testing.assert_allclose(basis.christoffel(pool), plain.christoffel(pool), rtol=1e-9)


def test_approaches_the_measure_behind_the_pool():
    exact = OrthogonalPolynomials("legendre", total_degree=2, dimension=2)
    basis = CandidateSetBasis(quadratic, exact.sample_measure(40_000, random_state=0))
    X = exact.sample_measure(100, random_state=1)
    np.testing.assert_allclose(basis.christoffel(X), exact.christoffel(X), rtol=0.1)


@pytest.fixture(scope="module")
def small():
    return CandidateSetBasis(None, np.random.default_rng(0).standard_normal((7, 3)))


def chosen(basis, points):
    """Return the numbers of the points in the pool."""
    return (points[..., None, :] == basis.pool).all(axis=-1).argmax(axis=-1)


def test_laws_of_the_draws(small):
    n = 20_000
    measure = np.bincount(chosen(small, small.sample_measure(n, random_state=0)), minlength=7)
    assert stats.chisquare(measure).pvalue > ALARM
    k = small.christoffel(small.pool)
    induced = np.bincount(chosen(small, small.sample_christoffel(n, random_state=0)), minlength=7)
    assert stats.chisquare(induced, k / k.sum() * n).pvalue > ALARM


def test_law_of_the_dpp(small):
    n = 20_000
    values = small.evaluate(small.pool) / np.sqrt(7)
    sets = list(itertools.combinations(range(7), 3))
    law = np.array([np.linalg.det(values[list(s)]) ** 2 for s in sets])
    assert abs(law.sum() - 1) < 1e-12
    drawn = np.sort(chosen(small, small.sample_dpp(n, random_state=1)), axis=1)
    number = {s: i for i, s in enumerate(sets)}
    observed = np.bincount([number[tuple(s)] for s in drawn.tolist()], minlength=len(sets))
    common = law * n > 5
    observed = np.append(observed[common], observed[~common].sum())
    expected = np.append(law[common], law[~common].sum()) * n
    assert stats.chisquare(observed[expected > 0], expected[expected > 0]).pvalue > ALARM


@pytest.mark.parametrize("strategy", ["repeated_dpp", "volume", "iid", "mc"])
def test_designs_are_subsets_of_the_pool(strategy):
    basis = CandidateSetBasis(quadratic, disc(1000))
    design = optimal_design(basis, 15, strategy=strategy, random_state=0)
    np.testing.assert_array_equal(design.points, basis.pool[design.indices])
    values = basis.evaluate(design.points)
    expected = 1.0 if strategy == "mc" else 6 / (values**2).sum(axis=1)
    np.testing.assert_allclose(design.weights, expected, rtol=1e-10)
    np.testing.assert_allclose(design.gram, (values * design.weights[:, None]).T @ values / 15, atol=1e-11)
    if strategy == "repeated_dpp":
        assert len(set(design.indices[:6])) == 6


def test_points_without_leverage():
    """A point where all functions vanish may be drawn from the measure and the mixture, and weighs as it should."""
    pool = np.vstack([np.random.default_rng(0).standard_normal((5, 2)), np.zeros((5, 2))])
    basis = CandidateSetBasis(None, pool)
    design = optimal_design(basis, 60, strategy="iid", proposal="mixture", random_state=0)
    at_zero = design.indices >= 5
    assert at_zero.any()
    np.testing.assert_array_equal(design.weights[at_zero], 2)
    assert np.isfinite(design.gram).all()
    induced = optimal_design(basis, 60, strategy="iid", random_state=0)
    assert (induced.indices < 5).all()


def test_same_bits_for_every_number_of_threads():
    basis = CandidateSetBasis(quadratic, disc(1000))
    for strategy in ("repeated_dpp", "volume", "iid"):
        alone, other = (
            optimal_design(basis, 15, strategy=strategy, n_candidates=20, random_state=0, n_jobs=n_jobs)
            for n_jobs in (1, 7)
        )
        np.testing.assert_array_equal(alone.indices, other.indices)


@pytest.mark.parametrize(
    ("feature_map", "pool", "exception", "named"),
    [
        (3, np.eye(3), TypeError, "feature_map"),
        (None, np.ones((2, 3)), ValueError, "pool"),
        (None, np.ones((5, 2)), ValueError, "feature_map"),
        (None, np.full((5, 2), np.nan), ValueError, "pool"),
        (None, np.ones(5), ValueError, "pool"),
        (lambda X: X[:-1], np.eye(3), ValueError, "feature_map"),
        (lambda X: X[:, 0], np.eye(3), ValueError, "feature_map"),
        (lambda X: X * np.inf, np.ones((3, 1)), ValueError, "feature_map"),
        (lambda X: None, np.eye(3), (TypeError, ValueError), "feature_map"),
    ],
)
def test_refuses(feature_map, pool, exception, named):
    with pytest.raises(exception, match=named):
        CandidateSetBasis(feature_map, pool)


def test_methods_refuse(small):
    for X in (np.ones((3, 2)), np.full((2, 3), np.nan), "text"):
        for method in (small.evaluate, small.christoffel):
            with pytest.raises((TypeError, ValueError), match="X"):
                method(X)
    for method in (small.sample_measure, small.sample_christoffel, small.sample_dpp):
        with pytest.raises(ValueError, match="n"):
            method(0)
        with pytest.raises(ValueError, match="random_state"):
            method(3, random_state="seed")
