"""What this installation consists of: versions, threads, GPU, directories."""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys

from sparsesci._version import __version__

_DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow", "numba_cuda": "numba-cuda"}
DEPENDENCIES = (
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "sklearn",
    "joblib",
    "threadpoolctl",
    "pooch",
    "tqdm",
    "rich",
    "matplotlib",
)
OPTIONAL = ("pandas", "polars", "dask", "numba_cuda", "pyfwht")


def is_installed(module):
    """Return whether the top-level module of that name can be found, without importing it."""
    return importlib.util.find_spec(module) is not None


def distribution_name(module):
    """Return the name under which the module of that name is installed."""
    return _DISTRIBUTIONS.get(module, module)


def package_version(module):
    """Return the version of the package that provides ``module``, or None if it is not installed."""
    if module == "sparsesci":
        return __version__
    if not is_installed(module):
        return None
    try:
        return importlib.metadata.version(distribution_name(module))
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(importlib.import_module(module), "__version__", "unknown"))


def system_info():
    """Return what matters to results and speed, as nested dictionaries of plain values.

    Returns
    -------
    info : dict
        "python", "platform" and "sparsesci": str; "packages" and "optional": version by package, None where it is
        not installed; "cores": "logical" and "usable" by this process; "threads": what BLAS and OpenMP
        libraries are loaded and how many threads each uses, and Numba's number; "gpu": "usable" and the "reason" why
        it is not; "directories": Numba's "numba_cache", the "data_home" of downloads, and "SPARSESCI_DATA".

    Notes
    -----
    The libraries are imported, which takes a second or two.
    """
    from sparsesci._core.device import cuda_problem

    gpu_problem = cuda_problem()
    return {
        "sparsesci": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "packages": {distribution_name(name): package_version(name) for name in DEPENDENCIES},
        "optional": {distribution_name(name): package_version(name) for name in OPTIONAL},
        "cores": {"logical": os.cpu_count(), "usable": _usable_cores()},
        "threads": _threads(),
        "gpu": {"usable": gpu_problem is None, "reason": gpu_problem and " ".join(gpu_problem.split())},
        "directories": _directories(),
    }


def _usable_cores():
    """Return the number of cores that this process may run on, as joblib counts them."""
    import joblib

    return joblib.cpu_count()


def _threads():
    import numba
    import scipy.linalg  # noqa: F401  (loads the BLAS that SciPy brings along)
    import threadpoolctl

    libraries = [
        {
            "library": library["internal_api"],
            "kind": library["user_api"],
            "version": library.get("version"),
            "threads": library["num_threads"],
        }
        for library in threadpoolctl.threadpool_info()
    ]
    return {"libraries": libraries, "numba": numba.config.NUMBA_NUM_THREADS}


def _directories():
    import numba

    from sparsesci.datasets import get_data_home

    return {
        "numba_cache": numba.config.CACHE_DIR or "__pycache__ beside each module",
        "data_home": get_data_home(),
        "SPARSESCI_DATA": os.environ.get("SPARSESCI_DATA"),
    }


def show_versions():
    """Print versions, threads, GPU and directories of this installation.

    What to add to a report of a problem. The same is printed by ``python -m sparsesci info``.

    Examples
    --------
    >>> import sparsesci
    >>> sparsesci.show_versions()  # doctest: +SKIP
    """
    # Printing is what this function is for, as scikit-learn's of the same name.
    print(format_info(system_info()))


def format_info(info):
    """Return the dictionary of :func:`system_info` as text, one line for each entry."""
    lines = [
        ("sparsesci", info["sparsesci"]),
        ("python", f"{info['python']} ({info['executable']})"),
        ("platform", info["platform"]),
        None,
        *info["packages"].items(),
        None,
        *((name, version or "not installed (optional)") for name, version in info["optional"].items()),
        None,
        ("cores", f"{info['cores']['usable']} usable of {info['cores']['logical']}"),
        *((library["library"], _describe_library(library)) for library in info["threads"]["libraries"]),
        ("numba threads", f"{info['threads']['numba']} (not used: sparsesci runs its own, see n_jobs)"),
        ("GPU", "usable" if info["gpu"]["usable"] else f"not usable: {info['gpu']['reason']}"),
        None,
        ("numba cache", info["directories"]["numba_cache"]),
        ("data home", info["directories"]["data_home"]),
        ("SPARSESCI_DATA", info["directories"]["SPARSESCI_DATA"] or "not set"),
    ]
    width = max(len(line[0]) for line in lines if line)
    return "\n".join("" if line is None else f"{line[0]:>{width}}  {line[1] or 'not installed'}" for line in lines)


def _describe_library(library):
    version = f" {library['version']}" if library["version"] else ""
    return f"{library['kind']}{version}, {library['threads']} threads"
