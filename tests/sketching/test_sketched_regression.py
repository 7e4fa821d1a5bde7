"""SketchedRegression: the sketched problem's solution, streams, shards, deletion, and what happens on errors."""

import copy
import itertools
import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsesci.sketching import SketchedRegression, SketchWarning
from tests.helpers import Interrupt
from tests.reference import sketching as reference

KINDS = ("srht", "gaussian", "sparse_sign", "countsketch")
CERTIFIED = ("srht", "gaussian")
N, D, M = 700, 5, 60


def data(n=N, d=D, targets=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + 0.3
    shape = (d,) if targets is None else (d, targets)
    y = X @ rng.standard_normal(shape) + 2.0
    return X, y + rng.standard_normal(y.shape)


def model(kind="srht", **parameters):
    return SketchedRegression(**{"n_components": M, "sketch": kind, "n_max": 2 * N, "random_state": 3} | parameters)


def results(fitted):
    """Return all numbers that a fitted estimator shows."""
    names = ("coef_", "intercept_", "coef_stderr_", "residual_norm_", "linf_bound_", "n_samples_seen_")
    return np.concatenate([np.ravel(getattr(fitted, name)) for name in names])


def assert_same_results(first, second, rtol=1e-12):
    expected = results(second)
    np.testing.assert_allclose(results(first), expected, rtol=0, atol=rtol * np.abs(expected[:-1]).max())


@parametrize_with_checks(
    [
        SketchedRegression(),
        SketchedRegression(sketch="gaussian"),
        SketchedRegression(sketch="sparse_sign"),
        SketchedRegression(sketch="countsketch"),
        SketchedRegression(alpha=1.0),
        SketchedRegression(fit_intercept=False),
        SketchedRegression(n_max=4096),
        SketchedRegression(eps=0.3),
    ]
)
@pytest.mark.filterwarnings("ignore::sparsesci.sketching.SketchWarning")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


# The sketched problem


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 30.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_solution_of_the_sketched_problem(kind, fit_intercept, alpha, weighted):
    X, y = data()
    w = np.random.default_rng(1).uniform(0, 2, N) if weighted else None
    fitted = model(kind, fit_intercept=fit_intercept, alpha=alpha).fit(X, y, sample_weight=w)
    roots = np.ones(N) if w is None else np.sqrt(w)
    S = fitted.sketch_.todense()[:, :N] * roots
    ones = S.sum(axis=1) if fit_intercept else None
    coef, intercept = reference.ridge(S @ X, S @ y, alpha, ones)
    np.testing.assert_allclose(fitted.coef_, coef, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fitted.intercept_, intercept, rtol=0, atol=1e-12)
    if alpha == 0:
        SA = S @ X if ones is None else np.column_stack((S @ X, ones))
        n_padded = fitted.sketch_.n_padded if kind == "srht" else None
        errors = reference.standard_errors(SA, S @ y, n_padded)
        np.testing.assert_allclose(fitted.coef_stderr_, errors[:D], rtol=1e-10)
        residual = np.linalg.norm(S @ y - SA @ np.linalg.lstsq(SA, S @ y, rcond=None)[0])
        p = SA.shape[1]
        factor = M / (M - p) * ((n_padded - p) / n_padded if kind == "srht" else 1)
        assert fitted.residual_norm_ == pytest.approx(residual * np.sqrt(factor), rel=1e-12)
    assert fitted.rank_ == D
    np.testing.assert_allclose(fitted.predict(X), X @ coef + intercept, rtol=0, atol=1e-11)


@pytest.mark.parametrize("alpha", [0.0, 30.0])
def test_several_targets_are_solved_one_by_one(alpha):
    X, Y = data(targets=3)
    together = model(alpha=alpha).fit(X, Y)
    assert together.coef_.shape == together.coef_stderr_.shape == (3, D)
    assert together.intercept_.shape == together.residual_norm_.shape == (3,)
    for target in range(3):
        alone = model(alpha=alpha).fit(X, Y[:, target])
        for name in ("coef_", "intercept_", "coef_stderr_", "residual_norm_"):
            np.testing.assert_allclose(getattr(together, name)[target], getattr(alone, name), rtol=1e-11)
    column = model().fit(X, Y[:, :1])
    assert column.coef_.shape == (1, D)
    assert column.predict(X).shape == (N, 1)


def test_first_order_variance_under_a_penalty():
    """The standard errors are those of K^-1 (s^2 G + alpha^2 x x^T / m) K^-1 with G = (SA)^T SA and K = G + alpha I."""
    X, y = data()
    alpha = 400.0
    fitted = model("gaussian", n_max=N, fit_intercept=False, alpha=alpha).fit(X, y)
    SA, Sb = fitted.sketch_.sketch(X), fitted.sketch_.sketch(y)
    G = SA.T @ SA
    K = np.linalg.inv(G + alpha * np.eye(D))
    x = K @ (SA.T @ Sb)
    s2 = np.sum((Sb - SA @ x) ** 2) / (M - np.trace(K @ G))
    variance = K @ (s2 * G + alpha**2 * np.outer(x, x) / M) @ K
    np.testing.assert_allclose(fitted.coef_stderr_, np.sqrt(np.diag(variance)), rtol=1e-10)


def test_the_intercept_is_not_penalised():
    X, y = data()
    for alpha in (1e3, 1e12):
        ours = model(n_components=1024, n_max=N, alpha=alpha).fit(X, y + 50)
        theirs = Ridge(alpha=alpha).fit(X, y + 50)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10)


@pytest.mark.parametrize("n", [256, 200])
@pytest.mark.parametrize("alpha", [0.0, 7.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_full_srht_is_exact(n, alpha, weighted):
    X, y = data(n)
    w = np.random.default_rng(2).uniform(0, 3, n) if weighted else None
    fitted = SketchedRegression(256, alpha=alpha, random_state=0).fit(X, y, sample_weight=w)
    exact = (Ridge(alpha=alpha) if alpha else LinearRegression()).fit(X, y, sample_weight=w)
    np.testing.assert_allclose(fitted.coef_, exact.coef_, rtol=1e-11)
    np.testing.assert_allclose(fitted.intercept_, exact.intercept_, rtol=1e-11)
    residual = (y - exact.predict(X)) * (1 if w is None else np.sqrt(w))
    assert fitted.residual_norm_ == pytest.approx(np.linalg.norm(residual), rel=1e-12)
    assert fitted.linf_bound_ == 0
    assert not fitted.coef_stderr_.any()
    if alpha == 0:
        assert np.array_equal(fitted.conf_int(), np.stack((fitted.coef_, fitted.coef_), axis=1))


def test_sample_weights_scale_rows():
    X, y = data()
    w = np.random.default_rng(1).integers(0, 3, N).astype(float)
    weighted = model().fit(X, y, sample_weight=w)
    roots = np.sqrt(w)
    ones = model(fit_intercept=False).fit(np.column_stack((X, np.ones(N))) * roots[:, None], y * roots)
    np.testing.assert_allclose(np.append(weighted.coef_, weighted.intercept_), ones.coef_, rtol=1e-11)
    kept = w > 0
    # Rows keep their numbers, so those of weight zero can as well be left out.
    indices = np.flatnonzero(kept)
    assert_same_results(
        model().partial_fit(X[kept], y[kept], w[kept], indices=indices).partial_fit(X[~kept], y[~kept], 0.0), weighted
    )
    assert_same_results(model().fit(X, y, sample_weight=2.0), model().fit(X, y, sample_weight=np.full(N, 2.0)), 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_features(kind, weighted):
    X, y = data(d=12)
    X[np.random.default_rng(4).random(X.shape) < 0.8] = 0
    w = np.random.default_rng(5).uniform(0, 2, N) if weighted else None
    dense = model(kind).fit(X, y, sample_weight=w)
    for convert in (scipy.sparse.csr_array, scipy.sparse.csc_matrix):
        sparse = model(kind).fit(convert(X), y, sample_weight=w)
        assert_same_results(sparse, dense)
        np.testing.assert_allclose(sparse.predict(convert(X)), dense.predict(X), rtol=0, atol=1e-11)


# Streams, shards, deletion


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


# Sizes


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({}, 8 * D),
        ({"eps": 0.25}, 80),
        ({"eps": 0.9}, 4 * D),
        ({"eps": 0.01}, 1024),
        ({"eps": 0.1, "sketch": "gaussian"}, 500),
        ({"n_components": 77, "eps": 0.5}, 77),
    ],
)
def test_size_of_the_sketch(parameters, size):
    X, y = data()
    fitted = SketchedRegression(**parameters, random_state=0).fit(X, y)
    assert fitted.sketch_size_ == fitted.sketch_.shape[0] == size


def test_a_sketch_smaller_than_the_number_of_coefficients():
    X, y = data()
    for m in (1, D - 1, D):
        with pytest.warns(SketchWarning, match=r"n_components=.* n_features \+ 1 = 6"):
            fitted = model(n_components=m).fit(X, y)
        S = fitted.sketch_.todense()[:, :N]
        np.testing.assert_allclose(S @ fitted.predict(X), S @ y, rtol=0, atol=1e-9)
        assert np.isinf(fitted.coef_stderr_).all()
        assert fitted.linf_bound_ == np.inf
        assert np.isnan(fitted.residual_norm_)
        assert np.isinf(fitted.conf_int()).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model(n_components=D + 1).fit(X, y).linf_bound_ == np.inf
        assert model(n_components=D + 2).fit(X, y).linf_bound_ < np.inf


def test_fewer_rows_than_features():
    X, y = data(10, 30)
    fitted = SketchedRegression(random_state=0).fit(X, y)
    assert fitted.sketch_size_ == 16
    exact = LinearRegression().fit(X, y)
    np.testing.assert_allclose(fitted.coef_, exact.coef_, rtol=0, atol=1e-11)
    np.testing.assert_allclose(fitted.predict(X), y, rtol=0, atol=1e-10)
    for n in (1, 2):
        assert np.isfinite(SketchedRegression(random_state=0).fit(X[:n], y[:n]).coef_).all()


# Degenerate data


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_dependent_columns_give_the_solution_of_smallest_norm(fit_intercept):
    X, y = data(256)
    X = np.column_stack((X, X[:, 1], np.zeros(256), X @ np.ones(D), np.full(256, 7.0)))
    # The constant column is a dependent one where there is an intercept.
    rank = D if fit_intercept else D + 1
    exact = LinearRegression(fit_intercept=fit_intercept, tol=1e-12).fit(X, y)
    full = SketchedRegression(256, fit_intercept=fit_intercept, random_state=0).fit(X, y)
    np.testing.assert_allclose(full.coef_, exact.coef_, rtol=0, atol=1e-11)
    sketched = SketchedRegression(100, fit_intercept=fit_intercept, random_state=0).fit(X, y)
    assert full.rank_ == sketched.rank_ == rank
    assert sketched.coef_[D + 1] == 0
    assert sketched.coef_[1] == pytest.approx(sketched.coef_[D], abs=1e-12)
    low, high = sketched.conf_int(0.999999).T
    assert (low - 1e-12 <= exact.coef_).all()
    assert (exact.coef_ <= high + 1e-12).all()
    if not fit_intercept:
        S = sketched.sketch_.todense()
        SA, residual = S @ X, S @ y - S @ X @ sketched.coef_
        variances = residual @ residual / (100 - rank) * np.diag(np.linalg.pinv(SA.T @ SA, rcond=1e-12))
        factor = (256 - 100) / (256 - rank - 1)
        np.testing.assert_allclose(sketched.coef_stderr_, np.sqrt(factor * variances), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_columns_of_very_different_size(scale):
    X, y = data(256)
    scales = np.array([1.0, scale, 1e-8, 1e8, np.sqrt(scale)])
    plain = model(n_max=256, fit_intercept=False).fit(X, y)
    scaled = model(n_max=256, fit_intercept=False).fit(X * scales, y)
    np.testing.assert_allclose(scaled.coef_ * scales, plain.coef_, rtol=1e-9)
    np.testing.assert_allclose(scaled.coef_stderr_ * scales, plain.coef_stderr_, rtol=1e-9)
    duplicated = model(n_max=256, fit_intercept=False).fit(np.column_stack((X, X[:, 1])) * np.append(scales, scale), y)
    assert duplicated.rank_ == D
    np.testing.assert_allclose(2 * duplicated.coef_[1] * scale, plain.coef_[1], rtol=1e-9)


def test_consistent_equations():
    X, _ = data()
    fitted = model().fit(X, X @ np.arange(1.0, D + 1) - 4)
    np.testing.assert_allclose(fitted.coef_, np.arange(1.0, D + 1), rtol=1e-12)
    assert fitted.intercept_ == pytest.approx(-4)
    assert fitted.linf_bound_ < 1e-12
    zero = model().fit(X, np.zeros(N))
    assert not zero.coef_.any()
    assert zero.intercept_ == zero.linf_bound_ == zero.residual_norm_ == 0


def test_one_feature_and_one_more_row_than_features():
    X, y = data(N, 1)
    assert model(n_components=8).fit(X, y).coef_.shape == (1,)
    X, y = data(D + 2)
    fitted = SketchedRegression(random_state=0).fit(X, y)
    np.testing.assert_allclose(fitted.coef_, LinearRegression().fit(X, y).coef_, rtol=1e-9)


# Precision and memory


def test_precision():
    X, y = data()
    double, single = model().fit(X, y), model().fit(X.astype("f4"), y)
    assert single.coef_.dtype == single.predict(X.astype("f4")).dtype == np.float32
    np.testing.assert_allclose(single.coef_, double.coef_, rtol=0, atol=1e-4)
    mixed = model().partial_fit(X[:300].astype("f4"), y[:300]).partial_fit(X[300:], y[300:])
    assert mixed.coef_.dtype == np.float64
    integers = model().fit((10 * X).astype(int), y)
    assert integers.coef_.dtype == np.float64
    assert model().fit(np.column_stack((X, X[:, 0])).astype("f4"), y).rank_ == D


def test_large_data_are_not_copied():
    X, y = data(100_000, 40)
    stream = SketchedRegression(100, n_max=100_000, random_state=0).partial_fit(X[:10], y[:10])
    X.flags.writeable = False
    # 16 private sketches of 32 kB, the targets with their column of ones, blocks of 16 MiB with weights; X has 32 MB.
    for weights, limit in ((None, 6e6), (np.ones(99_990), 30e6)):
        tracemalloc.start()
        copy.deepcopy(stream).partial_fit(X[10:], y[10:], weights)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < limit


# Intervals


def test_intervals():
    X, Y = data(targets=2)
    single, several = model().fit(X, Y[:, 0]), model().fit(X, Y)
    assert single.conf_int().shape == (D, 2)
    assert several.conf_int().shape == (2, D, 2)
    for fitted, at_once in ((single, D), (several, 2 * D)):
        half = fitted.coef_stderr_ * stats.t.isf(0.05 / 2 / at_once, M - D - 1)
        np.testing.assert_allclose(fitted.conf_int()[..., 1] - fitted.coef_, half, rtol=1e-12)
        np.testing.assert_allclose(fitted.coef_ - fitted.conf_int()[..., 0], half, rtol=1e-12)
        assert fitted.linf_bound_ == pytest.approx(half.max(), rel=1e-12)
        each = fitted.coef_stderr_ * stats.t.isf(0.1 / 2, M - D - 1)
        np.testing.assert_allclose(fitted.conf_int(0.9, simultaneous=False)[..., 1] - fitted.coef_, each, rtol=1e-12)


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, np.nan])
def test_bad_levels(level):
    with pytest.raises(ValueError, match="confidence_level"):
        model().fit(*data()).conf_int(level)


def test_bad_flag():
    with pytest.raises(TypeError, match="simultaneous"):
        model().fit(*data()).conf_int(simultaneous="all")


@pytest.mark.parametrize("kind", KINDS)
def test_only_dense_sketches_are_certified(kind):
    X, y = data()
    fitted = model(kind).fit(X, y)
    assert fitted.linf_certified_ is (kind in CERTIFIED)
    penalised = model(kind, alpha=1.0).fit(X, y)
    assert penalised.linf_certified_ is False
    with pytest.warns(SketchWarning, match="alpha" if kind in CERTIFIED else kind):
        assert np.isfinite(penalised.conf_int()).all()
    if kind in CERTIFIED:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fitted.conf_int()
    else:
        with pytest.warns(SketchWarning, match=kind):
            fitted.conf_int()


def test_model_selection():
    X, y = data()
    search = GridSearchCV(SketchedRegression(random_state=0), {"alpha": [0.0, 1.0], "sketch": list(KINDS)}, n_jobs=2)
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert clone(model()).get_params() == model().get_params()
