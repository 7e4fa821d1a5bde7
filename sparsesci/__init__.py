"""sparsesci: randomised and sparse numerical methods in the SciPy style.

Subpackages are loaded when they are first used, so that ``import sparsesci`` stays cheap:

==================  ==========================================================================
``sketching``       sketching operators, sketched least squares, fast Walsh-Hadamard transform
``transport``       sliced Wasserstein distances with variance reduction
``datasets``        generators, bundled data and loaders
``compare``         head-to-head comparisons with what a user would pick instead
==================  ==========================================================================
"""

from importlib import import_module

from sparsesci._version import __version__

_subpackages = ("compare", "datasets", "sketching", "transport")

__all__ = ["__version__", "compare", "datasets", "show_versions", "sketching", "transport"]


def __getattr__(name):
    if name in _subpackages:
        return import_module(f"sparsesci.{name}")
    if name == "show_versions":
        from sparsesci._core.info import show_versions

        return show_versions
    raise AttributeError(f"module 'sparsesci' has no attribute {name!r}")


def __dir__():
    return sorted(set(__all__) | set(globals()))
