"""Blind gain calibration as an estimator."""

import copy
import warnings

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sparsesci._core.threads import single_threaded_blas
from sparsesci.calibration import _solvers
from sparsesci.calibration._blind import calibrate, check_options, check_weights
from sparsesci.calibration._sensing import check_readings, check_sensing


class BlindGainCalibrator(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Learn the gains of sensors from their readings of one unknown signal, and correct readings by them.

    Parameters
    ----------
    solver : {"auto", "gradient", "linear", "gauss_newton", "als", "bc_iht"}, default="auto"
        See :func:`blind_calibrate`, also for the other parameters.
    rho : float in (0, 1) or None, default=None
        Bound on the deviation of the gains from one.
    signal_basis : array-like of shape (n, k) or None, default=None
    gain_basis : array-like of shape (m, h) or None, default=None
    n_nonzero : int or None, default=None
        Number of entries of a sparse signal.
    dead : {"raise", "drop"}, default="raise"
        What to do with sensors all of whose readings are zero.
    max_iter : int, default=2000
    tol : float, default=1e-8
    random_state : int, RandomState instance, Generator or None, default=None
        Validated and otherwise not used: all present solvers are deterministic.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). Results do not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
    verbose : int, default=0

    Attributes
    ----------
    signal_ : ndarray of shape (n,)
    gains_ : ndarray of shape (m,)
        With sum m; zero for dropped sensors.
    n_iter_ : int
        Iterations of ``fit``, or calls of ``partial_fit``.
    loss_curve_ : list of float
        The objective at every iteration; after ``partial_fit``, that of the linear problem after every call.
    converged_ : bool
    n_snapshots_seen_ : int
    n_features_in_ : int
        Number of sensors, m.

    See Also
    --------
    blind_calibrate : The function behind ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.calibration import BlindGainCalibrator
    >>> from sparsesci.datasets import make_blind_calibration
    >>> A, Y, x, gains = make_blind_calibration(n=64, m=32, p=6, random_state=0)
    >>> calibrator = BlindGainCalibrator().fit(Y, sensing=A)
    >>> np.allclose(calibrator.transform(Y), A @ x)
    True
    """

    def __init__(
        self,
        solver="auto",
        *,
        rho=None,
        signal_basis=None,
        gain_basis=None,
        n_nonzero=None,
        dead="raise",
        max_iter=2000,
        tol=1e-8,
        random_state=None,
        n_jobs=None,
        device="cpu",
        verbose=0,
    ):
        self.solver = solver
        self.rho = rho
        self.signal_basis = signal_basis
        self.gain_basis = gain_basis
        self.n_nonzero = n_nonzero
        self.dead = dead
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def fit(self, Y, y=None, *, sensing, sample_weight=None):
        """Find signal and gains.

        Parameters
        ----------
        Y : array-like of shape (p, m)
            Readings of m sensors in p snapshots.
        y : None
            Ignored.
        sensing : array-like of shape (p, m, n), LinearOperator of shape (p m, n), or sequence of p of shape (m, n)
            The sensing vectors.
        sample_weight : array-like of shape (p,) or None, default=None
            Weights of the snapshots.

        Returns
        -------
        self : BlindGainCalibrator

        Raises
        ------
        ValueError, TypeError
            As :func:`blind_calibrate`.
        """
        options = self._options()
        Y = check_readings(Y)
        model = check_sensing(sensing, Y.shape, name="sensing", n_jobs=self.n_jobs, device=self.device)
        result = calibrate(model, Y, options, self.signal_basis, self.gain_basis, sample_weight)
        draft = self._draft()
        draft.signal_, draft.gains_ = result.x, result.gains
        draft.n_iter_, draft.converged_ = result.n_iter, result.converged
        draft.loss_curve_ = result.loss_curve
        draft.n_snapshots_seen_, draft.n_features_in_ = Y.shape
        # All at once, so that a failed fit leaves a fitted object as it was.
        self.__dict__ = draft.__dict__
        return self

    def partial_fit(self, Y, y=None, *, sensing, sample_weight=None):
        """Take in further snapshots of the same signal, and solve the linear problem of all of them.

        Only sums over the snapshots are kept, which is exact for ``solver="linear"``: memory O(m n + n^2) however many
        snapshots there are. While there are fewer readings than unknowns the signal is the back-projection and all
        gains are one.

        Parameters
        ----------
        Y : array-like of shape (p, m)
        y : None
            Ignored.
        sensing : array-like of shape (p, m, n)
            The sensing vectors of these snapshots, as an array.
        sample_weight : array-like of shape (p,) or None, default=None
            Weights of these snapshots, on the scale of earlier ones; None is all ones.

        Returns
        -------
        self : BlindGainCalibrator

        Raises
        ------
        ValueError, TypeError
            As :func:`blind_calibrate`; ValueError also if ``solver`` is neither "linear" nor "auto", if a basis,
            ``rho`` or ``n_nonzero`` is set, or if sizes differ from those of earlier calls.
        """
        options = self._options()
        self._check_streamable(options)
        Y = check_readings(Y)
        model = check_sensing(sensing, Y.shape, name="sensing", n_jobs=self.n_jobs, device=self.device)
        if model.matrix is None:
            raise ValueError("sensing must be an array in partial_fit; got operators")
        weights = check_weights(sample_weight, len(Y))
        if sample_weight is not None:
            weights = weights * (np.sum(np.asarray(sample_weight, dtype=float)) / len(Y))
        sums = getattr(self, "_sums", None)
        if sums is not None and sums["cross"].shape != (Y.shape[1], model.n_features):
            m, n = sums["cross"].shape
            raise ValueError(
                f"sensing and Y must be of {m} sensors and a signal of length {n}, as before; "
                f"got {Y.shape[1]} and {model.n_features}"
            )
        with single_threaded_blas():
            problem = _solvers.Problem(model, Y.astype(np.float64), weights)
            added = dict(zip(("squares", "cross", "gram"), _solvers.linear_sums(problem)))
        added["readings"] = float(weights.sum() * Y.shape[1])
        added["snapshots"] = len(Y)
        if sums is not None:
            added = {name: sums[name] + value for name, value in added.items()}
        draft = self._draft()
        draft._sums = added
        draft.n_features_in_, draft.n_snapshots_seen_ = Y.shape[1], added["snapshots"]
        _solve_sums(draft, model.dtype, [] if sums is None else self.loss_curve_)
        self.__dict__ = draft.__dict__
        return self

    def transform(self, Y):
        """Return readings divided by the gains; NaN for dropped sensors.

        Parameters
        ----------
        Y : array-like of shape (p, m)

        Returns
        -------
        corrected : ndarray of shape (p, m)
        """
        check_is_fitted(self)
        Y = self._check_width(Y)
        gains = np.where(self.gains_ == 0, np.nan, self.gains_)
        return (Y / gains).astype(Y.dtype)

    def inverse_transform(self, Y):
        """Return ideal readings multiplied by the gains.

        Parameters
        ----------
        Y : array-like of shape (p, m)

        Returns
        -------
        readings : ndarray of shape (p, m)
        """
        check_is_fitted(self)
        Y = self._check_width(Y)
        return (Y * self.gains_).astype(Y.dtype)

    def _check_width(self, Y):
        Y = check_readings(Y)
        if Y.shape[1] != self.n_features_in_:
            raise ValueError(f"Y must have {self.n_features_in_} columns, one for each sensor; got {Y.shape[1]}")
        return Y

    def _options(self):
        names = ["solver", "rho", "n_nonzero", "dead", "max_iter", "tol", "random_state", "n_jobs", "device", "verbose"]
        return check_options(**{name: getattr(self, name) for name in names})

    def _check_streamable(self, options):
        if options["solver"] not in ("auto", "linear"):
            raise ValueError(f"solver must be 'linear' or 'auto' for partial_fit; got {options['solver']!r}")
        for name in ("rho", "n_nonzero", "signal_basis", "gain_basis"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} must be None for partial_fit; got {getattr(self, name)!r}")

    def _draft(self):
        """Return an unfitted copy with the same parameters."""
        draft = copy.copy(self)
        for name in list(vars(draft)):
            if name == "_sums" or (name.endswith("_") and not name.startswith("_")):
                del draft.__dict__[name]
        return draft


def _solve_sums(draft, dtype, earlier):
    """Set what is learned from the sums of all snapshots so far."""
    sums = draft._sums
    m, n = sums["cross"].shape
    enough = sums["snapshots"] * m >= n + m - 1 and (sums["squares"] > 0).all()
    with single_threaded_blas():
        solved = _solvers.solve_linear_sums(sums["squares"], sums["cross"], sums["gram"]) if enough else None
    draft.n_iter_ = len(earlier) + 1
    draft.converged_ = solved is not None
    if solved is None:
        draft.signal_ = (sums["cross"].sum(axis=0) / max(sums["readings"], 1e-300)).astype(dtype)
        draft.gains_, loss = np.ones(m), float(sums["squares"].sum())
    else:
        signal, inverse, loss = solved
        gains = 1.0 / inverse
        draft.signal_, draft.gains_ = (signal * gains.mean()).astype(dtype), gains / gains.mean()
        if gains.min() <= 0:
            draft.converged_ = False
            warnings.warn("some gains are not positive: take in more snapshots", ConvergenceWarning, stacklevel=3)
    draft.loss_curve_ = [*earlier, max(loss, 0.0) / (2 * max(sums["readings"], 1e-300))]
