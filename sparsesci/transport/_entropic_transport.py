"""Estimator that moves one cloud of points onto another by entropic optimal transport."""

import copy

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsesci._core.arrays import kernel_view
from sparsesci._core.device import resolve_device
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_option
from sparsesci.transport._entropic_input import (
    METRIC_NAMES,
    check_masses,
    check_options,
    check_points,
    check_reg,
)
from sparsesci.transport._entropic_kernels import barycentric_map
from sparsesci.transport._entropic_solve import Costs, solve
from sparsesci.transport._semidual_kernels import METRICS

_NORMALIZERS = (None, "max", "median")
_DTYPES = [np.float64, np.float32]
_AUTOMATIC = 0.05
# With more features than this, a matrix of costs is faster than making them anew.
_FEW_FEATURES = 8


class EntropicTransport(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Map points from a source to a target by entropically regularised optimal transport.

    ``fit`` finds the plan between the two clouds; ``transform`` moves any point, seen or not, to
    the mean of the target points weighted by the plan (the barycentric map).

    Parameters
    ----------
    reg : float or "auto", default="auto"
        Strength of the regularisation: in units of the costs, or of what ``normalize_cost`` says.
        "auto" is 0.05 of those; without ``normalize_cost``, 0.05 times the median cost.
    metric : {"sqeuclidean", "euclidean", "cityblock"}, default="sqeuclidean"
        The cost of a pair of points.
    method : {"auto", "newton", "sns", "sinkhorn", "sinkhorn_log"}, default="auto"
        As in :func:`entropic_transport`.
    tol : float, default=1e-9
        The largest 1-norm of the errors of the marginals.
    max_iter : int, default=1000
        The most evaluations.
    normalize_cost : {None, "max", "median"}, default=None
        What ``reg`` is measured in: cost units, the largest cost or the median cost.
    n_jobs : int or None, default=None
        Number of threads. The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the semi-dual is evaluated.

    Attributes
    ----------
    coupling_ : ndarray of shape (n_samples, n_target_samples)
        The plan; its sum is one.
    potentials_ : tuple of ndarrays of shape (n_samples,), (n_target_samples,)
        In units of the costs.
    cost_ : float
        Transport cost ``sum(C * coupling_)``, not normalised.
    reg_ : float
        The regularisation used, in units of the costs.
    n_iter_ : int
        Steps of scaling and of Newton.
    target_ : ndarray of shape (n_target_samples, n_features)
        The target points.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where ``X`` has names.

    See Also
    --------
    entropic_transport_points : The solver.

    Notes
    -----
    ``fit`` holds the plan, and ``transform`` takes O(n m d) time. The map at a source point x is
    ``sum_j w_j Y_j`` with weights ``w_j`` proportional to ``exp((v_j - c(x, Y_j)) / reg_)``; on the
    training points these are the rows of the plan divided by their sums. Out of sample this is the
    entropic map of A.-A. Pooladian, J. Niles-Weed, "Entropic estimation of optimal transport
    maps", 2021, arXiv:2109.12004.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import EntropicTransport
    >>> X = np.random.default_rng(0).standard_normal((60, 2))
    >>> model = EntropicTransport(reg=0.01).fit(X, Y=X + 3.0)
    >>> bool(np.abs(model.transform(X) - (X + 3.0)).max() < 0.1)
    True
    """

    def __init__(
        self,
        reg="auto",
        *,
        metric="sqeuclidean",
        method="auto",
        tol=1e-9,
        max_iter=1000,
        normalize_cost=None,
        n_jobs=None,
        device="cpu",
    ):
        self.reg = reg
        self.metric = metric
        self.method = method
        self.tol = tol
        self.max_iter = max_iter
        self.normalize_cost = normalize_cost
        self.n_jobs = n_jobs
        self.device = device

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X, y=None, *, Y):
        """Find the plan between source and target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Source points.
        y : None
            Ignored.
        Y : array-like of shape (n_target_samples, n_features)
            Target points.

        Returns
        -------
        self : EntropicTransport

        Raises
        ------
        ValueError
            For points that are not finite or of different numbers of features, and for parameters
            out of range.

        Warns
        -----
        ConvergenceWarning
            If the marginals are not as accurate as ``tol``.
        """
        options = self._check_parameters()
        draft = copy.copy(self)
        source, target = check_points(validate_data(draft, X, dtype=_DTYPES), Y)
        few = source.shape[1] <= _FEW_FEATURES
        costs = Costs(X=source, Y=target, metric=self.metric)
        C = None if few and self.reg != "auto" and self.normalize_cost is None else cdist(source, target, self.metric)
        draft.reg_ = self._regularization(C)
        a, b = check_masses(None, None, len(source), len(target))
        result = solve(
            costs if few else Costs(C), a, b, draft.reg_, options, None, effective_n_jobs(self.n_jobs), self.device
        )
        draft.coupling_, draft.potentials_, draft.cost_ = result.plan, result.potentials, result.cost
        draft.n_iter_, draft.target_ = result.n_iter, target.copy()
        # All at once, so that a failed fit leaves a fitted object as it was.
        self.__dict__ = draft.__dict__
        return self

    def transform(self, X):
        """Move points to the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        moved : ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        n_jobs = effective_n_jobs(self.n_jobs)
        X = validate_data(self, X, reset=False, dtype=_DTYPES)
        points = kernel_view(np.ascontiguousarray(X, dtype=np.float64))
        Yt = np.ascontiguousarray(self.target_.T)
        moved = barycentric_map(
            points, Yt, METRICS[self.metric], self.potentials_[1], 1.0 / self.reg_, self.target_, n_jobs
        )  # fmt: skip
        return moved.astype(X.dtype, copy=False)

    def _check_parameters(self):
        """Check all parameters; return the options of the solver."""
        if isinstance(self.reg, str):
            if self.reg != "auto":
                raise ValueError(f"reg must be 'auto' or a positive number; got {self.reg!r}")
        else:
            check_reg(self.reg)
        check_option("metric", self.metric, METRIC_NAMES)
        check_option("normalize_cost", self.normalize_cost, _NORMALIZERS)
        effective_n_jobs(self.n_jobs)
        resolve_device(self.device)
        return check_options(
            method=self.method,
            tol=self.tol,
            max_iter=self.max_iter,
            n_sinkhorn=5,
            density=None,
            linear_solver="auto",
            eta_factor=4.0,
            return_plan=True,
            round=False,
            verbose=0,
        )

    def _regularization(self, C):
        """Return the regularisation in units of the costs ``C``, which is needed for the unit only."""
        factor = _AUTOMATIC if isinstance(self.reg, str) else float(self.reg)
        normalizer = self.normalize_cost
        if normalizer is None and isinstance(self.reg, str):
            normalizer = "median"
        if normalizer is None:
            return factor
        unit = float(C.max() if normalizer == "max" else np.median(C))
        # Where all points are the same there is nothing to measure by.
        return factor * unit if unit > 0 else factor
