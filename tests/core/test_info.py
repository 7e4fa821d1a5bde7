"""What system_info says, and that it never fails for want of a GPU."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import sparsesci
from sparsesci._core import device, info


def test_versions():
    found = info.system_info()
    assert found["sparsesci"] == sparsesci.__version__
    assert found["packages"]["numpy"] == np.__version__
    assert found["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert {"scipy", "numba", "llvmlite", "scikit-learn", "joblib", "threadpoolctl"} <= set(found["packages"])
    assert "pyfwht" in found["optional"]


def test_plain_values():
    assert json.loads(json.dumps(info.system_info())) == info.system_info()


def test_cores_and_threads():
    found = info.system_info()
    assert 1 <= found["cores"]["usable"] <= found["cores"]["logical"]
    assert found["threads"]["numba"] >= 1
    assert any(library["kind"] == "blas" for library in found["threads"]["libraries"])


def test_directories(monkeypatch):
    monkeypatch.setenv("SPARSESCI_DATA", "somewhere")
    found = info.system_info()["directories"]
    assert found["SPARSESCI_DATA"] == "somewhere"
    assert found["data_home"] == sparsesci.datasets.get_data_home()
    assert found["numba_cache"]


@pytest.mark.parametrize("problem", [None, "no driver\nwas found"])
def test_gpu(monkeypatch, problem):
    monkeypatch.setattr(device, "cuda_problem", lambda: problem)
    found = info.system_info()
    assert found["gpu"] == {"usable": problem is None, "reason": problem and "no driver was found"}
    text = info.format_info(found)
    assert ("not usable: no driver was found" in text) is (problem is not None)


@pytest.mark.parametrize(("module", "known"), [("sklearn", True), ("sparsesci", True), ("no_such_module", False)])
def test_package_version(module, known):
    assert (info.package_version(module) is not None) is known
    assert info.is_installed(module) is known


def test_version_of_a_module_without_metadata(tmp_path, monkeypatch):
    (tmp_path / "module_without_metadata.py").write_text("__version__ = '1.2'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert info.package_version("module_without_metadata") == "1.2"


def test_missing_packages_are_named(monkeypatch):
    found = info.system_info()
    found["packages"]["numba"] = None
    found["optional"]["pyfwht"] = None
    text = info.format_info(found)
    assert "numba  not installed" in text
    assert "pyfwht  not installed (optional)" in text


def test_show_versions_prints(capsys):
    sparsesci.show_versions()
    printed = capsys.readouterr().out
    assert np.__version__ in printed
    assert "GPU" in printed


def test_command_line_without_a_driver():
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-m", "sparsesci", "info"], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "not usable" in done.stdout
