"""Linear regression from a sketch: one pass, streams, shards, and a bound on every coefficient."""

import copy
import warnings

import numpy as np
from scipy import stats
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsesci._core.device import resolve_device
from sparsesci._core.exceptions import SketchWarning
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real
from sparsesci.sketching import _row_ranges
from sparsesci.sketching._operators import make_sketch
from sparsesci.sketching._row_sketch import NumberedRows, check_weights, sketch_rows
from sparsesci.sketching._sketch_and_solve import sketch_law, solve_sketch

_DTYPES = [np.float64, np.float32]
_KINDS = ("srht", "gaussian", "sparse_sign", "countsketch")
_ALL_ROWS = 1 << 47
_BOUND_LEVEL = 0.95


class SketchedRegression(RegressorMixin, BaseEstimator):
    """Least squares or ridge regression from a random sketch of the rows, with a bound on every coefficient.

    Of the n rows of ``[X, y]`` only ``S @ [X, y]`` with m rows is kept. ``S`` is linear, so rows can come in chunks
    (``partial_fit``), in shards that are added up later (``merge``), and can be taken out again
    (``partial_unfit``). The coefficients are those of the regression on the sketch, and the sketch also says how far
    they may be from those that all rows would give.

    Parameters
    ----------
    n_components : int or None, default=None
        Number of rows of the sketch, m; more than there are coefficients, or the solution is one of many. None: from
        ``eps``.
    eps : float or None, default=None
        In (0, 1): m = ceil(n_features / eps**2), at least 4 n_features, unless ``n_components`` is given. Both None: m
        = 8 n_features. With ``sketch="srht"`` both are capped at the number of rows padded to a power of two, for which
        the solution is exact.
    sketch : {"srht", "gaussian", "sparse_sign", "countsketch"}, default="srht"
        Kind of sketch. The last two are not certified.
    n_max : int or None, default=None
        Bound on the row numbers, counted with ``row_offset``. It fixes the size of the transform of the SRHT: shards
        must share it, and a stream needs it to have the same sketch as ``fit`` of all rows. None: no bound. Then
        ``fit`` makes the sketch for the rows that it gets and ``partial_fit`` for 2**47, which costs no time and
        memory, but the gain of drawing without replacement from few rows is lost.
    row_offset : int, default=0
        Number of the first row that this estimator sees, where a data set is divided among several.
    alpha : float, default=0.0
        Ridge penalty on the squared norm of the coefficients, added exactly, not sketched. The intercept is not
        penalised.
    fit_intercept : bool, default=True
        The column of ones is sketched along with the data.
    random_state : int, RandomState instance, Generator or None, default=None
        Where the key of the sketch comes from; it is drawn in ``fit``, or in the first ``partial_fit``, and kept.
        Shards that will be merged need the same *int*: a RandomState or Generator instance is advanced by every
        estimator that draws from it, which gives different keys, and so does None.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        With dependent columns, the solution of the smallest norm.
    intercept_ : float or ndarray of shape (n_targets,)
    coef_stderr_ : ndarray of the shape of ``coef_``
        Standard errors around the full solution, over the randomness of the sketch; infinite where m leaves no degree
        of freedom.
    residual_norm_ : float or ndarray of shape (n_targets,)
        Estimate of the norm of the residual of the full solution; NaN where m leaves no degree of freedom.
    linf_bound_ : float
        With probability 0.95 all coefficients are within this distance of the full solution.
    linf_certified_ : bool
        Whether ``linf_bound_`` and ``conf_int`` are backed by the law below.
    rank_ : int
        Rank of the sketched features, centred where there is an intercept.
    sketch_ : LinearOperator of shape (sketch_size_, rows)
        The sketch, of at least the rows that have been seen.
    key_ : numpy.uint64
        The key of the sketch.
    sketch_size_ : int
        m.
    n_samples_seen_ : int
        Number of rows in the sketch.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    sketched_lstsq : Solves the full problem to machine precision.

    Notes
    -----
    Time O(n d log m) for dense data and the SRHT, O(8 nnz(X)) for "sparse_sign", O(nnz(X)) for "countsketch",
    O(n d m) for "gaussian"; the solution takes O(m d^2) and is computed when an attribute that needs it is
    first read after ``partial_fit``. Memory O(m d); ``X`` is not copied.

    For a Gaussian sketch and ``alpha=0``, ``(coef_ - full solution) / coef_stderr_`` has exactly Student's t
    distribution with m - p degrees of freedom, p counting coefficients and intercept, for any fixed data: classical
    formulas applied to the sketch speak about the full solution. For the SRHT the law is asymptotic, with the
    variance times (N - m) / (N - p - 1), N being the number of rows padded to a power of two: what rows drawn
    without replacement from a uniformly random rotation of the data would have. ``linf_bound_`` takes the quantile
    by Bonferroni's inequality over all coefficients and targets, and the largest standard error.

    What is covered: with ``sample_weight``, the solution, residual and errors are those of the weighted problem, and
    the law holds for it. With ``alpha > 0`` the residual is no longer orthogonal to the features, so the sketch's
    error in X^T X enters too; the standard errors contain it to first order, but there is also a bias of order d / m
    relative to the shrinkage, so ``linf_certified_`` is False. With sparse sketches no quantity computed
    from the sketch bounds the error of a single coefficient: ``linf_certified_`` is False. Nothing here is about the
    sampling error of the data.

    References
    ----------
    Z. Song, M. Ye, J. Yin, L. Zhang, "A Nearly-Optimal Bound for Fast Regression with l_inf Guarantee", ICML 2023,
    arXiv:2302.00248: dense sketches spread the error evenly over the coefficients. D. Ahfock, W. Astle, S. Richardson,
    "Statistical properties of sketching algorithms", Biometrika 2021: sampling laws of sketched regression. Intervals,
    the factor for the SRHT and the treatment of the penalty are derived here.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import SketchedRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((20000, 5))
    >>> y = X @ np.arange(5.0) + 3 + rng.standard_normal(20000)
    >>> model = SketchedRegression(n_components=500, n_max=20000, random_state=0)
    >>> for start in range(0, 20000, 4000):
    ...     model = model.partial_fit(X[start : start + 4000], y[start : start + 4000])
    >>> model.n_samples_seen_, model.sketch_size_
    (20000, 500)
    >>> full = np.linalg.lstsq(np.column_stack((X, np.ones(20000))), y, rcond=None)[0]
    >>> bool(np.abs(model.coef_ - full[:5]).max() < model.linf_bound_ < 0.2)
    True
    """

    def __init__(
        self,
        n_components=None,
        eps=None,
        sketch="srht",
        n_max=None,
        row_offset=0,
        alpha=0.0,
        fit_intercept=True,
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.n_components = n_components
        self.eps = eps
        self.sketch = sketch
        self.n_max = n_max
        self.row_offset = row_offset
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Sketch all rows, in one pass, and solve.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Weights of the squared residuals, not negative.

        Returns
        -------
        self : SketchedRegression

        Raises
        ------
        ValueError
            If the data hold NaN or infinity or do not fit together, if there are more rows than ``n_max``, or, for the
            SRHT, if ``n_components`` is above the padded number of rows. The estimator stays as it was.

        Warns
        -----
        SketchWarning
            If ``n_components`` is less than the number of coefficients.
        """
        draft = copy.copy(self)
        draft._check_parameters()
        data = draft._check_data(X, y, sample_weight, None, draft.row_offset, reset=True)
        if data.weight_roots is not None and not data.weight_roots.any():
            # The second sentence is scikit-learn's.
            raise ValueError(
                "sample_weight is zero for every row. Sample weights must contain at least one non-zero number."
            )
        draft._begin(data, row_bound=draft.row_offset + data.X.shape[0])
        draft._add(data)
        draft._solve()
        return self._become(draft)

    def partial_fit(self, X, y, sample_weight=None, indices=None):
        """Add rows to the sketch; the first call initialises it.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Weights of the squared residuals, not negative.
        indices : array-like of int of shape (n_samples,) or None, default=None
            Numbers of the rows in the whole data set, distinct and not seen before. None: those that follow the
            highest one so far, from ``row_offset`` on. Fastest where they come in runs.

        Returns
        -------
        self : SketchedRegression

        Raises
        ------
        ValueError
            As for ``fit``, and if a row has been seen before or lies beyond ``n_max``. The estimator stays as it was.
        """
        first_call = not hasattr(self, "sketch_")
        draft = copy.copy(self)
        draft._check_parameters()
        next_row = draft.row_offset if first_call else draft._next_row
        data = draft._check_data(X, y, sample_weight, indices, next_row, reset=first_call)
        if first_call:
            draft._begin(data, row_bound=_ALL_ROWS)
        draft._add(data)
        return self._become(draft)

    def partial_unfit(self, X, y, indices, sample_weight=None):
        """Take rows out of the sketch again.

        What remains of them is rounding: relative to the sums that they were part of, about one unit in the last place.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The rows as they were given to ``partial_fit`` or ``fit``.
        indices : array-like of int of shape (n_samples,)
            Their numbers in the whole data set, counted with ``row_offset``.
        sample_weight : array-like of shape (n_samples,), float or None, default=None
            The weights that they had.

        Returns
        -------
        self : SketchedRegression

        Raises
        ------
        ValueError
            If one of the rows is not in the sketch, or the data are not valid. The estimator stays as it was.
        """
        check_is_fitted(self)
        draft = copy.copy(self)
        draft._check_parameters()
        if indices is None:
            raise ValueError("indices must be given: the numbers of the rows to take out")
        data = draft._check_data(X, y, sample_weight, indices, None, reset=False)
        draft._remove(data)
        return self._become(draft)

    def merge(self, other):
        """Add the sketch of other rows of the same data set.

        Parameters
        ----------
        other : SketchedRegression
            Fitted with the same key (give both the same int as ``random_state``), kind and size of sketch, ``n_max``
            where the kind is "srht", features, targets and intercept, on other rows (``row_offset``). Not changed.

        Returns
        -------
        self : SketchedRegression

        Raises
        ------
        TypeError
            If ``other`` is no SketchedRegression.
        ValueError
            If the two do not fit together. Both stay as they were.
        """
        if not isinstance(other, SketchedRegression):
            raise TypeError(f"other must be a SketchedRegression; got {type(other).__name__}")
        check_is_fitted(self)
        check_is_fitted(other)
        self._check_mergeable(other)
        draft = copy.copy(self)
        draft._combine(other._sketched, other._dtype, _row_ranges.union(self._rows, other._rows))
        draft._next_row = max(self._next_row, other._next_row)
        if other.sketch_.shape[1] > draft.sketch_.shape[1]:
            draft.sketch_ = other.sketch_
        return self._become(draft)

    def predict(self, X):
        """Predict the targets.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=_DTYPES)
        return safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_

    def conf_int(self, confidence_level=0.95, simultaneous=True):
        """Return intervals for the coefficients of the full solution.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Probability, over the randomness of the sketch, with which the intervals hold.
        simultaneous : bool, default=True
            Whether they hold all at once with that probability (Bonferroni), or each by itself.

        Returns
        -------
        interval : ndarray of shape (n_features, 2) or (n_targets, n_features, 2)
            Lower and upper ends. The intercept has none.

        Warns
        -----
        SketchWarning
            If the intervals are not certified: sparse sketches, and ``alpha > 0``.
        """
        check_is_fitted(self)
        level = check_real("confidence_level", confidence_level, minimum=0, maximum=1, exclusive=True)
        simultaneous = check_flag("simultaneous", simultaneous)
        if not self.linf_certified_:
            kind = self.sketch_.kind
            reason = f"a {kind} sketch does not spread its error over the coefficients ('srht' and 'gaussian' do)"
            if self.sketch_.certified:
                reason = "with alpha > 0 the solution of the sketch is biased by an unknown amount"
            warnings.warn(f"These intervals are not certified: {reason}.", SketchWarning, stacklevel=2)
        half = self.coef_stderr_ * self._quantile(level, simultaneous)
        return np.stack((self.coef_ - half, self.coef_ + half), axis=-1)

    def _quantile(self, level, simultaneous):
        """Return how many standard errors a coefficient may be off."""
        degrees = self._solution["degrees"]
        if degrees <= 0:
            return 1.0
        at_once = self.coef_.size if simultaneous else 1
        return stats.t.isf((1 - level) / (2 * at_once), degrees)

    coef_ = property(lambda self: self._solution["coef"])
    intercept_ = property(lambda self: self._solution["intercept"])
    coef_stderr_ = property(lambda self: self._solution["stderr"])
    residual_norm_ = property(lambda self: self._solution["residual_norm"])
    rank_ = property(lambda self: self._solution["rank"])

    @property
    def linf_bound_(self):
        return float(self.coef_stderr_.max() * self._quantile(_BOUND_LEVEL, simultaneous=True))

    @property
    def linf_certified_(self):
        check_is_fitted(self)
        return bool(self.sketch_.certified and self.alpha == 0)

    @property
    def sketch_size_(self):
        check_is_fitted(self)
        return self.sketch_.shape[0]

    @property
    def key_(self):
        check_is_fitted(self)
        return self.sketch_.key

    @property
    def _solution(self):
        check_is_fitted(self)
        if self._solved is None:
            self._solve()
        return self._solved

    def _check_parameters(self):
        """Raise for parameters that are wrong whatever the data are."""
        check_option("sketch", self.sketch, _KINDS)
        for name in ("n_components", "n_max"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), minimum=1)
        if self.eps is not None:
            check_real("eps", self.eps, minimum=0, maximum=1, exclusive=True)
        check_integer("row_offset", self.row_offset, minimum=0)
        check_real("alpha", self.alpha, minimum=0)
        check_flag("fit_intercept", self.fit_intercept)
        effective_n_jobs(self.n_jobs)
        resolve_device(self.device)

    def _check_data(self, X, y, sample_weight, indices, next_row, *, reset):
        """Return the rows as ``NumberedRows``. NaN in X is found later, in its sketch, at no pass over X."""
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=_DTYPES,
            ensure_all_finite=False,
            multi_output=True,
            y_numeric=True,
        )
        n = X.shape[0]
        if issparse(y) or y.dtype.kind not in "buif":
            raise ValueError("y must be a dense array of numbers")
        single_target = y.ndim == 1
        targets = y.reshape(n, -1).astype(X.dtype, copy=False)
        if not reset and (single_target, targets.shape[1]) != (self._single_target, self._n_targets):
            expected = "1-d" if self._single_target else f"of shape (n_samples, {self._n_targets})"
            raise ValueError(f"y must be {expected}, as in the first call; got shape {y.shape}")
        if self.fit_intercept if reset else self._intercept:
            targets = np.hstack((targets, np.ones((n, 1), dtype=X.dtype)))
        roots = None if sample_weight is None else np.sqrt(check_weights(sample_weight, n, X.dtype))
        if indices is None:
            return NumberedRows(X, targets, roots, _row_ranges.consecutive(next_row, n), single_target)
        indices, order = _row_ranges.check_indices(indices, n)
        if order is not None:
            X, targets, roots = X[order], targets[order], None if roots is None else roots[order]
        return NumberedRows(X, targets, roots, _row_ranges.from_sorted(indices), single_target)

    def _begin(self, data, row_bound):
        """Choose the size of the sketch, draw its key and set up an empty one.

        ``row_bound`` takes the place of ``n_max`` where that is None: what the sketch is made for at first.
        """
        self._check_bound(data.ranges)
        d = data.X.shape[1]
        n_rows = row_bound if self.n_max is None else self.n_max
        self._intercept = bool(self.fit_intercept)
        self.sketch_ = make_sketch(self.sketch, self._choose_size(d, n_rows), n_rows, random_state=self.random_state)
        m = self.sketch_.shape[0]
        self._sketched = (np.zeros((m, d)), np.zeros((m, data.targets.shape[1])))
        self._single_target = data.single_target
        self._n_targets = data.targets.shape[1] - self._intercept
        self._dtype = data.X.dtype
        self._rows = _row_ranges.EMPTY
        self._next_row = self.row_offset

    def _choose_size(self, d, n_rows):
        if self.n_components is not None:
            n_coefficients = d + self._intercept
            if self.n_components < n_coefficients:
                warnings.warn(
                    f"n_components={self.n_components} should be at least n_features"
                    f"{' + 1' if self._intercept else ''} = {n_coefficients}: the sketch does not determine the "
                    "coefficients, and says nothing about their error.",
                    SketchWarning,
                    stacklevel=4,
                )
            return self.n_components
        m = 8 * d if self.eps is None else max(4 * d, int(np.ceil(d / self.eps**2)))
        return min(m, 1 << (n_rows - 1).bit_length()) if self.sketch == "srht" else m

    def _check_bound(self, ranges):
        last = int(ranges[-1, 1]) - 1
        bound = _ALL_ROWS if self.n_max is None else self.n_max
        if last >= bound:
            raise ValueError(f"n_max={bound} bounds the row numbers, which begin at 0; got row {last}")

    def _add(self, data):
        seen = _row_ranges.first_overlap(self._rows, data.ranges)
        if seen is not None:
            raise ValueError(f"indices must be of rows not seen before; row {seen} has been seen")
        self._check_bound(data.ranges)
        stop = int(data.ranges[-1, 1])
        if stop > self.sketch_.shape[1]:
            self.sketch_ = self.sketch_._extended(stop)
        self._combine(self._sketch(data), data.X.dtype, _row_ranges.union(self._rows, data.ranges))
        self._next_row = max(self._next_row, stop)

    def _remove(self, data):
        missing = _row_ranges.first_missing(self._rows, data.ranges)
        if missing is not None:
            raise ValueError(f"indices must be of rows in the sketch; row {missing} is not")
        removed = [-part for part in self._sketch(data)]
        self._combine(removed, data.X.dtype, _row_ranges.difference(self._rows, data.ranges))
        if self.n_samples_seen_ == 0:
            self._sketched = tuple(np.zeros_like(part) for part in self._sketched)

    def _sketch(self, data):
        """Return the sketches of the features and of the targets."""
        common = data.weight_roots, data.ranges, self.n_jobs, self.device
        sketched_X = sketch_rows(self.sketch_, data.X, *common)
        # Every entry of X reaches the sketch.
        if not np.isfinite(sketched_X).all():
            with np.errstate(invalid="ignore"):
                assert_all_finite(data.X, estimator_name=type(self).__name__, input_name="X")
            raise ValueError("The sketch of X overflows. Scale X or sample_weight down.")
        sketched_targets = sketch_rows(self.sketch_, data.targets, *common)
        if not np.isfinite(sketched_targets).all():
            raise ValueError("The sketch of y overflows. Scale y or sample_weight down.")
        return sketched_X, sketched_targets

    def _combine(self, sketched, dtype, rows):
        """Add to the sketch; ``rows`` are those that it holds then."""
        self._sketched = tuple(mine + theirs for mine, theirs in zip(self._sketched, sketched))
        self._dtype = np.result_type(self._dtype, dtype)
        self._rows = rows
        self.n_samples_seen_ = _row_ranges.count(rows)
        self._solved = None

    def _become(self, draft):
        """Take over all that a copy of this estimator has learned, in one step that nothing interrupts."""
        self.__dict__ = draft.__dict__
        return self

    def _check_mergeable(self, other):
        def traits(model):
            names = getattr(model, "feature_names_in_", None)
            return {
                "kind of sketch": model.sketch_.kind,
                "n_components": model.sketch_.shape[0],
                "number of rows of the transform (n_max)": getattr(model.sketch_, "n_padded", None),
                "number of features": model.n_features_in_,
                "feature names": None if names is None else tuple(names),
                "shape of y": (model._single_target, model._n_targets),
                "fit_intercept": model._intercept,
                "key (random_state)": int(model.key_),
            }

        theirs = traits(other)
        for name, mine in traits(self).items():
            if mine != theirs[name]:
                raise ValueError(f"other must have the same {name} to be merged; got {mine} and {theirs[name]}")
        seen = _row_ranges.first_overlap(self._rows, other._rows)
        if seen is not None:
            raise ValueError(f"other must hold other rows (row_offset); both hold row {seen}")

    def _solve(self):
        """Solve the sketched problem and keep what the attributes show."""
        sketched_X, sketched_targets = self._sketched
        k = self._n_targets
        ones = sketched_targets[:, k] if self._intercept else None
        alpha = check_real("alpha", self.alpha, minimum=0)
        solution = solve_sketch(sketched_X, sketched_targets[:, :k], ones, alpha, self._dtype)
        law = sketch_law(solution, self.sketch_.shape[0], getattr(self.sketch_, "n_padded", None))

        def shaped(per_target):
            per_target = per_target.astype(self._dtype)
            return per_target[0] if self._single_target else per_target

        self._solved = {
            "coef": shaped(solution.coef.T),
            "intercept": shaped(solution.intercept) if self._intercept else 0.0,
            "stderr": shaped(law.standard_errors.T),
            "residual_norm": shaped(law.residual_norm),
            "degrees": law.degrees,
            "rank": solution.rank,
        }
