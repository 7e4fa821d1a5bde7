"""SketchedRegression: the solution of the sketched problem, sizes, degenerate data, precision and intervals."""

import copy
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsesci.sketching import SketchedRegression, SketchWarning
from tests.reference import sketching as reference
from tests.sketching.regressions import CERTIFIED, KINDS, D, M, N, assert_same_results, data, model


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
    assert fitted.linf_bound_ == 0
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
    dependent = np.column_stack((X, X @ np.ones(D))).astype("f4")
    assert model().fit(dependent, y).rank_ == D


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
