"""Plots of designs for weighted least squares."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sparsesci._core.validation import check_integer
from sparsesci.sampling._basis import Basis
from sparsesci.sampling._design import Design

_GRID = 400
_SIDE = 160


class DesignDisplay:
    """Points and weights of a design, over the density that they were drawn from.

    In one dimension the points stand on a line below ``k_m / m``, as high as their weights; in more, two coordinates
    are shown, with areas in proportion to the weights.

    Made by ``from_design`` or ``from_estimator``; the parameters are kept as attributes.

    Parameters
    ----------
    points : ndarray of shape (n, dimension)
    weights : ndarray of shape (n,)
    grid : ndarray of shape (k,) or (2, k)
        Where the density was evaluated, in the coordinates shown.
    density : ndarray of shape (k,) or (k, k), or None
        ``k_m / m`` there, None where it depends on coordinates that are not shown.
    coordinates : tuple of int
        The coordinates shown.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    optimal_design : Draws designs.

    Examples
    --------
    >>> from sparsesci.sampling import DesignDisplay, OrthogonalPolynomials, optimal_design
    >>> basis = OrthogonalPolynomials("legendre", max_degree=9)
    >>> display = DesignDisplay.from_design(optimal_design(basis, 20, random_state=0), basis)
    >>> display.ax_.get_xlabel()
    'coordinate 0'
    """

    def __init__(self, *, points, weights, grid, density, coordinates):
        self.points = points
        self.weights = weights
        self.grid = grid
        self.density = density
        self.coordinates = coordinates

    @classmethod
    def from_design(cls, design, basis, *, coordinates=(0, 1), ax=None, **kwargs):
        """Plot a design.

        Parameters
        ----------
        design : Design
        basis : OrthogonalPolynomials or CandidateSetBasis
            The basis that the design is for.
        coordinates : pair of int, default=(0, 1)
            Which two coordinates to show, where there are more than one.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.scatter``.

        Returns
        -------
        display : DesignDisplay

        Raises
        ------
        TypeError, ValueError
            If ``design`` is no Design, ``basis`` no basis, or there are no such coordinates.
        """
        if not isinstance(design, Design):
            raise TypeError(f"design must be a Design; got {type(design).__name__}")
        if not isinstance(basis, Basis):
            raise TypeError(f"basis must be an OrthogonalPolynomials or a CandidateSetBasis; got {basis!r}")
        return cls._plotted(design.points, design.weights, basis, coordinates, ax, kwargs)

    @classmethod
    def from_estimator(cls, estimator, *, coordinates=(0, 1), ax=None, **kwargs):
        """Plot the points and weights of a fitted ``WeightedLeastSquares``.

        Parameters
        ----------
        estimator : WeightedLeastSquares
        coordinates : pair of int, default=(0, 1)
            Which two coordinates to show, where there are more than one.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.scatter``.

        Returns
        -------
        display : DesignDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            If there are no such coordinates.
        """
        check_is_fitted(estimator)
        return cls._plotted(estimator.points_, estimator.weights_, estimator.basis_, coordinates, ax, kwargs)

    @classmethod
    def _plotted(cls, points, weights, basis, coordinates, ax, kwargs):
        shown = _check_coordinates(coordinates, basis.dimension)
        grid, density = _density(points[:, list(shown)], basis)
        display = cls(points=points, weights=weights, grid=grid, density=density, coordinates=shown)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.scatter``.

        Returns
        -------
        display : DesignDisplay
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        if len(self.coordinates) == 1:
            self._plot_line(ax, kwargs)
        else:
            self._plot_plane(ax, kwargs)
        ax.set_xlabel(f"coordinate {self.coordinates[0]}")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _plot_line(self, ax, kwargs):
        ax.fill_between(self.grid, self.density, color="C0", alpha=0.15, linewidth=0)
        ax.plot(self.grid, self.density, color="C0", linewidth=1, label="$k_m / m$")
        style = {"color": "C3", "s": 18, "zorder": 3, "label": "weights of the points"}
        ax.vlines(self.points[:, 0], 0, self.weights, color="C3", linewidth=0.6, alpha=0.6)
        ax.scatter(self.points[:, 0], self.weights, **(style | kwargs))
        ax.set(ylabel="density, weight", ylim=(0, 1.15 * max(np.quantile(self.density, 0.97), self.weights.max())))
        ax.legend(frameon=False)

    def _plot_plane(self, ax, kwargs):
        if self.density is not None:
            x, y = self.grid
            image = ax.pcolormesh(x, y, np.log10(self.density), cmap="Blues", shading="auto", rasterized=True)
            ax.figure.colorbar(image, ax=ax, label="$\\log_{10}(k_m / m)$")
        first, second = self.coordinates
        style = {"color": "C3", "edgecolor": "white", "linewidth": 0.5}
        areas = 40 * self.weights / max(self.weights.mean(), np.finfo(float).tiny)
        ax.scatter(self.points[:, first], self.points[:, second], **({"s": areas} | style | kwargs))
        ax.set_ylabel(f"coordinate {second}")


def _check_coordinates(coordinates, dimension):
    if dimension == 1:
        return (0,)
    if isinstance(coordinates, str) or not hasattr(coordinates, "__len__") or len(coordinates) != 2:
        raise TypeError(f"coordinates must be a pair of integers; got {coordinates!r}")
    shown = tuple(check_integer("coordinates", c, minimum=0, maximum=dimension - 1) for c in coordinates)
    if shown[0] == shown[1]:
        raise ValueError(f"coordinates must differ; got {coordinates!r}")
    return shown


def _density(shown, basis):
    """Return a grid over the points, and k_m / m on it where the points have no further coordinates."""
    low, high = shown.min(axis=0), shown.max(axis=0)
    box = getattr(basis, "domain", None)
    if box is not None and basis.dimension <= 2:
        bounded = np.array([name != "hermite" for name in basis.family])
        low, high = np.where(bounded, box[:, 0], low), np.where(bounded, box[:, 1], high)
    margin = 0.02 * (high - low) * (0 if box is not None else 1)
    if basis.dimension == 1:
        grid = np.linspace(low[0] - margin[0], high[0] + margin[0], _GRID)
        return grid, basis.christoffel(grid[:, np.newaxis]) / basis.n_functions
    grid = np.stack([np.linspace(low[c] - margin[c], high[c] + margin[c], _SIDE) for c in range(2)])
    if basis.dimension > 2:
        return grid, None
    nodes = np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, 2)
    return grid, (basis.christoffel(nodes) / basis.n_functions).reshape(_SIDE, _SIDE)
