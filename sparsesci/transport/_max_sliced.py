"""The max-sliced Wasserstein distance: the direction on which two clouds differ most."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from sparsesci._core.progress import progress_bar
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_integer, check_real
from sparsesci.transport._sliced_costs_kernels import sliced_costs
from sparsesci.transport._sliced_gradient_kernels import direction_gradients
from sparsesci.transport._sliced_wasserstein import _rule, checked_request

_SUFFICIENT = 1e-4  # of the first-order increase
_SMALLEST_ANGLE = 1e-7
_FLAT = 1e-6  # length of the tangential gradient, relative to the radial one, that counts as none
_MOST_RIDGES = 20
_UPHILL = 0.1  # cosine between a conjugate search and the gradient
_ALIKE = 0.95


def _moment_directions(pair):
    """Return the difference of the means and the extreme eigenvectors of the difference of the covariances."""
    means, covariances = [], []
    for points, weights in ((pair.x, pair.x_weights), (pair.y, pair.y_weights)):
        points = points.astype(np.float64)
        means.append(np.average(points, axis=0, weights=weights))
        centred = points - means[-1]
        shares = np.full(len(points), 1 / len(points)) if weights is None else weights
        covariances.append(centred.T @ (shares[:, np.newaxis] * centred))
    vectors = np.linalg.eigh(covariances[0] - covariances[1])[1]
    difference = means[0] - means[1]
    length = np.linalg.norm(difference)
    return np.stack([*([difference / length] if length > 0 else []), vectors[:, -1], vectors[:, 0]])


def _starts(candidates, costs, count):
    """Return the best candidates, passing over those that are close to a better one while others are left."""
    order = np.argsort(-costs, kind="stable")
    closeness = np.abs(candidates[order] @ candidates[order].T)
    chosen = []
    for place in range(len(order)):
        if len(chosen) < count and (not chosen or closeness[place, chosen].max() < _ALIKE):
            chosen.append(place)
    rest = [place for place in range(len(order)) if place not in set(chosen)]
    return order[sorted([*chosen, *rest[: count - len(chosen)]])]


class _Ascent:
    """Conjugate gradients on the sphere from several directions at once, along great circles, with backtracking.

    Where no step along the gradient helps, the cost has a ridge. The gradients of both sides are then combined to the
    shortest vector between them, which points along the ridge.
    """

    def __init__(self, evaluate, T, tol):
        self.evaluate, self.tol = evaluate, tol
        self.T = T
        self.costs, gradients = evaluate(T)
        self.slopes = np.sum(gradients * T, axis=1)
        self.tangents = _tangential(gradients, T)
        self.searches = self.tangents.copy()
        self.angles = np.full(len(T), np.inf)
        self.ridges = np.zeros(len(T), dtype=np.int64)
        self.active = self.costs > 0
        self.n_iter = 0

    def step(self):
        """Move every active direction once, turn its search along a ridge, or find that it cannot be improved."""
        self.n_iter += 1
        lengths = np.linalg.norm(self.searches, axis=1)
        self.active &= lengths > _FLAT * self.slopes
        pending = np.flatnonzero(self.active)
        # The angle at which the gradient itself points is the step of a power iteration.
        natural = np.arctan2(lengths, self.slopes)
        angles = np.minimum(2 * self.angles, np.minimum(4 * natural, np.pi / 4))
        while len(pending):
            angle, search = angles[pending, np.newaxis], self.searches[pending] / lengths[pending, np.newaxis]
            trial = np.cos(angle) * self.T[pending] + np.sin(angle) * search
            trial /= np.linalg.norm(trial, axis=1, keepdims=True)
            costs, gradients = self.evaluate(trial)
            rate = np.sum(self.tangents[pending] * search, axis=1)
            good = costs - self.costs[pending] >= _SUFFICIENT * angles[pending] * rate
            self._accept(pending[good], trial[good], costs[good], gradients[good], angles[pending[good]])
            small = ~good & (angles[pending] < _SMALLEST_ANGLE)
            self._turn(pending[small], gradients[small])
            pending = pending[~good & ~small]
            angles[pending] /= 4

    def _accept(self, which, trial, costs, gradients, angles):
        self.active[which] = costs - self.costs[which] > self.tol * costs
        before = self.tangents[which]
        after = _tangential(gradients, trial)
        self.T[which], self.costs[which], self.angles[which] = trial, costs, angles
        self.slopes[which] = np.sum(gradients * trial, axis=1)
        self.tangents[which] = after
        # Polak and Ribiere's combination with the last search, where that still leads upwards.
        norms = np.sum(before**2, axis=1)
        share = np.divide(np.sum(after * (after - before), axis=1), norms, out=np.zeros(len(norms)), where=norms > 0)
        search = after + np.clip(share, 0, None)[:, np.newaxis] * _tangential(self.searches[which], trial)
        sizes = np.linalg.norm(search, axis=1) * np.linalg.norm(after, axis=1)
        usable = (np.sum(search * after, axis=1) > _UPHILL * sizes) & (self.ridges[which] == 0)
        self.searches[which] = np.where(usable[:, np.newaxis], search, after)
        self.ridges[which] = 0

    def _turn(self, which, gradients):
        """Make the search the shortest vector between the gradient, or the last such vector, and that of the trial."""
        begun = np.where((self.ridges[which] > 0)[:, np.newaxis], self.searches[which], self.tangents[which])
        difference = _tangential(gradients, self.T[which]) - begun
        norms = np.sum(difference**2, axis=1)
        inner = -np.sum(begun * difference, axis=1)
        share = np.clip(np.divide(inner, norms, out=np.zeros(len(norms)), where=norms > 0), 0, 1)
        self.searches[which] = begun + share[:, np.newaxis] * difference
        self.tangents[which] = self.searches[which]
        self.angles[which] = np.inf
        self.ridges[which] += 1
        self.active[which] = (share > 0) & (self.ridges[which] <= _MOST_RIDGES)


def _tangential(gradients, T):
    return gradients - np.sum(gradients * T, axis=1, keepdims=True) * T


def max_sliced_wasserstein_distance(
    X,
    Y,
    *,
    p=2,
    x_weights=None,
    y_weights=None,
    n_projections=100,
    projections=None,
    sampling="auto",
    n_init=10,
    max_iter=100,
    tol=1e-7,
    random_state=None,
    n_jobs=None,
    device="cpu",
    verbose=0,
):
    """Find the direction on which the projections of two clouds are farthest apart.

    The cost of a direction has many local maxima. The candidates are ``n_projections`` random directions, the
    difference of the means, and the eigenvectors of the difference of the covariances with the largest and the
    smallest eigenvalue; an ascent by conjugate gradients on the sphere starts from the ``n_init`` best, as far as they
    differ, and the best end is returned: a lower bound of the maximum.

    Parameters
    ----------
    X : array-like of shape (n, d)
    Y : array-like of shape (m, d)
    p : float, default=2
        At least 1.
    x_weights : array-like of shape (n,) or None, default=None
        Not negative; scaled to sum 1. None for equal ones.
    y_weights : array-like of shape (m,) or None, default=None
    n_projections : int, default=100
        Random candidates.
    projections : array-like of shape (n_projections, d) or None, default=None
        Candidates to use instead of random ones.
    sampling : {"auto", "uniform", "orthogonal", "sobol", "fibonacci", "equispaced", "energy"}, default="auto"
        As in :func:`sphere_directions`.
    n_init : int, default=10
        Directions from which the ascent starts.
    max_iter : int, default=100
        Steps of the ascent.
    tol : float, default=1e-7
        A start has converged if a step adds less than ``tol`` times the cost.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        There are no CUDA kernels for this function yet: "cuda" is refused and "auto" is the CPU.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        ``distance``; ``cost``, its p-th power; ``direction`` (d,); ``n_iter``; ``converged``; and of all starts
        ``start_costs`` (n_init,), the costs at the ends, in decreasing order, with ``start_directions`` (n_init, d).

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As :func:`sliced_wasserstein_distance`.

    Warns
    -----
    ConvergenceWarning
        If the best start has not converged after ``max_iter`` steps.

    Notes
    -----
    Every step costs O(n_init ((n + m) d + (n + m) log(n + m))), and backtracking a few of these. The maximum may lie
    where the order of projections changes and the cost has no derivative; the ascent then goes on along such ridges.

    References
    ----------
    I. Deshpande et al., "Max-Sliced Wasserstein Distance and its Use for GANs", CVPR 2019, arXiv:1904.05877. The
    candidates and the ascent are our own.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import max_sliced_wasserstein_distance
    >>> X = np.random.default_rng(0).standard_normal((200, 5))
    >>> result = max_sliced_wasserstein_distance(X, X + [0, 0, 3, 0, 4], random_state=0)
    >>> round(result.distance, 6), np.abs(result.direction).round(3).tolist()
    (5.0, [0.0, 0.0, 0.6, 0.0, 0.8])
    """
    n_init = check_integer("n_init", n_init, minimum=1)
    max_iter = check_integer("max_iter", max_iter, minimum=0)
    tol = check_real("tol", tol, minimum=0)
    request = checked_request(
        X,
        Y,
        p=p,
        x_weights=x_weights,
        y_weights=y_weights,
        n_projections=n_projections,
        projections=projections,
        sampling=sampling,
        control_variate=None,
        cv_form="regression",
        degree=None,
        n_replicates=1,
        random_state=random_state,
        n_jobs=n_jobs,
        device=device,
        batch_size=None,
    )
    with single_threaded_blas():
        ascent = _climb(request, n_init, max_iter, tol, verbose)
    order = np.argsort(-ascent.costs, kind="stable")
    best = order[0]
    converged = not ascent.active[best]
    if not converged and max_iter > 0:
        warnings.warn(
            f"the best start has not converged in max_iter={max_iter} steps", ConvergenceWarning, stacklevel=2
        )
    p, scale = request.scheme.p, request.pair.scale
    with np.errstate(over="ignore", under="ignore"):
        factor = np.float64(scale) ** p
        return Bunch(
            distance=float(ascent.costs[best] ** (1 / p) * scale),
            cost=float(ascent.costs[best] * factor),
            direction=ascent.T[best].copy(),
            n_iter=ascent.n_iter,
            converged=bool(converged),
            start_costs=ascent.costs[order] * factor,
            start_directions=ascent.T[order],
        )


def _climb(request, n_init, max_iter, tol, verbose):
    """Return the ascent from the best candidates, ended."""
    pair, p, n_jobs = request.pair, request.scheme.p, request.n_jobs
    points = np.ascontiguousarray(pair.x.T), np.ascontiguousarray(pair.y.T)
    masses = pair.x_weights, pair.y_weights
    d = len(points[0])
    drawn = _rule(request.scheme, request.n, d, request.key, 0, request.given)[0]
    candidates = np.concatenate([_moment_directions(pair), drawn]) if d > 1 else np.ones((1, 1))
    costs = np.empty(len(candidates))
    sliced_costs(*points, *masses, candidates, p, costs, None, n_jobs)

    def evaluate(T):
        found, gradients = np.empty(len(T)), np.empty(T.shape)
        direction_gradients(*points, *masses, T, p, found, gradients, n_jobs)
        return found, gradients

    ascent = _Ascent(evaluate, candidates[_starts(candidates, costs, n_init)], tol)
    with progress_bar(total=max_iter, desc="max-sliced", verbose=verbose) as bar:
        while ascent.active.any() and ascent.n_iter < max_iter:
            ascent.step()
            bar.set_postfix(cost=f"{ascent.costs.max() * request.pair.scale**p:.6g}", refresh=False)
            bar.update()
    return ascent
