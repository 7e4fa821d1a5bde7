"""Sampling schemes: unbiased by enumeration of all outcomes, sizes, bad and degenerate input."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci._core.rng import uniforms
from sparsesci.sampling import _row_sampling as rows
from sparsesci.sampling import sample_rows
from tests.reference import sampling_scores as reference


@pytest.fixture
def scores():
    return np.random.default_rng(0).random(8) ** 3 + 1e-3


@pytest.fixture
def values():
    return np.random.default_rng(1).standard_normal(8)


@pytest.mark.parametrize("m", [1, 3, 5, 7])
def test_probabilities(scores, m):
    pi = rows.inclusion_probabilities(scores, m)
    assert_allclose(pi, reference.inclusion_probabilities(scores, m), rtol=1e-12)
    assert_allclose(pi.sum(), m, rtol=1e-14)


def test_probabilities_of_constant_scores():
    assert_allclose(rows.inclusion_probabilities(np.full(7, 0.3), 6), 6 / 7, rtol=1e-15)


class TestUnbiased:
    def test_poisson(self, scores, values):
        """All 2^8 subsets; and the code keeps row i where the i-th uniform number is below its probability."""
        pi = rows.inclusion_probabilities(scores, 4)
        assert abs(reference.poisson_expectation(pi, values) - values.sum()) < 1e-12
        for key in range(200):
            kept, weights = rows.draw_rows(scores, 4, "poisson", 0.0, np.uint64(key))
            draws = uniforms(np.uint64(key), rows._KEEP, 8)
            np.testing.assert_array_equal(kept, np.flatnonzero(draws < pi))
            assert_allclose(weights, 1 / pi[kept], rtol=1e-12)

    @pytest.mark.parametrize("m", [1, 2, 4])
    def test_systematic(self, scores, values, m):
        """All orders of five rows, and all starts: the outcome is constant between breakpoints."""
        scores, values = scores[:5], values[:5]
        pi = rows.inclusion_probabilities(scores, m)
        total = 0.0
        for order in itertools.permutations(range(5)):
            order = np.array(order)
            uncertain = order[pi[order] < 1]
            edges = np.unique(np.concatenate(([0, 1], np.cumsum(pi[uncertain]) % 1)))
            for low, high in itertools.pairwise(edges):
                kept = rows.systematic(pi, order, m, (low + high) / 2)
                assert len(kept) == m or high - low < 1e-14
                total += (high - low) * (values[kept] / pi[kept]).sum()
        assert abs(total / 120 - values.sum()) < 1e-12

    def test_multinomial(self, scores, values):
        """All 4^3 sequences of draws."""
        q, values = scores[:4] / scores[:4].sum(), values[:4]
        middles = np.cumsum(q) - q / 2
        total = 0.0
        for sequence in itertools.product(range(4), repeat=3):
            sequence = np.array(sequence)
            kept, weights = rows._multinomial(q, 3, middles[sequence])
            total += q[sequence].prod() * (weights * values[kept]).sum()
        assert abs(total - values.sum()) < 1e-12

    def test_systematic_frequencies(self, scores):
        """4000 draws; z below 6 for each of 8 rows: false alarm below 2e-8."""
        pi, n_draws = rows.inclusion_probabilities(scores, 4), 4000
        counts = np.zeros(8)
        for key in range(n_draws):
            counts[rows.draw_rows(scores, 4, "systematic", 0.0, np.uint64(key))[0]] += 1
        certain = pi == 1
        assert (counts[certain] == n_draws).all()
        pi, counts = pi[~certain], counts[~certain]
        assert (np.abs(counts - n_draws * pi) < 6 * np.sqrt(n_draws * pi * (1 - pi))).all()


def test_sizes(scores):
    for seed in range(30):
        kept, weights = sample_rows(scores, 3, random_state=seed)
        assert len(kept) == len(weights) == 3
        assert (np.diff(kept) > 0).all()
    assert len(sample_rows(scores, 50, scheme="multinomial", random_state=0)[0]) <= 8


@pytest.mark.parametrize("scheme", ["systematic", "poisson"])
def test_all_rows(scores, scheme):
    kept, weights = sample_rows(scores, 8, scheme=scheme)
    np.testing.assert_array_equal(kept, np.arange(8))
    np.testing.assert_array_equal(weights, 1.0)
    with pytest.raises(ValueError, match="n_samples"):
        sample_rows(scores, 9, scheme=scheme)


def test_too_few_positive_scores():
    with pytest.warns(SparseSciWarning, match="only 2 rows have a positive score"):
        kept, weights = sample_rows([0.0, 2.0, 0.0, 1.0], 3, random_state=0)
    np.testing.assert_array_equal(kept, [1, 3])
    np.testing.assert_array_equal(weights, 1.0)


def test_mixture_bounds_the_weights(scores):
    for seed in range(20):
        assert sample_rows(scores, 2, mixture=0.5, random_state=seed)[1].max() <= 8 / (0.5 * 2) * (1 + 1e-12)
    kept, weights = sample_rows(scores, 2, mixture=1, random_state=0)
    assert_allclose(weights, 4)


def test_zero_scores_are_never_sampled():
    scores = np.array([0.0, 1.0, 1.0, 1.0])
    for scheme in rows.SCHEMES:
        for seed in range(20):
            assert 0 not in sample_rows(scores, 2, scheme=scheme, mixture=0.5, random_state=seed)[0]


def test_tiny_and_huge_scores():
    kept, weights = sample_rows([1e-300, 2e-300, 1e-300], 2, random_state=0)
    assert np.isfinite(weights).all()
    kept, weights = sample_rows([1e300, 1e300, 1e300], 2, random_state=0)
    assert_allclose(weights, 1.5)
