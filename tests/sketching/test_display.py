"""Plots: what they show is what the estimator says."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sparsesci.sketching import SketchedRegression, SketchWarning
from sparsesci.sketching._display import CoefficientIntervalDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def fitted():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 3))
    Y = X @ rng.standard_normal((3, 2)) + rng.standard_normal((400, 2))
    return SketchedRegression(100, random_state=0).fit(pd.DataFrame(X, columns=["a", "bb", "long name"]), Y)


@pytest.mark.parametrize("target", [0, 1])
def test_the_bars_are_the_intervals(fitted, target):
    display = CoefficientIntervalDisplay.from_estimator(
        fitted, confidence_level=0.9, simultaneous=False, target=target, color="black"
    )
    points, _, (bars,) = display.errorbar_
    np.testing.assert_array_equal(points.get_ydata(), fitted.coef_[target])
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, fitted.conf_int(0.9, simultaneous=False)[target], rtol=1e-12)
    assert points.get_color() == "black"
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["a", "bb", "long name"]
    assert display.ax_.get_legend_handles_labels()[1] == ["single 90 % interval"]


def test_axes_are_reused(fitted):
    _, ax = plt.subplots()
    display = CoefficientIntervalDisplay.from_estimator(fitted, ax=ax, feature_names=range(3))
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    again = display.plot()
    assert again is display
    assert display.ax_ is not ax
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2"]


def test_one_target_without_names():
    X = np.random.default_rng(0).standard_normal((400, 4))
    with pytest.warns(SketchWarning):
        display = CoefficientIntervalDisplay.from_estimator(
            SketchedRegression(sketch="countsketch", random_state=0).fit(X, X[:, 0])
        )
    assert display.coef.shape == (4,)
    assert display.interval.shape == (4, 2)


def test_bad_input(fitted):
    with pytest.raises(NotFittedError):
        CoefficientIntervalDisplay.from_estimator(SketchedRegression())
    for options, message in [
        ({"target": 2}, "target"),
        ({"target": -1}, "target"),
        ({"feature_names": ["a"]}, "feature_names"),
        ({"confidence_level": 2.0}, "confidence_level"),
    ]:
        with pytest.raises(ValueError, match=message):
            CoefficientIntervalDisplay.from_estimator(fitted, **options)
    assert not plt.get_fignums()
