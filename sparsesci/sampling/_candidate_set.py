"""Any functions and any measure: an orthonormal basis on a pool of candidate points."""

import numpy as np

from sparsesci._core.arrays import check_rows
from sparsesci._core.rng import indices, key_from_random_state, uniforms
from sparsesci._core.validation import check_integer, naming
from sparsesci.sampling._basis import Basis, unit_rows
from sparsesci.sampling._orthonormal import orthonormal_basis
from sparsesci.sampling._projection_dpp import projection_dpp

_MEASURE, _CHRISTOFFEL = 0x5110, 0x5111


class CandidateSetBasis(Basis):
    r"""Functions made orthonormal on a pool of points: a basis for optimal designs of any measure.

    Of a measure that one can only draw from, take a pool of N >> m points; the functions are orthonormalised for the
    uniform measure on the pool, and designs are subsets of it. A finite set of candidates, such as the rows of a table,
    is a pool as it stands.

    Parameters
    ----------
    feature_map : callable or None
        Takes points (n, dimension) and returns the values of m functions there (n, m). None takes the coordinates
        themselves.
    pool : array-like of shape (N, dimension)
        N >= m.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning) for orthonormalising. The result does not depend on it.

    Attributes
    ----------
    pool : ndarray of shape (N, dimension)
    dimension : int
    n_functions : int
        m, also ``len(basis)``.
    transform : ndarray of shape (m, m)
        The orthonormal functions are ``feature_map(x) @ transform``.

    Raises
    ------
    TypeError, ValueError
        If the features are not (N, m) finite numbers, N < m, or they are linearly dependent on the pool.

    See Also
    --------
    OrthogonalPolynomials : Product bases of classical measures, without a pool.
    optimal_design : Points and weights for least squares.
    projection_dpp : The sampler behind the designs.

    Notes
    -----
    O(N m^2) time once, O(N m) memory; a projection DPP then takes O(m^3 log m) whatever N.

    That the law is that of the pool and not of the measure behind it is a second, random error: Gram matrices with
    respect to the two differ by about sqrt(max k_m / N) (G. Migliorati, "Multivariate approximation of functions on
    irregular domains by weighted least-squares methods", 2021, arXiv:1907.12304; B. Adcock, J. M. Cardenas, 2020,
    arXiv:1908.01249).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import CandidateSetBasis, optimal_design
    >>> pool = np.random.default_rng(0).standard_normal((5000, 2))
    >>> pool = pool[(pool**2).sum(axis=1) < 4]  # a disc
    >>> basis = CandidateSetBasis(lambda x: np.column_stack([np.ones(len(x)), x, x**2]), pool)
    >>> design = optimal_design(basis, 10, random_state=0)
    >>> np.array_equal(design.points, pool[design.indices])
    True
    """

    def __init__(self, feature_map, pool, *, n_jobs=None):
        if feature_map is not None and not callable(feature_map):
            raise TypeError(f"feature_map must be callable or None; got {feature_map!r}")
        self.feature_map = feature_map
        self.pool = np.array(_dense_rows(pool, "pool"), dtype=np.float64, order="C")
        self.dimension = self.pool.shape[1]
        features = self._features(self.pool)
        size, m = features.shape
        if size < m:
            raise ValueError(f"pool must have at least as many points as there are functions, {m}; got {size}")
        values, self.transform, rank = orthonormal_basis(features, n_jobs=n_jobs)
        if rank < m:
            raise ValueError(f"feature_map must give linearly independent functions on the pool; {m} have rank {rank}")
        self.n_functions = m
        self.transform = self.transform * np.sqrt(size)
        self._values = values
        self._leverage = np.einsum("ij,ij->i", values, values)
        self._cumulative = np.cumsum(self._leverage)

    def __repr__(self):
        return f"CandidateSetBasis(n_functions={self.n_functions}, pool of {len(self.pool)} points)"

    def _features(self, points):
        if self.feature_map is None:
            return points
        features = self.feature_map(points)
        with naming("feature_map"):
            features = check_rows(features, name="feature_map")
        if hasattr(features, "tocsr") or len(features) != len(points):
            raise ValueError(
                f"feature_map must return a dense array of {len(points)} rows, one for each point; "
                f"got shape {features.shape}"
            )
        return features

    def evaluate(self, X, *, n_jobs=None, device="cpu"):
        """Return the values of all orthonormal functions.

        Parameters
        ----------
        X : array-like of shape (n, dimension)
        n_jobs, device
            Not used: the work is that of ``feature_map`` and a product of matrices.

        Returns
        -------
        values : ndarray of shape (n, n_functions)

        Raises
        ------
        ValueError, TypeError
            If X does not have ``dimension`` columns of finite numbers.
        """
        X = _dense_rows(X, "X")
        if X.shape[1] != self.dimension:
            raise ValueError(f"X must have {self.dimension} columns, as the pool; got {X.shape[1]}")
        return self._features(X) @ self.transform

    def christoffel(self, X, *, n_jobs=None, device="cpu"):
        """Return k_m, the sum of squares of all functions; on the pool, N times the leverage scores.

        Parameters
        ----------
        X : array-like of shape (n, dimension)
        n_jobs, device
            Not used.

        Returns
        -------
        k : ndarray of shape (n,)
        """
        values = self.evaluate(X)
        return np.einsum("ij,ij->i", values, values)

    def sample_measure(self, n, *, random_state=None, n_jobs=None):
        """Return independent draws from the pool.

        Parameters
        ----------
        n : int
        random_state : int, RandomState instance, Generator or None, default=None
        n_jobs : int or None, default=None

        Returns
        -------
        points : ndarray of shape (n, dimension)
        """
        n = check_integer("n", n, minimum=1)
        return self.pool[self._draw_measure(key_from_random_state(random_state), 0, n, n_jobs)]

    def sample_christoffel(self, n, *, random_state=None, n_jobs=None):
        """Return independent draws from the pool with probabilities proportional to k_m, the leverage scores.

        Parameters
        ----------
        n : int
        random_state : int, RandomState instance, Generator or None, default=None
        n_jobs : int or None, default=None

        Returns
        -------
        points : ndarray of shape (n, dimension)
        """
        n = check_integer("n", n, minimum=1)
        return self.pool[self._draw_christoffel(key_from_random_state(random_state), 0, n, n_jobs)]

    def sample_dpp(self, n_samples=None, *, random_state=None, n_jobs=None):
        """Return samples of the projection DPP of the span: n_functions distinct members of the pool each.

        Parameters
        ----------
        n_samples : int or None, default=None
            None for a single sample.
        random_state : int, RandomState instance, Generator or None, default=None
        n_jobs : int or None, default=None

        Returns
        -------
        points : ndarray of shape (n_samples, n_functions, dimension), or (n_functions, dimension)
        """
        count = 1 if n_samples is None else check_integer("n_samples", n_samples, minimum=1)
        points = self.pool[self._draw_dpp(key_from_random_state(random_state), 0, count, n_jobs)]
        return points[0] if n_samples is None else points

    # Draws as indices of the pool, see Basis.

    def _draw_measure(self, key, first, n, n_jobs):
        return indices(key, _MEASURE, n, len(self.pool), first=first, n_jobs=n_jobs)

    def _draw_christoffel(self, key, first, n, n_jobs):
        fractions = uniforms(key, _CHRISTOFFEL, n, first=first, n_jobs=n_jobs)
        found = np.searchsorted(self._cumulative, fractions * self._cumulative[-1], side="right")
        return np.minimum(found, len(self.pool) - 1)

    def _draw_dpp(self, key, first, count, n_jobs):
        source = np.random.Generator(np.random.Philox(key=[int(key), int(first)]))
        return projection_dpp(self._values, n_samples=count, check_input=False, random_state=source, n_jobs=n_jobs)

    def _directions(self, places, n_jobs, device):
        directions, _ = unit_rows(self._values[places])
        return directions, len(self.pool) * self._leverage[places]

    def _points(self, places):
        return self.pool[places]

    def _indices(self, places):
        return places


def _dense_rows(X, name):
    X = check_rows(X, name=name)
    if hasattr(X, "tocsr"):
        raise TypeError(f"{name} must be dense: sparse matrices are not supported")
    return X
