"""Accuracy on the instances of the literature and of ours: floors measured with fixed seeds.

Streams and starting vectors are fixed, so that these tests cannot fail by chance.
"""

import warnings

import numpy as np
import pytest
from sklearn.decomposition import IncrementalPCA

from sparsesci.datasets import make_heavy_rows, make_late_signal, make_oja_hard, make_spiked
from sparsesci.streaming import FrequentDirections, OjaPCA, StreamingPCA, StreamingWarning, top_eigenvector
from tests.reference.streaming import correlation, subspace_correlation


def truth(A):
    return np.linalg.eigh(A.T @ A)[1][:, -1]


def accuracy(A, **options):
    return correlation(top_eigenvector(A, random_state=0, **options)[0], truth(A))


@pytest.mark.parametrize("seed", range(5))
def test_spiked_with_a_clear_gap(seed):
    assert accuracy(make_spiked(20000, 200, 3.0, random_state=seed)) >= 0.99


def test_spiked_with_a_small_gap():
    """A gap of 1.28 in the sample: IncrementalPCA with 108 rows of memory reaches 0.78."""
    streams = [make_spiked(20000, 200, 1.5, random_state=seed) for seed in range(5)]
    ours = [accuracy(A) for A in streams]
    assert np.median(ours) >= 0.95
    assert min(ours) >= 0.85
    peer = IncrementalPCA(8, batch_size=100).fit(streams[0]).components_[0]
    assert correlation(peer, truth(streams[0])) < 0.9


@pytest.mark.parametrize(("n_heavy", "floor"), [(1, 0.99), (4, 0.99), (30, 0.99)])
def test_heavy_rows(n_heavy, floor):
    streams = [make_heavy_rows(20000, 300, 4.0, n_heavy, random_state=seed) for seed in range(3)]
    assert min(accuracy(A) for A in streams) >= floor


def test_heavy_rows_that_are_not_stored_are_forgotten():
    A = make_heavy_rows(20000, 300, 4.0, 1, random_state=0)
    assert accuracy(A, max_heavy_rows=0) < 0.5


@pytest.mark.parametrize("size", [(40, 400, 4.0, 4), (12, 1000, 5.0, 5)])
def test_hard_for_oja(size):
    for seed in range(3):
        A = make_oja_hard(*size, random_state=seed)
        assert accuracy(A) >= 0.9999
        assert accuracy(A, max_heavy_rows=0) <= 0.1


def test_no_rate_of_oja_does_it():
    A = make_oja_hard(40, 400, 4.0, 4, random_state=0)
    v = truth(A)

    def of_rate(power):
        model = OjaPCA(learning_rate=2.0**power, schedule="constant", center=False, random_state=0).fit(A)
        return correlation(model.components_[0], v)

    best = max(of_rate(power) for power in range(-15, 11))
    assert best <= 0.2


def test_signal_that_comes_last():
    A = make_late_signal(10000, 200, 4.0, "last", random_state=0)
    with pytest.warns(StreamingWarning, match="rows do not look randomly ordered"):
        assert accuracy(A) < 0.1
    assert accuracy(A, order="arbitrary") >= 0.999
    assert accuracy(make_late_signal(10000, 200, 4.0, "shuffled", random_state=0)) >= 0.999


@pytest.mark.parametrize("where", ["first", "last"])
def test_order_is_doubted(where):
    A = make_late_signal(10000, 50, 4.0, where, random_state=0)
    for center in (False, True):
        with pytest.warns(StreamingWarning, match="order='arbitrary' or shuffle_buffer"):
            model = StreamingPCA(center=center, random_state=0).fit(A)
        assert model.order_warning_


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: make_spiked(4000, 50, 1.5, random_state=seed),
        lambda seed: make_spiked(4000, 50, 30.0, random_state=seed),
        lambda seed: make_heavy_rows(4000, 50, 4.0, 4, random_state=seed),
        lambda seed: make_oja_hard(40, 100, 4.0, 4, random_state=seed),
        lambda seed: make_late_signal(4000, 50, 4.0, "shuffled", random_state=seed),
        lambda seed: np.random.default_rng(seed).standard_t(2.5, (4000, 20)),
    ],
    ids=["small gap", "large gap", "heavy rows", "hard for Oja", "shuffled signal", "heavy tails"],
)
def test_random_order_is_not_doubted(make):
    """Five standard errors, with 12 streams each: no false alarm."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", StreamingWarning)
        for seed in range(6):
            for center in (False, True):
                assert not StreamingPCA(center=center, random_state=seed).fit(make(seed)).order_warning_


def test_a_shuffle_buffer_makes_the_order_random():
    """With room for all rows any order becomes a random one."""
    A = make_late_signal(3000, 50, 4.0, "last", random_state=0)
    with pytest.warns(StreamingWarning, match="randomly ordered"):
        assert accuracy(A, max_heavy_rows=0) < 0.1
    assert accuracy(A, max_heavy_rows=0, shuffle_buffer=len(A)) > 0.99


def test_noise_decays_with_the_length():
    """One minus the correlation falls about as 1 / n (median of five streams each)."""
    lengths = (5000, 20000, 80000)
    errors = [
        np.median([1 - accuracy(make_spiked(n, 100, 3.0, random_state=seed)) for seed in range(5)]) for n in lengths
    ]
    slope = np.polyfit(np.log(lengths), np.log(errors), 1)[0]
    assert -1.8 <= slope <= -0.7


@pytest.mark.parametrize(("d", "spikes", "floor"), [(200, (6, 5, 4), 0.99), (500, (10, 8, 6, 4, 3), 0.985)])
def test_subspaces(d, spikes, floor):
    A = np.random.default_rng(0).standard_normal((20000, d))
    A[:, : len(spikes)] *= np.sqrt(spikes)
    model = StreamingPCA(len(spikes), random_state=0).fit(A)
    exact = np.linalg.eigh(np.cov(A.T))[1][:, ::-1].T[: len(spikes)]
    assert subspace_correlation(model.components_, exact) >= floor
    np.testing.assert_allclose(model.explained_variance_, spikes, rtol=0.2)


@pytest.mark.parametrize(
    "model",
    [
        StreamingPCA(center=False, random_state=0),
        StreamingPCA(center=False, max_heavy_rows=0, random_state=0),
        StreamingPCA(center=False, method="exact"),
        StreamingPCA(center=False, order="arbitrary", random_state=0),
        OjaPCA(center=False, random_state=0),
        FrequentDirections(2),
    ],
    ids=["block power", "no heavy rows", "exact", "grid", "Oja", "Frequent Directions"],
)
def test_rank_one(model):
    rng = np.random.default_rng(0)
    v = rng.standard_normal(40)
    A = np.outer(rng.standard_normal(500), v)
    tolerance = 1e-6 if model.get_params().get("order") == "arbitrary" else 1e-12
    assert correlation(model.fit(A).components_[0], v) >= 1 - tolerance
