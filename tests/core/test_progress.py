"""Progress bars and warning classes."""

import pytest

import sparsesci
from sparsesci._core.exceptions import SketchWarning, SparseSciWarning
from sparsesci._core.info import format_info, system_info
from sparsesci._core.progress import progress_bar


@pytest.mark.parametrize("verbose", [0, False])
def test_silent_bar(capfd, verbose):
    assert list(progress_bar(range(5), desc="steps", verbose=verbose)) == [0, 1, 2, 3, 4]
    with progress_bar(total=3, verbose=verbose) as bar:
        bar.set_postfix(objective=1.0)
        bar.update(3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, True])
def test_bar_goes_to_standard_error(capfd, verbose):
    assert list(progress_bar(range(5), desc="steps", verbose=verbose)) == [0, 1, 2, 3, 4]
    out, err = capfd.readouterr()
    assert out == ""
    assert "steps" in err


def test_bar_carries_the_objective(capfd):
    with progress_bar(total=2, desc="descent", verbose=1) as bar:
        bar.set_postfix(objective=0.25)
        bar.update(2)
    assert "objective=0.25" in capfd.readouterr().err


def test_warning_classes():
    assert issubclass(SketchWarning, SparseSciWarning)
    assert issubclass(SparseSciWarning, UserWarning)


def test_show_versions(capfd):
    assert sparsesci.show_versions() is None
    out, err = capfd.readouterr()
    assert err == ""
    for name in ("sparsesci", "python", "numpy", "scipy", "numba", "scikit-learn", "cores", "GPU"):
        assert name in out
    assert sparsesci.__version__ in out


def test_info_is_plain_and_names_what_is_missing(monkeypatch):
    from sparsesci._core import info

    monkeypatch.setattr(info, "OPTIONAL", ("surely_not_installed",))
    gathered = system_info()
    assert gathered["optional"] == {"surely_not_installed": None}
    assert "surely_not_installed  not installed (optional)" in format_info(gathered)
