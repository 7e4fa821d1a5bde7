"""Coresets: what they do to norms, regressions, clusterings and classifications, streams, merging."""

import copy
import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, QuantileRegressor
from sklearn.metrics import log_loss
from sklearn.preprocessing import scale

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci.datasets import make_far_clusters, make_heavy_tailed_rows, make_robust_regression
from sparsesci.sampling import (
    KMeansCoreset,
    LogisticCoreset,
    LpCoreset,
    StreamingLpCoreset,
    leverage_scores,
    sample_rows,
)
from tests.reference import sampling_scores as reference


def median_distortion(A, p, score, n_samples, seeds=5, make=LpCoreset, **options):
    values = []
    for seed in range(seeds):
        kept, _, weights = make(n_samples, p, score, random_state=seed, **options).fit_resample(A)
        values.append(reference.distortion(A, kept, weights, p))
    return np.median(values)


class TestLpCoreset:
    @pytest.mark.parametrize("law", ["t2", "mix"])
    @pytest.mark.parametrize("score", ["lewis", "sensitivity"])
    def test_distortion_of_importance_sampling(self, law, score):
        """The goal of the specification: at least four times below uniform sampling for p >= 3."""
        A = make_heavy_tailed_rows(1000, 6, law, random_state=0)
        uniform = median_distortion(A, 3, "uniform", 120)
        assert 4 * median_distortion(A, 3, score, 120) < uniform

    def test_auto(self):
        X = make_heavy_tailed_rows(300, 4, random_state=0)
        for p, score in ((1.5, "root_leverage"), (2, "leverage"), (3, "lewis")):
            auto, named = (LpCoreset(50, p, s, random_state=0).fit(X) for s in ("auto", score))
            np.testing.assert_array_equal(auto.scores_, named.scores_)
        assert_allclose(LpCoreset(50, 1.5).fit(X).scores_, leverage_scores(X) ** 0.75)

    def test_is_sample_rows_of_its_scores(self):
        X, y = make_robust_regression(500, 3, random_state=0)[:2]
        coreset = LpCoreset(60, random_state=3).fit(X, y)
        assert_allclose(coreset.scores_, np.sqrt(leverage_scores(np.column_stack((X, y)))))
        kept, weights = sample_rows(coreset.scores_, 60, random_state=3)
        np.testing.assert_array_equal(coreset.sample_indices_, kept)
        np.testing.assert_array_equal(coreset.sample_weight_, weights)
        assert coreset.total_score_ == pytest.approx(coreset.scores_.sum())
        assert coreset.n_samples_ == 60

    def test_l1_regression(self):
        """Median excess cost below that of uniform sampling, over 8 samples, and below 3 %."""
        X, y, _ = make_robust_regression(3000, 5, random_state=0)
        least = reference.l1_regression_cost(X, y).fun
        excess = {}
        for score in ("root_leverage", "uniform"):
            costs = []
            for seed in range(8):
                X_kept, y_kept, weights = LpCoreset(200, 1, score, random_state=seed).fit_resample(X, y)
                model = QuantileRegressor(alpha=0, fit_intercept=False).fit(X_kept, y_kept, sample_weight=weights)
                costs.append(np.abs(X @ model.coef_ - y).sum() / least - 1)
            excess[score] = np.median(costs)
        assert -1e-9 < excess["root_leverage"] < min(0.03, excess["uniform"])

    def test_sample_weight(self):
        """Integer weights stand for repeated rows; rows of weight 0 are dropped."""
        X = make_heavy_tailed_rows(200, 3, random_state=0)
        v = np.random.default_rng(1).integers(0, 3, 200)
        repeated = np.repeat(X, v, axis=0)
        for p, score in ((1, "lewis"), (3, "lewis"), (1, "uniform"), (1.5, "sensitivity")):
            weighted = LpCoreset(40, p, score, random_state=0).fit(X, sample_weight=v)
            plain = LpCoreset(40, p, score, random_state=0).fit(repeated)
            assert (v[weighted.sample_indices_] > 0).all()
            expected = np.zeros(200)
            np.add.at(expected, np.repeat(np.arange(200), v), plain.scores_)
            if score != "sensitivity":
                assert_allclose(weighted.scores_, expected, rtol=0.05)
            assert weighted.total_score_ == pytest.approx(plain.total_score_, rel=0.1)

    def test_rescale(self):
        X, y, _ = make_robust_regression(300, 3, random_state=0)
        X_kept, y_kept, weights = LpCoreset(40, 3, random_state=0).fit_resample(X, y)
        scaled_X, scaled_y, ones = LpCoreset(40, 3, rescale=True, random_state=0).fit_resample(X, y)
        assert_allclose(scaled_X, X_kept * weights[:, None] ** (1 / 3))
        assert_allclose(scaled_y, y_kept * weights ** (1 / 3))
        np.testing.assert_array_equal(ones, 1)

    def test_labels_unknown(self):
        X, y, _ = make_robust_regression(300, 3, random_state=0)
        blind = LpCoreset(40, augment_target=False, random_state=0)
        names = np.array(["a", "b", "c"])[np.arange(300) % 3]
        _, kept_names, _ = blind.fit_resample(X, names)
        assert set(kept_names) <= {"a", "b", "c"}
        np.testing.assert_array_equal(blind.sample_indices_, LpCoreset(40, random_state=0).fit(X).sample_indices_)

    def test_degenerate(self):
        X = make_heavy_tailed_rows(50, 3, random_state=0)
        whole = LpCoreset(50).fit(X)
        np.testing.assert_array_equal(whole.sample_weight_, 1)
        X[10:] = 0
        with pytest.warns(SparseSciWarning, match="only 10 rows"):
            assert LpCoreset(20).fit(X).n_samples_ == 10
        with pytest.raises(ValueError, match="zero everywhere"):
            LpCoreset(20).fit(0 * X)
        with pytest.raises(TypeError, match="score='sensitivity'"):
            LpCoreset(20, 3, "sensitivity").fit(scipy.sparse.csr_array(X))
        with pytest.raises(ValueError, match="p must be at least 1"):
            LpCoreset(20, 0.5, "sensitivity").fit(X)

    def test_score_is_a_parameter_and_no_method(self):
        coreset = LpCoreset(20, score="lewis")
        assert coreset.get_params()["score"] == "lewis"
        assert coreset.set_params(score="leverage").get_params()["score"] == "leverage"
        assert not hasattr(coreset, "score")


class TestStreams:
    @pytest.mark.parametrize("p", [1, 1.5])
    def test_distortion_at_most_twice_that_of_one_shot(self, p):
        A = make_heavy_tailed_rows(8000, 6, random_state=0)
        one_shot = median_distortion(A, p, "auto", 300, seeds=3)
        streamed = median_distortion(A, p, "auto", 300, seeds=3, make=StreamingLpCoreset, buffer_size=1200)
        assert streamed < 2 * one_shot

    def test_weights_are_unbiased(self):
        """Mean of 200 sums of weights within 6 standard errors of n: false alarm below 1e-6."""
        A = make_heavy_tailed_rows(400, 3, random_state=0)
        sums = [StreamingLpCoreset(20, random_state=seed).fit(A).sample_weight_.sum() for seed in range(200)]
        assert abs(np.mean(sums) - 400) < 6 * np.std(sums) / np.sqrt(200)

    def test_rows_are_those_of_the_stream(self):
        X, y, _ = make_robust_regression(900, 3, random_state=0)
        coreset = StreamingLpCoreset(30, random_state=0)
        for start in range(0, 900, 70):
            batch = X[start : start + 70].copy()
            coreset.partial_fit(batch, y[start : start + 70])
            batch[:] = np.nan  # the memory is the caller's
        X_kept, y_kept, weights = coreset.get_coreset()
        np.testing.assert_array_equal(X_kept, X[coreset.sample_indices_])
        np.testing.assert_array_equal(y_kept, y[coreset.sample_indices_])
        assert len(weights) == 30
        assert coreset.n_samples_seen_ == 900
        whole = StreamingLpCoreset(30, random_state=0).fit(scipy.sparse.csr_array(X), y)
        np.testing.assert_array_equal(whole.sample_indices_, coreset.sample_indices_)

    @pytest.mark.parametrize("make", [LpCoreset, StreamingLpCoreset])
    def test_merge(self, make):
        X = make_heavy_tailed_rows(600, 3, random_state=0)
        first, second = (make(30, random_state=0).fit(X[rows]) for rows in (slice(0, 250), slice(250, 600)))
        first.merge(second)
        np.testing.assert_array_equal(first.get_coreset()[0], X[first.sample_indices_])
        assert first.n_samples_seen_ == 600
        assert first.n_samples_ == 30
        assert not hasattr(first, "scores_")
        for wrong, message in ((copy.deepcopy(second), "merged already"), (make(31).fit(X), "n_samples")):
            with pytest.raises(ValueError, match=message):
                first.merge(wrong)

    @pytest.mark.parametrize("make", [LpCoreset, StreamingLpCoreset])
    def test_dask(self, make):
        array = pytest.importorskip("dask.array", reason="needs dask: pip install sparsesci[dask]")
        from sparsesci import distributed

        X = make_heavy_tailed_rows(1000, 3, random_state=0)
        coreset = distributed.fit(
            make(40, random_state=0), array.from_array(X, chunks=(300, 3)), X[:, 0] + 1, scheduler="synchronous"
        )
        X_kept, y_kept, weights = coreset.get_coreset()
        np.testing.assert_array_equal(X_kept, X[coreset.sample_indices_])
        np.testing.assert_array_equal(y_kept, X_kept[:, 0] + 1)
        assert coreset.n_samples_seen_ == 1000
        assert 0.3 < weights.sum() / 1000 < 3

    def test_bad_batches(self):
        X, y, _ = make_robust_regression(100, 3, random_state=0)
        coreset = StreamingLpCoreset(10).partial_fit(X, y)
        with pytest.raises(ValueError, match="y must be given with every batch"):
            coreset.partial_fit(X)
        with pytest.raises(ValueError, match="dense in every batch"):
            coreset.partial_fit(scipy.sparse.csr_array(X), y)
        assert coreset.n_samples_seen_ == 100


class TestKMeans:
    def test_scores(self):
        X = make_far_clusters(400, 3, random_state=0).X
        v = np.random.default_rng(0).integers(1, 4, 400).astype(float)
        for objective, power in (("kmeans", 2), ("kmedians", 1)):
            coreset = KMeansCoreset(50, 5, objective=objective, random_state=0).fit(X, sample_weight=v)
            expected = reference.clustering_scores(X, coreset.cluster_centers_, v, power)
            assert_allclose(coreset.scores_, expected, rtol=1e-9)
        light = KMeansCoreset(50, method="lightweight").fit(X, sample_weight=v)
        assert_allclose(light.scores_, reference.lightweight_scores(X, v), rtol=1e-9)

    def test_far_clusters(self):
        """Median cost of the solution below that of uniform sampling, over 3 samples."""
        X = make_far_clusters(2000, random_state=1).X
        full = KMeans(8, n_init=4, random_state=0).fit(X).inertia_
        costs = {"sensitivity": [], "lightweight": [], "uniform": []}
        for seed in range(3):
            for method in costs:
                if method == "uniform":
                    points, weights = X[np.random.default_rng(seed).choice(2000, 150, replace=False)], None
                else:
                    points, _, weights = KMeansCoreset(150, 8, method, random_state=seed).fit_resample(X)
                model = KMeans(8, n_init=4, random_state=0).fit(points, sample_weight=weights)
                costs[method].append(-model.score(X) / full)
        medians = {method: np.median(values) for method, values in costs.items()}
        assert medians["sensitivity"] < 1.35
        assert max(medians["sensitivity"], medians["lightweight"]) < medians["uniform"] - 0.1

    def test_degenerate(self):
        same = np.ones((30, 2))
        coreset = KMeansCoreset(10, 5, random_state=0).fit(same)
        assert coreset.cluster_centers_.shape == (1, 2)
        assert_allclose(coreset.sample_weight_, 3)
        assert_allclose(KMeansCoreset(10, method="lightweight").fit(same).sample_weight_, 3)
        X = make_far_clusters(300, 2, random_state=0).X
        small, large = (KMeansCoreset(50, 5, random_state=0).fit(X * unit) for unit in (1.0, 2.0**500))
        np.testing.assert_array_equal(small.sample_indices_, large.sample_indices_)

    def test_resample(self):
        X = make_far_clusters(300, 2, random_state=0).X
        coreset = KMeansCoreset(50, 5, random_state=0).fit(X)
        _, rows, weights = coreset.resample(X, np.arange(300))
        np.testing.assert_array_equal(rows, coreset.sample_indices_)
        with pytest.raises(ValueError, match="y must have 300 rows"):
            coreset.resample(X, np.arange(299))


class TestLogistic:
    def test_breast_cancer(self):
        """Median excess loss below that of uniform sampling, over 9 samples."""
        X, y = load_breast_cancer(return_X_y=True)
        X = scale(X[:, :8])

        def loss(X_kept, y_kept, weights):
            model = LogisticRegression(C=1000, max_iter=2000).fit(X_kept, y_kept, sample_weight=weights)
            return log_loss(y, model.predict_proba(X))

        least = loss(X, y, None)
        excess = {"lewis": [], "uniform": []}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for seed in range(9):
                excess["lewis"].append(loss(*LogisticCoreset(150, random_state=seed).fit_resample(X, y)) / least - 1)
                kept = np.random.default_rng(seed).choice(len(X), 150, replace=False)
                excess["uniform"].append(loss(X[kept], y[kept], None) / least - 1)
        assert np.median(excess["lewis"]) < min(0.3, np.median(excess["uniform"]))

    @pytest.mark.parametrize("method", ["lewis", "root_leverage"])
    def test_no_class_is_lost(self, method):
        X = np.random.default_rng(0).standard_normal((1000, 3))
        y = np.where(np.arange(1000) < 2, "rare", "usual")
        for seed in range(5):
            coreset = LogisticCoreset(10, method, random_state=seed).fit(X, y)
            assert set(y[coreset.sample_indices_]) == {"rare", "usual"}
            assert len(coreset.sample_indices_) == 10
        assert_allclose(coreset.scores_.sum(), 1)

    def test_more_classes_than_samples(self):
        with pytest.raises(ValueError, match="at least the number of classes, 4"):
            LogisticCoreset(3).fit(np.eye(8), np.arange(8) % 4)

    def test_all_rows(self):
        X, y = np.random.default_rng(0).standard_normal((30, 2)), np.arange(30) % 3
        np.testing.assert_array_equal(LogisticCoreset(30).fit(X, y).sample_weight_, 1)
