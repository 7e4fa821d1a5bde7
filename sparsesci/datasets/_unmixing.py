"""Hyperspectral scenes with known answers, and the spectral library that they can be made of."""

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.utils import Bunch

from sparsesci._core.arrays import check_rows
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real
from sparsesci.datasets._problem import generator

_OUTLIERS = ("gauss", "shot", "stripe", "blank")
_LIBRARY = Path(__file__).with_name("usgs_library_224.npz")
_LIBRARY_DESCRIPTION = """240 mineral reflectance spectra in 224 bands like those of the AVIRIS sensor.

The spectra are from the USGS Digital Spectral Library, a work of the US government in the public domain. They were
taken, resampled, from Data/DC1/EE.mat of the repository github.com/BehnoodRasti/SUnCNN (commit 1c35015), which is under
the Apache License 2.0. Neither wavelengths nor names of the minerals come with them.
"""


def load_usgs_library():
    """Load 240 mineral spectra of the USGS Digital Spectral Library in 224 bands.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With ``spectra`` (240, 224), float64 reflectances between 0.005 and 0.966, and ``DESCR``, which names the
        origin and the licence. The spectra have neither names nor wavelengths.

    Notes
    -----
    Public domain; resampled by the authors of SUnCNN (Apache License 2.0). Part of the package, 0.2 MB.

    References
    ----------
    R. N. Clark et al., "USGS Digital Spectral Library splib06a", U.S. Geological Survey, Digital Data Series 231, 2007.

    Examples
    --------
    >>> from sparsesci.datasets import load_usgs_library
    >>> load_usgs_library().spectra.shape
    (240, 224)
    """
    with np.load(_LIBRARY, allow_pickle=False) as stored:
        return Bunch(spectra=stored["spectra"].astype(np.float64), DESCR=_LIBRARY_DESCRIPTION)


def make_unmixing_scene(
    shape=(64, 64),
    n_bands=160,
    n_endmembers=4,
    snr_db=30.0,
    alpha=0.5,
    max_purity=1.0,
    pure_pixels=True,
    brightness_std=0.0,
    n_outlier_bands=0,
    outlier="gauss",
    outlier_scale=1.0,
    dead_lines=0,
    spatial_scale=0.0,
    endmembers=None,
    random_state=None,
):
    """Generate a hyperspectral scene with known endmembers and abundances, and, if wanted, with broken bands.

    Parameters
    ----------
    shape : (int, int), default=(64, 64)
        Rows and columns.
    n_bands : int, default=160
        Number of bands; not used where ``endmembers`` are spectra.
    n_endmembers : int, default=4
    snr_db : float, default=30.0
        Signal-to-noise ratio in decibels: the noise has variance mean(X^2) / 10^(snr_db / 10).
    alpha : float, default=0.5
        Parameter of the symmetric Dirichlet distribution of the abundances; small for nearly pure pixels.
    max_purity : float, default=1.0
        Pixels with a larger abundance are drawn again; more than 1 / n_endmembers.
    pure_pixels : bool, default=True
        Whether one pixel of every material is pure.
    brightness_std : float, default=0.0
        Standard deviation of a factor around one that every pixel's spectrum is multiplied by.
    n_outlier_bands : int, default=0
        Number of broken bands, chosen at random.
    outlier : {"gauss", "shot", "stripe", "blank"}, default="gauss"
        How they are broken: noise of ``outlier_scale`` times the root mean square of the scene; three times that on
        20 % of the pixels; the same for all pixels of a column; or all zero.
    outlier_scale : float, default=1.0
    dead_lines : int, default=0
        Number of image columns that are zero; they are marked in ``mask``.
    spatial_scale : float, default=0.0
        Width, in pixels, of a filter that makes neighbouring abundances alike; 0 for independent pixels. The
        abundances are then not Dirichlet: the softmax of smoothed fields, sharper for smaller ``alpha``.
    endmembers : array-like of shape (n_endmembers, n_bands), "usgs" or None, default=None
        Spectra; random ones of the USGS library, as far apart as a search among them finds; or None for smooth
        simulated ones.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines everything that is random.

    Returns
    -------
    scene : :class:`~sklearn.utils.Bunch`
        With ``cube`` (rows, cols, n_bands), not negative; ``endmembers`` (n_endmembers, n_bands); ``abundances``
        (rows, cols, n_endmembers), rows summing to one; ``outlier_bands`` (n_bands,) of bool; ``mask`` (rows, cols) of
        bool, True on dead lines; ``noise_std``.

    Raises
    ------
    ValueError
        If a size or a parameter is out of range, or spectra do not have the right shape.

    Notes
    -----
    O(rows cols n_bands) time and memory. The recipe is our own.

    Examples
    --------
    >>> from sparsesci.datasets import make_unmixing_scene
    >>> scene = make_unmixing_scene((32, 32), n_endmembers=3, n_outlier_bands=8, outlier="shot", random_state=0)
    >>> scene.cube.shape, int(scene.outlier_bands.sum())
    ((32, 32, 160), 8)
    """
    rows, cols = _check_shape(shape)
    K = check_integer("n_endmembers", n_endmembers, minimum=1)
    L = check_integer("n_bands", n_bands, minimum=1)
    snr_db = check_real("snr_db", snr_db)
    alpha = check_real("alpha", alpha, minimum=0, exclusive=True)
    max_purity = check_real("max_purity", max_purity, maximum=1)
    if max_purity <= 1 / K and K > 1:
        raise ValueError(f"max_purity must be greater than 1 / n_endmembers = {1 / K:.3g}; got {max_purity}")
    check_flag("pure_pixels", pure_pixels)
    brightness_std = check_real("brightness_std", brightness_std, minimum=0)
    check_option("outlier", outlier, _OUTLIERS)
    outlier_scale = check_real("outlier_scale", outlier_scale, minimum=0)
    dead_lines = check_integer("dead_lines", dead_lines, minimum=0, maximum=cols - 1)
    spatial_scale = check_real("spatial_scale", spatial_scale, minimum=0)
    rng = generator(random_state)
    E = _spectra(endmembers, K, L, rng)
    L = E.shape[1]
    n_outlier_bands = check_integer("n_outlier_bands", n_outlier_bands, minimum=0, maximum=L)
    if pure_pixels and rows * cols < K:
        raise ValueError(f"shape must have at least n_endmembers={K} pixels with pure_pixels=True; got {shape}")
    A = _abundances(rows, cols, K, alpha, max_purity, spatial_scale, rng)
    if pure_pixels:
        A[rng.choice(rows * cols, K, replace=False)] = np.eye(K)
    X = A @ E
    if brightness_std:
        X *= np.maximum(1.0 + brightness_std * rng.standard_normal(rows * cols), 0.05)[:, None]
    signal = float((X**2).mean())
    noise_std = np.sqrt(signal / 10 ** (snr_db / 10))
    X += noise_std * rng.standard_normal(X.shape)
    broken = np.zeros(L, dtype=np.bool_)
    broken[rng.choice(L, n_outlier_bands, replace=False)] = True
    cube = X.reshape(rows, cols, L)
    _break_bands(cube, broken, outlier, outlier_scale * np.sqrt(signal), rng)
    mask = np.zeros((rows, cols), dtype=np.bool_)
    mask[:, rng.choice(cols, dead_lines, replace=False)] = True
    cube[mask] = 0.0
    np.maximum(cube, 0.0, out=cube)
    return Bunch(
        cube=cube,
        endmembers=E,
        abundances=A.reshape(rows, cols, K),
        outlier_bands=broken,
        mask=mask,
        noise_std=float(noise_std),
    )


def _check_shape(shape):
    try:
        rows, cols = shape
    except (TypeError, ValueError) as error:
        raise TypeError(f"shape must be a pair (rows, cols); got {shape!r}") from error
    return check_integer("shape: rows", rows, minimum=1), check_integer("shape: cols", cols, minimum=1)


def _spectra(endmembers, K, L, rng):
    if endmembers is None:
        return _simulated_spectra(K, L, rng)
    if isinstance(endmembers, str):
        check_option("endmembers", endmembers, ("usgs",))
        spectra = load_usgs_library().spectra
        if len(spectra) < K:
            raise ValueError(f"n_endmembers must be at most {len(spectra)} with endmembers='usgs'; got {K}")
        return spectra[_apart(spectra, K, rng)]
    E = np.array(check_rows(endmembers, name="endmembers"), dtype=np.float64)
    if (E < 0).any():
        raise ValueError(f"endmembers must not be negative; got {E.min()}")
    if len(E) != K:
        raise ValueError(f"endmembers must have n_endmembers={K} rows; got {len(E)}")
    return E


def _apart(spectra, K, rng, attempts=200):
    """Return K numbers of spectra: of some random choices, the one whose smallest angle is largest."""
    units = spectra / np.linalg.norm(spectra, axis=1, keepdims=True)
    cosines = units @ units.T
    np.fill_diagonal(cosines, 0.0)
    choices = [rng.choice(len(spectra), K, replace=False) for _ in range(attempts)]
    return min(choices, key=lambda chosen: cosines[np.ix_(chosen, chosen)].max())


def _simulated_spectra(K, L, rng):
    """Return smooth spectra: a slope and a few bumps."""
    x = np.linspace(0.0, 1.0, L)
    E = np.empty((K, L))
    for k in range(K):
        E[k] = 0.25 + 0.35 * rng.random() + 0.4 * (rng.random() - 0.5) * x
        for _ in range(rng.integers(3, 7)):
            height = rng.choice((-1.0, 1.0)) * (0.08 + 0.3 * rng.random())
            centre, width = rng.random(), 0.02 + 0.12 * rng.random()
            E[k] += height * np.exp(-0.5 * ((x - centre) / width) ** 2)
    return np.clip(E, 0.02, 0.98)


def _abundances(rows, cols, K, alpha, max_purity, spatial_scale, rng):
    """Return abundances (rows * cols, K)."""
    if spatial_scale > 0:
        fields = np.stack(
            [gaussian_filter(rng.standard_normal((rows, cols)), spatial_scale) for _ in range(K)], axis=-1
        )
        fields = fields.reshape(-1, K) / (fields.std() or 1.0) / alpha
        A = np.exp(fields - fields.max(axis=1, keepdims=True))
        A /= A.sum(axis=1, keepdims=True)
        # Blending with the uniform mixture brings the purest pixels down to the bound.
        if K > 1:
            excess = np.clip((A.max(axis=1) - max_purity) / np.maximum(A.max(axis=1) - 1 / K, 1e-300), 0.0, 1.0)
            A += excess[:, None] * (1 / K - A)
        return A
    A = rng.dirichlet(np.full(K, alpha), rows * cols)
    if K > 1:
        for _ in range(1000):
            again = np.flatnonzero(A.max(axis=1) > max_purity)
            if not again.size:
                return A
            A[again] = rng.dirichlet(np.full(K, alpha), again.size)
        raise ValueError(f"max_purity must be reachable for alpha={alpha}; got {max_purity}")
    return A


def _break_bands(cube, broken, outlier, size, rng):
    """Break bands of the cube, in place."""
    rows, cols, _ = cube.shape
    for band in np.flatnonzero(broken):
        if outlier == "gauss":
            cube[:, :, band] += size * rng.standard_normal((rows, cols))
        elif outlier == "shot":
            hit = rng.random((rows, cols)) < 0.2
            cube[:, :, band] += 3 * size * hit
        elif outlier == "stripe":
            cube[:, :, band] += size * rng.standard_normal(cols)
        else:
            cube[:, :, band] = 0.0
