"""Pictures of plain arrays: figures that are returned, and never shown by themselves."""

import numpy as np

from sparsesci._core.validation import naming
from sparsesci.unmixing._display import AbundanceMapDisplay, BandNoiseDisplay, EndmemberDisplay, GuidanceMapDisplay
from sparsesci.unmixing._pixels import check_matrix, check_vector, n_dimensions


def plot_endmembers(endmembers, wavelengths=None, *, names=None, reference=None, outlier_bands=None):
    """Plot spectra.

    Parameters
    ----------
    endmembers : array-like of shape (n_endmembers, n_bands)
    wavelengths : array-like of shape (n_bands,) or None, default=None
    names : sequence of str of length n_endmembers or None, default=None
    reference : array-like of shape (n_endmembers, n_bands) or None, default=None
        Drawn dashed, scaled to the same largest value.
    outlier_bands : array-like of bool of shape (n_bands,) or None, default=None
        Bands that are shaded, and left out of the lines.

    Returns
    -------
    figure : matplotlib Figure
        Not shown, and not known to pyplot.

    Raises
    ------
    ValueError
        If the sizes do not fit together, or there are NaN or infinity.

    Examples
    --------
    >>> from sparsesci.datasets import load_usgs_library
    >>> from sparsesci.unmixing import plot_endmembers
    >>> figure = plot_endmembers(load_usgs_library().spectra[:3], names=["a", "b", "c"])
    >>> figure.axes[0].get_ylabel()
    'reflectance'
    """
    endmembers = check_matrix(endmembers, "endmembers")
    broken = _flags(outlier_bands, endmembers.shape[1])
    return _drawn(EndmemberDisplay._of(endmembers, wavelengths, names, reference, broken), (7, 4))


def plot_abundances(maps, names=None):
    """Plot abundance maps side by side.

    Parameters
    ----------
    maps : array-like of shape (rows, cols, n_endmembers)
        NaN is drawn grey.
    names : sequence of str of length n_endmembers or None, default=None

    Returns
    -------
    figure : matplotlib Figure
        Not shown, and not known to pyplot.

    Raises
    ------
    ValueError
        If ``maps`` is no cube, or there are not as many names as endmembers.

    Examples
    --------
    >>> from sparsesci.datasets import make_unmixing_scene
    >>> from sparsesci.unmixing import plot_abundances
    >>> scene = make_unmixing_scene((16, 16), n_endmembers=3, random_state=0)
    >>> figure = plot_abundances(scene.abundances, ["a", "b", "c"])
    >>> len(figure.axes)
    2
    """
    display = AbundanceMapDisplay._of(maps, names)
    rows, cols, K = display.maps.shape
    across = K if K <= 4 else -(-K // 2)
    height = 7.5 * rows * -(-K // across) / (cols * across) + 0.5
    return _drawn(display, (8.5, min(9.0, max(1.6, height))))


def plot_guidance_map(guidance):
    """Plot a guidance map.

    Parameters
    ----------
    guidance : array-like of shape (rows, cols)

    Returns
    -------
    figure : matplotlib Figure
        Not shown, and not known to pyplot.

    Raises
    ------
    ValueError
        If it is no image.

    Examples
    --------
    >>> from sparsesci.unmixing import plot_guidance_map
    >>> figure = plot_guidance_map([[0.0, 0.5], [0.25, 0.75]])
    >>> len(figure.axes)
    2
    """
    return _drawn(GuidanceMapDisplay._of(guidance), (5.2, 4.4))


def plot_channel_weights(weights, wavelengths=None, *, outlier_bands=None):
    """Plot the weights of the bands, on a logarithmic axis.

    Parameters
    ----------
    weights : array-like of shape (n_bands,)
        Not negative.
    wavelengths : array-like of shape (n_bands,) or None, default=None
    outlier_bands : array-like of bool of shape (n_bands,) or None, default=None
        Bands that are marked as broken.

    Returns
    -------
    figure : matplotlib Figure
        Not shown, and not known to pyplot.

    Raises
    ------
    ValueError
        If the sizes do not fit together, or a weight is negative.

    Examples
    --------
    >>> from sparsesci.unmixing import plot_channel_weights
    >>> figure = plot_channel_weights([1.0, 0.9, 0.01], outlier_bands=[False, False, True])
    >>> figure.axes[0].get_ylabel()
    'weight of the band'
    """
    if n_dimensions(weights, "weights") > 1:
        raise ValueError(f"weights must have shape (n_bands,); got {np.shape(weights)}")
    weights = check_matrix(weights, "weights", allow_vector=True).reshape(-1)
    weights = check_vector(weights, weights.size, "weights", minimum=0)
    broken = _flags(outlier_bands, len(weights))
    return _drawn(BandNoiseDisplay._of(weights, broken, wavelengths, "weight of the band"), (7, 3.2))


def _drawn(display, size):
    from matplotlib.figure import Figure

    return display.plot(ax=Figure(figsize=size, layout="constrained").subplots()).figure_


def _flags(outlier_bands, L):
    if outlier_bands is None:
        return None
    with naming("outlier_bands"):
        flags = np.asarray(outlier_bands)
    if flags.dtype != np.bool_ or flags.shape != (L,):
        raise ValueError(f"outlier_bands must be boolean of shape ({L},); got {flags.dtype} of shape {flags.shape}")
    return flags
