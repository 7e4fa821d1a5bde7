"""Coordinates of point clouds whose distances are sliced Wasserstein distances."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.transport import _directions
from sparsesci.transport import _pairwise_kernels as kernels
from sparsesci.transport._cloud_lists import check_clouds

_WEIGHTS = ("auto", *_directions.WEIGHTS)


class SlicedWassersteinEmbedding(TransformerMixin, BaseEstimator):
    """Embed point clouds by the quantiles of their projections.

    Every cloud becomes a row of fixed length, so that any estimator of scikit-learn can work with clouds of different
    sizes. The distance between two rows (Euclidean for p = 2, l_p in general) is the sliced Wasserstein distance SW_p,
    but for the errors of the rule and of the quantiles.

    Parameters
    ----------
    n_projections : int, default=64
        Directions L. One is used for clouds on the line.
    n_quantiles : int, default=100
        Quantiles Q of every projection, at (k + 1/2) / Q. For clouds of Q points of equal weights nothing is lost.
    p : float, default=2
        At least 1.
    sampling : {"auto", "uniform", "orthogonal", "sobol", "fibonacci", "equispaced", "energy"}, default="auto"
        As in :func:`sphere_directions`, but "auto" is "energy" for 3 <= d <= 6 and up to 512 directions.
    weights : {"auto", "kernel", "harmonic", "uniform"}, default="auto"
        Weights of the directions, see :func:`sphere_quadrature`. They must turn out not to be negative. "auto" takes
        "kernel" for "fibonacci" and "energy", where it is so, and "uniform" otherwise.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.

    Attributes
    ----------
    projections_ : ndarray of shape (L, n_features_in_)
    weights_ : ndarray of shape (L,)
    quantiles_ : ndarray of shape (Q,)
        Levels of the quantiles.
    n_features_in_ : int
        Dimension of the space in which the clouds lie.

    See Also
    --------
    pairwise_sliced_wasserstein : The distances themselves, without quantiles.

    Notes
    -----
    ``fit`` learns nothing but the dimension and draws the rule. For K clouds of n points: time
    O(K L n (d + log n)), memory O(K L Q).

    References
    ----------
    S. Kolouri, Y. Zou, G. K. Rohde, "Sliced Wasserstein Kernels for Probability Distributions", CVPR 2016,
    arXiv:1511.03198, for the embedding of p = 2. The quadrature weights are our own.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import SlicedWassersteinEmbedding
    >>> rng = np.random.default_rng(0)
    >>> clouds = [rng.standard_normal((n, 2)) for n in (40, 60, 50)]
    >>> embedding = SlicedWassersteinEmbedding(n_projections=20, n_quantiles=30, random_state=0)
    >>> embedding.fit_transform(clouds).shape
    (3, 600)
    """

    def __init__(
        self,
        n_projections=64,
        n_quantiles=100,
        p=2,
        sampling="auto",
        weights="auto",
        random_state=None,
        n_jobs=None,
    ):
        self.n_projections = n_projections
        self.n_quantiles = n_quantiles
        self.p = p
        self.sampling = sampling
        self.weights = weights
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Draw the directions.

        Parameters
        ----------
        X : list of array-like of shape (n_k, d), or array-like of shape (K, n, d)
            Clouds. A member of a list may be a tuple (points, masses).
        y : None
            Ignored.

        Returns
        -------
        self : SlicedWassersteinEmbedding
        """
        n, size = self._check_parameters()
        points, _ = check_clouds(X, name="X")
        d = points[0].shape[1]
        nodes, rule_weights = self._rule(1 if d == 1 else n, d)
        self.projections_, self.weights_ = nodes, rule_weights
        self.quantiles_ = (np.arange(size) + 0.5) / size
        self.n_features_in_ = d
        return self

    def _check_parameters(self):
        n = check_integer("n_projections", self.n_projections, minimum=1)
        size = check_integer("n_quantiles", self.n_quantiles, minimum=1)
        check_real("p", self.p, minimum=1)
        check_option("sampling", self.sampling, _directions.METHODS)
        check_option("weights", self.weights, _WEIGHTS)
        effective_n_jobs(self.n_jobs)
        return n, size

    def _rule(self, n, d):
        """Return directions and weights; ValueError if weights are negative."""
        method = _directions.check_method("sampling", self.sampling, d)
        if self.sampling == "auto" and _directions.takes_energy(n, d):
            method = "energy"
        weights = self.weights
        if weights == "auto":
            smooth = method in ("fibonacci", "energy") and n <= _directions.LARGEST_KERNEL_RULE
            weights = "kernel" if smooth else "uniform"
        degree = _directions.check_degree(None, n, d) if weights == "harmonic" else None
        nodes, values = _directions.rule(method, n, d, weights, degree, key_from_random_state(self.random_state))
        if values.min() < 0:
            raise ValueError(
                f"weights={self.weights!r} gives negative weights with these directions, which have no embedding; "
                "take weights='uniform'"
            )
        return nodes, values

    def transform(self, X):
        """Return the scaled quantiles of the projections of clouds.

        Parameters
        ----------
        X : list of array-like of shape (n_k, d), or array-like of shape (K, n, d)
            Clouds. A member of a list may be a tuple (points, masses).

        Returns
        -------
        X_new : ndarray of shape (K, L * Q)
            Direction by direction. float32 if all clouds are.
        """
        check_is_fitted(self)
        points, masses = check_clouds(X, name="X")
        if points[0].shape[1] != self.n_features_in_:
            raise ValueError(
                f"X must hold clouds of {self.n_features_in_} features, as in fit; got {points[0].shape[1]} features"
            )
        size, dtype = len(self.quantiles_), points[0].dtype
        out = np.empty((len(points), len(self.projections_), size), dtype=dtype)
        clouds = [np.ascontiguousarray(cloud.T) for cloud in points]
        for k, mass in enumerate(masses):
            if mass is not None and (mass == 0).any():
                clouds[k], masses[k] = np.ascontiguousarray(points[k][mass > 0].T), mass[mass > 0]
        with single_threaded_blas():
            kernels.quantile_rows(clouds, masses, self.projections_, size, out.reshape(len(points), -1), self.n_jobs)
        out *= ((self.weights_ / size) ** (1 / self.p)).astype(dtype)[:, np.newaxis]
        return out.reshape(len(points), -1)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects
        """
        check_is_fitted(self)
        L, size = len(self.projections_), len(self.quantiles_)
        return np.array([f"direction{i}_quantile{k}" for i in range(L) for k in range(size)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags
