"""SketchProjection: X @ S.T by every kind of sketch, as a scikit-learn transformer."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import DataDimensionalityWarning, NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.random_projection import GaussianRandomProjection, johnson_lindenstrauss_min_dim
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsesci.sketching import SketchProjection, make_sketch

KINDS = ("srht", "sparse_sign", "countsketch", "gaussian")


def data(n=40, d=50, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


@parametrize_with_checks([SketchProjection(n_components=2, sketch=kind) for kind in KINDS])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d", "m"), [(40, 50, 20), (3, 1000, 300), (1, 64, 64), (600, 7, 5), (30, 5000, 11)])
def test_equals_product_with_the_sketch(kind, n, d, m):
    X = data(n, d)
    projection = SketchProjection(m, sketch=kind, random_state=4).fit(X)
    S = make_sketch(kind, m, d, random_state=4)
    assert projection.sketch_.key == S.key
    assert projection.n_components_ == m
    Z = projection.transform(X)
    assert Z.flags.c_contiguous
    np.testing.assert_allclose(Z, X @ S.todense().T, rtol=0, atol=1e-12)
    components = projection.components_
    components = components.toarray() if scipy.sparse.issparse(components) else components
    np.testing.assert_allclose(components, S.todense(), rtol=0, atol=1e-14)
    sparse = projection.transform(scipy.sparse.csr_array(X * (np.abs(X) > 1)))
    assert scipy.sparse.issparse(sparse) == (kind in ("sparse_sign", "countsketch"))
    sparse = sparse.toarray() if scipy.sparse.issparse(sparse) else sparse
    np.testing.assert_allclose(sparse, (X * (np.abs(X) > 1)) @ S.todense().T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_precision_is_that_of_the_input(kind):
    X = data()
    projection = SketchProjection(10, sketch=kind, random_state=0).fit(X)
    Z = projection.transform(X)
    single = projection.transform(X.astype(np.float32))
    assert (Z.dtype, single.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(single, Z, rtol=0, atol=1e-5)
    assert SketchProjection(10, sketch=kind).fit(X.astype("f4")).inverse_transform(single).dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_threads_gives_the_same_bits(kind):
    X = data(300, 1000)
    expected = SketchProjection(100, sketch=kind, random_state=0).fit_transform(X)
    for n_jobs in (2, 7):
        assert np.array_equal(
            SketchProjection(100, sketch=kind, random_state=0, n_jobs=n_jobs).fit_transform(X), expected
        )


@pytest.mark.parametrize("kind", KINDS)
def test_distances_are_kept(kind):
    """Squared distances have the relative error of a chi-square variable, for data in general position.

    All 300 within its quantiles by Bonferroni's inequality: 1e-6 for the Gaussian sketch, were the seed not fixed.
    """
    X = data(25, 3000)
    projection = SketchProjection(eps=0.4, sketch=kind, random_state=0)
    Z = projection.fit_transform(X)
    m = Z.shape[1]
    assert m == johnson_lindenstrauss_min_dim(25, eps=0.4)
    first, second = np.triu_indices(25, 1)
    ratio = np.sum((Z[first] - Z[second]) ** 2, axis=1) / np.sum((X[first] - X[second]) ** 2, axis=1)
    low, high = stats.chi2.ppf([1e-6 / 600, 1 - 1e-6 / 600], m) / m
    assert low < ratio.min()
    assert ratio.max() < high


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stored", [False, True])
def test_inverse_transform(kind, stored):
    X = data(10, 50)
    projection = SketchProjection(20, sketch=kind, compute_inverse_components=stored, random_state=0).fit(X)
    assert hasattr(projection, "inverse_components_") == stored
    Z = projection.transform(X)
    back = projection.inverse_transform(Z)
    S = projection.sketch_.todense()
    np.testing.assert_allclose(back, X @ S.T @ np.linalg.pinv(S).T, rtol=0, atol=1e-10)
    if np.linalg.matrix_rank(S) == 20:
        np.testing.assert_allclose(projection.transform(back), Z, rtol=0, atol=1e-10)
    np.testing.assert_allclose(projection.inverse_transform(scipy.sparse.csr_array(Z)), back, rtol=0, atol=1e-12)


def test_full_srht_is_inverted_exactly():
    X = data(10, 50)
    with pytest.warns(DataDimensionalityWarning, match="64"):
        projection = SketchProjection(64, random_state=0).fit(X)
    np.testing.assert_allclose(projection.inverse_transform(projection.transform(X)), X, rtol=0, atol=1e-12)


def test_agrees_with_scikit_learn_on_auto():
    X = data(20, 2000)
    ours, theirs = SketchProjection(eps=0.3).fit(X), GaussianRandomProjection(eps=0.3).fit(X)
    assert ours.n_components_ == theirs.n_components_
    names = ours.get_feature_names_out()
    assert names[0] == "sketchprojection0"
    assert len(names) == ours.n_components_
    small = SketchProjection(eps=0.3)
    with pytest.raises(ValueError, match=r"eps=0.3 and n_samples = 20 .* n_features = 100"):
        small.fit(data(20, 100))


def test_names_and_data_frames():
    frame = pd.DataFrame(data(30, 4), columns=list("abcd"))
    projection = SketchProjection(2, random_state=0).set_output(transform="pandas").fit(frame)
    assert projection.feature_names_in_.tolist() == list("abcd")
    out = projection.transform(frame)
    assert out.columns.tolist() == ["sketchprojection0", "sketchprojection1"]
    assert out.index.equals(frame.index)


def test_in_pipeline_and_grid_search():
    X = data(60, 30)
    y = X @ np.ones(30)
    pipeline = make_pipeline(SketchProjection(random_state=0), Ridge())
    grid = {"sketchprojection__n_components": [5, 20], "sketchprojection__sketch": list(KINDS)}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_pickle_and_clone(kind):
    X = data()
    projection = SketchProjection(10, sketch=kind, random_state=0).fit(X)
    Z = projection.transform(X)
    assert np.array_equal(pickle.loads(pickle.dumps(projection)).transform(X), Z)
    assert np.array_equal(clone(projection).fit(X).transform(X), Z)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_components": 0}, ValueError, "n_components"),
        ({"n_components": 2.5}, TypeError, "n_components"),
        ({"n_components": None}, TypeError, "n_components"),
        ({"n_components": "all"}, ValueError, "n_components"),
        ({"n_components": 65}, ValueError, "n_components must be at most 64"),
        ({"eps": 0.0}, ValueError, "eps"),
        ({"eps": 1.0}, ValueError, "eps"),
        ({"eps": "small"}, TypeError, "eps"),
        ({"sketch": "tensor_srht"}, ValueError, "sketch"),
        ({"compute_inverse_components": 1}, TypeError, "compute_inverse_components"),
        ({"random_state": "x"}, ValueError, "random_state"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
        ({"device": "tpu"}, ValueError, "device"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataDimensionalityWarning")
def test_bad_parameters_leave_a_fitted_projection_as_it_was(parameters, error, message):
    X = data()
    projection = SketchProjection(10, random_state=0).fit(X)
    Z, learned = projection.transform(X), set(vars(projection))
    before = projection.get_params()
    with pytest.raises(error, match=message):
        projection.set_params(**parameters).fit(X[:, :40] if "n_components" not in parameters else X)
    projection.set_params(**before)
    assert set(vars(projection)) == learned
    assert np.array_equal(projection.transform(X), Z)


def test_bad_data():
    X = data()
    projection = SketchProjection(10, random_state=0)
    with pytest.raises(NotFittedError):
        projection.transform(X)
    with pytest.raises(NotFittedError):
        projection.inverse_transform(X)
    projection.fit(X)
    for change, message in [
        (X[:, :49], "49 features"),
        (np.where(X > 2, np.nan, X), "NaN"),
        (X[0], "1D array"),
        (X + 1j, "Complex"),
    ]:
        with pytest.raises(ValueError, match=message):
            projection.transform(change)
    with pytest.raises(ValueError, match="10 columns"):
        projection.inverse_transform(X)
