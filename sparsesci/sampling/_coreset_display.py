"""Plots of coresets."""

import numpy as np
from sklearn.utils.validation import check_is_fitted


class CoresetDisplay:
    """Scores of all rows against their numbers, and which of them were kept with which weights.

    Made by ``from_estimator``; the parameters are kept as attributes.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,)
    indices : ndarray of shape (n_kept,)
        Numbers of the rows that were kept.
    weights : ndarray of shape (n_kept,)
        Their weights: areas of the marks.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    scores_ : matplotlib PathCollection
        The marks of all rows.
    kept_ : matplotlib PathCollection
        The marks of those that were kept.

    See Also
    --------
    LpCoreset, KMeansCoreset, LogisticCoreset : The estimators that can be plotted.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import CoresetDisplay, LpCoreset
    >>> coreset = LpCoreset(20, random_state=0).fit(np.random.default_rng(0).standard_t(2, (500, 3)))
    >>> display = CoresetDisplay.from_estimator(coreset)
    >>> display.ax_.get_xlabel()
    'row'
    """

    def __init__(self, *, scores, indices, weights):
        self.scores = scores
        self.indices = indices
        self.weights = weights

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Plot a coreset that was fitted with ``fit``.

        Parameters
        ----------
        estimator : LpCoreset, KMeansCoreset or LogisticCoreset
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.scatter`` of the rows that were kept.

        Returns
        -------
        display : CoresetDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it holds no scores of all rows, as after ``partial_fit``.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "scores_"):
            raise ValueError(f"estimator must have scores_, which {type(estimator).__name__} has after fit only")
        display = cls(scores=estimator.scores_, indices=estimator.sample_indices_, weights=estimator.sample_weight_)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.scatter`` of the rows that were kept.

        Returns
        -------
        display : CoresetDisplay
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        style = {
            "s": 8 + 60 * self.weights / self.weights.max(),
            "alpha": 0.8,
            "edgecolors": "white",
            "linewidths": 0.5,
            "color": "tab:orange",
            "label": f"kept: {len(self.indices)}, area by weight",
            "zorder": 3,
        }
        rows = np.flatnonzero(self.scores > 0)
        self.scores_ = ax.scatter(
            rows, self.scores[rows], s=2, color="0.6", linewidths=0, label=f"all {len(self.scores)}", rasterized=True
        )
        self.kept_ = ax.scatter(self.indices, self.scores[self.indices], **(style | kwargs))
        ax.set(xlabel="row", ylabel="score", yscale="log")
        ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        self.ax_, self.figure_ = ax, ax.figure
        return self
