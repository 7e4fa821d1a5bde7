"""Linear regression that asks for the labels of a few rows only, chosen by volume sampling."""

import numpy as np
from scipy import linalg
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsesci._core.device import resolve_device
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, naming
from sparsesci.sampling._volume import check_options, draw_volume


class VolumeSampledRegression(RegressorMixin, BaseEstimator):
    """Linear regression from the labels of a few rows, chosen by volume sampling.

    The rows are chosen from ``X`` alone, and the labels of no others are used: ``y`` may be a function that obtains
    them. The coefficients are unbiased estimates of those that all labels would give, for any labels.

    Parameters
    ----------
    n_samples : int or None, default=None
        How many rows to label: at least the number of coefficients, at most that of rows unless ``rescaled``. None:
        twice the number of coefficients.
    rescaled : bool, default=False
        Leveraged volume sampling, with replacement, and weighted least squares: see ``volume_sample``.
    fit_intercept : bool, default=True
        The column of ones takes part in the sampling.
    rank : {"error", "truncate"}, default="error"
        What to do where the columns depend on one another: refuse, or work in their span; the coefficients then are
        those of the smallest norm, the intercept's among them.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    sample_indices_ : ndarray of shape (n_samples,), int64
        The rows that were used; with repetitions if ``rescaled``.
    sample_weight_ : ndarray of shape (n_samples,)
        Their weights in the fit.
    n_labels_ : int
        How many labels were needed: the number of distinct rows.
    leverage_ : ndarray of shape (n_rows,)
    rank_ : int
        Rank of the design, the column of ones included.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has names of columns that are all strings.

    See Also
    --------
    volume_sample : The law of the rows, with references.

    Notes
    -----
    With s labels and d coefficients the expected loss on all rows is (d + 1) times the smallest one for s = d, and less
    for more. Time O(n d**2), memory O(n d).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsesci.sampling import VolumeSampledRegression
    >>> X, y = load_diabetes(return_X_y=True)
    >>> asked = []
    >>> def laboratory(rows):
    ...     asked.extend(rows)
    ...     return y[rows]
    >>> model = VolumeSampledRegression(60, random_state=0).fit(X, laboratory)
    >>> len(asked), model.coef_.shape
    (60, (10,))
    """

    def __init__(
        self,
        n_samples=None,
        *,
        rescaled=False,
        fit_intercept=True,
        rank="error",
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.n_samples = n_samples
        self.rescaled = rescaled
        self.fit_intercept = fit_intercept
        self.rank = rank
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, X, y):
        """Choose rows of ``X``, obtain their labels and fit.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
        y : array-like of shape (n_rows,) or (n_rows, n_targets), or callable
            Labels, or a function of a vector of distinct row numbers that returns their labels in the same order.

        Returns
        -------
        self : VolumeSampledRegression

        Raises
        ------
        ValueError
            If the design has not full column rank with ``rank="error"``, for ``n_samples`` out of range, and for
            labels that are not finite or not as many as were asked for.
        """
        where = self._check()
        rows = check_array(X, dtype=[np.float64, np.float32], input_name="X")
        if not callable(y):
            y = _check_labels(y, len(rows))
        design = np.column_stack([np.ones(len(rows)), rows]) if self.fit_intercept else rows
        given = self.n_samples, self.rescaled, self.rank, self.random_state, self.n_jobs
        drawn = draw_volume(design, *given, where)
        labels, n_labels = _obtain_labels(y, drawn.indices)
        coefficients = _solve(design, drawn, labels)
        validate_data(self, X, skip_check_array=True)

        self.intercept_ = coefficients[0] if self.fit_intercept else np.zeros(labels.shape[1:])[()]
        self.coef_ = np.ascontiguousarray(coefficients[1:].T if self.fit_intercept else coefficients.T)
        self.sample_indices_, self.sample_weight_ = drawn.indices, drawn.weights
        self.n_labels_, self.leverage_, self.rank_ = n_labels, drawn.leverage, drawn.basis.rank
        return self

    def _check(self):
        check_options(self.rescaled, self.rank, self.n_jobs)
        check_flag("fit_intercept", self.fit_intercept)
        if self.n_samples is not None:
            check_integer("n_samples", self.n_samples, minimum=1)
        return resolve_device(self.device)

    def predict(self, X):
        """Return the predicted labels.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)

        Returns
        -------
        y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return rows @ self.coef_.T + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _check_labels(y, n_expected):
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    with naming("y"):
        if np.isscalar(y):
            raise ValueError(f"expected an array of labels, got {y!r}")
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        if y.ndim not in (1, 2):
            raise ValueError(f"expected one or two dimensions, got shape {y.shape}")
        if len(y) != n_expected:
            raise ValueError(f"expected a label for each of {n_expected} samples, got {len(y)}")
    return y


def _obtain_labels(y, indices):
    """Return the labels of the rows and how many they are; a function is asked for each of them once."""
    distinct, first, places = np.unique(indices, return_index=True, return_inverse=True)
    if not callable(y):
        return y[indices], distinct.size
    order = np.argsort(first)
    answered = _check_labels(y(distinct[order]), distinct.size)
    labels = np.empty_like(answered)
    labels[order] = answered
    return labels[places], distinct.size


def _solve(design, drawn, labels):
    """Return the coefficients (d,) or (d, n_targets) of weighted least squares on the rows that were drawn."""
    basis = drawn.basis
    scale = np.sqrt(drawn.weights).reshape(-1, *[1] * (labels.ndim - 1))
    with single_threaded_blas():
        local = linalg.lstsq(
            np.sqrt(drawn.weights)[:, np.newaxis] * basis.V[drawn.indices], scale * labels, check_finite=False
        )[0]
        if basis.rank == design.shape[1]:
            return basis.transform @ local
        # Of all coefficients with these values on the rows, those of the smallest norm.
        return linalg.lstsq(basis.V.T @ design, local, check_finite=False)[0]
