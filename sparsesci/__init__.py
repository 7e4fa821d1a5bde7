"""sparsesci: randomised and sparse numerical methods in the SciPy style.

Subpackages are loaded when they are first used, so that ``import sparsesci`` stays cheap:

==================  ==========================================================================
``sketching``       sketching operators, sketched least squares, fast Walsh-Hadamard transform
``sampling``        determinantal and volume sampling, l_p sensitivities, coresets, l_p regression
``sbl``             sparse Bayesian learning, classical and with Kronecker structure
``streaming``       one-pass top eigenvectors and principal components
``distributed``     fitting estimators that can be merged on Dask collections
``unmixing``        hyperspectral unmixing: endmembers and abundances, also from scenes with broken bands
``calibration``     blind gain calibration: signals and sensor gains from the same readings
``decomposition``   sparse coding and dictionary learning, with penalties beyond l1
``transport``       sliced Wasserstein distances with variance reduction, entropic transport
``datasets``        generators, bundled data and loaders
``compare``         head-to-head comparisons with what a user would pick instead
==================  ==========================================================================
"""

from importlib import import_module

from sparsesci._version import __version__

_subpackages = (
    "calibration",
    "compare",
    "datasets",
    "decomposition",
    "distributed",
    "sampling",
    "sbl",
    "sketching",
    "streaming",
    "transport",
    "unmixing",
)

__all__ = [
    "__version__",
    "calibration",
    "compare",
    "datasets",
    "decomposition",
    "distributed",
    "sampling",
    "sbl",
    "show_versions",
    "sketching",
    "streaming",
    "transport",
    "unmixing",
]


def __getattr__(name):
    if name in _subpackages:
        return import_module(f"sparsesci.{name}")
    if name == "show_versions":
        from sparsesci._core.info import show_versions

        return show_versions
    raise AttributeError(f"module 'sparsesci' has no attribute {name!r}")


def __dir__():
    return sorted(set(__all__) | set(globals()))
