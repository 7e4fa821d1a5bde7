"""Regression with l_p losses and quantile regression, as estimators."""

import numbers
import warnings

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real, naming
from sparsesci.sampling._lp_problem import make_problem
from sparsesci.sampling._lp_solvers import (
    QUANTILE_SOLVERS,
    SOLVERS,
    check_solver,
    solve_power,
    solve_quantile,
    warn_unless_converged,
)


class _LinearLossRegression(RegressorMixin, BaseEstimator):
    """What both estimators share: checks of the data, the problem, and what is learned from its solution."""

    def _checked_options(self):
        fit_intercept = check_flag("fit_intercept", self.fit_intercept)
        if self.coreset_size is not None:
            check_integer("coreset_size", self.coreset_size, minimum=1)
        check_real("tol", self.tol, minimum=0)
        check_integer("max_iter", self.max_iter, minimum=1)
        return fit_intercept, effective_n_jobs(self.n_jobs)

    def _checked_data(self, X, y, sample_weight):
        """Return X, y and the weights (or None), without the rows of weight zero."""
        if scipy.sparse.issparse(X):
            raise TypeError(f"{type(self).__name__} needs a dense X; sparse data cannot be used: pass X.toarray()")
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], y_numeric=True)
        if y.dtype.kind not in "buif":
            raise ValueError(f"y must hold real numbers; got dtype {y.dtype}")
        if sample_weight is None:
            return X, y, None
        with naming("sample_weight"):
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        used = weights > 0
        if not used.any():
            raise ValueError("sample_weight must have at least one positive entry; all are zero")
        if not used.all():
            X, y, weights = X[used], y[used], weights[used]
        return X, y, weights

    def _learn(self, problem, found, unit, power, n_iter, dtype):
        """Set the attributes from a solution whose objective is in units of ``unit**power``."""
        coef, intercept = problem.original(found.coef)
        with np.errstate(over="ignore", under="ignore"):
            objective = float(found.objective * np.float64(unit) ** power)
        gap = found.relative_gap
        self.coef_, self.intercept_ = coef.astype(dtype, copy=False), intercept
        self.objective_, self.dual_gap_ = objective, float(gap)
        self.n_iter_, self.rank_ = n_iter, problem.rank
        if problem.rank < problem.n_coefficients:
            warnings.warn(
                f"the columns of X{' and the intercept' if problem.fit_intercept else ''} have rank {problem.rank}, "
                f"less than their number {problem.n_coefficients}: of all solutions, that of least norm for columns of "
                "equal scale is returned",
                SparseSciWarning,
                stacklevel=3,
            )
        warn_unless_converged(gap, self.tol, n_iter)
        return self

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return X @ self.coef_ + self.intercept_


class LpRegression(_LinearLossRegression):
    """Linear regression that minimises the sum of the p-th powers of the absolute residuals.

    With weights v it minimises ``sum_i v_i |y_i - x_i @ coef - intercept|**p``: least absolute deviations, which gross
    errors in y hardly move, for p = 1; least squares for p = 2; the least maximal residual for p = inf. Every fit comes
    with a feasible point of the dual problem, and so with a proof of how far from the optimum it is.

    Parameters
    ----------
    p : float, default=1
        At least 1; ``numpy.inf`` for the maximum.
    fit_intercept : bool, default=True
    solver : {"auto", "ipm", "preprocess", "highs", "irls"}, default="auto"
        For p = 1: "ipm", a primal-dual interior point followed by a step to a vertex; "preprocess", which finds with a
        coreset the rows whose residual has a known sign, and is as exact; "highs", the linear program. "auto" takes
        "ipm", and "preprocess" from 50 000 rows on or where ``coreset_size`` is given. For 1 < p < inf there is only
        "irls", Newton's method with weights between its own and those of iteratively reweighted least squares (for
        p = 2 just least squares), and for p = inf only "highs", on as many rows as are needed.
    coreset_size : int or None, default=None
        Number of rows in the coreset of "preprocess", by default ``(n_samples sqrt(n_features))**(2/3)``. For
        1 < p < inf the size of a coreset whose solution is where to begin; None begins at least squares.
    tol : float, default=1e-9
        Duality gap, relative to the objective, at which to stop.
    max_iter : int, default=100
        Number of iterations (of linear programs for p = inf); "preprocess" spends as many on every one of its problems.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Where the columns are dependent, of least norm once they are scaled.
    intercept_ : float
    objective_ : float
        The sum of the weighted powers, or the largest absolute residual for p = inf.
    dual_gap_ : float
        ``(objective_ - bound) / objective_`` with the lower bound that a feasible dual point proves. 0 where the fit is
        exact up to rounding.
    n_iter_ : int
        Iterations of the solver, those on the coreset included; 0 where the fit is exact.
    rank_ : int
        Rank of the columns, that of ones included.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    QuantileRegression : Quantiles other than the median.

    Notes
    -----
    An iteration takes O(n d^2) operations for n rows of d columns; there are 10 to 20 of them in most cases. Memory:
    O(n d) for a copy of X and O(n) numbers besides. Everything is computed in float64.

    The dual of the problem is ``max b @ y - sum_i conj_i(y_i)`` subject to ``A.T @ y = 0``, where ``conj_i`` is the
    conjugate of ``v_i |r|**p``; for p = 1 it is zero on the interval from -v_i to v_i, and infinite outside. The point
    given by the residuals, ``p v_i sign(r_i) |r_i|**(p - 1)``, is moved along Newton's weights until the constraint
    holds.

    For p close to 1 optimal residuals of a few rows are of the order of ``c**(1 / (p - 1))`` with c < 1, and soon
    below the rounding errors of the data. The gap still certifies the objective then, but the gradient of the rounded
    coefficients cannot be made to vanish.

    References
    ----------
    R. Koenker, S. Portnoy, "The Gaussian hare and the Laplacian tortoise: computability of squared-error versus
    absolute-error estimators", Statistical Science 12 (1997) 279-300 (interior point and preprocessing).
    D. Woodruff, T. Yasuda, "Sharper bounds for l_p sensitivity sampling", ICML 2023, arXiv:2306.00732 (root leverage
    scores). The smoothing for 1 < p < 2 is in the line of T. Chan, G. Golub, P. Mulet, "A nonlinear primal-dual method
    for total variation-based image restoration", SIAM J. Sci. Comput. 20 (1999), and our own otherwise.

    Examples
    --------
    One gross error among eleven points on a line:

    >>> import numpy as np
    >>> from sparsesci.sampling import LpRegression
    >>> X = np.arange(11.0).reshape(-1, 1)
    >>> y = 2 * X[:, 0] + 1
    >>> y[3] = 1000
    >>> model = LpRegression(p=1).fit(X, y)
    >>> model.coef_.round(12), round(model.intercept_, 12)
    (array([2.]), 1.0)
    >>> round(model.objective_, 9), model.dual_gap_ < 1e-12
    (993.0, True)
    """

    def __init__(
        self,
        p=1,
        fit_intercept=True,
        solver="auto",
        coreset_size=None,
        tol=1e-9,
        max_iter=100,
        n_jobs=None,
    ):
        self.p = p
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.coreset_size = coreset_size
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def fit(self, X, y, sample_weight=None):
        """Find the coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the powers, not negative. For p = inf it only matters which are zero.

        Returns
        -------
        self : LpRegression

        Raises
        ------
        ValueError
            If a parameter is not valid or the data are not.
        TypeError
            If ``X`` is sparse.

        Warns
        -----
        ConvergenceWarning
            If the gap is above ``tol`` in the end.
        SparseSciWarning
            If the columns are linearly dependent.
        """
        p = _check_power(self.p)
        check_option("solver", self.solver, SOLVERS)
        solver = check_solver(self.solver, p)
        fit_intercept, n_jobs = self._checked_options()
        X, y, weights = self._checked_data(X, y, sample_weight)
        with single_threaded_blas():
            problem = make_problem(X, y, weights, p, fit_intercept, n_jobs)
            if p == 1:
                found, n_iter = solve_quantile(problem, 0.5, solver, self.coreset_size, self.tol, self.max_iter)
                unit, power = 2 * problem.unit, 1
            else:
                found, unit, n_iter = solve_power(problem, p, self.coreset_size, self.tol, self.max_iter)
                unit, power = unit * problem.unit, 1 if np.isinf(p) else p
        return self._learn(problem, found, unit, power, n_iter, X.dtype)


class QuantileRegression(_LinearLossRegression):
    """Linear regression on a conditional quantile, exact and with a proof of it.

    Minimises ``sum_i v_i rho(y_i - x_i @ coef - intercept)`` with ``rho(r) = quantile * max(r, 0) + (1 - quantile) *
    max(-r, 0)``, without regularisation.

    Parameters
    ----------
    quantile : float, default=0.5
        Between 0 and 1, both excluded.
    fit_intercept : bool, default=True
    solver : {"auto", "ipm", "preprocess", "highs"}, default="auto"
        As in ``LpRegression`` with p = 1: an interior point followed by a step to a vertex, the same through a coreset
        (from 50 000 rows on), or the linear program.
    coreset_size : int or None, default=None
        Number of rows in the coreset of "preprocess", by default ``(n_samples sqrt(n_features))**(2/3)``.
    tol : float, default=1e-9
        Duality gap, relative to the objective, at which to stop.
    max_iter : int, default=100
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Where the columns are dependent, of least norm once they are scaled.
    intercept_ : float
    objective_ : float
        The weighted sum of the losses.
    dual_gap_ : float
        ``(objective_ - bound) / objective_`` with the lower bound that a feasible dual point proves.
    n_iter_ : int
        Iterations of the solver, those on the coreset included; 0 where the fit is exact.
    rank_ : int
        Rank of the columns, that of ones included.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    LpRegression : The same for the median, up to a factor of 2 in the objective, and other powers.
    sklearn.linear_model.QuantileRegressor : With an l_1 penalty, by linear programming.

    Notes
    -----
    O(n d^2) operations in each of 10 to 20 iterations, and O(n d) memory, for n rows of d columns. The dual is
    ``max b @ y`` subject to ``A.T @ y = 0`` and ``(quantile - 1) v <= y <= quantile v``. A solution need not be unique;
    what is returned is a vertex (as many residuals are zero as there are coefficients) wherever that is found to be as
    good as the interior solution.

    References
    ----------
    R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46 (1978) 33-50; R. Koenker, S. Portnoy, "The Gaussian
    hare and the Laplacian tortoise", Statistical Science 12 (1997) 279-300.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsesci.sampling import QuantileRegression
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = QuantileRegression(quantile=0.9).fit(X, y)
    >>> round(model.objective_, 6), model.dual_gap_ < 1e-9
    (4016.850378, True)
    >>> round(float((y <= model.predict(X) + 1e-9).mean()), 2)
    0.91
    """

    def __init__(
        self,
        quantile=0.5,
        fit_intercept=True,
        solver="auto",
        coreset_size=None,
        tol=1e-9,
        max_iter=100,
        n_jobs=None,
    ):
        self.quantile = quantile
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.coreset_size = coreset_size
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def fit(self, X, y, sample_weight=None):
        """Find the coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the losses, not negative.

        Returns
        -------
        self : QuantileRegression

        Raises
        ------
        ValueError
            If a parameter is not valid or the data are not.
        TypeError
            If ``X`` is sparse.

        Warns
        -----
        ConvergenceWarning
            If the gap is above ``tol`` in the end.
        SparseSciWarning
            If the columns are linearly dependent.
        """
        tau = check_real("quantile", self.quantile, minimum=0, maximum=1, exclusive=True)
        solver = check_option("solver", self.solver, QUANTILE_SOLVERS)
        fit_intercept, n_jobs = self._checked_options()
        X, y, weights = self._checked_data(X, y, sample_weight)
        with single_threaded_blas():
            problem = make_problem(X, y, weights, 1, fit_intercept, n_jobs)
            found, n_iter = solve_quantile(problem, tau, solver, self.coreset_size, self.tol, self.max_iter)
        return self._learn(problem, found, problem.unit, 1, n_iter, X.dtype)


def _check_power(p):
    """Return p as a float, which may be infinite."""
    if isinstance(p, numbers.Real) and not isinstance(p, bool) and p == np.inf:
        return np.inf
    return check_real("p", p, minimum=1)
