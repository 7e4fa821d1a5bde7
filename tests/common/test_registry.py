"""Every public name has an entry, every entry a public name, and every parameter a kind."""

import inspect

import pytest
from sklearn.base import BaseEstimator

from tests.common.entries import DisplayEntry, EstimatorEntry, OperatorEntry
from tests.common.introspection import public_modules, public_names
from tests.common.registry import PUBLIC, REGISTRY, entries, names_of

ALL = entries()


def test_every_public_name_has_an_entry():
    missing = sorted(PUBLIC.keys() - REGISTRY.keys())
    assert not missing, f"add an entry below tests/common/registered/ for {', '.join(missing)}"


def test_every_entry_has_a_public_name():
    assert sorted(REGISTRY.keys() - PUBLIC.keys()) == []


def test_a_forgotten_name_would_be_found(monkeypatch):
    from sparsesci import sketching

    monkeypatch.setattr(sketching, "new_method", lambda X: X, raising=False)
    monkeypatch.setattr(sketching, "__all__", [*sketching.__all__, "new_method"])
    assert public_names().keys() - PUBLIC.keys() == {"sketching.new_method"}


@pytest.mark.parametrize("module", sorted(public_modules()))
def test_all_is_complete(module):
    """What a public module defines or imports from the package without an underscore is in its ``__all__``."""
    namespace = vars(public_modules()[module])
    own = {
        name
        for name, value in namespace.items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and (getattr(value, "__module__", None) or "").startswith("sparsesci")
    }
    assert own <= set(namespace["__all__"]), sorted(own - set(namespace["__all__"]))


@pytest.mark.parametrize("entry", ALL, ids=names_of(ALL))
def test_every_parameter_has_a_kind(entry):
    beyond = {"A"} if isinstance(entry, OperatorEntry) else set()
    if isinstance(entry, EstimatorEntry):
        beyond = {"X", "y"}
    parameters, signature = set(entry.parameters), set(entry.signature())
    assert not signature - parameters, f"give the kind of {sorted(signature - parameters)} in the registry"
    assert parameters - signature <= beyond, f"no such parameter: {sorted(parameters - signature - beyond)}"


@pytest.mark.parametrize("entry", ALL, ids=names_of(ALL))
def test_estimators_are_registered_as_such(entry):
    is_estimator = inspect.isclass(entry.public) and issubclass(entry.public, BaseEstimator)
    assert is_estimator == isinstance(entry, EstimatorEntry)


@pytest.mark.parametrize("entry", ALL, ids=names_of(ALL))
def test_documented(entry):
    text = inspect.getdoc(entry.public)
    assert text
    if isinstance(entry, DisplayEntry):
        text += inspect.getdoc(entry.public.from_estimator)
    signature = entry.signature()
    if signature:
        assert "Parameters\n----------" in text
        undocumented = [name for name in signature if not any(f"{end}{name}" in text for end in ("\n", ", "))]
        assert not undocumented, f"not in the docstring: {undocumented}"
    if not inspect.isclass(entry.public) or isinstance(entry, EstimatorEntry | OperatorEntry):
        assert ">>> " in text, "an example is missing"


@pytest.mark.parametrize("entry", ALL, ids=names_of(ALL))
def test_arguments_are_fresh(entry):
    """Arguments are made anew at every call, so that no test can spoil them for another."""
    first, second = entry.arguments(), entry.arguments()
    assert first.keys() <= set(entry.parameters)
    for name in set(entry.arrays) & first.keys():
        assert first[name] is not second[name]
        assert (first[name] == second[name]).all()
