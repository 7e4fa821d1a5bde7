"""Sparse tensors and vectors, as estimators."""

import warnings

import numpy as np
import scipy.linalg
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsesci._core.arrays import check_rows
from sparsesci._core.validation import check_flag
from sparsesci.sbl._classical import check_options, matrix_problem, posterior_of, solve_classical
from sparsesci.sbl._kron import kron_sbl
from sparsesci.sbl._posterior import scatter
from sparsesci.sbl._problem import check_dictionaries, check_problem, rebuild


class KroneckerSBL(RegressorMixin, BaseEstimator):
    """Sparse coefficients of a tensor in the product of one dictionary for each mode, by ``kron_sbl``.

    Parameters
    ----------
    dictionaries : sequence of I arrays of shape (M_k, N_k)
    noise_var, method, power, max_iter, tol, prune_tol, n_restarts, refine, coupling, init, n_snapshots_axis
        As in ``kron_sbl``; but by default ``n_restarts`` and ``refine`` are "auto": ten random starts and backward
        elimination for small problems, elimination alone for large ones. That is what proved reliable in all published
        experiments, see the user guide; the bare function is about twenty times faster.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the restarts, and nothing else.
    n_jobs : int or None, default=None
        Number of threads for restarts (joblib's meaning). The result does not depend on it.
    verbose : int, default=0
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    core_ : ndarray of shape (n_1, ..., n_I) or (n_1, ..., n_I, L)
        Posterior mean on the box spanned by ``supports_``.
    supports_ : list of ndarray of int64
    gammas_ : list of ndarray of shape (N_k,)
    noise_var_ : float
    cost_path_ : ndarray
    n_iter_ : int
    converged_ : bool
    shape_ : tuple of int
        (N_1, ..., N_I)

    See Also
    --------
    kron_sbl : The function, with complexity and references.

    Examples
    --------
    >>> from sparsesci.datasets import make_kronecker_sparse
    >>> from sparsesci.sbl import KroneckerSBL
    >>> problem = make_kronecker_sparse((6, 7), (9, 9), 2, snr_db=40, random_state=0)
    >>> model = KroneckerSBL(problem.dictionaries).fit(problem.Y)
    >>> [indices.tolist() for indices in model.supports_], model.predict().shape
    ([[4, 5], [0, 8]], (6, 7))
    """

    def __init__(
        self,
        dictionaries,
        noise_var=None,
        method="mm",
        power=1.0,
        max_iter=500,
        tol=1e-4,
        prune_tol=None,
        n_restarts="auto",
        refine="auto",
        coupling=None,
        init=None,
        n_snapshots_axis=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
        device="cpu",
    ):
        self.dictionaries = dictionaries
        self.noise_var = noise_var
        self.method = method
        self.power = power
        self.max_iter = max_iter
        self.tol = tol
        self.prune_tol = prune_tol
        self.n_restarts = n_restarts
        self.refine = refine
        self.coupling = coupling
        self.init = init
        self.n_snapshots_axis = n_snapshots_axis
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.device = device

    def fit(self, X, y=None):
        """Learn hyperparameters and coefficients.

        Parameters
        ----------
        X : array-like of shape (M_1, ..., M_I), (M_1, ..., M_I, L) or (M,)
            The measurements Y.
        y : None
            Not used.

        Returns
        -------
        self : KroneckerSBL

        Raises
        ------
        ValueError, TypeError
            As ``kron_sbl``.
        """
        options = {name: value for name, value in self.get_params(deep=False).items() if name != "dictionaries"}
        result = _renamed(lambda: kron_sbl(X, self.dictionaries, **options))
        self.core_, self.variance_, self.supports_ = result.core, result.variance, result.supports
        self.gammas_, self.noise_var_ = result.gammas, result.noise_var
        self.cost_path_, self.n_iter_, self.converged_ = result.cost_path, result.n_iter, result.converged
        self.shape_ = result.shape
        return self

    @property
    def coef_(self):
        """All coefficients, dense, of shape (N_1, ..., N_I) or (N_1, ..., N_I, L); at most 1e8 elements."""
        check_is_fitted(self)
        return scatter(self.core_, self.supports_, self.shape_)

    def posterior_var(self):
        """Return the posterior variances on the box, of shape (n_1, ..., n_I)."""
        check_is_fitted(self)
        return self.variance_

    def predict(self, X=None, *, dictionaries=None):
        """Return the measurements without noise, rebuilt from the coefficients.

        Parameters
        ----------
        X : object, default=None
            Not used; scikit-learn's tools pass the measurements here.
        dictionaries : sequence of I arrays of shape (any, N_k) or None, default=None
            Other rows of the dictionaries, to predict what they would measure; None for those of the fit.

        Returns
        -------
        Y : ndarray of shape (M_1, ..., M_I) or (M_1, ..., M_I, L)
        """
        check_is_fitted(self)
        dictionaries = check_dictionaries(self.dictionaries if dictionaries is None else dictionaries)
        if len(dictionaries) != len(self.shape_):
            raise ValueError(f"dictionaries must hold {len(self.shape_)} matrices; got {len(dictionaries)}")
        for k, (H, length) in enumerate(zip(dictionaries, self.shape_)):
            if H.shape[1] != length:
                raise ValueError(f"dictionaries[{k}] must have {length} columns; got {H.shape[1]}")
        return rebuild(self.core_, dictionaries, self.supports_)

    def score(self, X, y=None):
        """Return the coefficient of determination of measurements, 1 - ||Y - predicted||^2 / ||Y - mean||^2.

        Parameters
        ----------
        X : array-like of the shape that ``fit`` took
            The measurements Y.
        y : None
            Not used.

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        problem = _renamed(lambda: check_problem(X, self.dictionaries, self.n_snapshots_axis))
        truth = problem.Y[..., 0] if problem.single else problem.Y
        predicted = self.predict()
        if predicted.shape != truth.shape:
            raise ValueError(f"X must have the shape of the fit, {predicted.shape} in natural order; got {truth.shape}")
        spread = float(np.sum(np.abs(truth - truth.mean()) ** 2))
        rest = float(np.sum(np.abs(truth - predicted) ** 2))
        return 1.0 - rest / spread if spread > 0 else float(rest == 0.0)


def _renamed(call):
    """Call; what is said about Y is said about X, as the estimator's parameter is called."""
    try:
        return call()
    except (TypeError, ValueError) as error:
        text = str(error)
        words = [("X" if word == "Y" else word) for word in text.split(" ")]
        raise (TypeError if isinstance(error, TypeError) else ValueError)(" ".join(words)) from error


class SparseBayesianRegressor(RegressorMixin, BaseEstimator):
    """Linear regression with a prior variance for every coefficient: automatic relevance determination.

    Parameters
    ----------
    noise_var : float or None, default=None
        Variance of the noise; None to learn it.
    method : {"fixed-point", "em", "mm"}, default="fixed-point"
        As in ``sbl``.
    max_iter : int, default=500
    tol : float, default=1e-4
    prune_tol : float, default=1e-3
        Hyperparameters up to this share of the largest are set to zero; in [0, 1). They are those of columns of unit
        variance: what is dropped does not depend on the units of a feature.
    fit_intercept : bool, default=True
    complex_valued : bool, default=False
        Whether complex features and targets are taken. As everywhere in scikit-learn they are refused unless asked for.
    verbose : int, default=0

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Posterior mean.
    coef_var_ : ndarray of shape (n_features,)
        Posterior variance; zero where a coefficient was dropped.
    sigma_ : ndarray of shape (n, n)
        Posterior covariance of the coefficients that were kept.
    intercept_ : float or complex
    gamma_ : ndarray of shape (n_features,)
        Prior variances.
    noise_var_ : float
    cost_path_ : ndarray
    n_iter_ : int
    converged_ : bool
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    Notes
    -----
    O(r^2 n) per iteration with n features in use and r = min(n_samples, n), memory O(n_samples n_features).

    References
    ----------
    M. E. Tipping, "Sparse Bayesian Learning and the Relevance Vector Machine", JMLR 2001.

    See Also
    --------
    sbl : The function.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import SparseBayesianRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 20))
    >>> y = 3 * X[:, 4] - X[:, 9] + 1 + 0.1 * rng.standard_normal(50)
    >>> model = SparseBayesianRegressor().fit(X, y)
    >>> model.coef_[[4, 9]].round(1), int((model.coef_ != 0).sum()) < 20
    (array([ 3., -1.]), True)
    """

    def __init__(
        self,
        noise_var=None,
        method="fixed-point",
        max_iter=500,
        tol=1e-4,
        prune_tol=1e-3,
        fit_intercept=True,
        complex_valued=False,
        verbose=0,
    ):
        self.noise_var = noise_var
        self.method = method
        self.max_iter = max_iter
        self.tol = tol
        self.prune_tol = prune_tol
        self.fit_intercept = fit_intercept
        self.complex_valued = complex_valued
        self.verbose = verbose

    def fit(self, X, y):
        """Learn prior variances, coefficients and noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : SparseBayesianRegressor

        Raises
        ------
        ValueError, TypeError
            If the data hold NaN or infinity or do not fit together, or a parameter is not valid.
        """
        options = check_options(self.noise_var, self.method, self.max_iter, self.tol, self.prune_tol, self.verbose)
        intercept = check_flag("fit_intercept", self.fit_intercept)
        if check_flag("complex_valued", self.complex_valued):
            X, y = self._complex_data(X, y)
        else:
            X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], y_numeric=True, ensure_min_samples=2)
        kind = np.complex128 if "c" in (X.dtype.kind, y.dtype.kind) else np.float64
        A, b = X.astype(kind), y.astype(kind)
        means, target_mean = (A.mean(axis=0), b.mean()) if intercept else (np.zeros(A.shape[1], kind), kind(0))
        A, b = A - means, b - target_mean
        size = np.abs(A).max(axis=0)
        scales = size * np.sqrt(np.mean(np.abs(A / np.where(size > 0, size, 1.0)) ** 2, axis=0))
        # What is left of a constant column is rounding.
        scales[scales <= 1e-14 * np.abs(means)] = 0.0
        scale = float(np.sqrt(np.mean(np.abs(b) ** 2)))
        if scale <= 1e-14 * abs(target_mean):
            scale = 0.0
        self._learn(A, b, scales, scale, options)
        self.coef_ = self.coef_.astype(np.result_type(X.dtype, y.dtype if kind is np.complex128 else X.dtype))
        offset = target_mean - means @ self.coef_
        self.intercept_ = (complex(offset) if kind is np.complex128 else float(offset)) if intercept else 0.0
        return self

    def _complex_data(self, X, y):
        """Check data that scikit-learn's checks refuse: complex ones."""
        problem = matrix_problem(X, y, ("X", "y"))
        if not problem.single:
            raise ValueError("y must have one axis")
        # Names and number of features are noted as usual.
        validate_data(self, X=X, skip_check_array=True)
        return problem.dictionaries[0], problem.Y[:, 0]

    def _learn(self, A, b, scales, scale, options):
        """Learn on columns and targets of unit mean square; set the attributes in the data's own units."""
        used = scales > 0
        gamma, n_iter, converged, path = np.zeros(A.shape[1]), 0, True, []
        noise_var = options["noise_var"] or 0.0
        coef, variance, sigma = np.zeros(A.shape[1], A.dtype), np.zeros(A.shape[1]), np.zeros((0, 0), A.dtype)
        if used.any() and scale > 0:
            given = options["noise_var"]
            options = {**options, "noise_var": None if given is None else given / scale**2}
            columns, target = A[:, used] / scales[used], b[:, np.newaxis] / scale
            learned, noise, path, n_iter, converged = solve_classical(
                columns, target, name="SparseBayesianRegressor", **options
            )
            mean, var, _ = posterior_of(columns, target, learned, noise)
            noise_var = noise * scale**2
            units = scale / scales[used]
            gamma[used], coef[used], variance[used] = learned * units**2, mean[:, 0] * units, var * units**2
            kept = learned > 0
            sigma = _covariance(columns[:, kept], learned[kept], noise) * np.outer(units[kept], units[kept])
        self.gamma_, self.coef_, self.coef_var_, self.sigma_ = gamma, coef, variance, sigma
        self.noise_var_, self.n_iter_, self.converged_ = float(noise_var), n_iter, converged
        self.cost_path_ = np.array(path)
        if not converged:
            warnings.warn(
                f"SparseBayesianRegressor has not converged after max_iter={self.max_iter} iterations",
                ConvergenceWarning,
                stacklevel=3,
            )

    def predict(self, X, return_std=False):
        """Predict targets, and how uncertain they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return standard deviations too: of the coefficients' part and the noise.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        std : ndarray of shape (n_samples,)
            Only with ``return_std``.
        """
        check_is_fitted(self)
        return_std = check_flag("return_std", return_std)
        if self.complex_valued:
            validate_data(self, X=X, reset=False, skip_check_array=True)
            X = check_rows(X, name="X", allow_complex=True)
        else:
            X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        y = X @ self.coef_ + self.intercept_
        if not return_std:
            return y
        rows = X[:, self.gamma_ > 0]
        spread = np.einsum("ij,jk,ik->i", rows, self.sigma_, rows.conj(), optimize=True).real
        return y, np.sqrt(np.maximum(spread, 0.0) + self.noise_var_)

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination of the prediction, also for complex targets."""
        if not self.complex_valued:
            return super().score(X, y, sample_weight)
        truth = np.asarray(y)
        rest = np.sum(np.abs(truth - self.predict(X)) ** 2)
        return float(1.0 - rest / np.sum(np.abs(truth - truth.mean()) ** 2))


def _covariance(A, gamma, noise_var):
    """Return the posterior covariance of the columns of A."""
    root = np.sqrt(gamma)
    C = (A.conj().T @ A) * np.outer(root, root)
    C[np.diag_indices_from(C)] += noise_var
    half = scipy.linalg.solve_triangular(np.linalg.cholesky(C), np.diag(root).astype(A.dtype), lower=True)
    return noise_var * half.conj().T @ half
