"""Weighted least squares on optimal designs, as an estimator."""

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import _check_sample_weight, _num_samples, check_is_fitted, validate_data

from sparsesci._core.device import resolve_device
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_integer, naming
from sparsesci.sampling._basis import Basis
from sparsesci.sampling._design import Design, check_options, deviations, make_design
from sparsesci.sampling._polynomials import OrthogonalPolynomials


class WeightedLeastSquares(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Least squares in a span of orthonormal functions, on a design of its own or on given data.

    Given a function that can be called, ``fit`` draws an optimal design, calls the function at its points and solves
    the weighted problem. Given data, it fits those.

    Parameters
    ----------
    basis : OrthogonalPolynomials, CandidateSetBasis, int or None, default=None
        An integer stands for the polynomials of that total degree on the bounding box of the data, None for degree 1;
        a function needs a basis.
    strategy : {"repeated_dpp", "volume", "iid", "mc"}, default="repeated_dpp"
    n_points : int or None, default=None
    proposal : {"christoffel", "mixture"}, default="christoffel"
    delta : float in (0, 1) or None, default=None
    n_candidates : int, default=1
    reduce : {None, "greedy"}, default=None
    criterion : {"spectral", "lambda_min"}, default="spectral"
    max_tries : int, default=1000
        The design, as in :func:`optimal_design`.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the basis is evaluated.

    Attributes
    ----------
    coef_ : ndarray of shape (n_functions,) or (n_targets, n_functions)
        Of least norm where the points do not determine them.
    basis_ : OrthogonalPolynomials or CandidateSetBasis
    points_ : ndarray of shape (n_points, n_features)
        The points of the design, or the data.
    weights_ : ndarray of shape (n_points,)
    gram_ : ndarray of shape (n_functions, n_functions)
        ``(1/n) sum_i w_i phi(x_i) phi(x_i)^T`` over the n points of positive weight.
    stability_ : float
        Deviation of ``gram_`` from the identity, see ``criterion``. Below one, the fit is stable: its error is that
        of the best approximation up to a constant. For data that are not a sample of the basis's measure it says
        nothing.
    n_tries_ : int
        How many rounds of designs were drawn; 0 for data.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    optimal_design : The design, with references.

    Notes
    -----
    O(n m^2) time and O(n m) memory for n points and m functions, besides the design.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import OrthogonalPolynomials, WeightedLeastSquares
    >>> def runge(X):
    ...     return 1 / (1 + 5 * X[:, 0] ** 2)
    >>> basis = OrthogonalPolynomials("legendre", max_degree=19)
    >>> model = WeightedLeastSquares(basis, delta=0.9, random_state=0).fit(runge)
    >>> model.points_.shape, model.stability_ <= 0.9
    ((40, 1), True)
    >>> x = np.linspace(-1, 1, 201)[:, np.newaxis]
    >>> bool(np.abs(model.predict(x) - runge(x)).max() < 2e-3)
    True
    """

    def __init__(
        self,
        basis=None,
        strategy="repeated_dpp",
        n_points=None,
        *,
        proposal="christoffel",
        delta=None,
        n_candidates=1,
        reduce=None,
        criterion="spectral",
        max_tries=1000,
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.basis = basis
        self.strategy = strategy
        self.n_points = n_points
        self.proposal = proposal
        self.delta = delta
        self.n_candidates = n_candidates
        self.reduce = reduce
        self.criterion = criterion
        self.max_tries = max_tries
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def design(self):
        """Return the design that ``fit`` would draw for a function.

        With it, the function may be evaluated elsewhere: ``fit(design, y)``, or ``fit(design.points, y,
        sample_weight=design.weights)``.

        Returns
        -------
        design : Design

        Raises
        ------
        NotFittedError
            If ``basis`` is an integer or None and there are no data yet to say which polynomials it means.
        """
        basis = self.basis if isinstance(self.basis, Basis) else getattr(self, "basis_", None)
        if basis is None:
            raise NotFittedError("This WeightedLeastSquares has no basis: give one, or fit data first.")
        return self._design(basis)[0]

    def fit(self, X, y=None, sample_weight=None):
        """Fit a function on a design drawn for it, or data.

        Parameters
        ----------
        X : callable, Design, or array-like of shape (n_samples, n_features)
            A callable takes points (n, dimension) and returns values (n,) or (n, n_targets).
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or None
            Values at the points; None for a callable.
        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Weights of the squared residuals, not negative; zero leaves a sample out. None: 1, and for a Design its
            weights.

        Returns
        -------
        self : WeightedLeastSquares

        Raises
        ------
        TypeError, ValueError
            If a parameter is not valid, the callable does not return finite numbers, one for each point, or the data
            hold NaN or infinity or do not fit together.

        Warns
        -----
        ConvergenceWarning
            If no design met ``delta``.
        """
        if callable(X):
            return self._fit_function(X, y, sample_weight)
        if isinstance(X, Design):
            if sample_weight is not None:
                raise ValueError("sample_weight must be None with a Design, which has weights of its own")
            X, sample_weight = X.points, X.weights
        return self._fit_data(X, y, sample_weight)

    def predict(self, X):
        """Evaluate the fitted function.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return self.basis_.evaluate(X, n_jobs=self.n_jobs, device=self.device) @ self.coef_.T

    def _options(self, basis):
        return check_options(
            basis,
            self.n_points,
            self.strategy,
            self.proposal,
            self.delta,
            self.n_candidates,
            self.reduce,
            self.criterion,
            self.max_tries,
            self.n_jobs,
            self.device,
        )

    def _design(self, basis):
        return make_design(basis, self._options(basis), self.random_state, self.n_jobs, self.device)

    def _fit_function(self, function, y, sample_weight):
        if y is not None or sample_weight is not None:
            raise ValueError("y and sample_weight must be None with a function, which gives the values itself")
        if not isinstance(self.basis, Basis):
            raise ValueError(f"basis must be given to fit a function: there are no data to choose from; {self.basis!r}")
        design, rows = self._design(self.basis)
        values = _function_values(function, design.points)
        self._solve(self.basis, design.points, design.weights, rows, values, design.gram, design.stability)
        self.n_tries_ = design.n_tries
        self.n_features_in_ = self.basis.dimension
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def _fit_data(self, X, y, sample_weight):
        self._check_parameters()
        weights = None
        if sample_weight is not None:
            with naming("sample_weight"):
                weights = _check_sample_weight(sample_weight, np.empty(_num_samples(X)), ensure_non_negative=True)
            if not weights.any():
                raise ValueError("sample_weight must not be zero everywhere")
        held = {name: vars(self)[name] for name in ("n_features_in_", "feature_names_in_") if name in vars(self)}
        try:
            X, y = validate_data(
                self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True, copy=True
            )
            basis = self._basis_for(X, weights)
        except BaseException:
            for name in ("n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)
            vars(self).update(held)
            raise
        if weights is None:
            weights = np.ones(len(X))
        rows = np.sqrt(weights)[:, np.newaxis] * basis.evaluate(
            np.asarray(X, dtype=np.float64), n_jobs=self.n_jobs, device=self.device
        )
        with single_threaded_blas():
            gram = rows.T @ rows / np.count_nonzero(weights)
        stability = float(deviations(gram[np.newaxis], self.criterion)[0])
        self._solve(basis, X, weights, rows, y.astype(np.float64, copy=False), gram, stability)
        self.n_tries_ = 0
        return self

    def _check_parameters(self):
        """Check the parameters of the design too, although data need none."""
        if isinstance(self.basis, Basis):
            self._options(self.basis)
            basis = self.basis
        elif self.basis is None:
            basis = OrthogonalPolynomials(max_degree=0)
        else:
            if isinstance(self.basis, (bool, np.bool_)) or not hasattr(self.basis, "__index__"):
                raise TypeError(
                    "basis must be an OrthogonalPolynomials, a CandidateSetBasis, an integer or None; "
                    f"got {self.basis!r}"
                )
            check_integer("basis", self.basis, minimum=0)
            basis = OrthogonalPolynomials(max_degree=0)
        self._options(basis)
        _check_random_state(self.random_state)
        resolve_device(self.device)

    def _basis_for(self, X, weights):
        if isinstance(self.basis, Basis):
            if self.basis.dimension != X.shape[1]:
                raise ValueError(f"X must have {self.basis.dimension} features, as the basis; got {X.shape[1]}")
            return self.basis
        used = X if weights is None else X[weights > 0]
        low, high = used.min(axis=0).astype(np.float64), used.max(axis=0).astype(np.float64)
        # A box of no width is widened: the direction says nothing, but has to be mapped.
        flat = ~(low < high)
        widening = np.where(flat, np.maximum(1.0, np.abs(low)), 0.0)
        box = np.column_stack([low - widening, high + widening])
        return OrthogonalPolynomials(total_degree=1 if self.basis is None else int(self.basis), domain=box)

    def _solve(self, basis, points, weights, rows, values, gram, stability):
        """Solve the weighted problem and learn; nothing is learned before the solution is there."""
        targets = np.sqrt(weights)[:, np.newaxis] * values.reshape(len(values), -1)
        with single_threaded_blas():
            coef = np.linalg.lstsq(rows, targets, rcond=None)[0]
        self.coef_ = coef[:, 0] if values.ndim == 1 else coef.T
        self.basis_, self.points_, self.weights_ = basis, points, weights
        self.gram_, self.stability_ = gram, stability


def _check_random_state(random_state):
    """Check without drawing from an instance."""
    if not isinstance(random_state, (np.random.Generator, np.random.RandomState)) and random_state is not None:
        key_from_random_state(random_state)


def _function_values(function, points):
    values = function(points.copy())
    with naming("X"):
        values = np.asarray(values, dtype=np.float64)
    if values.ndim not in (1, 2) or len(values) != len(points) or values.size == 0:
        raise ValueError(
            f"X must return one value, or one row of values, for each of {len(points)} points; got shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("X must return finite values; got NaN or infinity")
    return values
