"""Blind unmixing: start, iteration and end, on plain arrays. Everything is in units of the largest value of the scene.

The loss is kept from two sums over the pixels, A'X and A'A, so that a pass reads every pixel once and no residual is
formed.
"""

from dataclasses import dataclass, field

import numpy as np

from sparsesci._core.progress import progress_bar
from sparsesci._core.threads import single_threaded_blas
from sparsesci.unmixing._blind_kernels import NO_MAP, SMALLEST, PassOptions

_EPS = 1e-10
_START_OFFSET = 1e-3
_SMALLEST_START = 1e-6
_HALS_SWEEPS = 5
_CHECK_EVERY = 10
_REFINEMENTS = 5


@dataclass(frozen=True)
class Settings:
    """The options of one fit, resolved."""

    loss: str
    alpha: float
    guidance: int
    h_max: float
    h_damping: float
    scale: str | None
    sum_to_one: str | bool
    solver: str
    max_iter: int
    tol: float
    n_jobs: int | None = None
    verbose: int = 0


@dataclass
class Sums:
    """Weighted sums over the pixels: A'X / x_scale (K, L), A'A (K, K), and the terms of the objective (2,)."""

    AtX: np.ndarray
    AtA: np.ndarray
    terms: np.ndarray

    def rescaled(self, scale):
        """Return the sums for abundances whose columns are multiplied by ``scale``."""
        return Sums(self.AtX * scale[:, None], self.AtA * np.outer(scale, scale), self.terms)


@dataclass
class Problem:
    """What is to be unmixed.

    ``x2`` (L,) are the weighted sums of squares of the scaled bands; ``used`` (L,) the bands that the abundances are
    fitted to, ``good`` (L,) those that are not broken.
    """

    rows: object
    weights: np.ndarray
    x_scale: float
    x2: np.ndarray
    used: np.ndarray
    good: np.ndarray
    kernels: object
    settings: Settings


@dataclass
class Solution:
    """What has been learned. ``endmembers`` and ``weights`` are in scaled units; ``weights`` those of the last pass."""

    endmembers: np.ndarray
    abundances: np.ndarray
    guidance: np.ndarray
    weights: np.ndarray
    penalty: float
    closure: float
    history: list = field(default_factory=list)
    n_iter: int = 0
    converged: bool = False
    sums: Sums | None = None


def squared_residuals(problem, E, sums):
    """Return the squared norm of every band's residual, (L,)."""
    cross = np.einsum("kl,kl->l", E, sums.AtX)
    own = np.einsum("kl,kl->l", E, sums.AtA @ E)
    return np.maximum(problem.x2 - 2 * cross + own, 0.0)


def channel_weights(problem, rho2):
    """Return d (L,): zero for bands that are not used."""
    d = np.ones(len(rho2)) if problem.settings.loss == "l2" else 1.0 / np.sqrt(rho2 + _EPS)
    return np.where(problem.used, d, 0.0)


def objective(problem, rho2, sums, penalty, closure):
    """Return the value of the objective."""
    used = rho2[problem.used]
    loss = 0.5 * used.sum() if problem.settings.loss == "l2" else np.sqrt(used + _EPS).sum()
    return float(loss + penalty * sums.terms[0] + 0.5 * closure * sums.terms[1])


def run_pass(problem, which, E, d, column_scale, options, A, h):
    """Run one of the two passes and return its Sums."""
    W = E * d
    AtX, AtA, terms = getattr(problem.kernels, which)(
        problem.rows,
        problem.weights,
        W / problem.x_scale,
        W @ E.T,
        column_scale,
        options,
        A,
        h,
        problem.settings.n_jobs,
    )
    return Sums(AtX / problem.x_scale, AtA, terms)


def _row_scales(problem, E):
    """Return what the rows of E are divided by."""
    scale = problem.settings.scale
    if scale is None or problem.settings.sum_to_one:
        return np.ones(len(E))
    values = E[:, problem.good]
    size = values.max(axis=1) if scale == "max" else np.linalg.norm(values, axis=1)
    return np.where(size > SMALLEST, size, 1.0)


def _start(problem, E, h):
    """Return what to start from: A by the spectra on the good bands, then E on the broken ones, and the sums."""
    s = problem.settings
    K = len(E)
    E = E / _row_scales(problem, E)[:, None]
    A = np.empty((len(problem.rows), K))
    exact = s.solver == "bcd"
    options = PassOptions(0.0, 0.0, NO_MAP, 0.0, 1.0, bool(s.sum_to_one), offset=0.0 if exact else _START_OFFSET)
    sums = run_pass(problem, "exact_pass", E, problem.good.astype(float), np.ones(K), options, A, h)
    bad = ~problem.good
    if bad.any():
        E = E.copy()
        E[:, bad] = np.maximum(np.linalg.lstsq(sums.AtA, sums.AtX[:, bad], rcond=None)[0], _SMALLEST_START)
    return E, A, sums


def multiply_endmembers(E, sums):
    """Return E after one multiplicative step; the channel weights cancel."""
    return np.maximum(E * sums.AtX / np.maximum(sums.AtA @ E, 1e-300), SMALLEST)


def descend_endmembers(E, sums):
    """Return E after sweeps of exact minimisation in one endmember at a time; the channel weights cancel."""
    E = E.copy()
    for _ in range(_HALS_SWEEPS):
        for k in range(len(E)):
            if sums.AtA[k, k] >= SMALLEST:
                E[k] = np.maximum(E[k] + (sums.AtX[k] - sums.AtA[k] @ E) / sums.AtA[k, k], 0.0)
    return E


def unmix(problem, E, h):
    """Return the Solution reached from the scaled endmembers E (K, L) and the guidance map h (n,), which is changed."""
    with single_threaded_blas():
        return _iterate(problem, *_start(problem, E, h), h)


def _iterate(problem, E, A, sums, h):
    s = problem.settings
    exact = s.solver == "bcd"
    step, which = (descend_endmembers, "exact_pass") if exact else (multiply_endmembers, "multiplicative_pass")
    d = channel_weights(problem, squared_residuals(problem, E, sums))
    curvature = float(np.einsum("kl,l,kl->", E, d, E)) / len(E)
    penalty = s.alpha * curvature
    closure = curvature if s.sum_to_one == "soft" else 0.0
    options = PassOptions(penalty, closure, s.guidance, s.h_max, s.h_damping, s.sum_to_one == "hard")
    solution = Solution(E, A, h, d, penalty, closure)
    if len(E) == 1 and not s.sum_to_one:
        # One material: the mean is the answer, and only the brightness is left to find.
        options = options._replace(penalty=0.0)
        step, which = (lambda E, sums: E), "exact_pass"
    previous = None
    with progress_bar(total=s.max_iter, desc=f"unmixing, {s.solver}", verbose=s.verbose) as bar:
        for solution.n_iter in range(1, s.max_iter + 1):
            E = step(E, sums)
            scales = _row_scales(problem, E)
            E, sums = E / scales[:, None], sums.rescaled(scales)
            d = channel_weights(problem, squared_residuals(problem, E, sums))
            sums = run_pass(problem, which, E, d, scales, options, A, h)
            value = objective(problem, squared_residuals(problem, E, sums), sums, penalty, closure)
            solution.history.append(value)
            bar.set_postfix(objective=value, refresh=False)
            bar.update(1)
            due = exact or solution.n_iter % _CHECK_EVERY == 0
            if due and previous is not None and abs(previous - value) <= s.tol * abs(previous):
                solution.converged = True
                break
            previous = value
    solution.endmembers, solution.weights, solution.sums = E, d, sums
    return solution


def abundances_of(problem, solution):
    """Return (abundances (n, K), guidance map (n,), Sums) of the problem's pixels for what has been learned.

    Exact for the linear part; the penalty is linearised anew a few times, from the solution without it on.
    """
    s = problem.settings
    E, ones = solution.endmembers, np.ones(len(solution.endmembers))
    A, h = np.empty((len(problem.rows), len(E))), np.zeros(len(problem.rows))
    if s.guidance == NO_MAP:
        h[:] = solution.guidance
    options = PassOptions(0.0, solution.closure, s.guidance, s.h_max, s.h_damping, s.sum_to_one == "hard")
    with single_threaded_blas():
        sums = run_pass(problem, "exact_pass", E, solution.weights, ones, options, A, h)
        if solution.penalty > 0 and len(E) > 1:
            options = options._replace(penalty=solution.penalty)
            for _ in range(_REFINEMENTS):
                sums = run_pass(problem, "exact_pass", E, solution.weights, ones, options, A, h)
    return A, h, sums
