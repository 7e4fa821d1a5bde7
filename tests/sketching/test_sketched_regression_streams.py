"""SketchedRegression on streams and shards, deletion, and the state after errors and interrupts."""

import copy
import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from sparsesci.sketching import SketchedRegression
from tests.helpers import Interrupt
from tests.reference import sketching as reference
from tests.sketching.regressions import KINDS, D, M, N, assert_same_results, data, model, results


def chunks(X, y, edges, w=None):
    for start, stop in itertools.pairwise(edges):
        yield X[start:stop], y[start:stop], None if w is None else w[start:stop], np.arange(start, stop)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("csr", [False, True])
def test_any_division_of_the_rows_gives_the_same(kind, csr):
    X, y = data(targets=2)
    w = np.random.default_rng(1).uniform(0, 2, N)
    given = scipy.sparse.csr_array(X) if csr else X
    whole = model(kind).fit(given, y, sample_weight=w)
    edges = [0, 1, 64, 200, 201, 512, 640, N]

    stream = model(kind)
    for X_part, y_part, w_part, _ in chunks(given, y, edges, w):
        stream.partial_fit(X_part, y_part, w_part)
    assert_same_results(stream, whole)

    shuffled = model(kind)
    parts = list(chunks(given, y, edges, w))
    for part in np.random.default_rng(2).permutation(len(parts)):
        X_part, y_part, w_part, numbers = parts[part]
        shuffled.partial_fit(X_part, y_part, w_part, indices=numbers)
    assert_same_results(shuffled, whole)

    scattered = model(kind)
    for numbers in np.array_split(np.random.default_rng(3).permutation(N), 4):
        scattered.partial_fit(given[numbers], y[numbers], w[numbers], indices=numbers)
    assert_same_results(scattered, whole)

    shards = [
        model(kind, row_offset=start).partial_fit(given[start:stop], y[start:stop], w[start:stop])
        for start, stop in [(201, 640), (640, N), (0, 201)]
    ]
    merged = shards[1].merge(shards[0]).merge(shards[2])
    assert merged is shards[1]
    assert_same_results(merged, whole)


@pytest.mark.parametrize("kind", KINDS)
def test_taking_rows_out_again(kind):
    X, y = data()
    w = np.random.default_rng(1).uniform(0.5, 2, N)
    numbers = np.random.default_rng(2).choice(N, 150, replace=False)
    kept = np.setdiff1d(np.arange(N), numbers)
    expected = model(kind).partial_fit(X[kept], y[kept], w[kept], indices=kept)
    reduced = model(kind).fit(X, y, sample_weight=w)
    reduced.partial_unfit(X[numbers], y[numbers], numbers, w[numbers])
    assert reduced.n_samples_seen_ == N - 150
    assert_same_results(reduced, expected, 1e-11)
    # Its numbers are free again, and new rows do not take them unasked.
    reduced.partial_fit(X[:3], y[:3])
    assert reduced._next_row == N + 3
    reduced.partial_unfit(X[:3], y[:3], np.arange(N, N + 3))
    assert_same_results(
        reduced.partial_fit(X[numbers], y[numbers], w[numbers], indices=numbers), model(kind).fit(X, y, w)
    )


def test_taking_all_rows_out_leaves_nothing():
    X, y = data()
    empty = model().fit(X, y).partial_unfit(X, y, np.arange(N))
    assert empty.n_samples_seen_ == 0
    assert empty.rank_ == 0
    assert not np.any(empty.coef_)
    assert_same_results(empty.partial_fit(X, y, indices=np.arange(N)), model().fit(X, y), 0)


def test_fit_equals_stream_when_n_max_is_the_number_of_rows():
    X, y = data()
    stream = SketchedRegression(M, n_max=N, random_state=0)
    for X_part, y_part, _, _ in chunks(X, y, [0, 300, N]):
        stream.partial_fit(X_part, y_part)
    assert_same_results(SketchedRegression(M, random_state=0).fit(X, y), stream)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_without_bound(kind):
    """The sketch's own columns say what every row contributes, also when fit is followed by more rows."""
    X, y = data(300)
    for first in ("fit", "partial_fit"):
        unbounded = SketchedRegression(M, sketch=kind, random_state=0)
        getattr(unbounded, first)(X[:100], y[:100])
        before = unbounded.sketch_.accumulate(X[:100], np.zeros((M, D)))
        unbounded.partial_fit(X[100:], y[100:])
        S = unbounded.sketch_
        assert S.shape[1] >= 300
        np.testing.assert_allclose(S.accumulate(X[:100], np.zeros((M, D))), before, rtol=0, atol=1e-13)
        SA, Sb, ones = (S.accumulate(part, np.zeros((M, part.shape[1]))) for part in (X, y[:, None], np.ones((300, 1))))
        coef, intercept = reference.ridge(SA, Sb[:, 0], ones=ones[:, 0])
        np.testing.assert_allclose(unbounded.coef_, coef, rtol=0, atol=1e-12)
        np.testing.assert_allclose(unbounded.intercept_, intercept, rtol=0, atol=1e-12)


def test_exactness_ends_with_the_rows_it_was_for():
    X, y = data(100)
    fitted = SketchedRegression(64, random_state=0).fit(X[:60], y[:60])
    assert fitted.linf_bound_ == 0
    assert fitted.partial_fit(X[60:], y[60:]).linf_bound_ > 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_threads_gives_the_same_bits(kind):
    X, y = data(20_000, 6)
    w = np.random.default_rng(0).uniform(0, 1, 20_000)
    expected = model(kind, n_max=20_000).fit(X, y, sample_weight=w)
    for n_jobs in (2, 7):
        assert_same_results(model(kind, n_max=20_000, n_jobs=n_jobs).fit(X, y, sample_weight=w), expected, 0)


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_pickle_in_mid_stream(copied):
    X, y = data()
    stream = model().partial_fit(X[:300], y[:300])
    twin = copied(stream)
    assert_same_results(twin.partial_fit(X[300:], y[300:]), model().fit(X, y))
    assert stream.n_samples_seen_ == 300


def test_reading_results_in_mid_stream_changes_nothing():
    X, y = data()
    read, unread = model(), model()
    for X_part, y_part, _, _ in chunks(X, y, [0, 10, 300, N]):
        read.partial_fit(X_part, y_part)
        results(read)
        unread.partial_fit(X_part, y_part)
    assert_same_results(read, unread, 0)


def test_keys():
    X, y = data()
    assert model(random_state=7).fit(X, y).key_ == model(random_state=7).partial_fit(X, y).key_
    generator = np.random.default_rng(0)
    assert model(random_state=generator).fit(X, y).key_ != model(random_state=generator).fit(X, y).key_
    assert model(random_state=None).fit(X, y).key_ != model(random_state=None).fit(X, y).key_
    stream = model(random_state=generator).partial_fit(X, y)
    key = stream.key_
    assert stream.partial_fit(X, y).key_ == key


# Merging


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"random_state": 4}, "key"),
        ({"n_components": M + 1}, "n_components"),
        ({"sketch": "gaussian"}, "kind of sketch"),
        ({"n_max": 4 * N}, "n_max"),
        ({"fit_intercept": False}, "fit_intercept"),
        ({"row_offset": 300}, "both hold row 300"),
        ({"row_offset": 0}, "both hold row 0"),
    ],
)
def test_merging_what_does_not_fit_together(changes, message):
    X, y = data()
    first = model().partial_fit(X[:350], y[:350])
    second = model(**{"row_offset": 350} | changes).partial_fit(X[350:], y[350:])
    before = results(first), results(second)
    with pytest.raises(ValueError, match=message):
        first.merge(second)
    assert np.array_equal(results(first), before[0])
    assert np.array_equal(results(second), before[1])
    assert (first.n_samples_seen_, second.n_samples_seen_) == (350, 350)


def test_merging_other_things():
    X, Y = data(targets=2)
    first = model().partial_fit(X[:350], Y[:350, 0])
    for y in (Y[350:, :1], Y[350:]):
        with pytest.raises(ValueError, match="shape of y"):
            first.merge(model(row_offset=350).partial_fit(X[350:], y))
    with pytest.raises(ValueError, match="number of features"):
        first.merge(model(row_offset=350).partial_fit(X[350:, 1:], Y[350:, 0]))
    frame = pd.DataFrame(X[350:], columns=list("abcde"))
    with pytest.raises(ValueError, match="feature names"):
        first.merge(model(row_offset=350).partial_fit(frame, Y[350:, 0]))
    with pytest.raises(ValueError, match="both hold"):
        first.merge(first)
    with pytest.raises(NotFittedError):
        first.merge(model())
    with pytest.raises(NotFittedError):
        model().merge(first)
    with pytest.raises(TypeError, match="SketchedRegression"):
        first.merge(LinearRegression())


def test_a_merged_stream_goes_on_after_the_last_row():
    X, y = data()
    first, second = model().partial_fit(X[:100], y[:100]), model(row_offset=100).partial_fit(X[100:300], y[100:300])
    assert_same_results(first.merge(second).partial_fit(X[300:], y[300:]), model().fit(X, y))


# Errors


FAILURES = {
    "NaN in X": (lambda X, y: {"X": np.where(X[7, 1] == X, np.nan, X), "y": y}, "X contains NaN"),
    "infinity in X": (lambda X, y: {"X": np.where(X[7, 1] == X, np.inf, X), "y": y}, "X contains infinity"),
    "NaN in CSR": (
        lambda X, y: {"X": scipy.sparse.csr_array(np.where(X[7, 1] == X, np.nan, X)), "y": y},
        "X contains NaN",
    ),
    "NaN in y": (lambda X, y: {"X": X, "y": np.where(y == y[3], np.nan, y)}, "y contains NaN"),
    "overflow": (lambda X, y: {"X": X * 3e307, "y": y}, "overflows"),
    "features": (lambda X, y: {"X": X[:, 1:], "y": y}, "4 features"),
    "lengths": (lambda X, y: {"X": X, "y": y[1:]}, "inconsistent numbers of samples"),
    "targets": (lambda X, y: {"X": X, "y": y[:, None]}, "y must be 1-d"),
    "text": (lambda X, y: {"X": X, "y": y.astype(str)}, "y must be a dense array of numbers"),
    "complex": (lambda X, y: {"X": X + 1j, "y": y}, "Complex"),
    "empty": (lambda X, y: {"X": X[:0], "y": y[:0]}, "0 sample"),
    "negative weight": (lambda X, y: {"X": X, "y": y, "sample_weight": -np.ones(len(y))}, "sample_weight"),
    "weights of two": (lambda X, y: {"X": X, "y": y, "sample_weight": np.ones((len(y), 2))}, "sample_weight"),
    "NaN weight": (lambda X, y: {"X": X, "y": y, "sample_weight": np.full(len(y), np.nan)}, "sample_weight"),
    "too many weights": (lambda X, y: {"X": X, "y": y, "sample_weight": np.ones(len(y) + 1)}, "sample_weight"),
    "beyond n_max": (lambda X, y: {"X": np.tile(X, (4, 1)), "y": np.tile(y, 4)}, "n_max=1400"),
    "seen": (lambda X, y: {"X": X, "y": y, "indices": np.arange(299, 299 + len(y))}, "row 299 has been seen"),
    "repeated": (lambda X, y: {"X": X, "y": y, "indices": np.full(len(y), 900)}, "indices must be distinct"),
    "negative index": (lambda X, y: {"X": X, "y": y, "indices": np.arange(len(y)) - 1}, "negative"),
    "few indices": (lambda X, y: {"X": X, "y": y, "indices": [900]}, "indices must have shape"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_call_leaves_the_state_as_it_was(failure):
    X, y = data()
    make, message = FAILURES[failure]
    fitted = model().partial_fit(X[:300], y[:300])
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(**make(X[300:], y[300:]))
    assert vars(fitted) == before
    assert_same_results(fitted.partial_fit(X[300:], y[300:]), model().fit(X, y))


@pytest.mark.parametrize("failure", ["NaN in X", "NaN in y", "overflow", "lengths", "negative weight"])
def test_a_failed_fit_keeps_the_earlier_one(failure):
    X, y = data()
    make, message = FAILURES[failure]
    fitted = model().fit(X, y)
    before = dict(vars(fitted))
    for method in (fitted.fit, model().fit, model().partial_fit):
        with pytest.raises(ValueError, match=message):
            method(**make(X[:, 1:], y))
    assert vars(fitted) == before
    fresh = model()
    with pytest.raises(ValueError, match=message):
        fresh.partial_fit(**make(X, y))
    assert vars(fresh) == vars(model())


def test_interrupts_leave_the_state_as_it_was():
    """KeyboardInterrupt in one place after the other: either nothing has happened, or all of it."""
    X, y = data(64)
    start = model().partial_fit(X[:40], y[:40])
    done = results(copy.deepcopy(start).partial_fit(X[40:], y[40:]))
    initial = results(copy.deepcopy(start))
    with Interrupt() as counter:
        copy.deepcopy(start).partial_fit(X[40:], y[40:])
    assert counter.places > 100
    outcomes = set()
    for at in range(1, counter.places + 1, 3):
        stream = copy.deepcopy(start)
        with Interrupt(at) as interrupt, pytest.raises(KeyboardInterrupt):
            stream.partial_fit(X[40:], y[40:])
        assert interrupt.delivered
        got = results(stream)
        assert np.array_equal(got, initial) or np.array_equal(got, done), interrupt.where
        outcomes.add(np.array_equal(got, done))
        if not np.array_equal(got, done):
            assert np.array_equal(results(stream.partial_fit(X[40:], y[40:])), done)
    assert False in outcomes


def test_unfit_of_rows_that_are_not_there():
    X, y = data()
    fitted = model().partial_fit(X[:300], y[:300])
    before = dict(vars(fitted))
    for indices, message in [(np.arange(250, 350), "row 300 is not"), (None, "indices"), (np.arange(99), "shape")]:
        with pytest.raises(ValueError, match=message):
            fitted.partial_unfit(X[250:350], y[250:350], indices)
    with pytest.raises(TypeError, match="integers"):
        fitted.partial_unfit(X[:2], y[:2], [0.0, 1.0])
    assert vars(fitted) == before
    with pytest.raises(NotFittedError):
        model().partial_unfit(X, y, np.arange(N))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_components": 0}, ValueError, "n_components"),
        ({"n_components": 12.0}, TypeError, "n_components"),
        ({"n_components": 2049}, ValueError, "n_components must be at most 2048"),
        ({"n_components": None, "eps": 0.0}, ValueError, "eps"),
        ({"n_components": None, "eps": 1.0}, ValueError, "eps"),
        ({"n_components": None, "eps": "0.5"}, TypeError, "eps"),
        ({"sketch": "tensor_srht"}, ValueError, "sketch"),
        ({"sketch": None}, ValueError, "sketch"),
        ({"n_max": 0}, ValueError, "n_max"),
        ({"n_max": N - 1}, ValueError, f"n_max={N - 1}"),
        ({"n_max": 1e4}, TypeError, "n_max"),
        ({"row_offset": -1}, ValueError, "row_offset"),
        ({"row_offset": 2 * N}, ValueError, "n_max=1400"),
        ({"alpha": -1.0}, ValueError, "alpha"),
        ({"alpha": np.nan}, ValueError, "alpha"),
        ({"alpha": None}, TypeError, "alpha"),
        ({"fit_intercept": "yes"}, TypeError, "fit_intercept"),
        ({"random_state": "seed"}, ValueError, "random_state"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs"),
        ({"device": "gpu"}, ValueError, "device"),
    ],
)
def test_bad_parameters(parameters, error, message):
    X, y = data()
    for method in ("fit", "partial_fit"):
        estimator = model(**parameters)
        with pytest.raises(error, match=message):
            getattr(estimator, method)(X, y)
        assert not hasattr(estimator, "n_features_in_")


def test_unfitted_use():
    X, _ = data()
    for use in ("coef_", "intercept_", "coef_stderr_", "residual_norm_", "linf_bound_", "linf_certified_", "rank_"):
        assert not hasattr(model(), use)
    for call in (lambda: model().predict(X), lambda: model().conf_int()):
        with pytest.raises(NotFittedError):
            call()


def test_a_refit_forgets_the_earlier_data():
    X, y = data()
    frame = pd.DataFrame(X, columns=list("abcde"))
    fitted = model().fit(frame, y)
    assert fitted.feature_names_in_.tolist() == list("abcde")
    assert_same_results(fitted.fit(X[:, 1:], y), model().fit(X[:, 1:], y), 0)
    assert fitted.n_features_in_ == 4
    assert not hasattr(fitted, "feature_names_in_")
