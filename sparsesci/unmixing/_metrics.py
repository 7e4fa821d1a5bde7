"""How far an unmixing is from a reference: angles, divergences, errors of abundances, and a report."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.utils import Bunch

from sparsesci._core.validation import check_option, naming
from sparsesci.unmixing._pixels import as_matrix, check_matrix

_SMALLEST = 1e-12
METRICS = ("sad", "sid")
CONVENTIONS = ("max", "raw")


def spectral_angle(E1, E2):
    """Return the spectral angle distance (SAD) between all pairs of spectra, in radians.

    Parameters
    ----------
    E1 : array-like of shape (n_1, n_bands)
    E2 : array-like of shape (n_2, n_bands)

    Returns
    -------
    angles : ndarray of shape (n_1, n_2)
        In [0, pi]; NaN for spectra that are zero.

    Raises
    ------
    ValueError
        If the numbers of bands differ, or there are NaN or infinity.

    Notes
    -----
    Twice the arcsine of half the distance of the unit vectors: the arccosine of their product would lose half the
    digits of small angles. O(n_1 n_2 L) time.

    Examples
    --------
    >>> from sparsesci.unmixing import spectral_angle
    >>> spectral_angle([[1.0, 0.0]], [[3.0, 0.0], [0.0, 2.0]])
    array([[0.        , 1.57079633]])
    """
    E1, E2 = _check_pair(E1, E2, "E1", "E2")
    units = []
    for E in (E1, E2):
        largest = np.abs(E).max(axis=1, keepdims=True)
        E = E / np.where(largest > 0, largest, np.nan)
        units.append(E / np.linalg.norm(E, axis=1, keepdims=True))
    u, v = units
    angles = np.empty((len(u), len(v)))
    for i in range(len(u)):
        apart = np.linalg.norm(v - u[i], axis=1)
        together = np.linalg.norm(v + u[i], axis=1)
        # The smaller of the two is the accurate one.
        angles[i] = 2 * np.arctan2(apart, together)
    return angles


def spectral_information_divergence(E1, E2):
    """Return the spectral information divergence (SID) between all pairs of spectra.

    Parameters
    ----------
    E1 : array-like of shape (n_1, n_bands)
        Not negative.
    E2 : array-like of shape (n_2, n_bands)
        Not negative.

    Returns
    -------
    divergences : ndarray of shape (n_1, n_2)
        Symmetric in the spectra, zero where they are proportional; NaN for spectra that are zero.

    Raises
    ------
    ValueError
        If a spectrum is negative somewhere, the numbers of bands differ, or there are NaN or infinity.

    Notes
    -----
    The sum of both Kullback-Leibler divergences of the spectra as distributions over the bands, whose values are
    clipped at 1e-12. O(n_1 n_2 L) time.

    References
    ----------
    C.-I Chang, "An information-theoretic approach to spectral variability, similarity, and discrimination for
    hyperspectral image analysis", IEEE Trans. Inf. Theory 46 (2000).

    Examples
    --------
    >>> from sparsesci.unmixing import spectral_information_divergence
    >>> spectral_information_divergence([[1.0, 1.0]], [[2.0, 2.0], [1.0, 3.0]]).round(4)
    array([[0.    , 0.2747]])
    """
    E1, E2 = _check_pair(E1, E2, "E1", "E2")
    distributions = []
    for name, E in (("E1", E1), ("E2", E2)):
        if (E < 0).any():
            raise ValueError(f"{name} must not be negative; got {E.min()}")
        totals = E.sum(axis=1, keepdims=True)
        distributions.append(np.maximum(E / np.where(totals > 0, totals, np.nan), _SMALLEST))
    p, q = distributions
    return np.array([((p_i - q) * (np.log(p_i) - np.log(q))).sum(axis=1) for p_i in p])


def match_endmembers(E_true, E_est, metric="sad"):
    """Match estimated endmembers to true ones, so that the sum of their distances is smallest (Hungarian method).

    Parameters
    ----------
    E_true : array-like of shape (n_true, n_bands)
    E_est : array-like of shape (n_estimated, n_bands)
        At least as many; those left over are not matched.
    metric : {"sad", "sid"}, default="sad"

    Returns
    -------
    permutation : ndarray of int of shape (n_true,)
        ``E_est[permutation]`` goes with ``E_true``.

    Raises
    ------
    ValueError
        If there are fewer estimated endmembers than true ones, the numbers of bands differ, or a spectrum is zero.

    Examples
    --------
    >>> from sparsesci.unmixing import match_endmembers
    >>> match_endmembers([[1.0, 0.0], [0.0, 1.0]], [[0.1, 2.0], [1.0, 1.0], [3.0, 0.2]])
    array([2, 0])
    """
    check_option("metric", metric, METRICS)
    E_true, E_est = _check_pair(E_true, E_est, "E_true", "E_est")
    if len(E_est) < len(E_true):
        raise ValueError(f"E_est must have at least {len(E_true)} spectra, one for each in E_true; got {len(E_est)}")
    if metric == "sad":
        distances = spectral_angle(E_true, E_est)
    else:
        for name, E in (("E_true", E_true), ("E_est", E_est)):
            if (E < 0).any():
                raise ValueError(f"{name} must not be negative with metric='sid'; got {E.min()}")
        distances = spectral_information_divergence(E_true, E_est)
    if np.isnan(distances).all(axis=1).any():
        raise ValueError("E_true must have no spectrum that is zero, and E_est some that is not")
    # A spectrum of zeros is matched last.
    distances = np.where(np.isnan(distances), 1e6, distances)
    return linear_sum_assignment(distances)[1]


def abundance_rmse(A_true, A_est):
    """Return the root mean squared error of the abundances, for every endmember and on average.

    Parameters
    ----------
    A_true : array-like of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
    A_est : array-like of the same shape
        In the same order of endmembers. Pixels in which one of the two is NaN are left out.

    Returns
    -------
    rmse : ndarray of shape (n_endmembers,)
        Over the pixels.
    mean : float
        Their mean over the endmembers.

    Raises
    ------
    ValueError
        If the shapes differ, or there is infinity.

    Examples
    --------
    >>> from sparsesci.unmixing import abundance_rmse
    >>> rmse, mean = abundance_rmse([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.3, 0.7]])
    >>> float(round(mean, 4))
    0.2121
    """
    A_true, A_est = _check_abundances(A_true, A_est)
    rmse = np.sqrt(((A_true - A_est) ** 2).mean(axis=0))
    return rmse, float(rmse.mean())


def abundance_angle(A_true, A_est):
    """Return the mean angle between true and estimated abundances of a pixel, in radians.

    Parameters
    ----------
    A_true : array-like of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
    A_est : array-like of the same shape
        In the same order of endmembers. Pixels in which one of the two is NaN or zero are left out.

    Returns
    -------
    angle : float

    Raises
    ------
    ValueError
        If the shapes differ, or there is infinity, or no pixel is left.

    Examples
    --------
    >>> from sparsesci.unmixing import abundance_angle
    >>> round(abundance_angle([[1.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [2.0, 2.0]]), 4)
    0.7854
    """
    A_true, A_est = _check_abundances(A_true, A_est)
    lengths = np.linalg.norm(A_true, axis=1), np.linalg.norm(A_est, axis=1)
    used = (lengths[0] > 0) & (lengths[1] > 0)
    if not used.any():
        raise ValueError("A_true and A_est must have a pixel in which neither is zero")
    u, v = A_true[used] / lengths[0][used, None], A_est[used] / lengths[1][used, None]
    angles = 2 * np.arctan2(np.linalg.norm(u - v, axis=1), np.linalg.norm(u + v, axis=1))
    return float(angles.mean())


def reconstruction_error(X, endmembers, abundances):
    """Return the root mean squared error of ``abundances @ endmembers`` over pixels and bands.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
    endmembers : array-like of shape (n_endmembers, n_bands)
    abundances : array-like of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
        Pixels whose abundances are NaN are left out. Proportions have lost the brightness of the pixels: multiply them
        by it first where it varies.

    Returns
    -------
    rmse : float

    Raises
    ------
    ValueError
        If the shapes do not fit together, or there are NaN or infinity in X or the endmembers.

    Examples
    --------
    >>> from sparsesci.unmixing import reconstruction_error
    >>> reconstruction_error([[1.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]) ** 2
    0.5000000000000001
    """
    X = check_matrix(as_matrix(X)[0], "X")
    endmembers = check_matrix(endmembers, "endmembers")
    A = _check_maps(abundances, "abundances")
    if endmembers.shape[1] != X.shape[1]:
        raise ValueError(f"endmembers has {endmembers.shape[1]} bands, but X has {X.shape[1]} bands")
    if A.shape != (len(X), len(endmembers)):
        raise ValueError(f"abundances must have shape {(len(X), len(endmembers))}; got {A.shape}")
    kept = ~np.isnan(A).any(axis=1)
    if not kept.any():
        raise ValueError("abundances must have a pixel that is not NaN")
    total = 0.0
    for start in range(0, len(X), 4096):
        use = np.flatnonzero(kept[start : start + 4096]) + start
        total += float(((X[use].astype(np.float64) - A[use] @ endmembers.astype(np.float64)) ** 2).sum())
    return float(np.sqrt(total / (kept.sum() * X.shape[1])))


class UnmixingReport(Bunch):
    """Errors of one unmixing, by endmember and on average; printed as a table that names the convention."""

    def __str__(self):
        lines = [
            f"convention {self.convention!r}: {_CONVENTION_TEXT[self.convention]}",
            f"{'endmember':>12}  {'SAD [rad]':>10}  {'SID':>10}  {'RMSE':>10}",
        ]
        for name, sad, sid, rmse in zip(self.names, self.sad, self.sid, self.rmse):
            lines.append(f"{name:>12}  {sad:10.4f}  {sid:10.2e}  {rmse:10.4f}")
        lines.append(f"{'mean':>12}  {self.mean_sad:10.4f}  {self.mean_sid:10.2e}  {self.mean_rmse:10.4f}")
        lines.append(f"pixels compared: {self.n_pixels}; with a negative abundance: {self.n_negative}")
        return "\n".join(lines)


_CONVENTION_TEXT = {
    "max": "endmembers scaled to a largest value of one, the factor moved to the abundances, rows divided by their sum",
    "raw": "endmembers and abundances as they are",
}


def unmixing_report(E_true, A_true, E_est, A_est, convention="max", *, bands=None, names=None):
    """Compare an unmixing with a reference: match the endmembers, then SAD, SID and RMSE of each.

    Parameters
    ----------
    E_true : array-like of shape (n_true, n_bands)
    A_true : array-like of shape (n_pixels, n_true) or (rows, cols, n_true)
    E_est : array-like of shape (n_estimated, n_bands)
        At least as many.
    A_est : array-like of shape (n_pixels, n_estimated) or (rows, cols, n_estimated)
    convention : {"max", "raw"}, default="max"
        "max": every estimated endmember is scaled to a largest value of one, the factor is moved to its abundances,
        and these are divided by their sum in every pixel. "raw": nothing is changed. The choice matters: figures of
        different conventions cannot be compared.
    bands : array-like of bool of shape (n_bands,) or None, default=None
        Bands to compare the spectra on, and to find the largest value on; None for all. Spectra on broken bands are
        arbitrary: leave those out.
    names : sequence of str of length n_true or None, default=None
        For the printed table.

    Returns
    -------
    report : :class:`~sklearn.utils.Bunch`
        With ``sad``, ``sid`` and ``rmse`` (n_true,), ``mean_sad``, ``mean_sid``, ``mean_rmse``, ``abundance_angle``,
        ``permutation`` (n_true,), ``convention``, ``n_pixels``, the number of pixels that are compared, and
        ``n_negative``, that of those with a negative abundance. SID is NaN where a spectrum is negative. ``str`` makes
        a table of it.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or there are fewer estimated endmembers than true ones.

    Notes
    -----
    "max" is the convention of the public reference maps of the Samson and Jasper Ridge scenes: they are reproduced by
    non-negative least squares with reference spectra of maximum one, divided by the row sums.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import unmixing_report
    >>> E, A = np.array([[1.0, 0.2], [0.1, 1.0]]), np.array([[0.3, 0.7], [1.0, 0.0]])
    >>> print(unmixing_report(E, A, 2 * E[::-1], A[:, ::-1]))
    convention 'max': endmembers scaled to a largest value of one, the factor moved to the abundances, rows divided by their sum
       endmember   SAD [rad]         SID        RMSE
               0      0.0000    0.00e+00      0.0000
               1      0.0000    0.00e+00      0.0000
            mean      0.0000    0.00e+00      0.0000
    pixels compared: 2; with a negative abundance: 0
    """  # noqa: E501
    check_option("convention", convention, CONVENTIONS)
    E_true, E_est = _check_pair(E_true, E_est, "E_true", "E_est")
    A_true, A_est = _check_maps(A_true, "A_true"), _check_maps(A_est, "A_est")
    for name, A, of, E in (("A_true", A_true, "E_true", E_true), ("A_est", A_est, "E_est", E_est)):
        if A.shape[1] != len(E):
            raise ValueError(f"{name} has {A.shape[1]} abundances per pixel, but {of} has {len(E)} spectra")
    if len(A_true) != len(A_est):
        raise ValueError(f"A_est must have the {len(A_true)} pixels of A_true; got {len(A_est)}")
    names = _check_names(names, len(E_true))
    if bands is not None:
        bands = _check_bands(bands, E_true.shape[1])
        E_true, E_est = E_true[:, bands], E_est[:, bands]
    if convention == "max":
        largest = E_est.max(axis=1)
        if (largest <= 0).any():
            raise ValueError("E_est must have a positive value in every spectrum with convention='max'")
        E_est, A_est = E_est / largest[:, None], A_est * largest
        totals = A_est.sum(axis=1, keepdims=True)
        A_est = A_est / np.where(totals != 0, totals, np.nan)
    permutation = match_endmembers(E_true, E_est)
    A_true, A_est = _check_abundances(A_true, A_est[:, permutation])
    pairs = list(zip(E_true, E_est[permutation]))
    sad = np.array([spectral_angle(e[None], f[None])[0, 0] for e, f in pairs])
    sid = np.array([_divergence(e, f) for e, f in pairs])
    rmse, mean_rmse = abundance_rmse(A_true, A_est)
    return UnmixingReport(
        sad=sad,
        sid=sid,
        rmse=rmse,
        mean_sad=float(sad.mean()),
        mean_sid=float(sid.mean()),
        mean_rmse=mean_rmse,
        abundance_angle=abundance_angle(A_true, A_est),
        permutation=permutation,
        convention=convention,
        names=names,
        n_pixels=len(A_true),
        n_negative=int((A_est < 0).any(axis=1).sum()),
    )


def _divergence(e, f):
    if (e < 0).any() or (f < 0).any():
        return np.nan
    return spectral_information_divergence(e[None], f[None])[0, 0]


def _check_pair(E1, E2, name_1, name_2):
    E1, E2 = (np.asarray(check_matrix(E, name), np.float64) for E, name in ((E1, name_1), (E2, name_2)))
    if E1.shape[1] != E2.shape[1]:
        raise ValueError(f"{name_2} has {E2.shape[1]} bands, but {name_1} has {E1.shape[1]} bands")
    return E1, E2


def _check_maps(A, name):
    """Return abundances as float64 (n_pixels, K); NaN is kept, infinity refused."""
    A = np.asarray(check_matrix(as_matrix(A, name)[0], name, check_finite=False), np.float64)
    if np.isinf(A).any():
        raise ValueError(f"{name} must not contain infinity")
    return A


def _check_abundances(A_true, A_est):
    """Return both as matrices of the pixels in which neither is NaN."""
    A_true, A_est = _check_maps(A_true, "A_true"), _check_maps(A_est, "A_est")
    if A_true.shape != A_est.shape:
        raise ValueError(f"A_est must have the shape of A_true, {A_true.shape}; got {A_est.shape}")
    kept = ~(np.isnan(A_true) | np.isnan(A_est)).any(axis=1)
    if not kept.any():
        raise ValueError("A_true and A_est must have a pixel in which neither is NaN")
    return A_true[kept], A_est[kept]


def _check_names(names, count):
    if names is None:
        return [str(k) for k in range(count)]
    with naming("names"):
        names = [str(name) for name in names]
    if len(names) != count:
        raise ValueError(f"names must have {count} entries; got {len(names)}")
    return names


def _check_bands(bands, n_bands):
    with naming("bands"):
        bands = np.asarray(bands)
    if bands.dtype != np.bool_:
        raise TypeError(f"bands must be boolean, True where a band is compared; got dtype {bands.dtype}")
    if bands.shape != (n_bands,) or not bands.any():
        raise ValueError(f"bands must have shape ({n_bands},) and keep a band; got shape {bands.shape}")
    return bands
