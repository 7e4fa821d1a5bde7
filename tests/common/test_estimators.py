"""Estimators among scikit-learn's tools: its own checks, copies, streams, frames, pipelines and searches."""

import copy
import pickle

import joblib
import numpy as np
import pandas
import polars
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.common.entries import EstimatorEntry
from tests.common.registry import ESTIMATORS, entries, names_of
from tests.common.results import assert_close, assert_identical, digest, fitted_state
from tests.common.test_layouts import as_frame
from tests.common.test_reproducible import STREAMING, halves

TABULAR = entries(EstimatorEntry, samples_by_features=True)
TRANSFORMERS = [entry for entry in TABULAR if hasattr(entry.public, "transform")]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def for_sklearn():
    """Return the estimators for scikit-learn's checks."""
    return [
        estimator for entry in TABULAR for estimator in (entry.for_sklearn() if entry.for_sklearn else [entry.make()])
    ]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(for_sklearn())
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_no_scikit_learn_check_is_expected_to_fail():
    """Deprecated ways of excusing failures are not used either."""
    for estimator in for_sklearn():
        tags = estimator.__sklearn_tags__()
        assert not tags.no_validation
        assert not tags.non_deterministic
        assert not tags._skip_test
        assert not getattr(estimator, "_more_tags", dict)().get("_xfail_checks")


@pytest.mark.parametrize("entry", ESTIMATORS, ids=names_of(ESTIMATORS))
def test_parameters_are_stored_untouched(entry):
    estimator = entry.make()
    assert set(estimator.get_params(deep=False)) == set(entry.signature())
    marks = {name: object() for name in entry.signature()}
    marked = entry.public(**marks)
    assert vars(marked) == marks
    assert estimator.set_params(**marks).get_params(deep=False) == marks


@pytest.mark.parametrize("entry", ESTIMATORS, ids=names_of(ESTIMATORS))
def test_fit_returns_self_and_keeps_parameters(entry):
    estimator, data = entry.make(), entry.arguments()
    before = {name: digest(value) for name, value in estimator.get_params().items()}
    assert entry.learn(estimator, data) is estimator
    assert {name: digest(value) for name, value in estimator.get_params().items()} == before


@pytest.mark.parametrize("entry", ESTIMATORS, ids=names_of(ESTIMATORS))
def test_refit_forgets(entry):
    """A second fit gives what a first one gives, whatever was learned before."""
    fresh, data = entry.fitted()
    other = {name: values[::-1][: len(values) // 2] for name, values in data.items()}
    used = entry.learn(entry.learn(clone(entry.make()), other), data)
    assert_identical(entry.outputs(used, data), entry.outputs(fresh, data))


COPIES = {
    "clone, then fit": lambda estimator, path, refit: refit(clone(estimator)),
    "deepcopy": lambda estimator, path, refit: copy.deepcopy(estimator),
    "pickle": lambda estimator, path, refit: pickle.loads(pickle.dumps(estimator)),
    "joblib": lambda estimator, path, refit: joblib.load(joblib.dump(estimator, path)[0]),
    "joblib compressed": lambda estimator, path, refit: joblib.load(joblib.dump(estimator, path, compress=3)[0]),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("entry", ESTIMATORS, ids=names_of(ESTIMATORS))
def test_copies_answer_alike(entry, how, tmp_path):
    estimator, data = entry.fitted()
    expected = entry.outputs(estimator, data)
    copied = COPIES[how](estimator, tmp_path / "estimator", lambda fresh: entry.learn(fresh, data))
    assert copied is not estimator
    assert_identical(entry.outputs(copied, data), expected)


@pytest.mark.parametrize("how", [how for how in COPIES if "clone" not in how])
@pytest.mark.parametrize("entry", STREAMING, ids=names_of(STREAMING))
def test_copies_in_mid_stream(entry, how, tmp_path):
    """A copy made half-way goes on alike, and independently."""
    first, second = halves(entry.arguments())
    estimator = entry.learn(clone(entry.make()), first, "partial_fit")
    half_way = fitted_state(estimator)
    copied = COPIES[how](estimator, tmp_path / "estimator", None)
    entry.learn(copied, second, "partial_fit")
    assert fitted_state(estimator) == half_way, "the copy shares state with the original"
    entry.learn(estimator, second, "partial_fit")
    assert_identical(entry.outputs(copied, first), entry.outputs(estimator, first))


@pytest.mark.parametrize("entry", STREAMING, ids=names_of(STREAMING))
def test_stream_in_other_pieces(entry):
    """Any division of the rows into batches gives what one batch gives, up to rounding."""
    data = entry.arguments()
    whole = entry.learn(clone(entry.make()), data, "partial_fit")
    for size in (1, 7, 64):
        pieces = clone(entry.make())
        for start in range(0, len(data["X"]), size):
            entry.learn(pieces, {name: a[start : start + size] for name, a in data.items()}, "partial_fit")
        assert_close(entry.outputs(pieces, data), entry.outputs(whole, data), entry.tolerance, entry.about_rounding)


@pytest.mark.parametrize("entry", [e for e in STREAMING if hasattr(e.public, "merge")], ids=lambda entry: entry.name)
def test_merge_leaves_the_other_alone(entry):
    estimator, _ = entry.fitted()
    arguments = entry.method_arguments["merge"](entry)
    before = fitted_state(arguments["other"])
    assert estimator.merge(**arguments) is estimator
    assert fitted_state(arguments["other"]) == before
    merged = fitted_state(estimator)
    for wrong in (None, 3, "other", object()):
        with pytest.raises(TypeError, match="other"):
            estimator.merge(wrong)
    with pytest.raises(ValueError, match="other"):
        estimator.merge(**arguments)  # the same rows twice
    assert fitted_state(estimator) == merged


# Frames


@pytest.mark.parametrize("library", [pandas, polars], ids=["pandas", "polars"])
@pytest.mark.parametrize("entry", TABULAR, ids=names_of(TABULAR))
def test_feature_names(entry, library):
    data = entry.arguments()
    frame = as_frame(library)(data["X"])
    estimator = clone(entry.make()).fit(**{**data, "X": frame})
    names = list(frame.columns)
    assert list(estimator.feature_names_in_) == names
    assert estimator.n_features_in_ == len(names)
    method = "predict" if hasattr(estimator, "predict") else "transform"
    with pytest.raises(ValueError, match="feature names"):
        getattr(estimator, method)(frame[names[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        getattr(estimator, method)(data["X"])


@pytest.mark.parametrize("library", ["default", "pandas", "polars"])
@pytest.mark.parametrize("entry", TRANSFORMERS, ids=names_of(TRANSFORMERS))
def test_set_output(entry, library):
    data = entry.arguments()
    expected = clone(entry.make()).fit_transform(**data)
    estimator = clone(entry.make()).set_output(transform=library).fit(**data)
    transformed = estimator.transform(data["X"])
    kinds = {"default": np.ndarray, "pandas": pandas.DataFrame, "polars": polars.DataFrame}
    assert isinstance(transformed, kinds[library])
    assert_close(np.asarray(transformed), expected, entry.tolerance)
    if library != "default":
        assert list(transformed.columns) == list(estimator.get_feature_names_out())


@pytest.mark.parametrize("entry", TRANSFORMERS, ids=names_of(TRANSFORMERS))
def test_feature_names_out(entry):
    estimator, data = entry.fitted()
    names = estimator.get_feature_names_out()
    assert len(names) == estimator.transform(data["X"]).shape[1] == len(set(names))


# Pipelines and model selection


def scored(entry):
    """Return an estimator that has a score: itself, or a transformer followed by a regression."""
    from sklearn.linear_model import Ridge

    estimator = entry.make()
    scaler = MinMaxScaler() if estimator.__sklearn_tags__().input_tags.positive_only else StandardScaler()
    if is_regressor(estimator) or is_classifier(estimator):
        return make_pipeline(scaler, estimator)
    return make_pipeline(scaler, estimator, Ridge())


def selection_data(entry):
    data = entry.arguments()
    return data["X"], data.get("y", data["X"] @ np.arange(1.0, data["X"].shape[1] + 1))


@pytest.mark.parametrize("entry", TABULAR, ids=names_of(TABULAR))
def test_inside_a_pipeline(entry):
    X, y = selection_data(entry)
    pipeline = scored(entry).fit(X, y)
    assert np.isfinite(pipeline.predict(X)).all()
    assert pipeline.score(X, y) > 0.5
    assert_identical(pickle.loads(pickle.dumps(pipeline)).predict(X), pipeline.predict(X))


@pytest.mark.parametrize("entry", TABULAR, ids=names_of(TABULAR))
def test_grid_search_in_two_processes(entry):
    X, y = selection_data(entry)
    pipeline = scored(entry)
    grid = {f"{pipeline.steps[1][0]}__{name}": values for name, values in entry.grid.items()}
    results = [GridSearchCV(pipeline, grid, n_jobs=n_jobs, cv=3, error_score="raise").fit(X, y) for n_jobs in (1, 2)]
    assert results[0].best_params_ == results[1].best_params_
    assert_identical(results[0].cv_results_["mean_test_score"], results[1].cv_results_["mean_test_score"])
    assert_identical(results[0].predict(X), results[1].predict(X))


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize("entry", TABULAR, ids=names_of(TABULAR))
def test_cross_validation_with_threads_inside(entry, backend):
    """Our threads inside joblib's workers, threads or processes."""
    X, y = selection_data(entry)
    pipeline = scored(entry)
    if entry.threads:
        pipeline.set_params(**{f"{pipeline.steps[1][0]}__{entry.threads}": 2})
    alone = cross_val_score(pipeline, X, y, cv=4, error_score="raise")
    with joblib.parallel_config(backend=backend, n_jobs=2):
        together = cross_val_score(pipeline, X, y, cv=4, error_score="raise")
    assert_identical(together, alone)
