"""Oja's rule, with one rate and on the grid, against the oracle and the growth bound."""

import numpy as np
import pytest

from sparsesci.datasets import make_late_signal, make_oja_hard, make_spiked
from sparsesci.streaming import OjaPCA, StreamingPCA, top_eigenvector
from sparsesci.streaming._oja_kernels import oja_rows
from sparsesci.streaming._rate_grid import RateGrid
from tests.reference import streaming as reference


@pytest.mark.parametrize("period", [1, 8])
def test_kernel_equals_the_oracle(period):
    A = make_spiked(100, 13, 4.0, random_state=0)
    start = np.arange(1.0, 14.0)
    rates = np.array([0.001, 0.01, 0.1])
    V, logs = np.tile(start / np.linalg.norm(start), (3, 1)), np.zeros(3)
    oja_rows(A, np.ones(100), rates, V, logs, np.zeros(3), 0, period, 2)
    for r, rate in enumerate(rates):
        v, growth = reference.oja(A, rate, start)
        size = np.linalg.norm(V[r])
        np.testing.assert_allclose(V[r] / size, v, atol=1e-12)
        assert logs[r] + np.log(size) == pytest.approx(growth, rel=1e-12)


def test_constant_rate_equals_the_oracle():
    A = make_spiked(300, 13, 4.0, random_state=0)
    model = OjaPCA(learning_rate=0.01, schedule="constant", center=False, random_state=0)
    model.partial_fit(A[:1])
    begun = reference.oja(A[:1], 0.0, model.components_[0])[0]
    for a in A[1:]:
        model.partial_fit(a[np.newaxis])
    expected = reference.oja(A[1:], 0.01, begun)[0]
    assert reference.correlation(model.components_[0], expected) == pytest.approx(1, abs=1e-12)


def test_the_grid_equals_the_oracle():
    A = make_late_signal(300, 20, 4.0, random_state=0)
    grid = RateGrid(20, center=False, key=np.uint64(3))
    grid.update(A)
    rates = 2.0 ** (grid.lowest + np.arange(17)) / (A[0] @ A[0])
    scale = grid.unit / (A[0] @ A[0])  # from the unit of the grid to that of the data
    assert scale == 4.0**grid.exponent
    # Rates that were there from the beginning have followed all rows.
    largest = grid.growth()[-1], grid.vectors[-1]
    v, growth = reference.oja(A, rates[-1], grid._start())
    assert largest[0] == pytest.approx(growth, rel=1e-9)
    assert reference.correlation(largest[1], v) == pytest.approx(1, abs=1e-9)
    assert reference.correlation(grid.answer(1).components[0], reference.grid_answer(A, rates, grid._start())) > 0.999


@pytest.mark.parametrize("make", [make_late_signal, make_spiked], ids=["late signal", "spiked"])
def test_growth_implies_correctness(make):
    """||v - v1 v1^T v|| <= sqrt(rate s2) + exp(-L) for every rate with rate s2 <= 1."""
    A = make(4000, 60, 30.0, random_state=0)
    grid = RateGrid(60, center=False, key=np.uint64(1))
    grid.update(A)
    values, vectors = np.linalg.eigh(A.T @ A)
    v1, s2 = vectors[:, -1], values[-2]
    rates = 2.0 ** (grid.lowest + np.arange(17)) / (A[0] @ A[0])
    tried = 0
    for rate, growth, v in zip(rates, grid.growth(), grid.vectors):
        if rate * s2 <= 1:
            v = v / np.linalg.norm(v)
            assert np.linalg.norm(v - v1 * (v1 @ v)) <= np.sqrt(rate * s2) + np.exp(-growth)
            tried += 1
    assert tried >= 5


def test_accuracy_in_arbitrary_order():
    def accuracy(A):
        vector = top_eigenvector(A, order="arbitrary", random_state=0)[0]
        return reference.correlation(vector, np.linalg.eigh(A.T @ A)[1][:, -1])

    assert accuracy(make_late_signal(10000, 200, 4.0, "last", random_state=0)) >= 0.999
    assert accuracy(make_late_signal(10000, 200, 39.0, "first", random_state=0)) >= 0.99
    assert accuracy(make_spiked(20000, 200, 40.0, random_state=0)) >= 0.99
    assert accuracy(make_oja_hard(40, 200, 40.0, 40, random_state=0)) >= 0.8


def test_one_huge_row_is_the_answer():
    A = np.concatenate((make_spiked(500, 30, 1.0, random_state=0), 1e4 * np.ones((1, 30))))
    vector = top_eigenvector(A, order="arbitrary", random_state=0)[0]
    assert vector.sum() ** 2 / 30 > 0.999


def test_grid_memory():
    model = StreamingPCA(order="arbitrary", random_state=0).fit(make_spiked(500, 30, random_state=0))
    assert model.peak_memory_rows_ <= 19


@pytest.mark.parametrize("size", [1, 7, 500])
@pytest.mark.parametrize(
    "model",
    [
        OjaPCA(random_state=0),
        OjaPCA(3, learning_rate=0.1, schedule="constant", random_state=0),
        StreamingPCA(order="arbitrary", random_state=0),
    ],
    ids=["one", "three", "grid"],
)
def test_the_same_bits_for_all_chunks(model, size):
    A = make_spiked(1000, 12, 4.0, random_state=0) + 1
    whole = model.fit(A).components_.copy()
    pieces = model.__class__(**model.get_params())
    for start in range(0, 1000, size):
        pieces.partial_fit(A[start : start + size])
    np.testing.assert_array_equal(pieces.components_, whole)


def test_subspace():
    A = make_spiked(20000, 12, 9.0, random_state=0)
    A[:, 1] *= 2
    model = OjaPCA(2, random_state=0).fit(A)
    assert reference.subspace_correlation(model.components_, np.eye(12)[:2]) > 0.99
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(2), atol=1e-12)


def test_merging_averages():
    A = make_spiked(20000, 12, 9.0, random_state=0) + 2
    first, second = (OjaPCA(random_state=i).fit(A[i::2]) for i in range(2))
    alone = first.components_[0, 0] ** 2
    merged = first.merge(second)
    assert merged.components_[0, 0] ** 2 > min(alone, 0.999)
    np.testing.assert_allclose(merged.mean_, A.mean(axis=0), rtol=1e-10)
    assert merged.n_samples_seen_ == 20000


def test_a_rate_that_overflows_is_refused():
    model = OjaPCA(schedule="constant", learning_rate=1e100, random_state=0)
    with pytest.raises(ValueError, match="learning_rate is too large"):
        model.fit(make_spiked(100, 5, random_state=0) * 1e30)
