"""Plots of fitted estimators."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sparsesci._core.validation import check_integer, naming


class CoefficientIntervalDisplay:
    """Coefficients of a sketched regression with their intervals.

    Made by ``from_estimator``; the parameters are kept as attributes.

    Parameters
    ----------
    coef : ndarray of shape (n_features,)
    interval : ndarray of shape (n_features, 2)
        Lower and upper ends.
    feature_names : sequence of str of length n_features
    confidence_level : float
        For the legend.
    simultaneous : bool
        For the legend: whether all intervals hold at once with that probability.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    errorbar_ : matplotlib ErrorbarContainer

    See Also
    --------
    SketchedRegression.conf_int : Computes the intervals.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import SketchedRegression
    >>> from sparsesci.sketching._display import CoefficientIntervalDisplay
    >>> X = np.random.default_rng(0).standard_normal((5000, 4))
    >>> model = SketchedRegression(200, random_state=0).fit(X, X @ [3.0, 2.0, 1.0, 0.0])
    >>> display = CoefficientIntervalDisplay.from_estimator(model)
    >>> display.ax_.get_ylabel()
    'coefficient'
    """

    def __init__(self, *, coef, interval, feature_names, confidence_level, simultaneous):
        self.coef = coef
        self.interval = interval
        self.feature_names = feature_names
        self.confidence_level = confidence_level
        self.simultaneous = simultaneous

    @classmethod
    def from_estimator(
        cls, estimator, *, confidence_level=0.95, simultaneous=True, target=0, feature_names=None, ax=None, **kwargs
    ):
        """Plot the coefficients of a fitted ``SketchedRegression``.

        Parameters
        ----------
        estimator : SketchedRegression
        confidence_level : float, default=0.95
        simultaneous : bool, default=True
            As in ``SketchedRegression.conf_int``.
        target : int, default=0
            Which target, where there are several.
        feature_names : sequence of str or None, default=None
            None takes ``feature_names_in_``, or numbers.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.errorbar``.

        Returns
        -------
        display : CoefficientIntervalDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If there are not as many names as features, or no such target.

        Warns
        -----
        SketchWarning
            If the intervals are not certified.
        """
        check_is_fitted(estimator)
        interval = estimator.conf_int(confidence_level, simultaneous)
        coefs, intervals = np.atleast_2d(estimator.coef_), interval.reshape((-1,) + interval.shape[-2:])
        target = check_integer("target", target, minimum=0, maximum=len(coefs) - 1)
        if feature_names is None:
            feature_names = getattr(estimator, "feature_names_in_", range(coefs.shape[1]))
        with naming("feature_names"):
            feature_names = list(feature_names)
        if len(feature_names) != coefs.shape[1]:
            raise ValueError(f"feature_names must name {coefs.shape[1]} features; got {len(feature_names)}")
        display = cls(
            coef=coefs[target],
            interval=intervals[target],
            feature_names=[str(name) for name in feature_names],
            confidence_level=confidence_level,
            simultaneous=simultaneous,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.errorbar``.

        Returns
        -------
        display : CoefficientIntervalDisplay
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        kind = "simultaneous" if self.simultaneous else "single"
        style = {
            "fmt": "o",
            "markersize": 4,
            "capsize": 2,
            "label": f"{kind} {100 * self.confidence_level:g} % interval",
        }
        position = np.arange(len(self.coef))
        lengths = np.abs(self.interval.T - self.coef)
        self.errorbar_ = ax.errorbar(position, self.coef, yerr=lengths, **(style | kwargs))
        ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        ax.set_xticks(
            position, self.feature_names, rotation="vertical" if max(map(len, self.feature_names)) > 3 else None
        )
        ax.set(xlabel="feature", ylabel="coefficient")
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
