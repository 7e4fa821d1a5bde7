"""The package as a whole: what importing it costs, and what its source may not contain."""

import ast
from pathlib import Path

import pytest

import sparsesci
from tests.helpers import PACKAGE, run_python

SOURCES = sorted(Path(PACKAGE).rglob("*.py"))
HEAVY = ("numba", "llvmlite", "sklearn", "scipy", "joblib", "matplotlib", "pandas", "rich", "pooch", "networkx", "tqdm")
# What is there to print: the command line, and show_versions.
PRINTING = {"__main__.py", "_core/info.py"}


def modules_after(code):
    """Return the top-level modules that a fresh interpreter has loaded after ``code``."""
    printed = run_python(f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))")
    return set(printed.splitlines()[-1].split())


def test_import_loads_nothing_heavy():
    plain = modules_after("pass")
    loaded = modules_after("import sparsesci; sparsesci.__version__; dir(sparsesci)")
    assert "sparsesci" in loaded
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))
    assert len(loaded - plain) < 30, sorted(loaded - plain)


def test_subpackages_load_on_first_use():
    code = "import sparsesci; assert 'sparsesci.sketching' not in sys.modules; sparsesci.sketching.fwht"
    assert "numba" in modules_after(code)


def test_subpackages_do_not_load_what_only_some_calls_need():
    loaded = modules_after("import sparsesci.sketching, sparsesci.datasets, sparsesci.compare")
    assert loaded.isdisjoint({"matplotlib", "dask", "pyfwht", "pooch", "tqdm"})


def test_dir_and_all_agree():
    assert set(sparsesci.__all__) <= set(dir(sparsesci))
    for name in sparsesci.__all__:
        assert getattr(sparsesci, name) is not None
    with pytest.raises(AttributeError, match="module 'sparsesci' has no attribute 'nonsense'"):
        _ = sparsesci.nonsense


def forbidden_in(tree, may_print):
    """Yield (line, what) for each construct that the package does without."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("parallel", "fastmath"):
            if not (isinstance(node.value, ast.Constant) and node.value.value is True):
                continue
            yield node.value.lineno, f"{node.arg}=True"
        elif "prange" in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "name", None)):
            yield node.lineno, "prange"
        elif not may_print and isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print":
            yield node.lineno, "print("


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_source_uses_nothing_forbidden(path):
    may_print = path.relative_to(PACKAGE).as_posix() in PRINTING
    assert list(forbidden_in(ast.parse(path.read_text(encoding="utf-8")), may_print)) == []


@pytest.mark.parametrize(
    "line",
    [
        "njit(parallel=True)(f)",
        "jit(nopython=True, fastmath=True)(f)",
        "from numba import prange",
        "for i in numba.prange(3): pass",
        "for i in prange(3): pass",
        "print('progress')",
    ],
)
def test_the_search_finds_what_is_forbidden(line):
    assert len(list(forbidden_in(ast.parse(line), may_print=False))) >= 1


@pytest.mark.parametrize("line", ["njit(fastmath={'nsz'})(f)", "njit(parallel=False)(f)", "console.print('x')"])
def test_the_search_leaves_the_rest_alone(line):
    assert list(forbidden_in(ast.parse(line), may_print=False)) == []


def test_sources_were_found():
    names = {path.relative_to(PACKAGE).as_posix() for path in SOURCES}
    assert {"__init__.py", "_core/rng.py", "_core/threads.py"} <= names
