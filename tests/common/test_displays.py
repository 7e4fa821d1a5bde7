"""Plots: they draw where they are told, show nothing by themselves, and need a fitted estimator."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tests.common.entries import DisplayEntry
from tests.common.registry import entries
from tests.common.results import fitted_state

pytestmark = pytest.mark.parametrize("entry", entries(DisplayEntry), ids=lambda entry: entry.name)


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: pytest.fail("a window was opened"))
    yield
    plt.close("all")


def test_draws_on_the_given_axes(entry):
    axes = Figure().subplots()
    display = entry.call({"ax": axes})
    assert isinstance(display, entry.public)
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    assert axes.has_data()
    assert not plt.get_fignums(), "a figure was made although axes were given"


def test_makes_a_figure_of_its_own(entry):
    display = entry.call({"ax": None})
    assert plt.get_fignums() == [display.figure_.number]
    display.figure_.canvas.draw()


def test_plots_again(entry):
    display, axes = entry.call({}), Figure().subplots()
    assert display.plot(ax=axes) is display
    assert display.ax_ is axes
    assert axes.has_data()


def test_needs_a_fitted_estimator(entry):
    with pytest.raises(NotFittedError):
        entry.public.from_estimator(clone(entry.estimator()))
    assert not plt.get_fignums()


def test_leaves_the_estimator_alone(entry):
    estimator = entry.estimator()
    entry.public.from_estimator(estimator, ax=Figure().subplots())
    before = fitted_state(estimator)
    entry.public.from_estimator(estimator, ax=Figure().subplots())
    assert fitted_state(estimator) == before
