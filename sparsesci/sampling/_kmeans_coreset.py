"""Coresets for k-means and k-medians."""

import copy

import numpy as np
import scipy.sparse
from sklearn.utils.validation import validate_data

from sparsesci._core.device import twin
from sparsesci._core.rng import key_from_random_state, uniforms
from sparsesci._core.validation import check_integer, check_option, naming
from sparsesci.sampling import _kmeans_coreset_kernels
from sparsesci.sampling._kmeans_coreset_kernels import RANGE_ROWS
from sparsesci.sampling._row_sampler import RowSampler
from sparsesci.sampling._row_sampling import SCHEMES, check_count, draw_rows
from sparsesci.sampling._row_space import check_weights

_METHODS = ("sensitivity", "lightweight")
_OBJECTIVES = {"kmeans": 2, "kmedians": 1}
_SEEDS = 32


class KMeansCoreset(RowSampler):
    """A few weighted points on which k-means costs about what it costs on all of them, for any centres.

    They go into :class:`sklearn.cluster.KMeans` through ``sample_weight``.

    Parameters
    ----------
    n_samples : int
        How many points to keep, at most as many as there are.
    n_clusters : int, default=8
        The k of the k-means that is to come.
    method : {"sensitivity", "lightweight"}, default="sensitivity"
        "sensitivity" bounds the share of every point in the cost of any k centres, from rough ones: k-means++ with the
        best of a few draws for each centre, and for k-means one step of Lloyd.
        "lightweight" takes half uniform probabilities and half squared distances from the mean, in one pass; its error
        is relative to the cost of a single centre.
    objective : {"kmeans", "kmedians"}, default="kmeans"
        Sums of squared distances or of distances.
    scheme : {"systematic", "poisson", "multinomial"}, default="systematic"
        See :func:`sample_rows`. The guarantees of the papers are for "multinomial".
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the passes over the points run.

    Attributes
    ----------
    scores_ : ndarray of shape (n_rows,)
        Adding up to 1.
    cluster_centers_ : ndarray of shape (at most n_clusters, n_features)
        The rough centres that the scores rest on, or the mean.
    sample_indices_ : ndarray of shape (n_samples_,)
        Numbers of the points that were kept, increasing.
    sample_weight_ : ndarray of shape (n_samples_,)
    n_samples_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    Notes
    -----
    O(n d k log k) time in k (3 + log k) passes for "sensitivity", O(n d) in two for "lightweight"; O(n) memory.
    Coresets pay where a few points matter much, far tiny clusters for instance; on well-balanced clusters a uniform
    sample is as good.

    References
    ----------
    O. Bachem, M. Lucic, A. Krause, "Practical coreset constructions for machine learning", 2017, arXiv:1703.06476
    (sensitivity). O. Bachem, M. Lucic, A. Krause, "Scalable k-means clustering via lightweight coresets", KDD 2018,
    arXiv:1702.08248. D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sparsesci.datasets import make_far_clusters
    >>> from sparsesci.sampling import KMeansCoreset
    >>> X = make_far_clusters(5000, random_state=0).X
    >>> points, _, weight = KMeansCoreset(300, 8, random_state=0).fit_resample(X)
    >>> model = KMeans(8, n_init=10, random_state=0).fit(points, sample_weight=weight)
    >>> full = KMeans(8, n_init=10, random_state=0).fit(X)
    >>> bool(-model.score(X) < 1.4 * full.inertia_)
    True
    """

    def __init__(
        self,
        n_samples,
        n_clusters=8,
        method="sensitivity",
        *,
        objective="kmeans",
        scheme="systematic",
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.n_samples = n_samples
        self.n_clusters = n_clusters
        self.method = method
        self.objective = objective
        self.scheme = scheme
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, X, y=None, sample_weight=None):
        """Score all points and sample them.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
        y : ignored
        sample_weight : array-like of shape (n_rows,) or None, default=None
            Points of weight 0 are never kept.

        Returns
        -------
        self : KMeansCoreset

        Raises
        ------
        ValueError, TypeError
            If the data hold NaN or infinity, ``n_samples`` or ``n_clusters`` is larger than the number of points, a
            weight is negative, or a parameter is out of range. The estimator stays as it was.
        """
        check_integer("n_samples", self.n_samples, minimum=1)
        k = check_integer("n_clusters", self.n_clusters, minimum=1)
        check_option("method", self.method, _METHODS)
        check_option("objective", self.objective, tuple(_OBJECTIVES))
        check_option("scheme", self.scheme, SCHEMES)
        kernels = twin(_kmeans_coreset_kernels, self.device)
        draft = copy.copy(self)
        if getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M"):
            raise TypeError(f"X must be numeric; got dtype {X.dtype}")
        with naming("X"):
            X = validate_data(draft, X, dtype=[np.float64, np.float32])
        n = X.shape[0]
        weights = check_weights(sample_weight, n)
        weights = np.ones(n) if weights is None else weights
        check_count(self.n_samples, n, self.scheme)
        if k > n:
            raise ValueError(f"n_clusters must be at most the number of rows, n_samples = {n}; got {k}")
        key = key_from_random_state(self.random_state)
        passes = _Passes(kernels, X, weights, _OBJECTIVES[self.objective], self.n_jobs)
        if self.method == "lightweight":
            draft.cluster_centers_, scores = passes.lightweight()
        else:
            draft.cluster_centers_, scores = passes.sensitivity(k, key)
        draft.scores_ = scores / scores.sum()
        chosen, factors = draw_rows(draft.scores_, self.n_samples, self.scheme, 0.0, key, stacklevel=3)
        draft.sample_indices_ = chosen
        draft.sample_weight_ = weights[chosen] * factors
        self.__dict__ = draft.__dict__
        return self


class _Passes:
    """Passes over weighted points in a unit in which squares neither overflow nor vanish."""

    def __init__(self, kernels, X, weights, power, n_jobs):
        largest = float(np.abs(X).max())
        self.exponent = 0 if largest == 0 or 1e-60 < largest < 1e60 else int(np.frexp(largest)[1])
        self.X = np.ldexp(X.astype(np.float64), -self.exponent) if self.exponent else X
        self.kernels, self.weights, self.power, self.n_jobs = kernels, weights, power, n_jobs
        self.costs = np.full(X.shape[0], np.inf)
        self.labels = np.zeros(X.shape[0], dtype=np.int64)

    def update(self, centre, label, costs, labels):
        """Bring costs and labels up to date; return sums of costs by ranges."""
        return self.kernels.update_nearest(self.X, centre, label, self.weights, self.power, costs, labels, self.n_jobs)

    def lightweight(self):
        """Return the mean, and half uniform scores and half shares in the cost of the mean."""
        v = self.weights
        centre = (v / v.sum()) @ self.X.astype(np.float64)
        total = self.update(centre, 0, self.costs, self.labels).sum()
        scores = v / (2 * v.sum())
        if total > 0:
            scores = scores + v * self.costs / (2 * total)
        return np.ldexp(centre[np.newaxis], self.exponent), scores

    def sensitivity(self, n_clusters, key):
        """Return rough centres, and bounds on the shares of the points in the cost of any k centres."""
        centres, sums = self._seeds(n_clusters, key)
        if self.power == 2 and len(centres) > 1:
            centres, sums = self._moved(centres)
        v, k = self.weights, len(centres)
        total, cost = v.sum(), sums.sum()
        sizes = np.bincount(self.labels, v, minlength=k)
        # A mean may have no points of its own: nobody asks for its entries.
        sizes[sizes == 0] = np.inf
        inside = np.bincount(self.labels, v * self.costs, minlength=k)
        scores = 4 * total / sizes[self.labels]
        if cost > 0:
            mean, factor = cost / total, 16 * (np.log(k) + 2)
            scores += factor * self.costs / mean + (2 * factor / mean) * (inside / sizes)[self.labels]
        return np.ldexp(centres, self.exponent), v * scores

    def _seeds(self, n_clusters, key):
        """Return centres of k-means++, each the best of a few draws, and the sums of costs."""
        v, n_trials = self.weights, 2 + int(np.log(n_clusters))
        draws = uniforms(key, _SEEDS, 1 + n_clusters * n_trials)
        first = np.searchsorted(np.cumsum(v), draws[0] * v.sum(), side="right")
        centres = [self._point(min(first, np.flatnonzero(v)[-1]))]
        sums = self.update(centres[0], 0, self.costs, self.labels)
        while len(centres) < n_clusters and sums.sum() > 0:
            begin = 1 + len(centres) * n_trials
            trials = {self._draw(sums, draw): None for draw in draws[begin : begin + n_trials]}
            best = None
            for row in trials:
                centre, costs, labels = self._point(row), self.costs.copy(), self.labels.copy()
                tried = self.update(centre, len(centres), costs, labels)
                if best is None or tried.sum() < best[0].sum():
                    best = tried, centre, costs, labels
            sums, centre, self.costs, self.labels = best
            centres.append(centre)
        return np.array(centres), sums

    def _moved(self, centres):
        """Return the means of the points that are nearest to each centre, and the sums of costs with these."""
        n, k = len(self.labels), len(centres)
        members = scipy.sparse.csr_array((self.weights, (self.labels, np.arange(n))), shape=(k, n))
        sizes = members.sum(axis=1)
        moved = np.where(sizes[:, np.newaxis] > 0, members @ self.X, centres)
        moved /= np.where(sizes > 0, sizes, 1.0)[:, np.newaxis]
        self.costs[:] = np.inf
        for label, centre in enumerate(moved):
            sums = self.update(centre, label, self.costs, self.labels)
        return moved, sums

    def _point(self, i):
        return np.ascontiguousarray(self.X[i], dtype=np.float64)

    def _draw(self, sums, draw):
        """Return a row with probability in proportion to its share of the cost."""
        passed = np.cumsum(sums)
        target = draw * passed[-1]
        which = min(int(np.searchsorted(passed, target, side="right")), len(sums) - 1)
        while sums[which] == 0:
            which -= 1
        rows = slice(which * RANGE_ROWS, (which + 1) * RANGE_ROWS)
        inside = np.cumsum(self.weights[rows] * self.costs[rows])
        found = np.searchsorted(inside, target - (passed[which] - sums[which]), side="right")
        return rows.start + min(int(found), int(np.flatnonzero(np.diff(inside, prepend=0.0))[-1]))
