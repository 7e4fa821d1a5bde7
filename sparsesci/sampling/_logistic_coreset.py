"""Coresets for logistic regression, stratified by class."""

import copy

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from sparsesci._core.device import resolve_device
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.validation import check_flag, check_integer, check_option, naming
from sparsesci.sampling import _lewis
from sparsesci.sampling._coreset_tree import Rows
from sparsesci.sampling._leverage import exact_leverage_scores
from sparsesci.sampling._lp_coreset import with_columns
from sparsesci.sampling._row_sampler import RowSampler
from sparsesci.sampling._row_sampling import check_count, draw_rows
from sparsesci.sampling._row_space import canonical, check_weights, has_entries

_METHODS = ("lewis", "root_leverage")
_LEWIS_TOLERANCE = 1e-2
_PER_CLASS = 0x9E3779B97F4A7C15


class LogisticCoreset(RowSampler):
    """A few weighted rows on which logistic regression is about what it is on all of them.

    They go into :class:`sklearn.linear_model.LogisticRegression` through ``sample_weight``. Rows are sampled within
    each class, so that none is lost.

    Parameters
    ----------
    n_samples : int
        How many rows to keep: at least one for each class, at most as many as there are.
    method : {"lewis", "root_leverage"}, default="lewis"
        "lewis" takes half the l_1 Lewis weights, divided by their sum, and half uniform probabilities; "root_leverage"
        roots of leverage scores, plus 1 / n.
    fit_intercept : bool, default=True
        Whether a column of ones is scored too, for models with an intercept.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the scores are computed.

    Attributes
    ----------
    scores_ : ndarray of shape (n_rows,)
        Adding up to 1.
    classes_ : ndarray of shape (n_classes,)
    sample_indices_ : ndarray of shape (n_samples_,)
        Numbers of the rows that were kept, increasing.
    sample_weight_ : ndarray of shape (n_samples_,)
        Unbiased within each class.
    n_samples_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    Notes
    -----
    Time of the scores; memory O(n + d^2). A small coreset exists only where the classes are not nearly separable: with
    data that a plane divides almost, no sample of fewer rows has a guarantee, and none is claimed here. The classes get
    rows in proportion to their scores: this stratification is ours, as are the two mixtures, which follow the papers
    below.

    References
    ----------
    A. Munteanu, C. Schwiegelshohn, C. Sohler, D. P. Woodruff, "On coresets for logistic regression", NeurIPS 2018,
    arXiv:1805.08571. T. Mai, C. Musco, A. Rao, "Coresets for classification - simplified and strengthened", NeurIPS
    2021, arXiv:2106.04254.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import scale
    >>> from sparsesci.sampling import LogisticCoreset
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X[:, :8])
    >>> rows, labels, weight = LogisticCoreset(150, random_state=0).fit_resample(X, y)
    >>> model = LogisticRegression().fit(rows, labels, sample_weight=weight)
    >>> rows.shape, bool(model.score(X, y) > 0.9)
    ((150, 8), True)
    """

    def __init__(
        self,
        n_samples,
        method="lewis",
        *,
        fit_intercept=True,
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.n_samples = n_samples
        self.method = method
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X, y=None, sample_weight=None):
        """Score all rows and sample them within each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
        y : array-like of shape (n_rows,) or None, default=None
            Classes. None: one class.
        sample_weight : array-like of shape (n_rows,) or None, default=None
            Rows of weight 0 are never kept.

        Returns
        -------
        self : LogisticCoreset

        Raises
        ------
        ValueError, TypeError
            If the data hold NaN or infinity, ``n_samples`` is smaller than the number of classes or larger than that of
            rows, a weight is negative, or a parameter is out of range. The estimator stays as it was.
        """
        check_integer("n_samples", self.n_samples, minimum=1)
        check_option("method", self.method, _METHODS)
        check_flag("fit_intercept", self.fit_intercept)
        resolve_device(self.device)
        draft = copy.copy(self)
        rows, labels, n = draft._check_data(X, y, sample_weight)
        key = key_from_random_state(self.random_state)
        scores = draft._scores(rows)
        chosen, weights = _stratified(scores, labels, self.n_samples, key)
        draft.sample_indices_ = rows.indices[chosen]
        draft.sample_weight_ = rows.weights[chosen] * weights
        draft.scores_ = np.zeros(n)
        draft.scores_[rows.indices] = scores
        self.__dict__ = draft.__dict__
        return self

    def _check_data(self, X, y, sample_weight):
        """Return the rows that have weights, the numbers of their classes, and how many rows came."""
        if getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M"):
            raise TypeError(f"X must be numeric; got dtype {X.dtype}")
        with naming("X"):
            X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        X = canonical(X)
        n = X.shape[0]
        y = np.zeros(n, dtype=np.int64) if y is None else _check_classes(y, n)
        weights = check_weights(sample_weight, n)
        kept = np.arange(n) if weights is None else np.flatnonzero(weights)
        self.classes_, labels = np.unique(y[kept], return_inverse=True)
        check_count(self.n_samples, n, "systematic")
        if self.n_samples < len(self.classes_):
            raise ValueError(
                f"n_samples must be at least the number of classes, {len(self.classes_)}; got {self.n_samples}"
            )
        return Rows(X, y, np.ones(n) if weights is None else weights, np.arange(n)).take(kept), labels, n

    def _scores(self, rows):
        v = rows.weights
        X = with_columns(rows.X, [np.ones(rows.n_rows)] if self.fit_intercept else [])
        if not has_entries(X):
            raise ValueError("X must not be zero everywhere where there is no intercept")
        share = v / v.sum()
        if self.method == "lewis":
            found = _lewis.fixed_point(X, 1.0, v, _LEWIS_TOLERANCE, 100, self.n_jobs, self.device, stacklevel=4)[0]
            return 0.5 * found / found.sum() + 0.5 * share
        found = np.sqrt(exact_leverage_scores(X, v**2, self.n_jobs, self.device, stacklevel=5)) + share
        return found / found.sum()


def _check_classes(y, n):
    with naming("y"):
        y = column_or_1d(y, warn=True)
        if y.dtype.kind in "cmMV":
            raise TypeError(f"must hold classes; got dtype {y.dtype}")
        if len(y) != n:
            raise ValueError(f"must have one class for each of the {n} rows of X; got {len(y)}")
        check_classification_targets(y)
    return y


def _stratified(scores, labels, n_samples, key):
    """Return row numbers and weights of samples within classes, whose sizes follow their scores."""
    members = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
    sizes = np.array([len(rows) for rows in members])
    totals = np.array([scores[rows].sum() for rows in members])
    counts = _allocated(totals, sizes, min(n_samples, len(labels)))
    chosen, weights = [], []
    for number, rows in enumerate(members):
        own = key ^ np.uint64(number * _PER_CLASS % (1 << 64))
        kept, factors = draw_rows(scores[rows], int(counts[number]), "systematic", 0.0, own)
        chosen.append(rows[kept])
        weights.append(factors)
    chosen, weights = np.concatenate(chosen), np.concatenate(weights)
    order = np.argsort(chosen)
    return chosen[order], weights[order]


def _allocated(totals, sizes, n_samples):
    """Divide ``n_samples`` in proportion to ``totals``, at least 1 and at most ``sizes`` for each."""
    counts = np.ones(len(sizes), dtype=np.int64)
    wanted = totals / totals.sum() * n_samples
    for _ in range(n_samples - len(counts)):
        open_ones = np.where(counts < sizes, wanted - counts, -np.inf)
        counts[np.argmax(open_ones)] += 1
    return counts
