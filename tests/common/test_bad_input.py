"""Bad values of every parameter: refused, by name, before anything is changed."""

import inspect
import re
import warnings

import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tests.common.entries import DisplayEntry, EstimatorEntry, FunctionEntry, OperatorEntry, WarningEntry
from tests.common.registry import ESTIMATORS, entries, names_of
from tests.common.results import digest, fitted_state

# scikit-learn's and NumPy's own wordings for X and y, which do not always name them.
NOT_NUMERIC = r"|could not convert|Complex data|must be a string or a real number"
WORDS_FOR_DATA = {
    "X": r"\bX\b|\barray\b|\bfeature|\bsample|\bsparse\b" + NOT_NUMERIC,
    "y": r"\by\b|\barray\b|\btarget|\blabel|\bsample|\bshape\b" + NOT_NUMERIC,
}


def bad_cases(chosen):
    """Return pytest parameters (entry, name of the parameter, bad value)."""
    return [
        pytest.param(entry, name, bad, id=f"{entry.name}-{name}-{bad.label}")
        for entry in chosen
        for name, kind in entry.parameters.items()
        for bad in kind.bad_values()
    ]


def refuses(entry, name, bad):
    """Return the context in which the bad value must be refused by name."""
    words = WORDS_FOR_DATA.get(name) if isinstance(entry, EstimatorEntry) else None
    return pytest.raises(bad.exceptions, match=words or rf"\b{re.escape(name)}\b")


def with_bad_value(entry, name, bad):
    arguments = entry.arguments()
    return {**arguments, name: bad.make(arguments.get(name))}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("entry", "name", "bad"), bad_cases(entries(DisplayEntry, FunctionEntry, OperatorEntry)))
def test_functions_and_operators_refuse(entry, name, bad):
    arguments = with_bad_value(entry, name, bad)
    before = digest(arguments)
    with refuses(entry, name, bad) as info:
        entry.call(arguments)
    if bad.said is not None:
        assert bad.said in str(info.value), f"the message does not show the value {bad.said}: {info.value}"
    assert digest(arguments) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("entry", "name", "bad"), bad_cases(ESTIMATORS))
def test_estimators_refuse_and_stay_as_they_were(entry, name, bad):
    estimator, data = entry.fitted()
    before = fitted_state(estimator)
    arguments = with_bad_value(entry, name, bad) if name in data else {**data}
    if name not in data:
        estimator.set_params(**{name: bad.make(None)})
    held = digest(arguments)
    with refuses(entry, name, bad) as info:
        entry.learn(estimator, arguments)
    if bad.said is not None:
        assert bad.said in str(info.value), f"the message does not show the value {bad.said}: {info.value}"
    assert fitted_state(estimator) == before, "a failed fit changed the fitted estimator"
    assert digest(arguments) == held


DATA_CASES = [
    case for case in bad_cases([entry for entry in ESTIMATORS if entry.streams]) if case.values[1] in ("X", "y")
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("entry", "name", "bad"), DATA_CASES)
def test_a_stream_survives_bad_batches(entry, name, bad):
    estimator = clone(entry.make())
    for begun in (False, True):
        if begun:
            entry.learn(estimator, entry.arguments(), "partial_fit")
        before = fitted_state(estimator)
        with refuses(entry, name, bad):
            entry.learn(estimator, with_bad_value(entry, name, bad), "partial_fit")
        assert fitted_state(estimator) == before, "a failed partial_fit changed the estimator"


def other_widths(X):
    return {"one feature less": X[:, :-1], "one feature more": X[:, [*range(X.shape[1]), 0]]}


@pytest.mark.parametrize("which", ["one feature less", "one feature more"])
@pytest.mark.parametrize("entry", entries(EstimatorEntry, samples_by_features=True), ids=lambda entry: entry.name)
def test_wrong_number_of_features_after_fit(entry, which):
    estimator, data = entry.fitted()
    before = fitted_state(estimator)
    X = other_widths(data["X"])[which]
    tried = 0
    for method in ("predict", "transform", "score", "partial_fit", "predict_proba", "decision_function"):
        if not hasattr(estimator, method):
            continue
        tried += 1
        arguments = (X, data["y"]) if method in ("score", "partial_fit") and "y" in data else (X,)
        with pytest.raises(ValueError, match="features"):
            getattr(estimator, method)(*arguments)
    assert tried
    assert fitted_state(estimator) == before


LEARNING = re.compile(
    r"^(fit|partial_fit|get_params|set_params|get_metadata_routing|set_output|set_\w+_request|fit_\w+)$"
)


def methods_after_fit(entry):
    """Return the public methods that need a fitted estimator."""
    return [
        name
        for name in dir(entry.public)
        if not name.startswith("_") and not LEARNING.match(name) and callable(getattr(entry.public, name, None))
    ]


def method_call(entry, method, data):
    """Return the keyword arguments with which ``method`` is called."""
    if method in entry.method_arguments:
        return entry.method_arguments[method](entry)
    required = [
        parameter.name
        for parameter in inspect.signature(getattr(entry.public, method)).parameters.values()
        if parameter.name != "self"
        and parameter.default is parameter.empty
        and parameter.kind < parameter.VAR_POSITIONAL
    ]
    unknown = set(required) - data.keys()
    assert not unknown, f"say in the registry how {method} is called: method_arguments needs {sorted(unknown)}"
    return {name: data[name] for name in required}


@pytest.mark.parametrize("entry", ESTIMATORS, ids=names_of(ESTIMATORS))
def test_unfitted_use(entry):
    data = entry.arguments()
    methods = methods_after_fit(entry)
    assert methods
    for method in methods:
        estimator = clone(entry.make())
        with pytest.raises(NotFittedError):
            getattr(estimator, method)(**method_call(entry, method, data))
        assert fitted_state(estimator) == fitted_state(clone(estimator))


@pytest.mark.parametrize("entry", ESTIMATORS, ids=names_of(ESTIMATORS))
def test_every_method_works_after_fit(entry):
    """The calls of the test above are right: a fitted estimator takes them."""
    for method in methods_after_fit(entry):
        estimator, data = entry.fitted()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(estimator, method)(**method_call(entry, method, data))


def test_the_matrix_is_wide():
    """At least 25 different bad inputs are tried altogether, of every sort that a user may come up with."""
    labels = {case.values[2].label for case in bad_cases(entries())}
    assert len(labels) >= 25
    assert {
        "NaN",
        "infinity",
        "no rows",
        "0-d",
        "3-d",
        "complex",
        "an unknown word",
        "too small",
        "too large",
    } <= labels


@pytest.mark.parametrize("entry", entries(WarningEntry), ids=lambda entry: entry.name)
def test_warnings_can_be_filtered(entry):
    from sparsesci._core.exceptions import SparseSciWarning

    assert issubclass(entry.public, SparseSciWarning)
    with pytest.warns(entry.public, match="message"):
        warnings.warn(entry.public("message"), stacklevel=1)
