"""How to use every public name of the package: one entry each, and the common tests need nothing else.

A public name without an entry in ``tests/common/registered/`` fails ``test_registry.py``.
"""

import importlib
import pkgutil

from tests.common import registered
from tests.common.entries import EstimatorEntry
from tests.common.introspection import public_names


def _collect():
    """Return the entries of all modules of ``registered``, none of which may be about a name of another."""
    collected = {}
    for module in pkgutil.iter_modules(registered.__path__):
        found = importlib.import_module(f"{registered.__name__}.{module.name}").ENTRIES
        twice = collected.keys() & found.keys()
        assert not twice, f"registered twice: {sorted(twice)}"
        collected |= found
    return collected


REGISTRY = _collect()
PUBLIC = public_names()

for _name in REGISTRY.keys() & PUBLIC.keys():
    REGISTRY[_name].bind(_name, PUBLIC[_name])


def entries(*types, **properties):
    """Return the bound entries of some types whose properties are true (or false), by name."""
    return [
        entry
        for name, entry in sorted(REGISTRY.items())
        if entry.public is not None
        and isinstance(entry, types or object)
        and all(bool(getattr(entry, key)) == value for key, value in properties.items())
    ]


def names_of(chosen):
    """Return the test identifiers of entries."""
    return [entry.name for entry in chosen]


ESTIMATORS = entries(EstimatorEntry)
