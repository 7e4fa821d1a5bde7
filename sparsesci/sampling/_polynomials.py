"""Orthonormal polynomials and trigonometric functions of product measures, with exact samplers."""

import numpy as np

from sparsesci._core.arrays import check_rows
from sparsesci._core.device import twin
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.validation import check_flag, check_integer, check_option, naming
from sparsesci.sampling import _christoffel_kernels, _polynomials_kernels
from sparsesci.sampling._basis import Basis, unit_rows
from sparsesci.sampling._index_sets import index_set_of, mirrored_coordinates
from sparsesci.sampling._polynomials_kernels import CHEBYSHEV, FOURIER, HERMITE, LEGENDRE

_FAMILIES = {"legendre": LEGENDRE, "hermite": HERMITE, "chebyshev": CHEBYSHEV, "fourier": FOURIER}
_CANONICAL = {"legendre": (-1.0, 1.0), "hermite": (0.0, 1.0), "chebyshev": (-1.0, 1.0), "fourier": (0.0, 1.0)}
_METHODS = ("auto", "chain", "tridiagonal")


class OrthogonalPolynomials(Basis):
    r"""Orthonormal product basis of a product probability measure, and exact draws from the measures that it induces.

    The functions are :math:`\varphi_a(x) = \prod_c P_{a_c}(x_c)` for a set of multi-indices a. With
    :math:`k_m(x) = \sum_a \varphi_a(x)^2`, the inverse of the Christoffel function, the density :math:`k_m / m` with
    respect to the measure is the one for sampling points of weighted least squares, and the projection determinantal
    point process (DPP) of the span has m points of that density which repel each other.

    Parameters
    ----------
    family : {"legendre", "hermite", "chebyshev", "fourier"} or sequence of these, default="legendre"
        One for all coordinates or one for each:

        * "legendre": polynomials, uniform measure on an interval;
        * "hermite": polynomials, normal measure;
        * "chebyshev": polynomials, arcsine measure on an interval;
        * "fourier": 1, :math:`\sqrt2\cos 2\pi k t`, :math:`\sqrt2\sin 2\pi k t`, numbered 0, 2k - 1, 2k; uniform
          measure on an interval. The basis is real: cosines and sines instead of complex exponentials.
    index_set : array-like of int of shape (m, dimension) or (m,), or None
        Multi-indices. Give exactly one of this and the next three.
    total_degree : int or None
        All multi-indices with degrees that add up to at most this.
    hyperbolic_cross : int or None
        All with :math:`\prod_c (a_c + 1) \le` ``hyperbolic_cross + 1``.
    max_degree : int, sequence of int or None
        All with degrees up to this in every coordinate (or up to each coordinate's own).

        Along a Fourier coordinate the degree is the frequency, and the cosine and the sine of a frequency are taken
        together: the span is that of the complex exponentials of frequencies -k, ..., k.
    domain : array-like of shape (dimension, 2) or (2,), or None, default=None
        End points of the interval of each coordinate; mean and standard deviation for "hermite". A single pair serves
        all coordinates. None takes [-1, 1], mean 0 and deviation 1, and [0, 1].
    dimension : int or None, default=None
        Number of coordinates where nothing else says so; None then means 1.

    Attributes
    ----------
    family : tuple of str of length dimension
    index_set : ndarray of shape (n_functions, dimension)
    domain : ndarray of shape (dimension, 2)
    dimension : int
    n_functions : int
        m, also ``len(basis)``.

    Raises
    ------
    TypeError, ValueError
        If none or several of the four index sets are given, sizes do not agree, or an interval is empty.

    See Also
    --------
    CandidateSetBasis : Any functions and any measure, through a pool of candidate points.
    optimal_design : Points and weights for least squares.

    Notes
    -----
    Evaluation takes O(n (dimension D + m)) for degrees up to D, as factors that are one are left out. A draw of the
    density k_m / m takes O(dimension D): a random member of the index set, then each coordinate from its squared
    polynomial, by rejection from the arcsine law with acceptance rate 1/2 ("hermite": inversion of the closed form of
    the distribution function).

    The DPP is sampled by the chain rule [1]_ with rejection: m H_m proposals (H_m the harmonic number) on average and
    O(m^3 log m) operations at most. For all degrees below m in one coordinate of a polynomial family, the points are
    the eigenvalues of random tridiagonal matrices [2]_, [3]_ in O(m^2).

    Values of Hermite polynomials may exceed the range of double precision from degree 700 on; they are then infinite.
    Samplers and designs use scaled functions and hold for every degree. Points outside the interval are taken.

    References
    ----------
    .. [1] J. B. Hough, M. Krishnapur, Y. Peres, B. Virag, "Determinantal processes and independence", Probability
       Surveys 3 (2006), arXiv:math/0503110.
    .. [2] I. Dumitriu, A. Edelman, "Matrix models for beta ensembles", Journal of Mathematical Physics 43 (2002),
       arXiv:math-ph/0206043.
    .. [3] R. Killip, I. Nenciu, "Matrix models for circular ensembles", International Mathematics Research Notices
       (2004), arXiv:math/0410034.

    Examples
    --------
    >>> from sparsesci.sampling import OrthogonalPolynomials
    >>> basis = OrthogonalPolynomials("legendre", total_degree=2, domain=[(0, 1), (-1, 1)])
    >>> len(basis), basis.index_set.tolist()
    (6, [[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [0, 2]])
    >>> basis.evaluate([[0.5, 1.0]]).round(3)
    array([[ 1.   ,  0.   ,  1.732, -1.118,  0.   ,  2.236]])
    >>> basis.sample_dpp(100, random_state=0).shape
    (100, 6, 2)
    """

    def __init__(
        self,
        family="legendre",
        index_set=None,
        *,
        total_degree=None,
        hyperbolic_cross=None,
        max_degree=None,
        domain=None,
        dimension=None,
    ):
        given = {
            "index_set": index_set,
            "total_degree": total_degree,
            "hyperbolic_cross": hyperbolic_cross,
            "max_degree": max_degree,
        }
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise ValueError(f"give exactly one of {', '.join(given)}; got {', '.join(named) or 'none'}")
        families = _check_family(family)
        box = _check_domain(domain)
        self.dimension = _dimension_of(families, index_set, max_degree, box, dimension)
        self.family = families * self.dimension if len(families) == 1 else families
        self.domain = _spread_domain(box, self.family)
        is_fourier = np.array([name == "fourier" for name in self.family])
        self.index_set = index_set_of(self.dimension, index_set, total_degree, hyperbolic_cross, max_degree, is_fourier)
        self.n_functions = len(self.index_set)
        self._prepare(is_fourier)

    def _prepare(self, is_fourier):
        """Make the arrays that kernels take."""
        self._families = np.array([_FAMILIES[name] for name in self.family])
        self._degrees = self.index_set.max(axis=0)
        sizes = self._degrees + 1
        self._starts = np.cumsum(sizes) - sizes
        self._recurrence = np.stack([_recurrence(name, max(1, self._degrees.max())) for name in self.family])
        is_hermite = self._families == HERMITE
        self._factors = _factors(self.index_set, self._starts, np.zeros(self.dimension, dtype=bool))
        self._scaled_factors = _factors(self.index_set, self._starts, is_hermite)
        mirrored = mirrored_coordinates(self.index_set, is_fourier)
        self._drawn_degrees = np.where(mirrored, 0, self.index_set)
        low, high = self.domain.T
        interval = ~is_hermite & ~is_fourier
        self._shift = np.where(interval, (low + high) / 2, low)
        self._scale = np.where(is_hermite, high, np.where(interval, (high - low) / 2, high - low))
        self._is_classical = (
            self.dimension == 1
            and not is_fourier[0]
            and np.array_equal(np.sort(self.index_set[:, 0]), np.arange(self.n_functions))
        )

    def __repr__(self):
        families = self.family[0] if len(set(self.family)) == 1 else self.family
        return f"OrthogonalPolynomials({families!r}, dimension={self.dimension}, n_functions={self.n_functions})"

    def evaluate(self, X, *, n_jobs=None, device="cpu"):
        """Return the values of all functions.

        Parameters
        ----------
        X : array-like of shape (n, dimension), or (n,) where dimension is 1
        n_jobs : int or None, default=None
            Number of threads (joblib's meaning). The result does not depend on it.
        device : {"cpu", "cuda", "auto"}, default="cpu"

        Returns
        -------
        values : ndarray of shape (n, n_functions)
            float32 where X is float32, computed in double precision on the CPU; otherwise float64.

        Raises
        ------
        ValueError, TypeError
            If X does not have ``dimension`` columns of finite numbers.
        """
        X = self._check_points(X, device)
        out = np.empty((X.shape[0], self.n_functions), dtype=X.dtype)
        twin(_polynomials_kernels, device).basis_values(
            X, self._shift, self._scale, *self._tables(), False, *self._factors, out, n_jobs
        )
        return out

    def christoffel(self, X, *, n_jobs=None, device="cpu"):
        """Return k_m, the sum of squares of all functions: the inverse of the Christoffel function.

        Parameters
        ----------
        X : array-like of shape (n, dimension), or (n,) where dimension is 1
        n_jobs : int or None, default=None
        device : {"cpu", "cuda", "auto"}, default="cpu"

        Returns
        -------
        k : ndarray of shape (n,)
            Its mean with respect to the measure is ``n_functions``.

        Raises
        ------
        ValueError, TypeError
            As ``evaluate``.
        """
        X = self._check_points(X, device)
        out = np.empty(X.shape[0], dtype=X.dtype)
        twin(_polynomials_kernels, device).christoffel_values(
            X, self._shift, self._scale, *self._tables(), *self._factors, out, n_jobs
        )
        return out

    def sample_measure(self, n, *, random_state=None, n_jobs=None):
        """Return independent draws from the measure.

        Parameters
        ----------
        n : int
        random_state : int, RandomState instance, Generator or None, default=None
        n_jobs : int or None, default=None
            Number of threads (joblib's meaning). The result does not depend on it.

        Returns
        -------
        points : ndarray of shape (n, dimension)
        """
        n = check_integer("n", n, minimum=1)
        return self._points(self._draw_measure(key_from_random_state(random_state), 0, n, n_jobs))

    def sample_christoffel(self, n, *, random_state=None, n_jobs=None):
        """Return independent draws of density k_m / m with respect to the measure.

        Parameters
        ----------
        n : int
        random_state : int, RandomState instance, Generator or None, default=None
        n_jobs : int or None, default=None
            Number of threads (joblib's meaning). The result does not depend on it.

        Returns
        -------
        points : ndarray of shape (n, dimension)
        """
        n = check_integer("n", n, minimum=1)
        return self._points(self._draw_christoffel(key_from_random_state(random_state), 0, n, n_jobs))

    def sample_dpp(self, n_samples=None, *, method="auto", return_n_trials=False, random_state=None, n_jobs=None):
        """Return samples of the projection DPP of the span: n_functions points each, in random order.

        Parameters
        ----------
        n_samples : int or None, default=None
            None for a single sample.
        method : {"auto", "chain", "tridiagonal"}, default="auto"
            "chain" is the chain rule with rejection. "tridiagonal" is for all degrees below m in one coordinate of a
            polynomial family; "auto" takes it wherever it applies.
        return_n_trials : bool, default=False
            Whether to return how many proposals the chain rule made.
        random_state : int, RandomState instance, Generator or None, default=None
        n_jobs : int or None, default=None
            Number of threads (joblib's meaning). The result does not depend on it.

        Returns
        -------
        points : ndarray of shape (n_samples, n_functions, dimension), or (n_functions, dimension)
        n_trials : int, or ndarray of int of shape (n_samples,)
            Only with ``return_n_trials``; zero for "tridiagonal".

        Raises
        ------
        ValueError
            If ``method="tridiagonal"`` does not apply.
        """
        count = 1 if n_samples is None else check_integer("n_samples", n_samples, minimum=1)
        method = check_option("method", method, _METHODS)
        check_flag("return_n_trials", return_n_trials)
        if method == "tridiagonal" and not self._is_classical:
            raise ValueError(
                "method='tridiagonal' needs all degrees below n_functions in one coordinate of a polynomial family"
            )
        places, trials = self._dpp(key_from_random_state(random_state), 0, count, n_jobs, method)
        points = self._points(places)
        if n_samples is None:
            points, trials = points[0], int(trials[0])
        return (points, trials) if return_n_trials else points

    def _check_points(self, X, device):
        X = check_rows(X, name="X", allow_vector=self.dimension == 1, device=device)
        if not hasattr(X, "shape") or hasattr(X, "tocsr"):
            raise TypeError("X must be dense: sparse matrices are not supported")
        if X.shape[1] != self.dimension:
            raise ValueError(f"X must have {self.dimension} columns, one for each coordinate; got shape {X.shape}")
        return X

    def _tables(self):
        return self._families, self._degrees, self._starts, self._recurrence

    # Draws in the coordinates of the families, see Basis.

    def _draw_measure(self, key, first, n, n_jobs):
        out = np.empty((n, self.dimension))
        _christoffel_kernels.measure_points(key, first, self._families, out, n_jobs)
        return out

    def _draw_christoffel(self, key, first, n, n_jobs):
        out = np.empty((n, self.dimension))
        _christoffel_kernels.christoffel_points(
            key, first, self._families, self._drawn_degrees, self._recurrence, out, n_jobs
        )
        return out

    def _draw_dpp(self, key, first, count, n_jobs):
        return self._dpp(key, first, count, n_jobs, "auto")[0]

    def _dpp(self, key, first, count, n_jobs, method):
        out = np.empty((count, self.n_functions, self.dimension))
        trials = np.zeros(count, dtype=np.int64)
        if method != "chain" and self._is_classical:
            _christoffel_kernels.tridiagonal_points(key, first, self._families[0], out[:, :, 0], n_jobs)
        else:
            _christoffel_kernels.dpp_points(
                key, first, self._drawn_degrees, *self._tables(), *self._scaled_factors, out, trials, n_jobs
            )
        return out, trials

    def _directions(self, places, n_jobs, device):
        rows = np.empty((len(places), self.n_functions))
        none, one = np.zeros(self.dimension), np.ones(self.dimension)
        twin(_polynomials_kernels, device).basis_values(
            places, none, one, *self._tables(), True, *self._scaled_factors, rows, n_jobs
        )
        directions, squares = unit_rows(rows)
        normal = places[:, self._families == HERMITE]
        with np.errstate(over="ignore"):
            return directions, squares * np.exp(0.5 * np.einsum("ij,ij->i", normal, normal))

    def _points(self, places):
        points = self._shift + self._scale * places
        interval = self._families != HERMITE
        low, high = self.domain.T
        # Rounding must not carry a point out of the domain.
        points[..., interval] = np.clip(points[..., interval], low[interval], high[interval])
        return points


def _check_family(family):
    if isinstance(family, str) or not hasattr(family, "__iter__"):
        return (check_option("family", family, tuple(_FAMILIES)),)
    names = tuple(family)
    if not names:
        raise ValueError("family must name at least one family; got none")
    return tuple(check_option("family", name, tuple(_FAMILIES)) for name in names)


def _check_domain(domain):
    if domain is None:
        return None
    with naming("domain"):
        box = np.asarray(domain, dtype=np.float64)
    if box.ndim not in (1, 2) or box.shape[-1] != 2 or box.size == 0:
        raise ValueError(f"domain must be a pair of numbers, or one pair for each coordinate; got {domain!r}")
    if not np.isfinite(box).all():
        raise ValueError(f"domain must be finite; got {domain!r}")
    return box


def _dimension_of(families, index_set, max_degree, box, dimension):
    """Return the number of coordinates, on which everything that is given must agree."""
    found = {}
    if dimension is not None:
        found["dimension"] = check_integer("dimension", dimension, minimum=1)
    if len(families) > 1:
        found["family"] = len(families)
    if index_set is not None:
        with naming("index_set"):
            shape = np.shape(index_set)
        found["index_set"] = shape[1] if len(shape) == 2 else 1
    if max_degree is not None and hasattr(max_degree, "__len__"):
        found["max_degree"] = len(max_degree)
    if box is not None and box.ndim == 2:
        found["domain"] = len(box)
    if len(set(found.values())) > 1:
        raise ValueError("numbers of coordinates do not agree: " + ", ".join(f"{k} says {v}" for k, v in found.items()))
    return max(1, next(iter(found.values()), 1))


def _spread_domain(box, families):
    if box is None:
        return np.array([_CANONICAL[name] for name in families])
    box = np.array(np.broadcast_to(box, (len(families), 2)))
    for name, (low, high) in zip(families, box):
        if name == "hermite" and not high > 0:
            raise ValueError(f"domain must give a positive standard deviation for 'hermite'; got {high}")
        if name != "hermite" and not low < high:
            raise ValueError(f"domain must give intervals with low < high; got ({low}, {high})")
    return box


def _recurrence(family, degree):
    """Return the coefficients (degree, 2) of ``p[n+1] = r[n, 0] x p[n] - r[n, 1] p[n-1]``."""
    n = np.arange(degree, dtype=np.float64)
    if family == "legendre":
        first = np.sqrt((2 * n + 1) * (2 * n + 3)) / (n + 1)
        second = n * np.sqrt(2 * n + 3) / ((n + 1) * np.sqrt(np.maximum(2 * n - 1, 1)))
    elif family == "hermite":
        first, second = 1 / np.sqrt(n + 1), np.sqrt(n / (n + 1))
    else:
        first = np.where(n == 0, np.sqrt(2), 2.0)
        second = np.where(n == 0, 0.0, np.where(n == 1, np.sqrt(2), 1.0))
    return np.column_stack([first, second])


def _factors(index_set, starts, kept):
    """Return (offsets, positions) of the factors of each function, without those of degree 0 unless ``kept``."""
    used = (index_set > 0) | kept
    offsets = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
    return offsets, (index_set + starts)[used]
