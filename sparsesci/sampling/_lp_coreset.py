"""Coresets for l_p norms and l_p regression: weighted rows by leverage scores, Lewis weights or sensitivities."""

import copy
import hashlib
import warnings

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsesci._core.device import resolve_device
from sparsesci._core.exceptions import SparseSciWarning
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real, naming
from sparsesci.sampling import _lewis
from sparsesci.sampling._coreset_tree import CoresetTree, Rows, joined
from sparsesci.sampling._leverage import exact_leverage_scores
from sparsesci.sampling._row_sampler import take_rows
from sparsesci.sampling._row_sampling import SCHEMES, check_count, draw_rows
from sparsesci.sampling._row_space import canonical, check_weights, has_entries
from sparsesci.sampling._sensitivities import sensitivities

SCORES = ("auto", "uniform", "leverage", "root_leverage", "lewis", "sensitivity", "leverage+sensitivity")
# With this accuracy the weights are as good for sampling as exact ones.
_LEWIS_TOLERANCE = 1e-2
_BUFFERED = 4
# The sample that sensitivities are computed from must be independent of the one that follows them.
_OTHER_KEY = np.uint64(0x9E3779B97F4A7C15)


def lp_scores(rows, p, score, columns, key, n_jobs=None, device="cpu"):
    """Return the scores of weighted rows, with further columns appended to them.

    Parameters
    ----------
    rows : Rows
    p, score : float and one of ``SCORES``
    columns : list of ndarray of shape (n,) or (n, k)
        Targets, or ones for an intercept.
    key : numpy.uint64
        For approximate sensitivities.
    """
    weights = rows.weights
    if score == "auto":
        score = "leverage" if p == 2 else "root_leverage" if p < 2 else "lewis"
    if score == "uniform":
        return weights.copy()
    if "sensitivity" in score and scipy.sparse.issparse(rows.X):
        raise TypeError(f"X must be dense for score={score!r}; sparse matrices are taken by the other scores")
    X = with_columns(rows.X, columns)
    if not has_entries(X):
        raise ValueError("X must not be zero everywhere")
    if score == "lewis":
        return _lewis.fixed_point(X, p, weights, _LEWIS_TOLERANCE, 100, n_jobs, device, stacklevel=5)[0]
    scaled = None if (weights == 1).all() else weights ** (2 / p)
    leverage = exact_leverage_scores(X, scaled, n_jobs, device, stacklevel=6) if score != "sensitivity" else None
    if score == "leverage":
        return leverage
    if score == "root_leverage":
        return leverage ** (p / 2)
    found = sensitivities(X * weights[:, np.newaxis] ** (1 / p), p, "approximate", None, key ^ _OTHER_KEY, n_jobs)
    return found if leverage is None else 0.5 * leverage / leverage.sum() + 0.5 * found / found.sum()


def with_columns(X, columns):
    """Return a dense or CSR matrix with further columns."""
    if not columns:
        return X
    columns = [np.asarray(column, dtype=X.dtype).reshape(X.shape[0], -1) for column in columns]
    if scipy.sparse.issparse(X):
        return scipy.sparse.hstack([X, *columns], format="csr")
    return np.concatenate([X, *columns], axis=1)


def content_key(key, rows):
    """Return a key that depends on the rows too, so that reductions of different rows are independent."""
    ends = rows.X[[0, -1]]
    ends = ends.toarray() if scipy.sparse.issparse(ends) else ends
    digest = hashlib.sha256(ends.astype(np.float64).tobytes() + rows.indices[[0, -1]].tobytes())
    digest.update(str(rows.n_rows).encode())
    return np.uint64(key) ^ np.uint64(int.from_bytes(digest.digest()[:8], "little"))


class _HiddenParameter:
    """A parameter of the constructor that has the name of a method of scikit-learn's estimators.

    It is stored as all others are, and seen by ``get_params``, ``set_params`` and ``clone``; but it is no attribute,
    as scikit-learn would take it for the method and call it.
    """

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        raise AttributeError(
            f"{owner.__name__} has no method {self.name!r}; get_params()[{self.name!r}] is the parameter"
        )

    def __set__(self, instance, value):
        vars(instance)[self.name] = value


class BaseLpCoreset(BaseEstimator):
    """What one-shot and streaming coresets share: checks, the tree of coresets, merging, and the rows of the result."""

    score = _HiddenParameter()

    def get_params(self, deep=True):
        """Return the parameters of the constructor.

        Parameters
        ----------
        deep : bool, default=True
            Of no effect: no parameter is an estimator.

        Returns
        -------
        parameters : dict
        """
        return {name: vars(self)[name] for name in self._get_param_names()}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = "sensitivity" not in str(vars(self)["score"])
        return tags

    def __sklearn_is_fitted__(self):
        return "_tree" in vars(self)

    # Parameters and data

    def _check_parameters(self):
        check_integer("n_samples", self.n_samples, minimum=1)
        check_real("p", self.p, minimum=0, exclusive=True)
        score = check_option("score", vars(self)["score"], SCORES)
        check_option("scheme", self.scheme, SCHEMES)
        check_real("mixture", self.mixture, minimum=0, maximum=1)
        for name in ("augment_target", "fit_intercept", "rescale"):
            check_flag(name, getattr(self, name))
        if "sensitivity" in score and self.p < 1:
            raise ValueError(f"p must be at least 1 for score={score!r}; got {self.p!r}")
        resolve_device(self.device)

    def _check_data(self, X, y, sample_weight, *, reset, first=0):
        """Return the rows of a batch that have weights, and the number of rows that came."""
        if getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M"):
            raise TypeError(f"X must be numeric; got dtype {X.dtype}")
        with naming("X"):
            X = validate_data(self, X, reset=reset, accept_sparse="csr", dtype=[np.float64, np.float32])
        X = canonical(X)
        n = X.shape[0]
        y = None if y is None else self._check_targets(y, X)
        weights = check_weights(sample_weight, n)
        rows = Rows(X, y, np.ones(n) if weights is None else weights, np.arange(first, first + n))
        return (rows if weights is None or weights.all() else rows.take(np.flatnonzero(weights))), n

    def _check_targets(self, y, X):
        with naming("y"):
            if self.augment_target or self.rescale:
                if getattr(getattr(y, "dtype", None), "kind", "") in ("m", "M"):
                    raise TypeError(f"y must be numeric where it is scored; got dtype {y.dtype}")
                y = check_array(y, ensure_2d=False, dtype=[np.float64, np.float32], input_name="y")
            else:
                y = np.asarray(y)
            if y.ndim not in (1, 2):
                raise ValueError(f"y must be 1-d or 2-d; got {y.ndim} dimension(s)")
            check_consistent_length(X, y)
        return y

    # Scores and samples

    def _scores(self, rows, key):
        columns = [np.ones(rows.n_rows)] if self.fit_intercept else []
        if self.augment_target and rows.y is not None:
            columns.append(rows.y)
        return lp_scores(rows, float(self.p), vars(self)["score"], columns, key, self.n_jobs, self.device)

    def _reduce(self, rows):
        """Return a sample of the rows, with their weights divided by the probabilities."""
        if rows.n_rows <= self.n_samples:
            return rows
        key = content_key(self._key, rows)
        with warnings.catch_warnings():
            # A few rows of many may well have a smaller rank.
            warnings.simplefilter("ignore", SparseSciWarning)
            scores = self._scores(rows, key)
            chosen, factors = draw_rows(scores, self.n_samples, self.scheme, float(self.mixture), key)
        sample = rows.take(chosen)
        return sample._replace(weights=sample.weights * factors)

    # Streams

    def partial_fit(self, X, y=None, sample_weight=None):
        """Take in more rows, by merge-and-reduce.

        Rows are held until there are ``4 n_samples`` of them (``buffer_size`` where there is that parameter), then
        sampled; samples are joined two by two and sampled again, in a binary tree. The result depends on the order of
        the rows, not on their division into batches.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
        y : array-like of shape (n_rows,) or (n_rows, n_targets), or None, default=None
        sample_weight : array-like of shape (n_rows,) or None, default=None

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError, TypeError
            As ``fit``; the estimator stays as it was.
        """
        self._check_parameters()
        draft = copy.copy(self)
        first_call = "_tree" not in vars(self)
        for name in ("scores_", "total_score_"):
            draft.__dict__.pop(name, None)
        if first_call:
            draft._begin()
        draft._tree = draft._tree.copy()
        rows, n = draft._check_data(X, y, sample_weight, reset=first_call, first=draft._tree.n_seen)
        draft._check_like_before(rows)
        draft._tree.add(rows, draft._reduce)
        draft._tree.n_seen += n - rows.n_rows
        return self._become(draft)

    def _begin(self):
        self._tree = CoresetTree(self._buffer_size())
        self._key = key_from_random_state(self.random_state)
        self._parts = frozenset()

    def _buffer_size(self):
        return _BUFFERED * self.n_samples

    def _check_like_before(self, rows):
        for held in self._tree.parts()[:1]:
            if (held.y is None) != (rows.y is None):
                raise ValueError(f"y must be given with every batch or with none; got {'no ' * (rows.y is None)}y now")
            if held.y is not None and held.y.shape[1:] != rows.y.shape[1:]:
                raise ValueError(f"y must have the shape of before, (n, *{held.y.shape[1:]}); got {rows.y.shape}")
            if scipy.sparse.issparse(held.X) != scipy.sparse.issparse(rows.X):
                raise ValueError("X must be dense in every batch or sparse in every batch")

    def _become(self, draft):
        """Take over what a copy of this estimator has learned, in one step that nothing interrupts."""
        draft.__dict__["_coreset"] = draft.__dict__.get("_one_shot")
        draft.__dict__.pop("_one_shot", None)
        self.__dict__ = draft.__dict__
        return self

    def merge(self, other):
        """Take in the coreset of other rows, which are counted on from those of this one.

        Parameters
        ----------
        other : estimator of the same class
            With the same parameters, fitted on other rows. Not changed.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError
            If ``other`` is of another class.
        ValueError
            If the two do not fit together, or were merged before. Both stay as they were.
        """
        if not isinstance(other, type(self)):
            raise TypeError(f"other must be a {type(self).__name__}; got {type(other).__name__}")
        check_is_fitted(self)
        check_is_fitted(other)
        if other.n_features_in_ != self.n_features_in_:
            raise ValueError(f"other must have {self.n_features_in_} features; got {other.n_features_in_}")
        for name in ("n_samples", "p", "score", "augment_target", "fit_intercept"):
            own, theirs = vars(self)[name], vars(other)[name]
            if own != theirs:
                raise ValueError(f"other must have the same {name}; got {own!r} and {theirs!r}")
        mine, theirs = (estimator._parts | {estimator._tree.digest()} for estimator in (self, other))
        if other is self or mine & theirs:
            raise ValueError("other must hold other rows; some of its rows have been merged already")
        draft = copy.copy(self)
        for name in ("scores_", "total_score_"):
            draft.__dict__.pop(name, None)
        draft._tree = self._tree.copy()
        for rows in other._tree.parts()[:1]:
            with naming("other"):
                draft._check_like_before(rows)
        draft._tree.merge(other._tree, draft._reduce)
        draft._parts = mine | theirs
        return self._become(draft)

    # Results

    def _rows(self):
        """Return the coreset as ``Rows``."""
        check_is_fitted(self)
        if self._coreset is None:
            self._coreset = self._reduce(joined(self._tree.parts()))
        return self._coreset

    def get_coreset(self):
        """Return the rows of the coreset, their targets and their weights.

        Returns
        -------
        X : ndarray or CSR array of shape (n_kept, n_features)
            With ``rescale`` multiplied by the p-th roots of the weights.
        y : ndarray of shape (n_kept,) or (n_kept, n_targets), or None
            Likewise.
        sample_weight : ndarray of shape (n_kept,)
            With ``rescale`` ones.
        """
        rows = self._rows()
        return self._scaled(rows.X, rows.y, rows.weights)

    def _scaled(self, X, y, weights):
        if not self.rescale:
            return X, y, weights.copy()
        factors = weights ** (1 / self.p)
        X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], ensure_all_finite=False)
        X = scipy.sparse.diags_array(factors) @ X if scipy.sparse.issparse(X) else X * factors[:, np.newaxis]
        y = None if y is None else (np.asarray(y).T * factors).T
        return X, y, np.ones(len(weights))

    def fit_resample(self, X, y=None, sample_weight=None):
        """Fit, and return the rows that were kept, as they came.

        Parameters
        ----------
        X, y, sample_weight : see ``fit``

        Returns
        -------
        X_resampled : of the type of ``X``, of shape (n_kept, n_features)
        y_resampled : of the type of ``y``; None if ``y`` is
        sample_weight : ndarray of shape (n_kept,)
        """
        self.fit(X, y, sample_weight)
        kept = self.sample_indices_
        X, y = take_rows(X, kept), None if y is None else take_rows(y, kept)
        return self._scaled(X, y, self.sample_weight_)

    @property
    def sample_indices_(self):
        return self._rows().indices

    @property
    def sample_weight_(self):
        return self._rows().weights

    @property
    def n_samples_(self):
        return self._rows().n_rows

    @property
    def n_samples_seen_(self):
        check_is_fitted(self)
        return self._tree.n_seen


class LpCoreset(BaseLpCoreset):
    """A few weighted rows that stand for all of them in l_p norms and l_p regression.

    The rows are sampled by importance, with weights such that ``sum_kept w_i |x_i b - y_i|^p`` is an unbiased estimate
    of the sum over all rows for every b. They go into any estimator that takes ``sample_weight``.

    Parameters
    ----------
    n_samples : int
        How many rows to keep; at most as many as there are in ``fit``, unless scheme is "multinomial". About
        ``d log(d + 1) / eps^2`` for an error of eps in practice.
    p : float, default=1
        Greater than 0; at least 1 for the scores with sensitivities.
    score : {"auto", "uniform", "leverage", "root_leverage", "lewis", "sensitivity", "leverage+sensitivity"}
        What the probabilities follow: leverage scores tau, ``tau^(p/2)``, Lewis weights, approximate l_p sensitivities,
        or the mean of leverage scores and sensitivities. "auto", the default, is "root_leverage" for p < 2, "leverage"
        for p = 2 and "lewis" for p > 2.
    scheme : {"systematic", "poisson", "multinomial"}, default="systematic"
        See :func:`sample_rows`.
    mixture : float, default=0
        Share of uniform sampling, which bounds the weights: 0.1 where targets are noisy.
    augment_target : bool, default=True
        Whether the scores are those of ``[X y]``, which bounds the error of regression costs. Not where targets are
        paid for after sampling.
    fit_intercept : bool, default=False
        Whether a column of ones is scored too, for models with an intercept.
    rescale : bool, default=False
        Whether ``fit_resample`` and ``get_coreset`` multiply rows and targets by ``w^(1/p)`` and return weights of 1.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where leverage scores and Lewis weights are computed.

    Attributes
    ----------
    scores_ : ndarray of shape (n_rows,)
        After ``fit``.
    total_score_ : float
        Their sum, after ``fit``.
    sample_indices_ : ndarray of shape (n_samples_,)
        Numbers of the rows that were kept, increasing.
    sample_weight_ : ndarray of shape (n_samples_,)
    n_samples_ : int
        Number of rows that were kept: random for "poisson".
    n_samples_seen_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    StreamingLpCoreset : For rows that come one after the other.
    sample_rows : For scores of your own.

    Notes
    -----
    Time of the scores, n d^2 for leverage scores; memory O(n + d^2). A coreset of a union of coresets is a coreset:
    ``merge`` and :func:`sparsesci.distributed.fit` rest on that.

    References
    ----------
    D. P. Woodruff, T. Yasuda, "Sharper bounds for l_p sensitivity sampling", ICML 2023, arXiv:2306.00732
    (sensitivities, root leverage scores). M. B. Cohen, R. Peng, "l_p row sampling by Lewis weights", STOC 2015,
    arXiv:1412.0588. X. Chen, M. Dereziński, "Query complexity of least absolute deviation regression via robust uniform
    convergence", COLT 2021, arXiv:2102.02322.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import QuantileRegressor
    >>> from sparsesci.sampling import LpCoreset
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_t(3, (5000, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + rng.laplace(size=5000)
    >>> X_kept, y_kept, weight = LpCoreset(300, p=1, random_state=0).fit_resample(X, y)
    >>> model = QuantileRegressor(alpha=0, fit_intercept=False).fit(X_kept, y_kept, sample_weight=weight)
    >>> X_kept.shape, bool(np.abs(model.coef_ - [1, 2, 3]).max() < 0.2)
    ((300, 3), True)
    """

    def __init__(
        self,
        n_samples,
        p=1,
        score="auto",
        scheme="systematic",
        mixture=0,
        augment_target=True,
        *,
        fit_intercept=False,
        rescale=False,
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.n_samples = n_samples
        self.p = p
        self.score = score
        self.scheme = scheme
        self.mixture = mixture
        self.augment_target = augment_target
        self.fit_intercept = fit_intercept
        self.rescale = rescale
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, X, y=None, sample_weight=None):
        """Score all rows and sample them, forgetting what was learned before.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
        y : array-like of shape (n_rows,) or (n_rows, n_targets), or None, default=None
            Must be numeric if ``augment_target``.
        sample_weight : array-like of shape (n_rows,) or None, default=None
            Weights of the terms of the sum. Rows of weight 0 are never kept.

        Returns
        -------
        self : LpCoreset

        Raises
        ------
        ValueError, TypeError
            If the data hold NaN or infinity or only zeros, ``n_samples`` is larger than the number of rows, a weight is
            negative, or a parameter is out of range. The estimator stays as it was.

        Warns
        -----
        SparseSciWarning
            If fewer than ``n_samples`` rows have a positive score, or X has not full column rank.
        """
        self._check_parameters()
        draft = copy.copy(self)
        rows, n = draft._check_data(X, y, sample_weight, reset=True)
        check_count(self.n_samples, n, self.scheme)
        draft._begin()
        key = draft._key
        scores = draft._scores(rows, key)
        chosen, factors = draw_rows(scores, self.n_samples, self.scheme, float(self.mixture), key, stacklevel=3)
        sample = rows.take(chosen)
        draft._one_shot = sample._replace(weights=sample.weights * factors)
        draft._tree.carry(draft._one_shot, 0, draft._reduce)
        draft._tree.n_seen = n
        draft.scores_ = np.zeros(n)
        draft.scores_[rows.indices] = scores
        draft.total_score_ = float(scores.sum())
        return self._become(draft)
