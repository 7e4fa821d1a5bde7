"""Frequent Directions: the guarantee, on random and adversarial streams, in chunks and merged."""

import copy

import numpy as np
import pytest

from sparsesci.datasets import make_late_signal, make_oja_hard, make_spiked
from sparsesci.streaming import FrequentDirections
from tests.reference.streaming import frequent_directions

STREAMS = {
    "decaying": lambda: np.random.default_rng(0).standard_normal((500, 30)) * 0.8 ** np.arange(30),
    "spiked": lambda: make_spiked(500, 30, 20.0, random_state=0),
    "signal last": lambda: make_late_signal(500, 30, 4.0, "last", random_state=0),
    "hard for Oja": lambda: make_oja_hard(20, 30, 4.0, 4, random_state=0),
    "growing": lambda: make_spiked(500, 30, random_state=0) * 1.03 ** np.arange(500)[:, np.newaxis],
    "one coordinate after the other": lambda: np.repeat(np.eye(30), 10, axis=0),
    "fewer rows than directions": lambda: np.ones((3, 30)) + np.eye(3, 30),
}


def assert_guarantee(A, model, size):
    """0 <= x^T (A^T A - B^T B) x <= error_bound_ <= ||A - A_j||^2 / (size - j), up to rounding."""
    slack = 1e-9 * np.linalg.norm(A) ** 2
    values = np.linalg.eigvalsh(A.T @ A - model.sketch_.T @ model.sketch_)
    assert values[0] >= -slack
    assert values[-1] <= model.error_bound_ + slack
    tails = np.linalg.norm(A) ** 2 - np.cumsum([0, *np.linalg.svd(A, compute_uv=False) ** 2])[: min(size, *A.shape)]
    for j, tail in enumerate(tails):
        assert model.error_bound_ <= tail / (size - j) + slack


@pytest.mark.parametrize("size", [1, 2, 7, 40])
@pytest.mark.parametrize("name", STREAMS)
def test_guarantee(name, size):
    A = STREAMS[name]()
    model = FrequentDirections(size).fit(A)
    assert_guarantee(A, model, size)
    assert len(model.sketch_) < 2 * size
    assert model.components_.shape == (min(size, 30), 30)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(min(size, 30)), atol=1e-10)


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "hard for Oja"])
def test_equals_the_oracle(name):
    """Where eigenvalues are not equal: there the sketch is not unique."""
    A = STREAMS[name]()
    B, expected = FrequentDirections(6).fit(A).sketch_, frequent_directions(A, 6)
    np.testing.assert_allclose(B.T @ B, expected.T @ expected, atol=1e-8 * np.linalg.norm(A) ** 2)


@pytest.mark.parametrize("name", STREAMS)
def test_the_guarantee_survives_merging(name):
    A = STREAMS[name]()
    if len(A) < 8:
        pytest.skip("too few rows for four shards")
    first, *others = [FrequentDirections(7).fit(part) for part in np.array_split(A, 4)]
    for other in others:
        first.merge(other)
    assert_guarantee(A, first, 7)
    assert first.n_samples_seen_ == len(A)


def test_the_same_bits_for_all_chunks():
    A = STREAMS["decaying"]()
    whole = FrequentDirections(7).fit(A)
    for size in (1, 7, 500):
        model = FrequentDirections(7, chunk_size=3)
        for start in range(0, 500, size):
            model.partial_fit(A[start : start + size])
        np.testing.assert_array_equal(model.sketch_, whole.sketch_)
        np.testing.assert_array_equal(model.components_, whole.components_)


def test_merging_leaves_the_other_alone_and_needs_the_same_size():
    A = STREAMS["decaying"]()
    first, second = FrequentDirections(4).fit(A[:250]), FrequentDirections(4).fit(A[250:])
    before = copy.deepcopy(second.sketch_)
    first.merge(second)
    np.testing.assert_array_equal(second.sketch_, before)
    with pytest.raises(ValueError, match="n_directions"):
        first.merge(FrequentDirections(5).fit(A))


@pytest.mark.parametrize("power", [-900, -500, 480, 900])
def test_any_scale_gives_the_same_directions(power):
    X = np.random.default_rng(0).standard_normal((300, 12)) * np.linspace(1.0, 4.0, 12)
    plain = FrequentDirections(4).fit(X)
    scaled = FrequentDirections(4).fit(np.ldexp(X, power))
    np.testing.assert_allclose(scaled.components_, plain.components_, atol=1e-12)
    np.testing.assert_allclose(scaled.singular_values_, np.ldexp(plain.singular_values_, power), rtol=1e-12)
