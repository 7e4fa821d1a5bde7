"""Entries of the package itself and of sparsesci.compare."""

from tests.common.entries import FunctionEntry
from tests.common.kinds import Free, Jobs, Option, RandomState

ENTRIES = {
    "compare.list_methods": FunctionEntry(parameters={}),
    "compare.run": FunctionEntry(
        parameters={
            "methods": Free(bad=(("unknown", "nonsense", ValueError), ("a number", 3, TypeError))),
            "size": Option(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "verbose": Free(),
        },
        arguments=lambda: {"methods": "fwht"},
        is_measurement=True,
    ),
    "show_versions": FunctionEntry(parameters={}, prints=True),
}
