"""Optimal designs for weighted least squares: where to evaluate a function, and with which weights."""

import math
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.device import resolve_device
from sparsesci._core.rng import key_from_random_state, uniforms
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.sampling import _design_kernels
from sparsesci.sampling._basis import Basis

STRATEGIES = ("repeated_dpp", "volume", "iid", "mc")
PROPOSALS = ("christoffel", "mixture")
CRITERIA = ("spectral", "lambda_min")
REDUCTIONS = (None, "greedy")
_DELTA = 0.9
_FAILURE = 0.01
_MIXTURE_SHARE = 0.5
_ORDER, _COIN = 0x5120, 0x5121


class Design(NamedTuple):
    """Points and weights for weighted least squares.

    Parameters
    ----------
    points : ndarray of shape (n, dimension)
    weights : ndarray of shape (n,)
    gram : ndarray of shape (m, m)
        ``G = (1/n) sum_i w_i phi(x_i) phi(x_i)^T``; its expectation is the identity before conditioning and removal
        for every strategy but "volume".
    stability : float
        Spectral norm of ``G - I``, or ``1 - lambda_min(G)`` for the criterion "lambda_min": below one, least squares
        are stable; the smaller the better.
    n_tries : int
        How many rounds of candidates were drawn.
    indices : ndarray of int of shape (n,) or None
        Numbers of the points in the pool of a ``CandidateSetBasis``.
    """

    points: np.ndarray
    weights: np.ndarray
    gram: np.ndarray
    stability: float
    n_tries: int
    indices: np.ndarray | None = None


class DesignOptions(NamedTuple):
    """Checked parameters of a design."""

    strategy: str
    n_points: int
    proposal: str
    delta: float | None
    n_candidates: int
    reduce: str | None
    criterion: str
    max_tries: int


def optimal_design(
    basis,
    n_points=None,
    *,
    strategy="repeated_dpp",
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
    r"""Draw points and weights with which weighted least squares are nearly as good as the best approximation.

    For functions :math:`\varphi_1, \dots, \varphi_m`, orthonormal for a probability measure :math:`\mu`, minimise
    :math:`\sum_i w_i (f(x_i) - c \cdot \varphi(x_i))^2`. How far the Gram matrix
    :math:`G = \frac1n \sum_i w_i \varphi(x_i) \varphi(x_i)^T` is from the identity says how stable that is, whatever f.

    Parameters
    ----------
    basis : OrthogonalPolynomials or CandidateSetBasis
    n_points : int or None, default=None
        n >= m. None takes 2 m for "repeated_dpp", and for the others the n at which independent points are stable with
        probability 0.99: ``m log(200 m) / c``, ``c = (1 + delta) log(1 + delta) - delta``, delta = 0.9 if not given;
        m more for "volume".
    strategy : {"repeated_dpp", "volume", "iid", "mc"}, default="repeated_dpp"
        * "repeated_dpp": independent samples of the projection DPP, m points each, in one design; if m does not divide
          n, the last is thinned out at random. Weights ``m / k_m``, as for all but "mc".
        * "volume": volume-rescaled sampling, m points of the DPP and the others independent. Least squares are then
          unbiased for every square-integrable f.
        * "iid": independent, with density ``k_m / m`` with respect to the measure.
        * "mc": independent, from the measure, with weights 1: for comparison.
    proposal : {"christoffel", "mixture"}, default="christoffel"
        Density of the independent points of "volume" and "iid": ``k_m / m``, or ``(1 + k_m / m) / 2``, with weights
        that are its inverse. Those of the mixture are at most 2.
    delta : float in (0, 1) or None, default=None
        Draw again until the deviation of G is at most this. None takes what comes, and means 0.9 with "greedy".
    n_candidates : int, default=1
        Draw so many designs at a time and keep the best.
    reduce : {None, "greedy"}, default=None
        "greedy" then removes points, always the one without which the deviation is least, down to m of them or as
        long as it is at most delta. A design that does not meet delta is not reduced.
    criterion : {"spectral", "lambda_min"}, default="spectral"
        The deviation is the spectral norm of ``G - I``, or ``1 - lambda_min(G)``.
    max_tries : int, default=1000
        For how many rounds of ``n_candidates`` designs to try.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the basis is evaluated; points are drawn on the CPU.

    Returns
    -------
    design : Design
        Named tuple (points, weights, gram, stability, n_tries, indices).

    Raises
    ------
    TypeError
        If ``basis`` is none of the two.
    ValueError
        If ``n_points < n_functions``, ``delta`` is not in (0, 1), another parameter is not valid, or
        ``proposal="mixture"`` comes with a strategy that has no independent points of density k_m / m.

    Warns
    -----
    ConvergenceWarning
        If no design met ``delta``; the best one seen is returned.

    See Also
    --------
    WeightedLeastSquares : Designs, fits and predicts.

    Notes
    -----
    A design takes its draws (see :class:`OrthogonalPolynomials`) and O(n m^2 + m^3); a greedy removal O(K m^2 + m^3)
    with K points left, by the secular equation.

    "repeated_dpp" and "volume" follow [1]_, "iid" follows [2]_, conditioning, candidates and greedy removal follow
    [3]_, as we know these works: the laws were derived again and are tested. In the mean over "iid" or "repeated_dpp"
    designs that meet delta, the squared error of least squares is at most ``1 + (m / n) / (1 - delta)^2 / P(stable)``
    times that of the best approximation (our own derivation). Removal keeps the stability but not that mean.

    References
    ----------
    .. [1] A. Nouy, B. Michel, "Weighted least-squares approximation with determinantal point processes and
       generalized volume sampling", 2023, arXiv:2312.14057.
    .. [2] A. Cohen, G. Migliorati, "Optimal weighted least-squares methods", SMAI Journal of Computational
       Mathematics 3 (2017), arXiv:1608.00512.
    .. [3] C. Haberstich, A. Nouy, G. Perrin, "Boosted optimal weighted least-squares", Mathematics of Computation 91
       (2022), arXiv:1912.07075.

    Examples
    --------
    >>> from sparsesci.sampling import OrthogonalPolynomials, optimal_design
    >>> basis = OrthogonalPolynomials("legendre", max_degree=9)
    >>> design = optimal_design(basis, 20, delta=0.9, random_state=0)
    >>> design.points.shape, design.stability <= 0.9
    ((20, 1), True)
    >>> fewer = optimal_design(basis, 20, n_candidates=20, reduce="greedy", random_state=0)
    >>> len(fewer.points), fewer.stability <= 0.9
    (10, True)
    """
    options = check_options(
        basis, n_points, strategy, proposal, delta, n_candidates, reduce, criterion, max_tries, n_jobs, device
    )
    return make_design(basis, options, random_state, n_jobs, device)[0]


def check_options(
    basis, n_points, strategy, proposal, delta, n_candidates, reduce, criterion, max_tries, n_jobs, device
):
    """Return the ``DesignOptions``."""
    if not isinstance(basis, Basis):
        raise TypeError(f"basis must be an OrthogonalPolynomials or a CandidateSetBasis; got {basis!r}")
    check_option("strategy", strategy, STRATEGIES)
    check_option("proposal", proposal, PROPOSALS)
    if proposal == "mixture" and strategy in ("repeated_dpp", "mc"):
        raise ValueError(f"proposal='mixture' is for the strategies 'volume' and 'iid'; got strategy={strategy!r}")
    if delta is not None:
        delta = check_real("delta", delta, minimum=0, maximum=1, exclusive=True)
    check_option("reduce", reduce, REDUCTIONS)
    check_option("criterion", criterion, CRITERIA)
    effective_n_jobs(n_jobs)
    resolve_device(device)
    if delta is None and reduce == "greedy":
        delta = _DELTA
    m = basis.n_functions
    if n_points is None:
        n_points = default_size(strategy, m, _DELTA if delta is None else delta)
    return DesignOptions(
        strategy=strategy,
        n_points=check_integer("n_points", n_points, minimum=m),
        proposal=proposal,
        delta=delta,
        n_candidates=check_integer("n_candidates", n_candidates, minimum=1),
        reduce=reduce,
        criterion=criterion,
        max_tries=check_integer("max_tries", max_tries, minimum=1),
    )


def default_size(strategy, m, delta):
    """Return the number of points that ``optimal_design`` takes by itself."""
    if strategy == "repeated_dpp":
        return 2 * m
    rate = (1 + delta) * math.log1p(delta) - delta
    independent = max(m, math.ceil(m * math.log(2 * m / _FAILURE) / rate))
    return independent + m if strategy == "volume" else independent


def make_design(basis, options, random_state, n_jobs, device):
    """Return a ``Design`` and its rows ``sqrt(w_i) phi(x_i)``."""
    key = key_from_random_state(random_state)
    best = None
    for n_tries in range(1, options.max_tries + 1):
        first = (n_tries - 1) * options.n_candidates
        places = draw_places(basis, options, key, first, options.n_candidates, n_jobs)
        weights, rows = weighted_rows(basis, options, places, n_jobs, device)
        grams = gram_matrices(rows)
        values = deviations(grams, options.criterion)
        which = int(np.argmin(values))
        if best is None or values[which] < best[0]:
            best = values[which], places[which], weights[which], rows[which], grams[which]
        if options.delta is None or best[0] <= options.delta:
            break
    else:
        warnings.warn(
            f"no design met delta={options.delta} in max_tries={options.max_tries} rounds; the best one deviates by "
            f"{best[0]:.3g}: raise n_points or n_candidates",
            ConvergenceWarning,
            stacklevel=3,
        )
    deviation, places, weights, rows, gram = best
    if options.reduce == "greedy":
        kept = reduce_greedily(rows, options.delta, options.criterion, n_jobs)
        places, weights, rows = places[kept], weights[kept], rows[kept]
        grams = gram_matrices(rows[np.newaxis])
        deviation, gram = deviations(grams, options.criterion)[0], grams[0]
    design = Design(
        points=basis._points(places),
        # Not views of all candidates.
        weights=weights.copy(),
        gram=gram.copy(),
        stability=float(deviation),
        n_tries=n_tries,
        indices=basis._indices(places),
    )
    return design, rows


def draw_places(basis, options, key, first, count, n_jobs):
    """Return the places (count, n, ...) of designs first ... first + count - 1 of the key."""
    n, m = options.n_points, basis.n_functions
    if options.strategy == "repeated_dpp":
        repeats = -(-n // m)
        samples = basis._draw_dpp(key, first * repeats, count * repeats, n_jobs)
        # The points of a sample come in random order: the first of them are a sample thinned out at random.
        return samples.reshape(count, repeats * m, *samples.shape[2:])[:, :n]
    if options.strategy == "mc":
        return _grouped(basis._draw_measure(key, first * n, count * n, n_jobs), count)
    if options.strategy == "iid":
        return _grouped(_draw_independent(basis, options.proposal, key, first * n, count * n, n_jobs), count)
    repelling = basis._draw_dpp(key, first, count, n_jobs)
    if n == m:
        return repelling
    rest = _draw_independent(basis, options.proposal, key, first * (n - m), count * (n - m), n_jobs)
    places = np.concatenate([repelling, _grouped(rest, count)], axis=1)
    order = np.argsort(_grouped(uniforms(key, _ORDER, count * n, first=first * n), count), axis=1, kind="stable")
    return places[np.arange(count)[:, np.newaxis], order]


def _grouped(places, count):
    return places.reshape(count, -1, *places.shape[1:])


def _draw_independent(basis, proposal, key, first, n, n_jobs):
    places = basis._draw_christoffel(key, first, n, n_jobs)
    if proposal == "mixture":
        plain = uniforms(key, _COIN, n, first=first) >= _MIXTURE_SHARE
        places[plain] = basis._draw_measure(key, first, n, n_jobs)[plain]
    return places


def weighted_rows(basis, options, places, n_jobs, device):
    """Return the weights (count, n) and the rows ``sqrt(w_i) phi(x_i)`` (count, n, m) of designs."""
    m = basis.n_functions
    count, n = places.shape[:2]
    directions, k = basis._directions(places.reshape(count * n, *places.shape[2:]), n_jobs, device)
    # Rows are their direction times sqrt(w k), which is in range where k itself may not be.
    with np.errstate(divide="ignore"):
        if options.strategy == "mc":
            weights, squares = np.ones_like(k), k
        elif options.proposal == "christoffel":
            weights, squares = m / k, np.full_like(k, m)
        else:
            weights = 1.0 / (_MIXTURE_SHARE * k / m + (1.0 - _MIXTURE_SHARE))
            squares = 1.0 / (_MIXTURE_SHARE / m + (1.0 - _MIXTURE_SHARE) / k)
    rows = directions * np.sqrt(squares)[:, np.newaxis]
    return weights.reshape(count, n), rows.reshape(count, n, m)


def gram_matrices(rows):
    """Return ``rows^T rows / n`` for each design of (count, n, m)."""
    with single_threaded_blas():
        return np.matmul(rows.transpose(0, 2, 1), rows) / rows.shape[1]


def deviations(grams, criterion):
    """Return the deviation of each Gram matrix from the identity."""
    with single_threaded_blas():
        eigenvalues = np.linalg.eigvalsh(grams)
    below = 1.0 - eigenvalues[:, 0]
    return below if criterion == "lambda_min" else np.maximum(below, eigenvalues[:, -1] - 1.0)


def reduce_greedily(rows, delta, criterion, n_jobs):
    """Return the numbers of the points that are left when points were removed while the deviation is at most delta."""
    n, m = rows.shape
    kept = np.arange(n)
    if deviations(gram_matrices(rows[np.newaxis]), criterion)[0] > delta:
        return kept
    with single_threaded_blas():
        total = rows.T @ rows
        while len(kept) > m:
            d, U = np.linalg.eigh(total)
            rotated = rows[kept] @ U
            values = _design_kernels.removal_deviations(d, rotated, len(kept) - 1, criterion == "spectral", n_jobs)
            worst = int(np.argmin(values))
            if values[worst] > delta:
                break
            kept = np.delete(kept, worst)
            total = rows[kept].T @ rows[kept]
    return kept
