"""Fitting on Dask collections: the same answer as on one machine, whatever happens to the workers."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from sparsesci import distributed
from sparsesci.sketching import SketchedRegression
from sparsesci.streaming import FrequentDirections, OjaPCA, StreamingPCA
from tests.common.results import fitted_state
from tests.reference.streaming import correlation

da = pytest.importorskip("dask.array", reason="needs dask: pip install sparsesci[dask]")
dd = pytest.importorskip("dask.dataframe", reason="needs dask: pip install sparsesci[dask]")
pandas = pytest.importorskip("pandas")

SCHEDULERS = ("synchronous", "threads")


def regression(n=3000, d=6):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    return X, X @ np.arange(float(d)) + rng.standard_normal(n)


def spiked(n=6000, d=12):
    X = np.random.default_rng(0).standard_normal((n, d)) + 1
    X[:, 3] *= 4
    return X


def assert_same_regression(model, expected):
    scale = np.abs(expected.coef_).max()
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(model.coef_stderr_, expected.coef_stderr_, rtol=1e-9)
    assert model.n_samples_seen_ == expected.n_samples_seen_


# The same answer as on one machine


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("sketch", ["srht", "gaussian", "sparse_sign", "countsketch"])
def test_sketched_regression(sketch, scheduler):
    X, y = regression()
    expected = SketchedRegression(300, sketch=sketch, random_state=3).fit(X, y)
    model = SketchedRegression(300, sketch=sketch, random_state=3)
    parameters = model.get_params()
    fitted = distributed.fit(
        model, da.from_array(X, chunks=(700, 2)), da.from_array(y, chunks=1000), scheduler=scheduler
    )
    assert fitted is model
    assert model.get_params() == parameters
    assert_same_regression(model, expected)


@pytest.mark.parametrize("split_every", [2, 3, 100])
def test_several_targets_offsets_and_arrays(split_every):
    X, y = regression()
    targets = np.stack((y, -y), axis=1)
    options = {"n_components": 200, "row_offset": 1000, "n_max": 10_000, "random_state": 0}
    expected = SketchedRegression(**options).fit(X, targets)
    for given in (targets, da.from_array(targets, chunks=(500, 1))):
        model = SketchedRegression(**options)
        distributed.fit(
            model, da.from_array(X, chunks=(450, 6)), given, split_every=split_every, scheduler="synchronous"
        )
        assert_same_regression(model, expected)


def test_dataframes():
    X, y = regression()
    frame = pandas.DataFrame(X).add_prefix("feature ")
    expected = SketchedRegression(300, random_state=0).fit(frame, y)
    parts = dd.from_pandas(frame, npartitions=5)
    for target in (
        dd.from_pandas(pandas.Series(y), npartitions=5),
        dd.from_pandas(pandas.Series(y), npartitions=5).to_dask_array(),
    ):
        model = SketchedRegression(300, random_state=0)
        distributed.fit(model, parts, target, scheduler="synchronous")
        assert_same_regression(model, expected)
        assert list(model.feature_names_in_) == list(frame.columns)


def test_parts_without_rows():
    X, y = regression()
    frame = pandas.DataFrame(X).add_prefix("f")
    frame["y"] = y
    parts = dd.from_pandas(frame, npartitions=6)
    parts = parts[parts["f0"] < np.inf]  # of unknown lengths
    emptied = dd.concat(
        [parts.partitions[:3], parts.partitions[3][parts.partitions[3]["f0"] > 99], parts.partitions[4:]]
    )
    kept = emptied.compute()
    model = SketchedRegression(300, random_state=0)
    columns = [f"f{i}" for i in range(6)]
    distributed.fit(model, emptied[columns], emptied["y"], scheduler="synchronous")
    assert_same_regression(model, SketchedRegression(300, random_state=0).fit(kept[columns], kept["y"]))


@pytest.mark.parametrize("random_state", [None, np.random.default_rng(0), np.random.RandomState(0)])
def test_all_parts_share_a_key(random_state):
    X, y = regression()
    model = SketchedRegression(300, random_state=random_state)
    distributed.fit(model, da.from_array(X, chunks=(700, 6)), y, scheduler="synchronous")
    assert model.random_state is random_state
    assert model.n_samples_seen_ == 3000


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("center", [True, False])
def test_streaming_pca(center, scheduler):
    X = spiked()
    model = StreamingPCA(center=center, random_state=0)
    distributed.fit(model, da.from_array(X, chunks=(800, 5)), scheduler=scheduler)
    exact = PCA(1).fit(X).components_[0] if center else np.linalg.svd(X, full_matrices=False)[2][0]
    assert correlation(model.components_[0], exact) > 0.99
    assert model.n_samples_seen_ == 6000
    np.testing.assert_allclose(model.mean_, X.mean(axis=0) * center, rtol=1e-10, atol=1e-12)


def test_exact_covariance_is_exact():
    X = spiked()
    model = distributed.fit(StreamingPCA(3, method="exact"), da.from_array(X, chunks=(800, 12)), scheduler="threads")
    np.testing.assert_allclose(model.explained_variance_, PCA(3).fit(X).explained_variance_, rtol=1e-10)


def test_frequent_directions_keep_their_guarantee():
    X = spiked() * 0.7 ** np.arange(12)
    model = distributed.fit(FrequentDirections(5), da.from_array(X, chunks=(800, 12)), scheduler="threads")
    values = np.linalg.eigvalsh(X.T @ X - model.sketch_.T @ model.sketch_)
    slack = 1e-9 * np.linalg.norm(X) ** 2
    assert -slack <= values[0]
    assert values[-1] <= model.error_bound_ + slack <= np.linalg.norm(X) ** 2 / 5 + 2 * slack


def test_oja():
    model = distributed.fit(OjaPCA(random_state=0), da.from_array(spiked(), chunks=(1500, 12)), scheduler="threads")
    assert model.components_[0, 3] ** 2 > 0.95


def test_a_second_fit_forgets_the_first():
    X = spiked()
    fresh = distributed.fit(StreamingPCA(random_state=0), da.from_array(X, chunks=(800, 12)), scheduler="threads")
    used = StreamingPCA(random_state=0).fit(X[:100])
    distributed.fit(used, da.from_array(X, chunks=(800, 12)), scheduler="threads")
    np.testing.assert_array_equal(used.components_, fresh.components_)
    assert used.n_samples_seen_ == 6000


# Bad input


def test_what_is_refused():
    X = da.from_array(spiked(), chunks=(800, 12))
    model = StreamingPCA(random_state=0).fit(spiked())
    before = fitted_state(model)
    regressor = SketchedRegression(100, random_state=0)
    for estimator, data, y, exception, words in (
        (PCA(1), X, None, TypeError, "estimator"),
        (StreamingPCA, X, None, TypeError, "estimator"),
        (model, spiked(), None, TypeError, "X must be a Dask"),
        (model, X[:, 0], None, ValueError, "X must be 2-d"),
        (regressor, X, np.ones(5), ValueError, "y must have as many rows"),
        (regressor, X, da.ones(5), ValueError, "y must have as many rows"),
        (model, X[:0], None, ValueError, "X has no rows"),
        (model, da.where(X > 3, np.nan, X), None, ValueError, "NaN"),
    ):
        with pytest.raises(exception, match=words):
            distributed.fit(estimator, data, y, scheduler="synchronous")
    assert fitted_state(model) == before
    with pytest.raises(NotFittedError):
        regressor.predict(spiked())


def test_without_dask(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dask", None)
    with pytest.raises(ImportError, match=r"pip install sparsesci\[dask\]"):
        distributed.fit(StreamingPCA(), None)


# Workers that die


def slow_rows(block, seconds):
    time.sleep(seconds)
    return block


@pytest.fixture(scope="module")
def client():
    dask_distributed = pytest.importorskip("distributed", reason="needs distributed: pip install sparsesci[dask]")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "processes": True}
    with dask_distributed.LocalCluster(**options) as cluster, dask_distributed.Client(cluster) as connected:
        yield connected


def test_a_cluster_gives_the_same_answer(client):
    X, y = regression()
    model = SketchedRegression(300, random_state=0)
    distributed.fit(model, da.from_array(X, chunks=(500, 6)), da.from_array(y, chunks=500), scheduler=client)
    assert_same_regression(model, SketchedRegression(300, random_state=0).fit(X, y))


def test_a_worker_is_killed_in_mid_run(client):
    X, y = regression()
    parts = da.from_array(X, chunks=(150, 6)).map_blocks(slow_rows, seconds=0.15, dtype=float)
    victim = next(iter(client.run(os.getpid).values()))
    model, errors = SketchedRegression(300, random_state=0, n_max=3000), []

    def run():
        try:
            distributed.fit(model, parts, da.from_array(y, chunks=150), scheduler=client)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 30
    # Some parts have been summarised, and most have not.
    while len(client.has_what()) and sum(map(len, client.has_what().values())) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert thread.is_alive(), "the fit was over before a worker could be killed"
    os.kill(victim, signal.SIGKILL)
    thread.join(60)
    assert not thread.is_alive()
    assert not errors, errors
    assert victim not in client.run(os.getpid).values()
    assert_same_regression(model, SketchedRegression(300, random_state=0).fit(X, y))
