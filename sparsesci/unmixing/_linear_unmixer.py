"""The classical chain: extract endmembers, then find the abundances for them."""

import copy

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sparsesci._core.device import resolve_device
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_flag, check_integer, check_option
from sparsesci.unmixing import _extraction
from sparsesci.unmixing._abundances import fcls, nnls_abundances, scls, ucls
from sparsesci.unmixing._moments import moments
from sparsesci.unmixing._noise import noise_of, outliers_of
from sparsesci.unmixing._pixels import kept_rows, result_dtype
from sparsesci.unmixing._scene_estimator import SceneEstimator, choose_count

_ABUNDANCES = {"fcls": fcls, "nnls": nnls_abundances, "scls": scls, "ucls": ucls}


class LinearUnmixer(SceneEstimator):
    """Unmix in two steps: extract endmembers among the pixels, then find the abundances for them.

    Parameters
    ----------
    n_endmembers : int or None, default=None
        None estimates it by the "hfc" method of :func:`estimate_n_endmembers`, which counts too many on real scenes.
    extractor : {"sivm", "vca", "nfindr", "spa"}, default="sivm"
    abundance : {"fcls", "nnls", "scls", "ucls"}, default="fcls"
        Constraints on the abundances: both, non-negative, sum to one, none.
    robust : bool, default=False
        Find broken bands first, and use the others only, for both steps.
    random_state : int, RandomState instance, Generator or None, default=None
        Used by "vca".
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where "fcls" and "nnls" run; everything else runs on the CPU. X is an array of the host for all of them.
    verbose : int, default=0
        There is no loop long enough for a progress bar; accepted for uniformity.

    Attributes
    ----------
    endmembers_ : ndarray of shape (n_endmembers, n_bands)
        Spectra of pixels; ``components_`` is another name for them.
    endmember_indices_ : ndarray of int of shape (n_endmembers,)
        Flat (C order) numbers of those pixels.
    abundances_ : ndarray of shape (n_pixels, n_endmembers)
        NaN for masked pixels.
    abundance_maps_ : ndarray of shape (rows, cols, n_endmembers)
        The same, where a cube was given.
    outlier_bands_ : ndarray of bool of shape (n_bands,)
        All False without ``robust``.
    band_noise_ : ndarray of shape (n_bands,)
        See :func:`band_noise`.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has feature names that are all strings.

    See Also
    --------
    RobustSparseUnmixing : Learns the spectra, too, and need not find pure pixels.

    Notes
    -----
    Time O(N L K) and what the abundances take; memory O(N K). Memory maps are read block by block.

    Examples
    --------
    >>> from sparsesci.datasets import make_unmixing_scene
    >>> from sparsesci.unmixing import LinearUnmixer
    >>> scene = make_unmixing_scene((32, 32), n_endmembers=3, random_state=0)
    >>> model = LinearUnmixer(3).fit(scene.cube)
    >>> model.abundance_maps_.shape
    (32, 32, 3)
    """

    def __init__(
        self,
        n_endmembers=None,
        *,
        extractor="sivm",
        abundance="fcls",
        robust=False,
        random_state=None,
        n_jobs=None,
        device="cpu",
        verbose=0,
    ):
        self.n_endmembers = n_endmembers
        self.extractor = extractor
        self.abundance = abundance
        self.robust = robust
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def fit(self, X, y=None, mask=None):
        """Extract the endmembers and find the abundances of X.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        y : None
            Not used.
        mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
            True where a pixel is left out.

        Returns
        -------
        self : LinearUnmixer

        Raises
        ------
        ValueError
            If X holds NaN or infinity in pixels that are not masked, or spans too few distinct directions. The
            estimator stays as it was.
        """
        draft = copy.copy(self)
        key = draft._check_parameters()
        X, image, mask = draft._check_scene(X, mask, reset=True)
        rows = kept_rows(X, mask)
        m = moments(rows)
        good = ~outliers_of(m.correlation) if draft.robust else np.ones(rows.n_bands, dtype=np.bool_)
        K = choose_count(draft.n_endmembers, rows, m, good)
        chosen = _extraction.search(rows, K, draft.extractor, good=None if good.all() else good, key=key)
        draft.endmember_indices_ = _extraction._numbers(chosen, rows)
        draft.endmembers_ = np.array(X[draft.endmember_indices_], dtype=result_dtype(X))
        draft.outlier_bands_ = ~good
        draft.band_noise_ = noise_of(m.correlation)
        draft._keep_abundances(draft._abundances(X, mask), image)
        return self._become(draft)

    def fit_transform(self, X, y=None, mask=None):
        """Fit, and return the abundances of X.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        y : None
            Not used.
        mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
            True where a pixel is left out.

        Returns
        -------
        abundances : ndarray of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
        """
        self.fit(X, y, mask=mask)
        return getattr(self, "abundance_maps_", self.abundances_)

    def transform(self, X):
        """Return the abundances of X for the endmembers.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)

        Returns
        -------
        abundances : ndarray of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
        """
        check_is_fitted(self)
        X, image, mask = self._check_scene(X, None, reset=False)
        abundances = self._abundances(X, mask)
        return abundances if image is None else abundances.reshape(*image, -1)

    def _abundances(self, X, mask):
        options = {"device": self.device} if self.abundance in ("fcls", "nnls") else {}
        weights = (~self.outlier_bands_).astype(np.float64) if self.outlier_bands_.any() else None
        return _ABUNDANCES[self.abundance](
            X, self.endmembers_, band_weights=weights, mask=mask, n_jobs=self.n_jobs, **options
        )

    def _check_parameters(self):
        """Raise for bad parameters; return the key of the random numbers."""
        if self.n_endmembers is not None:
            check_integer("n_endmembers", self.n_endmembers, minimum=1)
        check_option("extractor", self.extractor, _extraction.METHODS)
        check_option("abundance", self.abundance, tuple(_ABUNDANCES))
        check_flag("robust", self.robust)
        check_integer("verbose", self.verbose, minimum=0)
        effective_n_jobs(self.n_jobs)
        resolve_device(self.device)
        return key_from_random_state(self.random_state)
