"""Robust sparse unmixing (RRLbS): endmembers, abundances and a guidance map, learned together."""

import copy
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from sparsesci._core.device import twin
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real, naming
from sparsesci.unmixing import _blind_kernels
from sparsesci.unmixing._blind import Problem, Settings, Solution, abundances_of, squared_residuals, unmix
from sparsesci.unmixing._blind_kernels import GINI, HOYER, NO_MAP
from sparsesci.unmixing._extraction import search
from sparsesci.unmixing._moments import moments, scan
from sparsesci.unmixing._noise import noise_of, outliers_of
from sparsesci.unmixing._pixels import (
    PixelRows,
    check_endmembers,
    check_vector,
    ensure_finite,
    result_dtype,
)
from sparsesci.unmixing._scene_estimator import SceneEstimator, choose_count, proportions

_INITS = ("sivm", "vca", "nfindr", "spa", "random")
_GUIDANCE = {"gini": GINI, "hoyer": HOYER}
_MAX_ITER = {"mu": 300, "bcd": 30}
_MU_ALPHA, _BCD_ALPHA, _SIMPLEX_ALPHA = 5e-4, 2.5e-4, 5e-5


class RobustSparseUnmixing(SceneEstimator):
    """Blind unmixing that withstands broken bands and learns how sparse every pixel is (RRLbS).

    Minimises, over endmembers E >= 0, abundances A >= 0 and a guidance map h::

        sum_l ||X[:, l] - A E[:, l]||_2 + lambda * sum_n sum_k A[n, k]^(1 - h[n])

    The norm is taken over the pixels of a band, and summed over the bands: a band that cannot be fitted counts with
    its residual, not with the square of it. The map h is high where a pixel is nearly pure.

    Parameters
    ----------
    n_endmembers : int or None, default=None
        None takes that of an array ``init``, or estimates it by the "hfc" method of :func:`estimate_n_endmembers`,
        which counts too many on real scenes.
    loss : {"l21", "l2"}, default="l21"
        The sum of norms over the bands, or half the sum of squares.
    alpha : float or "auto", default="auto"
        Strength of the sparsity, as a fraction of the curvature of the loss at the start. "auto" is 5e-4 for "mu",
        and for "bcd" 2.5e-4, or 5e-5 with a sum to one. From 1e-2 on abundances collapse.
    guidance : {"gini", "hoyer"}, array-like of shape (n_pixels,) or (rows, cols), or None, default="gini"
        How the map is made from the abundances: the index of sparsity. An array is taken as the map, in [0, 1). None:
        the same exponent ``p`` everywhere.
    p : float or None, default=None
        Exponent in (0, 1] for all pixels, instead of the map of "gini" or "hoyer"; None with ``guidance=None`` is 1.
    h_max : float, default=0.75
        Largest value of the map, in [0, 1).
    scale : {"max", "l2"} or None, default="max"
        What is one in every endmember: its largest value, its norm, or nothing in particular. Not used with
        ``sum_to_one``. Without any of them the penalty is lowered for free by shrinking A.
    sum_to_one : False, "soft" or "hard", default=False
        Whether abundances sum to one: as a penalty, or exactly (solver "bcd" only). Does harm where brightness varies
        inside a material.
    solver : {"bcd", "mu"}, default="bcd"
        Block coordinate descent with exact abundances, or multiplicative updates.
    init : {"sivm", "vca", "nfindr", "spa", "random"} or array-like of shape (n_endmembers, n_bands), default="sivm"
        Where the endmembers start: pixels found by extraction, random pixels, or given spectra.
    robust_init : bool, default=True
        Search the start on bands that are not broken.
    outlier_bands : {"exclude", "keep"} or array-like of bool of shape (n_bands,), default="exclude"
        "exclude" leaves bands that :func:`outlier_bands` flags out of the abundances; their spectra are fitted all the
        same. "keep" trusts the loss. An array says which bands to leave out.
    n_init : int, default=1
        Number of starts with "vca" or "random", of which the one with the lowest objective is kept.
    max_iter : int or None, default=None
        None: 300 for "mu", 30 for "bcd".
    tol : float, default=1e-5
        The iteration ends when the objective changes by less than this, relatively; "mu" looks every 10 iterations.
    random_state : int, RandomState instance, Generator or None, default=None
        Used by the starts "vca" and "random".
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the passes over the pixels run; what comes before and after them runs on the CPU. X is an array of the
        host for all of them.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    endmembers_ : ndarray of shape (n_endmembers, n_bands)
        In the units of X; ``components_`` is another name for them. Arbitrary on broken bands.
    abundances_ : ndarray of shape (n_pixels, n_endmembers)
        Proportions: rows sum to one. NaN for masked pixels, and for pixels without abundances.
    abundance_maps_ : ndarray of shape (rows, cols, n_endmembers)
        The same, where a cube was given.
    brightness_ : ndarray of shape (n_pixels,)
        What the rows summed to before: ``brightness_[:, None] * (abundances_ @ endmembers_)`` approximates X.
    guidance_map_ : ndarray of shape (n_pixels,) or (rows, cols)
        h.
    channel_weights_ : ndarray of shape (n_bands,)
        Weights of the bands in the last step of the abundances, one in the median over the bands that are used, zero
        for those left out.
    outlier_bands_ : ndarray of bool of shape (n_bands,)
        The bands found, or said, to be broken.
    band_noise_ : ndarray of shape (n_bands,)
        See :func:`band_noise`; where broken bands were looked for.
    objective_history_ : ndarray of shape (n_iter_,)
        With X in units of its largest value. It need not fall from one step to the next where the guidance map
        changes, or ``scale`` moves the abundances under a penalty.
    reconstruction_err_ : float
        Frobenius norm of the residual over pixels and bands that are used.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has feature names that are all strings.

    See Also
    --------
    SparseNMFUnmixing : Squared loss and one exponent for all pixels.
    LinearUnmixer : Extraction, then abundances for fixed spectra.
    unmixing_report : Compares with a reference.

    Notes
    -----
    Of the paper are the loss over channels, the penalty with a learned exponent for each pixel, and multiplicative
    updates; of its text only abstract and introduction could be read. The updates are derived here, and their descent
    is proved and tested; the rule that makes the map from the abundances, the dimensionless strength, the scaling, the
    robust start, the exclusion of bands and the block coordinate solver are our own.

    For a fixed map and ``scale=None`` the objective of "mu" never rises; that of "bcd" with ``alpha=0``.

    Each iteration reads X once and never forms a residual: O(N K L + N K^2) time, for "mu" 4 N K L operations and
    N K powers. Memory O(N K). X may be a memory map larger than memory.

    References
    ----------
    F. Zhu, Y. Wang, B. Fan, G. Meng, C. Pan, "Effective Spectral Unmixing via Robust Representation and Learning-based
    Sparsity", 2014, arXiv:1409.0685.

    Examples
    --------
    >>> from sparsesci.datasets import make_unmixing_scene
    >>> from sparsesci.unmixing import RobustSparseUnmixing, unmixing_report
    >>> scene = make_unmixing_scene((32, 32), n_endmembers=3, n_outlier_bands=16, outlier_scale=3.0, random_state=0)
    >>> model = RobustSparseUnmixing(3, sum_to_one="hard").fit(scene.cube)
    >>> bool((model.outlier_bands_ == scene.outlier_bands).all())
    True
    >>> report = unmixing_report(
    ...     scene.endmembers, scene.abundances, model.endmembers_, model.abundance_maps_, convention="raw"
    ... )
    >>> bool(report.mean_rmse < 0.02)
    True
    """

    h_damping = 1.0

    def __init__(
        self,
        n_endmembers=None,
        *,
        loss="l21",
        alpha="auto",
        guidance="gini",
        p=None,
        h_max=0.75,
        scale="max",
        sum_to_one=False,
        solver="bcd",
        init="sivm",
        robust_init=True,
        outlier_bands="exclude",
        n_init=1,
        max_iter=None,
        tol=1e-5,
        random_state=None,
        n_jobs=None,
        device="cpu",
        verbose=0,
    ):
        self.n_endmembers = n_endmembers
        self.loss = loss
        self.alpha = alpha
        self.guidance = guidance
        self.p = p
        self.h_max = h_max
        self.scale = scale
        self.sum_to_one = sum_to_one
        self.solver = solver
        self.init = init
        self.robust_init = robust_init
        self.outlier_bands = outlier_bands
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def fit(self, X, y=None, mask=None, sample_weight=None):
        """Learn endmembers, abundances and the guidance map.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
            Not negative.
        y : None
            Not used.
        mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
            True where a pixel is left out.
        sample_weight : array-like of shape (n_pixels,) or (rows, cols), float or None, default=None
            A pixel of weight w counts like w equal ones; one of weight 0 teaches nothing.

        Returns
        -------
        self : RobustSparseUnmixing

        Raises
        ------
        ValueError
            If X holds NaN or infinity in pixels that are not masked, or negative values, or spans too few distinct
            directions. The estimator stays as it was.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the iteration ends at ``max_iter``.
        RuntimeWarning
            If there are pixels without abundances, whose proportions are NaN.
        """
        draft = copy.copy(self)
        settings, key = draft._check_parameters()
        X, image, mask = draft._check_scene(X, mask, reset=True, check_finite=mask is not None)
        weights = _check_weights(sample_weight, X)
        taken = np.ones(len(X), dtype=np.bool_) if mask is None else ~mask
        learning = taken & (weights > 0)
        if not learning.any():
            raise ValueError("sample_weight leaves no pixel. Sample weights must contain at least one non-zero number.")
        seen = scan(PixelRows(X, None if mask is None else np.flatnonzero(taken)), weights[taken], settings.n_jobs)
        if not np.isfinite(seen.squares).all():
            ensure_finite(X, "X", mask)
        if seen.smallest < 0:
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__} (X): clip them, or use ucls or fcls, which "
                "take negative values"
            )
        h = draft._starting_map(len(X))[learning]
        rows = PixelRows(X, None if learning.all() else np.flatnonzero(learning))
        if not (weights[taken] > 0).all():
            seen = seen._replace(largest=scan(rows, weights[learning], settings.n_jobs).largest)
        solution, problem = draft._learn(rows, weights[learning], seen, h, settings, key)
        draft._finish(X, image, taken, learning, seen.zero, solution, problem)
        if not solution.converged and settings.tol > 0:
            warnings.warn(
                f"the iteration ended at max_iter={settings.max_iter} before the objective changed by less than "
                f"tol={settings.tol}",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self._become(draft)

    def fit_transform(self, X, y=None, mask=None, sample_weight=None):
        """Fit, and return the abundances of X.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        y : None
            Not used.
        mask : array-like of bool of shape (n_pixels,) or (rows, cols), or None, default=None
        sample_weight : array-like of shape (n_pixels,) or (rows, cols), float or None, default=None

        Returns
        -------
        abundances : ndarray of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
        """
        self.fit(X, y, mask=mask, sample_weight=sample_weight)
        return getattr(self, "abundance_maps_", self.abundances_)

    def transform(self, X):
        """Return the abundances of X for the learned endmembers, channel weights, sparsity and constraint.

        For solver "bcd" these are the abundances of the fit, where X is what was fitted. "mu" reports the ones that
        its iteration has reached; here they are found exactly. A guidance map that was given belongs to the pixels of
        the fit: here the exponent is 1.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
            May have negative values.

        Returns
        -------
        abundances : ndarray of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
            Proportions.
        """
        check_is_fitted(self)
        X, image, _ = self._check_scene(X, None, reset=False)
        rows = PixelRows(X)
        A, _, _ = abundances_of(self._problem_of(rows), self._learned)
        zero = _zero_pixels(rows) if self._learned_settings.sum_to_one else None
        A = proportions(A, zero)[0].astype(result_dtype(X), copy=False)
        return A if image is None else A.reshape(*image, -1)

    def score(self, X, y=None):
        """Return minus the l_{2,1} error with which X is represented: the higher, the better.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        y : None
            Not used.

        Returns
        -------
        score : float
            Minus the sum of the norms of the residuals of the bands that are used.
        """
        check_is_fitted(self)
        X, _, _ = self._check_scene(X, None, reset=False)
        rows = PixelRows(X)
        problem = self._problem_of(rows, scan(rows, np.ones(len(rows)), self.n_jobs).squares)
        _, _, sums = abundances_of(problem, self._learned)
        rho2 = squared_residuals(problem, self._learned.endmembers, sums)
        return -float(np.sqrt(rho2[problem.used]).sum()) * problem.x_scale

    # What fit is made of

    def _learn(self, rows, weights, seen, h, settings, key):
        looks_at_bands = self.robust_init or _is_word(self.outlier_bands, "exclude")
        needed = looks_at_bands or isinstance(self.init, str) or self.n_endmembers is None
        m = moments(rows, weights, settings.n_jobs) if needed else None
        broken = self._broken_bands(rows.n_bands, m)
        if looks_at_bands:
            self.band_noise_ = noise_of(m.correlation)
        elif hasattr(self, "band_noise_"):
            del self.band_noise_
        excluded = broken if not _is_word(self.outlier_bands, "keep") else np.zeros_like(broken)
        good = ~broken
        spectra = self._given_spectra(rows.n_bands)
        K = choose_count(self.n_endmembers if spectra is None else len(spectra), rows, m, good)
        x_scale = float(seen.largest[good].max())
        if x_scale <= 0:
            raise ValueError("X must not be constant; got zeros only in the bands that are used")
        problem = Problem(
            rows=rows,
            weights=weights,
            x_scale=x_scale,
            x2=seen.squares / x_scale**2,
            used=~excluded,
            good=good,
            kernels=twin(_blind_kernels, self.device),
            settings=settings,
        )
        repeats = self.n_init if spectra is None and self.init in ("vca", "random") else 1
        rng = np.random.default_rng(int(key))
        best = None
        for _ in range(repeats):
            E = spectra if spectra is not None else self._search(rows, weights, K, good, m, rng)
            solution = unmix(problem, np.maximum(E, 0.0) / x_scale, h.copy())
            if best is None or solution.history[-1] < best.history[-1]:
                best = solution
        best.endmembers[:, problem.x2 == 0] = 0.0
        return best, problem

    def _search(self, rows, weights, K, good, m, rng):
        if K == 1:
            return m.mean[None]
        if self.init == "random":
            chosen = np.sort(rng.choice(len(rows), K, replace=False))
        else:
            bands = good if self.robust_init and not good.all() else None
            chosen = search(rows, K, self.init, good=bands, weights=weights, key=rng.integers(2**63))
        return np.vstack([rows.block(i, i + 1) for i in chosen])

    def _broken_bands(self, L, m):
        if not isinstance(self.outlier_bands, str):
            with naming("outlier_bands"):
                broken = np.asarray(self.outlier_bands)
            if broken.dtype != np.bool_ or broken.shape != (L,):
                raise ValueError(
                    f"outlier_bands must be 'exclude', 'keep' or a boolean array of shape ({L},); got "
                    f"dtype {broken.dtype} and shape {broken.shape}"
                )
            if broken.all():
                raise ValueError(f"outlier_bands must leave a band; got True for all {L}")
            return broken
        if self.outlier_bands == "keep" and not self.robust_init:
            return np.zeros(L, dtype=np.bool_)
        broken = outliers_of(m.correlation)
        return np.zeros(L, dtype=np.bool_) if broken.all() else broken

    def _given_spectra(self, n_bands):
        if isinstance(self.init, str):
            return None
        spectra = check_endmembers(self.init, n_bands, "init")
        if (spectra < 0).any():
            raise ValueError(f"init must not be negative; got {spectra.min()}")
        if self.n_endmembers is not None and len(spectra) != self.n_endmembers:
            raise ValueError(f"init must have n_endmembers={self.n_endmembers} spectra; got {len(spectra)}")
        return spectra

    def _starting_map(self, n_pixels):
        if not self._has_given_map():
            exponent = 1.0 if self.p is None else self.p
            return np.full(n_pixels, 1.0 - exponent)
        with naming("guidance"):
            given = np.asarray(self.guidance)
        if given.ndim == 2:
            given = given.reshape(-1)
        h = check_vector(given, n_pixels, "guidance", minimum=0)
        if (h >= 1).any():
            raise ValueError(f"guidance must be below 1; got {h.max()}")
        return h

    def _has_given_map(self):
        return self.guidance is not None and not isinstance(self.guidance, str)

    def _finish(self, X, image, taken, learning, zero, solution, problem):
        """Set the learned attributes."""
        settings, dtype = problem.settings, result_dtype(X)
        self._learned_settings = settings
        self._bands = problem.used, problem.good
        self._x_scale = problem.x_scale
        A, h = solution.abundances, solution.guidance
        given = self._has_given_map()
        # Those who did not teach get what transform gives them; with the exact solver all do.
        refit = settings.solver == "bcd" and solution.penalty > 0 and not given
        others = np.flatnonzero(taken & ~learning)
        self._learned = Solution(
            solution.endmembers,
            None,
            np.float64(0.0 if self.p is None or given else 1.0 - self.p),
            solution.weights,
            solution.penalty,
            solution.closure,
        )
        if refit:
            A, _, solution.sums = abundances_of(problem, self._learned)
        all_A = np.full((len(X), A.shape[1]), np.nan)
        all_h = np.full(len(X), np.nan)
        all_A[learning], all_h[learning] = A, h
        if others.size:
            all_A[others] = abundances_of(self._problem_of(PixelRows(X, others)), self._learned)[0]
            all_h[others] = self._learned.guidance
        all_A[taken], brightness = proportions(all_A[taken], zero)
        if settings.guidance != NO_MAP:
            all_h[taken] = _index(all_A[taken], settings)
        self.brightness_ = np.full(len(X), np.nan, dtype=dtype)
        self.brightness_[taken] = brightness
        self.guidance_map_ = all_h.astype(dtype) if image is None else all_h.astype(dtype).reshape(image)
        self.endmembers_ = (solution.endmembers * problem.x_scale).astype(dtype)
        self._keep_abundances(all_A.astype(dtype), image)
        self._report(problem, solution)

    def _report(self, problem, solution):
        """Set the attributes about the fit itself."""
        d, used = solution.weights, problem.used
        self.channel_weights_ = d / (np.median(d[used]) or 1.0)
        self.outlier_bands_ = ~problem.good
        self.objective_history_ = np.array(solution.history)
        self.n_iter_ = solution.n_iter
        rho2 = squared_residuals(problem, solution.endmembers, solution.sums)
        self.reconstruction_err_ = float(np.sqrt(rho2[used].sum())) * problem.x_scale

    def _problem_of(self, rows, squares=None):
        """Return the problem of finding the abundances of other pixels; ``squares`` (L,) for its residuals."""
        used, good = self._bands
        weights = np.ones(len(rows))
        return Problem(
            rows=rows,
            weights=weights,
            x_scale=self._x_scale,
            x2=np.zeros(len(used)) if squares is None else squares / self._x_scale**2,
            used=used,
            good=good,
            kernels=twin(_blind_kernels, self.device),
            settings=self._learned_settings,
        )

    def _check_parameters(self):
        """Return the Settings and the key of the random numbers."""
        if self.n_endmembers is not None:
            check_integer("n_endmembers", self.n_endmembers, minimum=1)
        check_option("loss", self.loss, ("l21", "l2"))
        check_option("solver", self.solver, ("bcd", "mu"))
        check_option("scale", self.scale, ("max", "l2", None))
        if not (self.sum_to_one is False or (isinstance(self.sum_to_one, str) and self.sum_to_one in ("soft", "hard"))):
            raise ValueError(f"sum_to_one must be False, 'soft' or 'hard'; got {self.sum_to_one!r}")
        if self.sum_to_one == "hard" and self.solver == "mu":
            raise ValueError("sum_to_one must be False or 'soft' with solver='mu'; got 'hard'")
        if isinstance(self.init, str) or self.init is None:
            check_option("init", self.init, _INITS)
        if isinstance(self.outlier_bands, str) or self.outlier_bands is None:
            check_option("outlier_bands", self.outlier_bands, ("exclude", "keep"))
        if isinstance(self.guidance, str):
            check_option("guidance", self.guidance, (*_GUIDANCE, None))
        if self.p is not None and not 0 < check_real("p", self.p) <= 1:
            raise ValueError(f"p must be in (0, 1]; got {self.p!r}")
        if self.p is not None and self._has_given_map():
            raise ValueError("p must be None where guidance is an array")
        if check_real("h_max", self.h_max, minimum=0) >= 1:
            raise ValueError(f"h_max must be less than 1; got {self.h_max!r}")
        check_flag("robust_init", self.robust_init)
        check_integer("n_init", self.n_init, minimum=1)
        check_integer("verbose", self.verbose, minimum=0)
        effective_n_jobs(self.n_jobs)
        twin(_blind_kernels, self.device)
        settings = Settings(
            loss=self.loss,
            alpha=self._strength(),
            guidance=NO_MAP
            if self.p is not None
            else _GUIDANCE.get(self.guidance, NO_MAP)
            if isinstance(self.guidance, str)
            else NO_MAP,
            h_max=float(self.h_max),
            h_damping=self.h_damping,
            scale=self.scale,
            sum_to_one=self.sum_to_one,
            solver=self.solver,
            max_iter=_MAX_ITER[self.solver]
            if self.max_iter is None
            else check_integer("max_iter", self.max_iter, minimum=1),
            tol=check_real("tol", self.tol, minimum=0),
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        return settings, key_from_random_state(self.random_state)

    def _strength(self):
        if isinstance(self.alpha, str):
            check_option("alpha", self.alpha, ("auto",))
            if self.solver == "mu":
                return _MU_ALPHA
            return _SIMPLEX_ALPHA if self.sum_to_one else _BCD_ALPHA
        return check_real("alpha", self.alpha, minimum=0)


def _is_word(value, word):
    return isinstance(value, str) and value == word


def _check_weights(sample_weight, X):
    """Return the weights as float64 (n_pixels,)."""
    if isinstance(sample_weight, np.ndarray) and sample_weight.ndim == 2:
        sample_weight = sample_weight.reshape(-1)
    with naming("sample_weight"):
        return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


def _zero_pixels(rows):
    """Return which pixels are zero in all bands."""
    zero = np.empty(len(rows), dtype=np.bool_)
    for start, stop, block in rows.blocks():
        zero[start:stop] = ~block.any(axis=1)
    return zero


def _index(A, settings):
    """Return the guidance map that belongs to proportions A."""
    A, h = np.nan_to_num(A), np.empty(len(A))
    _blind_kernels.guidance_range(A, settings.guidance, settings.h_max, h, np.empty(A.shape[1]), 0, len(A))
    return h
