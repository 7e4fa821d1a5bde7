"""Finite determinantal point processes: L-ensembles, correlation kernels, low-rank features, and k-DPPs."""

import numpy as np
from scipy import linalg
from scipy.special import expit

from sparsesci._core.arrays import check_rows
from sparsesci._core.device import resolve_device, twin
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs, run_ranges, single_threaded_blas
from sparsesci._core.validation import check_integer, check_option
from sparsesci.sampling import _projection_dpp_kernels as kernels
from sparsesci.sampling._orthonormal import gram_deviation, orthonormal_basis
from sparsesci.sampling._projection_dpp import check_trials, draw_by_rejection
from sparsesci.sampling._symmetric_polynomials import (
    log_table,
    select_exactly,
    select_independently,
    selection_probabilities,
)

_KERNELS = ("likelihood", "correlation", "features")
# By how much a matrix may fail to be symmetric and an eigenvalue lie outside its range, relative to the largest.
_SLACK = {"float64": 1e-10, "float32": 1e-5}
_RANGE_ROWS = 8192


class _Mixture:
    """A mixture of projection DPPs: eigenvectors, each kept or not, and a projection DPP of those that are.

    ``log_lam`` are the logarithms of the eigenvalues of the likelihood kernel, ascending; plus infinity stands for
    eigenvalues of one of a correlation kernel, which are always kept.
    """

    def __init__(self, kernel, matrix):
        self.kernel = check_option("kernel", kernel, _KERNELS)
        matrix = check_rows(matrix, name="matrix")
        if hasattr(matrix, "tocsr"):
            raise TypeError("matrix must be a dense array; got a sparse one")
        self.matrix = matrix
        rounding = _SLACK[matrix.dtype.name], np.finfo(matrix.dtype).eps
        decompose = _from_features if kernel == "features" else _from_kernel
        self._log_lam, self._V = decompose(np.asarray(matrix, dtype=np.float64), kernel, *rounding)
        self._law = None

    @property
    def n_items(self):
        """Number of items, N."""
        return self.matrix.shape[0]

    @property
    def rank(self):
        """Number of eigenvalues that are not zero: the size of the largest sample."""
        return self._log_lam.size

    @property
    def _n_certain(self):
        """Number of eigenvectors that are always kept."""
        return int(np.isposinf(self._log_lam).sum())

    @property
    def _uncertain(self):
        """Logarithms of the eigenvalues of the others."""
        return self._log_lam[: self.rank - self._n_certain]

    def _check_size(self, size):
        size = check_integer("size", size, minimum=1)
        if not self._n_certain <= size <= self.rank:
            raise ValueError(
                f"size must lie between the number of eigenvalues that are one, {self._n_certain}, and the rank, "
                f"{self.rank}: no sample has another; got {size}"
            )
        return size

    def _check_items(self, S):
        items = np.asarray(sorted(S) if isinstance(S, (set, frozenset)) else S)
        if items.size == 0 and items.ndim <= 1:
            return np.empty(0, dtype=np.int64)
        if items.ndim != 1 or items.dtype.kind not in "ui":
            raise ValueError(f"S must be a vector of item numbers; got shape {items.shape} and dtype {items.dtype}")
        if items.min() < 0 or items.max() >= self.n_items or np.unique(items).size < items.size:
            raise ValueError(f"S must hold distinct item numbers in [0, {self.n_items}); got {S!r}")
        return np.sort(items.astype(np.int64))

    def _log_volume(self, items):
        """Return log det L_S, where eigenvalues that are infinite count as one and take up their dimensions of S."""
        n_certain = self._n_certain
        if not n_certain <= items.size <= self.rank:
            return -np.inf
        rows = self._V[items]
        scaled = rows[:, : self.rank - n_certain] * np.exp(0.5 * self._uncertain)
        basis, certain_volume = np.eye(items.size), 0.0
        if n_certain:
            basis, triangle = linalg.qr(rows[:, self.rank - n_certain :])
            certain_volume = _log_determinant(triangle[:n_certain])
        if items.size == n_certain:
            return 2.0 * certain_volume
        triangle = linalg.qr((basis[:, n_certain:].T @ scaled).T, mode="r")[0][: items.size - n_certain]
        return 2.0 * (certain_volume + _log_determinant(triangle))

    def _draw_mixture(self, columns, counts, key, n_jobs, device):
        """Return samples of the projection DPPs of the chosen columns, in the first ``counts`` entries of each row."""
        rows = np.full((counts.size, int(counts.max(initial=0))), -1, dtype=np.int64)
        if rows.size:
            trials = np.empty(counts.size, dtype=np.int64)
            law = self._prepared_law(n_jobs, device)
            draw_by_rejection(self._V, columns, counts, counts, law, key, rows, trials, n_jobs, device)
            check_trials(trials)
        return rows

    def _prepared_law(self, n_jobs, device):
        if device == "cuda":
            return twin(kernels, device).column_laws(self._V, n_jobs)
        if self._law is None:
            self._law = kernels.column_laws(self._V, n_jobs)
        return self._law

    def _draw_sized(self, size, n_samples, key, n_jobs, device):
        """Return ``n_samples`` samples (n_samples, size) given that the size is ``size``."""
        n_certain, uncertain = self._n_certain, self._uncertain
        left = size - n_certain
        columns = np.empty((n_samples, size), dtype=np.int64)
        columns[:, left:] = np.arange(uncertain.size, self.rank)
        select_exactly(uncertain, log_table(uncertain, left), left, key, columns)
        return self._draw_mixture(columns, np.full(n_samples, size), key, n_jobs, device)

    def _sized_inclusion(self, size):
        chosen = np.ones(self.rank)
        chosen[: self._uncertain.size] = selection_probabilities(self._uncertain, size - self._n_certain)
        return np.square(self._V) @ chosen


class FiniteDPP(_Mixture):
    """A determinantal point process over N items.

    A sample is a random set of items, of random size, in which similar items rarely meet. With a likelihood kernel
    (an L-ensemble) a set S has probability ``det(L[S, S]) / det(I + L)``; with a correlation kernel ``det(K[S, S])``
    is the probability that S is part of the sample; features are rows of a matrix with ``L = features @ features.T``,
    which is never formed.

    Parameters
    ----------
    kernel : {"likelihood", "correlation", "features"}
        What ``matrix`` is.
    matrix : array-like of shape (N, N), or (N, D) for features
        A symmetric matrix without negative eigenvalues, those of a correlation kernel at most one; or features. Not
        copied: it must not change while the object is in use.

    Attributes
    ----------
    n_items : int
    rank : int
        Number of eigenvalues above ``N * eps`` times the largest; the others count as zero.

    Raises
    ------
    ValueError
        For NaN, infinity, a kernel that is not symmetric or has eigenvalues out of range by more than 1e-10 of the
        largest (1e-5 in single precision).

    See Also
    --------
    KDPP : Samples of a fixed size.
    projection_dpp : The process of an orthonormal basis, without an eigenvalue decomposition.

    Notes
    -----
    The process is a mixture of projection processes (Hough et al. 2006): eigenvector j is kept with probability
    ``lam_j / (1 + lam_j)``, and the rows of the kept eigenvectors are sampled as by ``projection_dpp``. Proposals come
    from the squared entries of a kept eigenvector chosen at random, so that nothing of length N is computed for a
    sample. That last point is our own choice of proposals; the law of the sample is exact.

    Time O(N**3) once, or O(N D**2) for features; then O(k**3 log k + k log k log N) for a sample of k items. Memory
    O(N r) for r eigenvectors.

    References
    ----------
    J. B. Hough, M. Krishnapur, Y. Peres, B. Virag, "Determinantal processes and independence", Probability Surveys
    2006, arXiv:math/0503110.

    A. Kulesza, B. Taskar, "Determinantal point processes for machine learning", Foundations and Trends in Machine
    Learning 2012, arXiv:1207.6083.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import FiniteDPP
    >>> x = np.linspace(0, 1, 100)
    >>> dpp = FiniteDPP("likelihood", 10 * np.exp(-((x[:, None] - x) ** 2) / 0.02))
    >>> round(dpp.expected_size(), 3)
    11.581
    >>> items = dpp.sample(random_state=0)
    >>> bool(np.isfinite(dpp.log_prob(items)))
    True
    >>> [len(sample) for sample in dpp.sample(3, random_state=0)]
    [10, 11, 13]
    """

    def sample(self, n_samples=None, size=None, random_state=None, *, n_jobs=None, device="cpu"):
        """Draw samples.

        Parameters
        ----------
        n_samples : int or None, default=None
            Number of independent samples; None is one, which is returned by itself.
        size : int or None, default=None
            Draw from the samples of this size only, as ``KDPP`` does.
        random_state : int, RandomState instance, Generator or None, default=None
        n_jobs : int or None, default=None
            Number of threads (joblib's meaning). The result does not depend on it.
        device : {"cpu", "cuda", "auto"}, default="cpu"

        Returns
        -------
        items : ndarray of int64, or list of them
            Distinct item numbers in random order. With ``size`` the samples are the rows of one array.
        """
        count, where = _check_draw(n_samples, n_jobs, device)
        if size is not None:
            size = self._check_size(size)
        key = key_from_random_state(random_state)
        if size is not None:
            samples = self._draw_sized(size, count, key, n_jobs, where)
        else:
            counts = np.empty(count, dtype=np.int64)
            columns = np.empty((count, self.rank), dtype=np.int64)
            select_independently(expit(self._log_lam), key, columns, counts)
            rows = self._draw_mixture(columns, counts, key, n_jobs, where)
            samples = [row[:length].copy() for row, length in zip(rows, counts, strict=True)]
        return samples[0] if n_samples is None else samples

    def log_prob(self, S):
        """Return the logarithm of the probability that the sample is the set ``S``, in any order.

        It is minus infinity for sets that are never drawn.
        """
        items = self._check_items(S)
        return float(self._log_volume(items) - np.logaddexp(0.0, self._uncertain).sum())

    def inclusion_probabilities(self):
        """Return the probability of every item to be in the sample (N,): the diagonal of the correlation kernel."""
        return np.square(self._V) @ expit(self._log_lam)

    def expected_size(self):
        """Return the mean size of a sample; its variance is the sum over the eigenvalues of p (1 - p)."""
        return float(expit(self._log_lam).sum())


class KDPP(_Mixture):
    """A determinantal point process over N items, given that the sample has a fixed size.

    A set S of ``size`` items has probability ``det(L[S, S]) / e(lam)``, e being the elementary symmetric polynomial
    of degree ``size`` of the eigenvalues of L. All computing with it is in logarithms: eigenvalues may be large, small
    and many.

    Parameters
    ----------
    kernel : {"likelihood", "correlation", "features"}
        What ``matrix`` is; of a correlation kernel K the likelihood kernel is ``K @ inv(I - K)``.
    matrix : array-like of shape (N, N), or (N, D) for features
        As for ``FiniteDPP``.
    size : int
        Number of items of a sample; at most the rank, and at least the number of eigenvalues of a correlation kernel
        that are one.

    Attributes
    ----------
    n_items : int
    rank : int
    size : int

    Raises
    ------
    ValueError
        As for ``FiniteDPP``, and for a ``size`` that no sample has.

    Notes
    -----
    Eigenvectors are chosen by the recursion of the symmetric polynomials (Kulesza and Taskar 2012, algorithm 8), here
    in logarithms; then as for ``FiniteDPP``. Time O(N**3) once, or O(N D**2) for features; then O(r k) for the choice,
    with one table of r k numbers for all samples, and O(k**3 log k + k log k log N) for the sample.

    References
    ----------
    A. Kulesza, B. Taskar, "Determinantal point processes for machine learning", Foundations and Trends in Machine
    Learning 2012, arXiv:1207.6083.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import KDPP
    >>> features = np.vander(np.linspace(-1, 1, 50), 6)
    >>> KDPP("features", features, 4).sample(2, random_state=0).shape
    (2, 4)
    """

    def __init__(self, kernel, matrix, size):
        check_integer("size", size, minimum=1)
        super().__init__(kernel, matrix)
        self.size = self._check_size(size)
        self._log_normaliser = float(log_table(self._uncertain, self.size - self._n_certain)[-1, -1])

    def sample(self, n_samples=None, random_state=None, *, n_jobs=None, device="cpu"):
        """Draw samples.

        Parameters
        ----------
        n_samples : int or None, default=None
            Number of independent samples; None is one, as a vector.
        random_state : int, RandomState instance, Generator or None, default=None
        n_jobs : int or None, default=None
            Number of threads (joblib's meaning). The result does not depend on it.
        device : {"cpu", "cuda", "auto"}, default="cpu"

        Returns
        -------
        items : ndarray of shape (size,) or (n_samples, size), int64
            Distinct item numbers in random order.
        """
        count, where = _check_draw(n_samples, n_jobs, device)
        samples = self._draw_sized(self.size, count, key_from_random_state(random_state), n_jobs, where)
        return samples[0] if n_samples is None else samples

    def log_prob(self, S):
        """Return the logarithm of the probability that the sample is the set ``S``, in any order.

        It is minus infinity for sets that are never drawn, among them those of another size.
        """
        items = self._check_items(S)
        if items.size != self.size:
            return -np.inf
        return float(self._log_volume(items) - self._log_normaliser)

    def inclusion_probabilities(self):
        """Return the probability of every item to be in the sample (N,)."""
        return self._sized_inclusion(self.size)

    def expected_size(self):
        """Return the size of a sample, as a float."""
        return float(self.size)


def _check_draw(n_samples, n_jobs, device):
    """Return the number of samples and the device."""
    count = 1 if n_samples is None else check_integer("n_samples", n_samples, minimum=1)
    effective_n_jobs(n_jobs)
    return count, resolve_device(device)


def _log_determinant(triangle):
    """Return the logarithm of the absolute determinant of a triangular matrix."""
    with np.errstate(divide="ignore"):
        return float(np.log(np.abs(np.diagonal(triangle))).sum())


def _from_kernel(matrix, kernel, slack, eps):
    """Return log_lam and eigenvectors of a symmetric matrix."""
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix must be square for kernel={kernel!r}; got shape {matrix.shape}")
    scale = np.abs(matrix).max()
    asymmetry = max(float(np.abs(matrix[i] - matrix[:, i]).max()) for i in range(len(matrix)))
    if asymmetry > slack * scale:
        raise ValueError(f"matrix must be symmetric; entries differ from their mirror images by {asymmetry:.3g}")
    with single_threaded_blas():
        eigenvalues, V = linalg.eigh(matrix, check_finite=False)
    largest = max(np.abs(eigenvalues).max(), 1.0 if kernel == "correlation" else 0.0)
    if eigenvalues[0] < -slack * largest:
        raise ValueError(f"matrix must have no negative eigenvalue; got {eigenvalues[0]:.3g}")
    rounding = (10 + len(matrix)) * eps
    kept = eigenvalues > rounding * eigenvalues[-1]
    eigenvalues, V = eigenvalues[kept], np.ascontiguousarray(V[:, kept])
    if kernel == "likelihood":
        return np.log(eigenvalues), V
    if eigenvalues.size and eigenvalues[-1] > 1.0 + slack:
        raise ValueError(f"matrix must have no eigenvalue above 1 for kernel='correlation'; got {eigenvalues[-1]!r}")
    certain = eigenvalues > 1.0 - rounding
    log_lam = np.full(eigenvalues.size, np.inf)
    log_lam[~certain] = np.log(eigenvalues[~certain]) - np.log1p(-eigenvalues[~certain])
    return log_lam, V


def _from_features(features, kernel, slack, eps):
    """Return log_lam and eigenvectors of features @ features.T, from the singular values of a small matrix."""
    if not features.any():
        return np.empty(0), np.empty((len(features), 0))
    scale = np.abs(features).max()
    features = features / scale
    basis = orthonormal_basis(features)
    with single_threaded_blas():
        small = np.zeros((basis.rank, features.shape[1]))
        for start in range(0, len(features), _RANGE_ROWS):
            rows = slice(start, start + _RANGE_ROWS)
            small += basis.V[rows].T @ features[rows]
        left, singular, _ = linalg.svd(small, full_matrices=False, check_finite=False)
        kept = singular > max(features.shape) * eps * singular[0]
        rotation = np.ascontiguousarray(left[:, kept][:, ::-1])
        V = np.empty((len(features), rotation.shape[1]))

        def rotate(start, stop):
            V[start:stop] = basis.V[start:stop] @ rotation

        run_ranges(rotate, len(features), _RANGE_ROWS, None)
    if gram_deviation(V) > _SLACK["float64"]:
        raise ArithmeticError("the eigenvectors of the features could not be computed")
    return 2.0 * (np.log(singular[kept][::-1]) + np.log(scale)), V
