"""Linear regression to machine precision, as an estimator."""

import warnings

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sparsesci._core.exceptions import SketchWarning
from sparsesci._core.validation import check_flag, check_integer, check_option
from sparsesci.sketching._lstsq import sketched_lstsq
from sparsesci.sketching._lstsq_solve import METHODS


class SketchedLeastSquares(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ordinary least squares to machine precision by ``sketched_lstsq``.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Dense data are centred, in a copy; for sparse data a column of ones is added.
    method, sketch, n_components, rtol, max_iter
        As in ``sketched_lstsq``.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Of least norm where the features are dependent; for sparse data with an intercept, together with that.
    intercept_ : float or ndarray of shape (n_targets,)
    backward_error_ : float
        Estimated backward error of the solution.
    cond_estimate_ : float
        Condition number of the features, centred where there is an intercept and scaled to equal norm.
    n_iter_ : int
    method_ : str
        The method that gave the solution. Where there are not more samples than coefficients it is that of
        ``sketched_lstsq(..., method="minnorm")`` whatever the parameter says, "lapack" in most cases.
    rank_ : int
        Rank of the features, centred where there is an intercept.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    sketched_lstsq : The function, with complexity and references.
    SketchedRegression : From one pass over the rows, with a bound on every coefficient.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import SketchedLeastSquares
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((5000, 3))
    >>> model = SketchedLeastSquares(random_state=0).fit(X, X @ [1.0, 2.0, 3.0] + 4)
    >>> model.coef_.round(12), round(float(model.intercept_), 12)
    (array([1., 2., 3.]), 4.0)
    """

    def __init__(
        self,
        fit_intercept=True,
        method="auto",
        sketch="auto",
        n_components=None,
        rtol=None,
        max_iter=100,
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.fit_intercept = fit_intercept
        self.method = method
        self.sketch = sketch
        self.n_components = n_components
        self.rtol = rtol
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Solve for the coefficients.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Weights of the squared residuals, not negative.

        Returns
        -------
        self : SketchedLeastSquares

        Raises
        ------
        ValueError
            If the data hold NaN or infinity or do not fit together, or a parameter is not valid.
        """
        intercept = check_flag("fit_intercept", self.fit_intercept)
        check_option("method", self.method, METHODS)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            multi_output=True,
            y_numeric=True,
        )
        if scipy.sparse.issparse(y) or y.dtype.kind not in "buif":
            raise ValueError("y must be a dense array of numbers")
        targets = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        assert_all_finite(targets, input_name="y")
        roots = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
            roots = np.sqrt(weights)
        A, B, feature_means, target_means = _prepare(X, targets, roots, intercept)
        try:
            info = self._solve(A, B)
        except ValueError:
            # The sketch shows NaN and infinity; it only knows them as those of A.
            assert_all_finite(X.data if scipy.sparse.issparse(X) else X, input_name="X")
            raise
        solution = info["x"]
        if intercept and scipy.sparse.issparse(X):
            coef, offset = solution[:-1], solution[-1]
        else:
            coef, offset = solution, target_means - feature_means @ solution
        single = y.ndim == 1
        self.coef_ = coef[:, 0] if single else coef.T
        self.intercept_ = (offset[0] if single else offset) if intercept else 0.0
        self.backward_error_, self.cond_estimate_ = info["backward_error"], info["cond_estimate"]
        self.n_iter_, self.method_ = info["n_iter"], info["method"]
        self.rank_ = info["rank"] - (len(solution) - len(coef))  # without the column of ones
        return self

    def _solve(self, A, B):
        """Return the information of ``sketched_lstsq``; the solution is the one of least norm."""
        n, d = A.shape
        return sketched_lstsq(
            A,
            B,
            method="minnorm" if n <= d else self.method,
            sketch=self.sketch,
            n_components=self._sketch_size(min(n, d)),
            rtol=self.rtol,
            max_iter=self.max_iter,
            min_norm=True,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
            device=self.device,
            return_info=True,
        )

    def _sketch_size(self, smallest):
        if self.n_components is None:
            return None
        if check_integer("n_components", self.n_components, minimum=1) >= smallest:
            return self.n_components
        warnings.warn(
            f"n_components={self.n_components} should be at least n_features or n_samples, here {smallest}; "
            "the default is used instead.",
            SketchWarning,
            stacklevel=4,
        )
        return None

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
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32])
        return safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_


def _prepare(X, targets, roots, intercept):
    """Return the weighted system, centred where there is an intercept and X is dense, and the means."""
    no_means = np.zeros(X.shape[1], dtype=X.dtype), np.zeros(targets.shape[1], dtype=X.dtype)
    if scipy.sparse.issparse(X):
        X = X.copy()  # SciPy sorts the indices of its operands in place
        if intercept:
            X = scipy.sparse.hstack((X, np.ones((X.shape[0], 1), dtype=X.dtype)), format="csr")
        if roots is not None:
            X, targets = X.multiply(roots[:, None]).tocsr(), targets * roots[:, None]
        return X, targets, *no_means
    means = no_means
    if intercept:
        weights = None if roots is None else roots**2
        means = np.average(X, axis=0, weights=weights), np.average(targets, axis=0, weights=weights)
        X, targets = X - means[0], targets - means[1]
    if roots is not None:
        X, targets = X * roots[:, None], targets * roots[:, None]
    return X, targets, *means
