"""Volume sampling: rows on which least squares is unbiased for the solution on all rows."""

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsesci._core.arrays import check_rows
from sparsesci._core.device import resolve_device
from sparsesci._core.rng import key_from_random_state, sample_without_replacement, stream_of, uniforms
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_flag, check_integer, check_option
from sparsesci.sampling._orthonormal import OrthonormalBasis, orthonormal_basis
from sparsesci.sampling._projection_dpp import draw_projection

_DTYPES = [np.float64, np.float32]
_RANKS = ("error", "truncate")
_FURTHER_ROWS = 4
_ORDER = 5


class VolumeSample(NamedTuple):
    """Rows drawn by volume sampling, and what they were drawn from."""

    indices: np.ndarray
    weights: np.ndarray
    basis: OrthonormalBasis
    leverage: np.ndarray


def volume_sample(X, n_samples, *, rescaled=False, rank="error", random_state=None, n_jobs=None, device="cpu"):
    """Draw rows of a regression problem by volume sampling, exactly.

    A set S of s rows has probability ``det(X[S].T @ X[S])`` up to a factor. Least squares on these rows alone then is
    an unbiased estimate of the solution on all rows, whatever the labels are, and with s = d rows its loss on all rows
    is d + 1 times the smallest loss on average.

    Parameters
    ----------
    X : array-like of shape (n, d), float32 or float64
        The design, with full column rank; an intercept needs a column of ones.
    n_samples : int
        How many rows to draw, s: at least d, and at most n unless ``rescaled``.
    rescaled : bool, default=False
        Leveraged volume sampling: d rows from the determinantal point process and s - d more, independently and with
        replacement, in proportion to the leverage scores. Least squares with the returned weights is unbiased as well,
        and O(d log d + d / eps) rows are enough for a loss within a factor of 1 + eps, which plain volume sampling
        does not promise.
    rank : {"error", "truncate"}, default="error"
        What to do where the columns of ``X`` depend on one another: refuse, or sample in their span, d being the
        numerical rank.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the determinantal point process is sampled; the rest is on the CPU.

    Returns
    -------
    indices : ndarray of shape (n_samples,), int64
        Row numbers in random order; distinct unless ``rescaled``.
    weights : ndarray of shape (n_samples,)
        For weighted least squares on the rows: d / leverage if ``rescaled``, ones otherwise.

    Raises
    ------
    ValueError
        If ``X`` has not full column rank with ``rank="error"``, and for ``n_samples`` out of range.

    Notes
    -----
    The law is that of d rows from the projection DPP of the column space of ``X``, and s - d others of which all sets
    are equally likely: no reverse iterative sampling is needed. Time O(n d**2 + d**3 log d), memory O(n d).

    References
    ----------
    M. Derezinski, M. K. Warmuth, "Reverse iterative volume sampling for linear regression", JMLR 2018,
    arXiv:1806.01969.

    M. Derezinski, M. K. Warmuth, D. Hsu, "Leveraged volume sampling for linear regression", NeurIPS 2018,
    arXiv:1802.06749.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import volume_sample
    >>> X = np.vander(np.linspace(-1, 1, 200), 4)
    >>> rows, weights = volume_sample(X, 10, random_state=0)
    >>> rows.shape, set(weights.tolist())
    ((10,), {1.0})
    """
    check_options(rescaled, rank, n_jobs)
    where = resolve_device(device)
    X = check_rows(X, name="X")
    if hasattr(X, "tocsr"):
        raise TypeError("X must be a dense array; got a sparse one")
    n_samples = check_integer("n_samples", n_samples, minimum=1)
    sample = draw_volume(X, n_samples, rescaled, rank, random_state, n_jobs, where)
    return sample.indices, sample.weights


def check_options(rescaled, rank, n_jobs):
    """Check the parameters that volume sampling has everywhere."""
    check_flag("rescaled", rescaled)
    check_option("rank", rank, _RANKS)
    effective_n_jobs(n_jobs)


def draw_volume(X, n_samples, rescaled, rank, random_state, n_jobs, device):
    """Return a ``VolumeSample`` of the rows of an array that has been checked; ``n_samples=None`` is twice the rank."""
    n = X.shape[0]
    _check_tall(X, rank)
    if n_samples is not None and n_samples > n and not rescaled:
        raise ValueError(f"n_samples must be at most {n}, the number of rows; got {n_samples}")
    basis = checked_basis(X, rank, n_jobs)
    if n_samples is None:
        n_samples = min(2 * basis.rank, n)
    if n_samples < basis.rank:
        raise ValueError(f"n_samples must be at least {basis.rank}, the rank of X; got {n_samples}")
    leverage = np.einsum("ij,ij->i", basis.V, basis.V)
    key = key_from_random_state(random_state)
    (core,), _ = draw_projection(basis.V, basis.rank, 1, key, "rejection", n_jobs, device)
    if rescaled:
        further = _draw_by_leverage(leverage, key, n_samples - basis.rank)
    else:
        further = _draw_complement(core, key, n, n_samples - basis.rank)
    indices = np.concatenate([core, further])
    indices = indices[np.argsort(uniforms(key, stream_of(_ORDER, 0), n_samples), kind="stable")]
    weights = basis.rank / leverage[indices] if rescaled else np.ones(n_samples)
    return VolumeSample(indices, weights, basis, leverage)


def _check_tall(X, rank):
    n, d = X.shape
    if n < d and rank == "error":
        raise ValueError(f"X must have at least as many rows as columns, {d}; got n_samples = {n}")


def checked_basis(X, rank, n_jobs):
    """Return an orthonormal basis of the columns of ``X``; ValueError if there is none of full rank, or of none."""
    _check_tall(X, rank)
    d = X.shape[1]
    basis = orthonormal_basis(X, n_jobs=n_jobs)
    if basis.rank == 0:
        raise ValueError("X must have a column that is not zero")
    if basis.rank < d and rank == "error":
        raise ValueError(
            f"X must have full column rank, {d}; its numerical rank is {basis.rank}. rank='truncate' samples in the "
            "span of its columns"
        )
    return basis


def _draw_by_leverage(leverage, key, size):
    """Return ``size`` independent rows with probabilities in proportion to the leverages."""
    cumulative = np.cumsum(leverage)
    drawn = uniforms(key, stream_of(_FURTHER_ROWS, 0), size) * cumulative[-1]
    last = np.flatnonzero(leverage)[-1]
    return np.minimum(np.searchsorted(cumulative, drawn, side="right"), last)


def _draw_complement(core, key, n, size):
    """Return ``size`` rows besides those of ``core``, every set of them equally likely."""
    others = sample_without_replacement(key, stream_of(_FURTHER_ROWS, 0), n - core.size, size)
    # Number the complement: below the j-th smallest of core lie core[j] - j of the others.
    return others + np.searchsorted(np.sort(core) - np.arange(core.size), others, side="right")


class VolumeSampler(BaseEstimator):
    """Choose rows by volume sampling, in imbalanced-learn's way.

    Parameters
    ----------
    n_samples : int or None, default=None
        How many rows to draw: at least the number of columns, at most that of rows unless ``rescaled``. None: twice
        the rank.
    rescaled : bool, default=False
        Leveraged volume sampling, with replacement and weights: see ``volume_sample``.
    rank : {"error", "truncate"}, default="error"
        What to do where the columns depend on one another: refuse, or sample in their span.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    leverage_ : ndarray of shape (n_rows,)
        The squared row lengths of an orthonormal basis of the columns: the probability of each row to be among the
        first ones that span them.
    rank_ : int
    sample_indices_ : ndarray of shape (n_samples,), int64
        The rows that were drawn, after ``fit_resample``.
    sample_weight_ : ndarray of shape (n_samples,)
        Their weights for least squares, after ``fit_resample``.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has names of columns that are all strings.

    See Also
    --------
    volume_sample : The same as a function, with references.
    VolumeSampledRegression : Sampling and least squares in one.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsesci.sampling import VolumeSampler
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X_sampled, y_sampled = VolumeSampler(30, random_state=0).fit_resample(X, y)
    >>> X_sampled.shape, y_sampled.shape
    ((30, 10), (30,))
    """

    def __init__(self, n_samples=None, rescaled=False, random_state=None, *, rank="error", n_jobs=None, device="cpu"):
        self.n_samples = n_samples
        self.rescaled = rescaled
        self.rank = rank
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def _check(self):
        check_options(self.rescaled, self.rank, self.n_jobs)
        if self.n_samples is not None:
            check_integer("n_samples", self.n_samples, minimum=1)
        return resolve_device(self.device)

    def fit(self, X, y=None):
        """Compute the leverage scores.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : VolumeSampler
        """
        self._check()
        basis = checked_basis(check_array(X, dtype=_DTYPES, input_name="X"), self.rank, self.n_jobs)
        validate_data(self, X, skip_check_array=True)
        self._learn(basis, np.einsum("ij,ij->i", basis.V, basis.V))
        return self

    def _learn(self, basis, leverage):
        self.leverage_, self.rank_, self._transform = leverage, basis.rank, basis.transform

    def fit_resample(self, X, y=None):
        """Compute the leverage scores and draw rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
        y : array-like of shape (n_rows,) or (n_rows, n_targets), or None
            Labels, which have no influence on the choice.

        Returns
        -------
        X_sampled : of the kind of ``X``, with n_samples rows
        y_sampled : of the kind of ``y``, or None
        """
        where = self._check()
        rows = check_array(X, dtype=_DTYPES, input_name="X")
        if y is not None:
            check_consistent_length(X, y)
        given = self.n_samples, self.rescaled, self.rank, self.random_state, self.n_jobs
        drawn = draw_volume(rows, *given, where)
        validate_data(self, X, skip_check_array=True)
        self._learn(drawn.basis, drawn.leverage)
        self.sample_indices_, self.sample_weight_ = drawn.indices, drawn.weights
        return _taken(X, drawn.indices), None if y is None else _taken(y, drawn.indices)

    def score_samples(self, X):
        """Return the leverage scores that new rows would have, next to those of ``leverage_``.

        A score above one belongs to a row farther out than any of the data can be: a prediction there is an
        extrapolation.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)

        Returns
        -------
        leverage : ndarray of shape (n_rows,)
            ``x @ inv(X_fit.T @ X_fit) @ x``; of columns that depend on one another, in as many of them as the rank.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=_DTYPES, reset=False)
        coordinates = rows @ self._transform
        return np.einsum("ij,ij->i", coordinates, coordinates)


def _taken(rows, indices):
    """Return some rows of a data frame or series, or of whatever can be an array."""
    is_frame = hasattr(rows, "__dataframe__") or hasattr(rows, "to_numpy")
    return _safe_indexing(rows if is_frame else np.asarray(rows), indices)
