"""Endmember extraction: the pixels that span the scene."""

import numpy as np

from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, check_option
from sparsesci.unmixing._moments import Moments, leading_eigenvectors, moments, project
from sparsesci.unmixing._noise import outliers_of
from sparsesci.unmixing._pixels import PixelRows, check_scene, kept_rows, result_dtype

METHODS = ("sivm", "vca", "nfindr", "spa")
_RANK_TOLERANCE = 1e-10
_SWAP_GAIN = 1e-12


def spa(X, n_endmembers, *, mask=None):
    """Successive projection algorithm (also known as ATGP): the pixel of largest residual, again and again.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Memory maps are read block by block.
    n_endmembers : int
        At most min(n_pixels, n_bands + 1), and the rank of X.
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out.

    Returns
    -------
    indices : ndarray of int of shape (n_endmembers,)
        Flat (C order) numbers of the pixels, in the order in which they were found.

    Raises
    ------
    ValueError
        If the pixels have fewer than ``n_endmembers`` independent directions.

    See Also
    --------
    sivm : The same after a translation; better at dark materials.

    Notes
    -----
    Finds all pure pixels of a noiseless scene with independent spectra. Materials that are dark, like water, are found
    last or not at all. Time O(N L K), K passes over X; memory O(N).

    References
    ----------
    U. M. C. Araujo et al., "The successive projections algorithm for variable selection in spectroscopic
    multicomponent analysis", Chemom. Intell. Lab. Syst. 57 (2001); H. Ren, C.-I Chang, "Automatic spectral target
    recognition in hyperspectral imagery", IEEE Trans. Aerosp. Electron. Syst. 39 (2003).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import spa
    >>> spa([[1.0, 0.0], [0.5, 0.5], [0.0, 2.0]], 2)
    array([2, 0])
    """
    return _extract(X, n_endmembers, "spa", mask, 1, None)


def sivm(X, n_endmembers, *, mask=None):
    """Simplex volume maximisation: each pixel enlarges the simplex of those before it the most.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Memory maps are read block by block.
    n_endmembers : int
        At most min(n_pixels, n_bands + 1), and one more than the dimension of the pixels' affine hull.
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out.

    Returns
    -------
    indices : ndarray of int of shape (n_endmembers,)
        Flat (C order) numbers of the pixels, in the order in which they were found.

    Raises
    ------
    ValueError
        If the pixels span fewer than ``n_endmembers`` distinct directions, as those of a constant image do.

    Notes
    -----
    Starts at the pixel farthest from the mean. Deterministic. Time O(N L K), K + 1 passes over X; memory O(N).

    References
    ----------
    C. Thurau, K. Kersting, C. Bauckhage, "Yes we can: simplex volume maximization for descriptive web-scale matrix
    factorization", CIKM 2010. Recalled; the volumes are maximised exactly here, by residuals.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import sivm
    >>> sivm([[1.0, 0.0], [0.5, 0.5], [0.0, 3.0], [0.0, 0.0]], 3)
    array([2, 0, 3])
    """
    return _extract(X, n_endmembers, "sivm", mask, 1, None)


def vca(X, n_endmembers, *, mask=None, n_init=1, random_state=None):
    """Vertex component analysis: extremes along random directions orthogonal to the endmembers so far.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Memory maps are read block by block.
    n_endmembers : int
        At most min(n_pixels, n_bands + 1).
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out.
    n_init : int, default=1
        Number of repetitions, of which the one with the largest simplex is kept.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the directions. The result depends on it: fix it, and repeat.

    Returns
    -------
    indices : ndarray of int of shape (n_endmembers,)
        Flat (C order) numbers of the pixels, in the order in which they were found.

    Raises
    ------
    ValueError
        If the pixels span fewer than ``n_endmembers`` distinct directions, as those of a constant image do.

    Notes
    -----
    The pixels are projected to K dimensions first, in one of two ways depending on the estimated signal-to-noise
    ratio. Time O(N L^2) for that and O(N K^2) for each repetition; memory O(N K).

    References
    ----------
    J. M. P. Nascimento, J. M. Bioucas-Dias, "Vertex component analysis: a fast algorithm to unmix hyperspectral data",
    IEEE Trans. Geosci. Remote Sens. 43 (2005). Recalled, not checked line by line.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import vca
    >>> X = np.vstack([np.eye(3), np.full((5, 3), 1 / 3)])
    >>> sorted(vca(X, 3, random_state=0).tolist())
    [0, 1, 2]
    """
    return _extract(X, n_endmembers, "vca", mask, n_init, random_state)


def nfindr(X, n_endmembers, *, mask=None):
    """N-FINDR: exchange the vertices of a simplex of pixels as long as its volume grows.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Memory maps are read block by block.
    n_endmembers : int
        At most min(n_pixels, n_bands + 1), and one more than the dimension of the pixels' affine hull.
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out.

    Returns
    -------
    indices : ndarray of int of shape (n_endmembers,)
        Flat (C order) numbers of the pixels.

    Raises
    ------
    ValueError
        If the pixels span fewer than ``n_endmembers`` distinct directions, as those of a constant image do.

    Notes
    -----
    Starts at :func:`sivm`, so it is deterministic. One vector of cofactors gives the volumes of all N exchanges of a
    vertex at once. Time O(N L^2) and O(N K^2) for each sweep, at most 3 K sweeps; memory O(N K).

    References
    ----------
    M. E. Winter, "N-FINDR: an algorithm for fast autonomous spectral end-member determination in hyperspectral data",
    Proc. SPIE 3753 (1999). The start and the use of cofactors are our own.

    Examples
    --------
    >>> from sparsesci.unmixing import nfindr
    >>> sorted(nfindr([[1.0, 0.0], [0.5, 0.5], [0.0, 3.0], [0.0, 0.0]], 3).tolist())
    [0, 2, 3]
    """
    return _extract(X, n_endmembers, "nfindr", mask, 1, None)


def extract_endmembers(X, n_endmembers, *, method="sivm", robust=False, mask=None, n_init=1, random_state=None):
    """Extract endmembers by any of the methods.

    Parameters
    ----------
    X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        Memory maps are read block by block.
    n_endmembers : int
        At most min(n_pixels, n_bands + 1).
    method : {"sivm", "vca", "nfindr", "spa"}, default="sivm"
    robust : bool, default=False
        Search on the bands only that :func:`outlier_bands` does not flag: otherwise the extremes of a broken band are
        taken for endmembers. The spectra returned have all bands.
    mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        True where a pixel is left out.
    n_init : int, default=1
        Repetitions of "vca".
    random_state : int, RandomState instance, Generator or None, default=None
        Used by "vca".

    Returns
    -------
    endmembers : ndarray of shape (n_endmembers, n_bands)
        The spectra of the pixels.
    indices : ndarray of int of shape (n_endmembers,)
        Their flat (C order) numbers.

    Raises
    ------
    ValueError
        If the pixels span fewer than ``n_endmembers`` distinct directions, as those of a constant image do.

    Notes
    -----
    Time and memory are those of the method, and O(N L^2) for ``robust``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.unmixing import extract_endmembers
    >>> endmembers, indices = extract_endmembers([[1.0, 0.0], [0.5, 0.5], [0.0, 3.0]], 2)
    >>> endmembers
    array([[0., 3.],
           [1., 0.]])
    """
    check_option("method", method, METHODS)
    check_flag("robust", robust)
    n_init = check_integer("n_init", n_init, minimum=1)
    key = key_from_random_state(random_state)
    K = check_integer("n_endmembers", n_endmembers, minimum=1)
    X, _, mask = check_scene(X, mask=mask)
    rows = kept_rows(X, mask)
    check_count(K, rows)
    good = ~outliers_of(moments(rows).correlation) if robust else None
    if good is not None and good.all():
        good = None
    chosen = _numbers(search(rows, K, method, good=good, n_init=n_init, key=key), rows)
    return np.array(X[chosen], dtype=result_dtype(X)), chosen


def _extract(X, n_endmembers, method, mask, n_init, random_state):
    K = check_integer("n_endmembers", n_endmembers, minimum=1)
    n_init = check_integer("n_init", n_init, minimum=1)
    key = key_from_random_state(random_state)
    X, _, mask = check_scene(X, mask=mask)
    rows = kept_rows(X, mask)
    check_count(K, rows)
    return _numbers(search(rows, K, method, n_init=n_init, key=key), rows)


def check_count(n_endmembers, rows):
    """Raise ValueError if there cannot be so many endmembers."""
    largest = min(len(rows), rows.n_bands + 1)
    if n_endmembers > largest:
        raise ValueError(
            f"n_endmembers must be at most {largest} = min(n_pixels, n_bands + 1) with n_samples = {len(rows)} pixels "
            f"and {rows.n_bands} bands; got {n_endmembers}"
        )


def _numbers(chosen, rows):
    return chosen if rows.keep is None else rows.keep[chosen]


def search(rows, n_endmembers, method, *, good=None, weights=None, n_init=1, key=0):
    """Return the positions among ``rows`` of the endmembers, looking at the bands ``good`` (None for all) only.

    ``weights`` (n,) are those of the mean and the covariance; pixels of weight zero must not be among ``rows``.
    """
    rows = rows if good is None else _GoodBands(rows, good)
    if method in ("spa", "sivm"):
        return _greedy(rows, n_endmembers, method == "sivm", weights)
    m = moments(rows, weights)
    if method == "vca":
        return _vca(rows, n_endmembers, m, n_init, np.random.default_rng(int(key)))
    return _nfindr(rows, n_endmembers, m, _greedy(rows, n_endmembers, True, weights))


class _GoodBands(PixelRows):
    """The same pixels with some of the bands."""

    def __init__(self, rows, good):
        super().__init__(rows.X, rows.keep)
        self.bands = np.flatnonzero(good)
        self.n_bands = self.bands.size

    def block(self, start, stop):
        return np.ascontiguousarray(super().block(start, stop)[:, self.bands])


def _too_few(found, wanted):
    return ValueError(f"n_endmembers must be at most {found} here; got {wanted}: only {found} distinct directions")


def _greedy(rows, K, translate, weights):
    """Choose pixels by the norm of what the ones before leave of them; ``translate`` to the first one."""
    origin = np.zeros(rows.n_bands)
    total = None if weights is None else weights.sum()
    if translate:

        def task(start, stop, block):
            return (block.sum(axis=0) if weights is None else weights[start:stop] @ block,)

        origin = rows.sum_blocks(task, 1)[0] / (len(rows) if total is None else total)
    norms = np.empty(len(rows))
    largest = 0.0
    for start, stop, block in rows.blocks():
        shifted = block - origin
        norms[start:stop] = np.einsum("ij,ij->i", shifted, shifted)
        largest = max(largest, np.abs(block).max())
    noise_floor = (largest * 1e-13) ** 2 * rows.n_bands
    chosen = [int(norms.argmax())]
    if norms[chosen[0]] <= noise_floor:
        raise _too_few(1 if translate else 0, K)
    if translate and K > 1:
        origin = rows.block(chosen[0], chosen[0] + 1)[0]
        for start, stop, block in rows.blocks():
            shifted = block - origin
            norms[start:stop] = np.einsum("ij,ij->i", shifted, shifted)
    scale = norms.max()
    basis = np.empty((0, rows.n_bands))
    while len(chosen) < K:
        if translate:
            chosen.append(int(norms.argmax()))
        basis = _extend(basis, rows.block(chosen[-1], chosen[-1] + 1)[0] - origin, scale)
        if basis is None:
            raise _too_few(len(chosen) - 1, K)
        if len(chosen) == K:
            break
        _downdate(rows, basis[-1], origin, norms)
        if not translate:
            chosen.append(int(norms.argmax()))
    if not translate and _extend(basis, rows.block(chosen[-1], chosen[-1] + 1)[0], scale) is None:
        raise _too_few(K - 1, K)
    return np.array(chosen)


def _extend(basis, vector, scale):
    """Return the orthonormal rows ``basis`` with the new direction of ``vector``, or None if it has none."""
    for _ in range(2):
        vector = vector - (vector @ basis.T) @ basis
    squared = vector @ vector
    if squared <= _RANK_TOLERANCE**2 * scale or squared == 0:
        return None
    return np.vstack([basis, vector / np.sqrt(squared)])


def _downdate(rows, direction, origin, norms):
    offset = origin @ direction
    for start, stop, block in rows.blocks():
        norms[start:stop] -= (block @ direction - offset) ** 2


def _vca(rows, K, m, n_init, rng):
    if K == 1:
        return _greedy(rows, 1, False, None)
    Z = _vca_projection(rows, K, m)
    volumes = _affine_coordinates(rows, K, m)
    best, chosen = -1.0, None
    for _ in range(n_init):
        picked = _vca_run(Z, K, rng)
        volume = _volume(volumes[picked])
        if volume > best:
            best, chosen = volume, picked
    return chosen


def _vca_projection(rows, K, m):
    """Return the pixels in K dimensions, projected to a hyperplane in the way that suits the noise."""
    U = leading_eigenvectors(m.covariance, K)
    power = np.trace(m.correlation)
    signal = np.einsum("ij,ij->", U, m.covariance @ U) + m.mean @ m.mean
    snr_numerator, snr_denominator = signal - K / rows.n_bands * power, power - signal
    threshold = 10.0 ** ((15 + 10 * np.log10(K)) / 10)
    if (snr_denominator > 0 and snr_numerator < threshold * snr_denominator) or rows.n_bands < K:
        Z = project(rows, U[:, : K - 1], m.mean)
        last = np.sqrt(np.einsum("ij,ij->i", Z, Z).max())
        return np.column_stack([Z, np.full(len(Z), last)])
    vectors = leading_eigenvectors(m.correlation, K)
    Z = project(rows, vectors)
    heights = Z @ (m.mean @ vectors)
    # A dark pixel has no direction: it stays where it is.
    heights = np.where(np.abs(heights) > 1e-12 * np.abs(heights).max(), heights, np.inf)
    return Z / heights[:, None]


def _vca_run(Z, K, rng):
    M = np.zeros((K, K))
    M[K - 1, 0] = 1.0
    chosen = np.empty(K, dtype=np.int64)
    for i in range(K):
        basis = np.linalg.qr(M[:, : max(i, 1)])[0]
        f = rng.random(K)
        for _ in range(2):
            f -= basis @ (basis.T @ f)
        chosen[i] = np.abs(Z @ (f / np.linalg.norm(f))).argmax()
        M[:, i] = Z[chosen[i]]
    return chosen


def _affine_coordinates(rows, K, m):
    """Return the pixels in the K - 1 leading principal components, after a one; ValueError if there are fewer."""
    Z = project(rows, leading_eigenvectors(m.covariance, K - 1), m.mean)
    spreads = np.abs(Z).max(axis=0) if K > 1 else np.ones(0)
    floor = 1e-10 * (spreads.max(initial=0.0)) + 1e-13 * np.abs(m.mean).max()
    found = int((spreads > floor).sum()) + 1 if Z.shape[1] == K - 1 else Z.shape[1] + 1
    if found < K:
        raise _too_few(found, K)
    return np.column_stack([np.ones(len(Z)), Z])


def _volume(corners):
    return abs(np.linalg.det(corners))


def _nfindr(rows, K, m, chosen):
    if K == 1:
        return chosen
    Z = _affine_coordinates(rows, K, m)
    Z = Z / np.abs(Z).max(axis=0)
    chosen = chosen.copy()
    with single_threaded_blas():
        for _ in range(3 * K):
            swapped = False
            for k in range(K):
                corners = Z[chosen]
                # The volume with x in place k is |cofactors . x|.
                cofactors = _cofactors(corners, k)
                volumes = np.abs(Z @ cofactors)
                best = int(volumes.argmax())
                if volumes[best] > (1 + _SWAP_GAIN) * volumes[chosen[k]]:
                    chosen[k], swapped = best, True
            if not swapped:
                break
    return chosen


def _cofactors(corners, k):
    """Return c with det(corners with row k replaced by x) = c . x."""
    K = len(corners)
    others = np.delete(corners, k, axis=0)
    signs = (-1.0) ** (np.arange(K) + k)
    return np.array([signs[j] * np.linalg.det(np.delete(others, j, axis=1)) for j in range(K)])


def rank_limit(m: Moments):
    """Return how many endmembers the pixels' affine hull has room for."""
    with single_threaded_blas():
        values = np.linalg.eigvalsh(m.covariance)
    return int((values > 1e-12 * max(np.trace(m.correlation), 1e-300)).sum()) + 1
