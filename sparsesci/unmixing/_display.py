"""Pictures: spectra of endmembers, maps of abundances and of guidance, and the state of the bands."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sparsesci._core.validation import naming
from sparsesci.unmixing._pixels import as_matrix, check_matrix, check_vector

# Paul Tol's "muted" scheme: distinct in print and for colour-blind readers.
_COLOURS = ("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499")
_BROKEN = {"color": "#BBBBBB", "alpha": 0.45, "linewidth": 0, "zorder": 0}
_GAP = 0.04


class _Display:
    """What the displays share."""

    def _axes(self, ax, **figure):
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(layout="constrained", **figure)
        self.ax_, self.figure_ = ax, ax.figure
        return ax


class EndmemberDisplay(_Display):
    """Spectra of the endmembers.

    Made by ``from_estimator``; the parameters are kept as attributes.

    Parameters
    ----------
    endmembers : ndarray of shape (n_endmembers, n_bands)
    wavelengths : ndarray of shape (n_bands,)
    names : sequence of str of length n_endmembers
    broken : ndarray of bool of shape (n_bands,)
        Bands that are shaded, and left out of the lines.
    reference : ndarray of shape (n_endmembers, n_bands) or None
        Spectra drawn dashed beside them.
    xlabel : str

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each endmember.
    """

    def __init__(self, *, endmembers, wavelengths, names, broken, reference=None, xlabel="band"):
        self.endmembers = endmembers
        self.wavelengths = wavelengths
        self.names = names
        self.broken = broken
        self.reference = reference
        self.xlabel = xlabel

    @classmethod
    def from_estimator(cls, estimator, *, wavelengths=None, names=None, reference=None, ax=None, **kwargs):
        """Plot the endmembers of a fitted estimator.

        Parameters
        ----------
        estimator : RobustSparseUnmixing, LinearUnmixer or another one with ``endmembers_``
        wavelengths : array-like of shape (n_bands,) or None, default=None
            For the horizontal axis; None for numbers of bands.
        names : sequence of str of length n_endmembers or None, default=None
            For the legend.
        reference : array-like of shape (n_endmembers, n_bands) or None, default=None
            Reference spectra in the order of the endmembers, drawn dashed and scaled to the same largest value.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        display : EndmemberDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the numbers of wavelengths, names or reference spectra do not fit.
        """
        check_is_fitted(estimator)
        broken = getattr(estimator, "outlier_bands_", None)
        return cls._of(estimator.endmembers_, wavelengths, names, reference, broken).plot(ax=ax, **kwargs)

    @classmethod
    def _of(cls, endmembers, wavelengths, names, reference, broken):
        endmembers = np.asarray(check_matrix(endmembers, "endmembers"), np.float64)
        K, L = endmembers.shape
        broken = np.zeros(L, dtype=np.bool_) if broken is None else broken
        positions, xlabel = _positions(wavelengths, L)
        if reference is not None:
            reference = np.asarray(check_matrix(reference, "reference"), np.float64)
            if reference.shape != (K, L):
                raise ValueError(f"reference must have shape {(K, L)}; got {reference.shape}")
            good = ~broken
            reference = reference * (endmembers[:, good].max(1) / reference[:, good].max(1))[:, None]
        return cls(
            endmembers=endmembers,
            wavelengths=positions,
            names=_names(names, K),
            broken=broken,
            reference=reference,
            xlabel=xlabel,
        )

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        display : EndmemberDisplay
        """
        ax = self._axes(ax, figsize=(7, 4))
        _shade(ax, self.wavelengths, self.broken)
        self.lines_ = []
        for k, (spectrum, name) in enumerate(zip(self.endmembers, self.names)):
            style = {"color": _COLOURS[k % len(_COLOURS)], "linewidth": 1.8, "label": name} | kwargs
            self.lines_ += ax.plot(self.wavelengths, np.where(self.broken, np.nan, spectrum), **style)
            if self.reference is not None:
                # In front of the lines, which it would vanish behind where the fit is good.
                dashed = {"color": "0.1", "linewidth": 0.9, "linestyle": (0, (3, 3)), "zorder": 3}
                label = "reference" if k == len(self.names) - 1 else None
                ax.plot(self.wavelengths, np.where(self.broken, np.nan, self.reference[k]), label=label, **dashed)
        ax.set(xlabel=self.xlabel, ylabel="reflectance", xlim=(self.wavelengths.min(), self.wavelengths.max()))
        if len(self.wavelengths) == 1:
            ax.set_xlim(self.wavelengths[0] - 1, self.wavelengths[0] + 1)
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return self


class AbundanceMapDisplay(_Display):
    """Maps of the abundances, side by side.

    Made by ``from_estimator``; the parameters are kept as attributes.

    Parameters
    ----------
    maps : ndarray of shape (rows, cols, n_endmembers)
        NaN is drawn grey.
    names : sequence of str of length n_endmembers

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
        All maps in one picture.
    """

    def __init__(self, *, maps, names):
        self.maps = maps
        self.names = names

    @classmethod
    def from_estimator(cls, estimator, *, names=None, ax=None, **kwargs):
        """Plot the abundances of a fitted estimator.

        Parameters
        ----------
        estimator : RobustSparseUnmixing, LinearUnmixer or another one with ``abundance_maps_``
            Fitted on a cube.
        names : sequence of str of length n_endmembers or None, default=None
            For the titles.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.imshow``.

        Returns
        -------
        display : AbundanceMapDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it was fitted on a matrix, or there are not as many names as endmembers.
        """
        check_is_fitted(estimator)
        return cls._of(_image(estimator, "abundance_maps_"), names).plot(ax=ax, **kwargs)

    @classmethod
    def _of(cls, maps, names):
        flat, image = as_matrix(maps, "maps")
        if image is None:
            raise ValueError(f"maps must have shape (rows, cols, n_endmembers); got {np.shape(maps)}")
        flat = np.asarray(check_matrix(flat, "maps", check_finite=False), np.float64)
        if np.isinf(flat).any():
            raise ValueError("maps must not contain infinity")
        return cls(maps=flat.reshape(*image, -1), names=_names(names, flat.shape[1]))

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.imshow``.

        Returns
        -------
        display : AbundanceMapDisplay
        """
        rows, cols, K = self.maps.shape
        across = K if K <= 4 else -(-K // 2)
        down = -(-K // across)
        gap_x, gap_y = max(1, round(_GAP * cols)), max(1, round((0.16 if down > 1 else _GAP) * rows))
        mosaic = np.full((down * rows + (down - 1) * gap_y, across * cols + (across - 1) * gap_x), np.nan)
        drawn = np.zeros(mosaic.shape, dtype=np.bool_)
        corners = [((k // across) * (rows + gap_y), (k % across) * (cols + gap_x)) for k in range(K)]
        for k, (top, left) in enumerate(corners):
            mosaic[top : top + rows, left : left + cols] = self.maps[:, :, k]
            drawn[top : top + rows, left : left + cols] = True
        height = 7.5 * mosaic.shape[0] / mosaic.shape[1] + 0.5
        ax = self._axes(ax, figsize=(8.5, min(9.0, max(1.6, height))))
        backdrop = np.where(drawn & np.isnan(mosaic), 0.8, 1.0)
        ax.imshow(np.repeat(backdrop[..., None], 3, axis=2), interpolation="nearest")
        style = {"vmin": 0.0, "vmax": 1.0, "cmap": "magma", "interpolation": "nearest"} | kwargs
        self.image_ = ax.imshow(mosaic, **style)
        for name, (top, left) in zip(self.names, corners):
            ax.annotate(
                name,
                (left + cols / 2 - 0.5, top - 0.5),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                annotation_clip=False,
            )
        ax.set_axis_off()
        self.figure_.colorbar(self.image_, ax=ax, label="abundance", fraction=0.03, pad=0.02)
        return self


class GuidanceMapDisplay(_Display):
    """The guidance map: how sparse every pixel was taken to be.

    Made by ``from_estimator``; the parameters are kept as attributes.

    Parameters
    ----------
    guidance : ndarray of shape (rows, cols)

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
    """

    def __init__(self, *, guidance):
        self.guidance = guidance

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Plot the guidance map of a fitted estimator.

        Parameters
        ----------
        estimator : RobustSparseUnmixing
            Fitted on a cube.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.imshow``.

        Returns
        -------
        display : GuidanceMapDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it was fitted on a matrix.
        """
        check_is_fitted(estimator)
        return cls._of(_image(estimator, "guidance_map_")).plot(ax=ax, **kwargs)

    @classmethod
    def _of(cls, guidance):
        guidance = np.asarray(check_matrix(guidance, "guidance", check_finite=False), np.float64)
        if np.isinf(guidance).any():
            raise ValueError("guidance must not contain infinity")
        return cls(guidance=guidance)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.imshow``.

        Returns
        -------
        display : GuidanceMapDisplay
        """
        ax = self._axes(ax, figsize=(5.2, 4.4))
        ax.set_facecolor("0.8")
        style = {"cmap": "cividis", "interpolation": "nearest", "vmin": 0.0} | kwargs
        self.image_ = ax.imshow(self.guidance, **style)
        ax.set(xticks=[], yticks=[])
        self.figure_.colorbar(self.image_, ax=ax, label="guidance h  (mixed → pure)", fraction=0.046, pad=0.03)
        return self


class BandNoiseDisplay(_Display):
    """Noise of the bands, with the broken ones marked.

    Made by ``from_estimator``; the parameters are kept as attributes.

    Parameters
    ----------
    values : ndarray of shape (n_bands,)
    broken : ndarray of bool of shape (n_bands,)
    wavelengths : ndarray of shape (n_bands,)
    xlabel, ylabel : str

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
    """

    def __init__(self, *, values, broken, wavelengths, xlabel="band", ylabel="noise"):
        self.values = values
        self.broken = broken
        self.wavelengths = wavelengths
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    def from_estimator(cls, estimator, *, wavelengths=None, ax=None, **kwargs):
        """Plot the noise that a fitted estimator has found in the bands.

        Parameters
        ----------
        estimator : RobustSparseUnmixing, LinearUnmixer or another one with ``band_noise_``
        wavelengths : array-like of shape (n_bands,) or None, default=None
            For the horizontal axis; None for numbers of bands.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        display : BandNoiseDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the number of wavelengths does not fit.
        """
        check_is_fitted(estimator)
        return cls._of(estimator.band_noise_, estimator.outlier_bands_, wavelengths, "noise (standard deviation)").plot(
            ax=ax, **kwargs
        )

    @classmethod
    def _of(cls, values, broken, wavelengths, ylabel):
        positions, xlabel = _positions(wavelengths, len(values))
        broken = np.zeros(len(values), dtype=np.bool_) if broken is None else broken
        return cls(values=values, broken=broken, wavelengths=positions, xlabel=xlabel, ylabel=ylabel)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        display : BandNoiseDisplay
        """
        ax = self._axes(ax, figsize=(7, 3.2))
        positive = self.values[self.values > 0]
        floor = 0.5 * positive.min() if positive.size else 1e-12
        shown = np.maximum(self.values, floor)
        style = {"color": _COLOURS[0], "linewidth": 1.4, "label": "good bands"} | kwargs
        (self.line_,) = ax.plot(self.wavelengths, np.where(self.broken, np.nan, shown), **style)
        if self.broken.any():
            ax.plot(
                self.wavelengths[self.broken],
                shown[self.broken],
                linestyle="none",
                marker="x",
                markersize=6,
                markeredgewidth=1.8,
                color=_COLOURS[1],
                label=f"broken bands ({int(self.broken.sum())})",
            )
            ax.legend(frameon=False, fontsize="small")
        ax.set_yscale("log")
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        ax.spines[["top", "right"]].set_visible(False)
        return self


def _image(estimator, name):
    value = getattr(estimator, name, None)
    if value is None or (name == "guidance_map_" and np.ndim(value) != 2):
        raise ValueError(
            f"estimator must have been fitted on a cube: this {type(estimator).__name__} has no image {name}"
        )
    return value


def _positions(wavelengths, L):
    if wavelengths is None:
        return np.arange(L, dtype=np.float64), "band"
    return check_vector(wavelengths, L, "wavelengths"), "wavelength"


def _names(names, K):
    if names is None:
        return [f"endmember {k + 1}" for k in range(K)]
    with naming("names"):
        names = [str(name) for name in names]
    if len(names) != K:
        raise ValueError(f"names must have {K} entries, one for each endmember; got {len(names)}")
    return names


def _shade(ax, positions, broken):
    """Shade the broken bands, neighbours together."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], broken.view(np.int8), [0]])))
    half = 0.5 * np.median(np.diff(positions)) if len(positions) > 1 else 0.5
    for number, (first, stop) in enumerate(zip(edges[::2], edges[1::2])):
        label = "broken bands" if number == 0 else None
        ax.axvspan(positions[first] - half, positions[stop - 1] + half, label=label, **_BROKEN)
