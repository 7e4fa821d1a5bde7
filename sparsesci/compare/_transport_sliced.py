"""Registered comparison: sliced Wasserstein distances, and transport on the line, against POT and SciPy."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import make_slab, make_trefoil_knot

_REFERENCE_DIRECTIONS = 2000


def _space_problem(n, n_directions):
    def make(seed):
        from sparsesci.transport import sliced_wasserstein_distance

        X, Y = make_trefoil_knot(n, random_state=seed), make_slab(n, random_state=seed + 1)
        accurate = sliced_wasserstein_distance(X, Y, n_projections=_REFERENCE_DIRECTIONS, random_state=seed)
        return Bunch(X=X, Y=Y, n_directions=n_directions, expected=np.array(accurate))

    return make


def _mixture_problem(n, d, n_directions):
    def make(seed):
        from sparsesci.transport import sliced_wasserstein_distance

        rng = np.random.default_rng(seed)
        X, Y = (
            (2 * rng.standard_normal((5, d)))[rng.integers(0, 5, n)] + rng.standard_normal((n, d)) for _ in range(2)
        )
        accurate = sliced_wasserstein_distance(X, Y, n_projections=_REFERENCE_DIRECTIONS, random_state=seed)
        return Bunch(X=X, Y=Y, n_directions=n_directions, expected=np.array(accurate))

    return make


def _matrix_problem(n_clouds, n, n_directions):
    def make(seed):
        from sparsesci.transport import sphere_directions

        rng = np.random.default_rng(seed)
        clouds = rng.standard_normal((n_clouds, n, 3)) * rng.uniform(0.5, 1.5, (n_clouds, 1, 3))
        T = sphere_directions(n_directions, 3, random_state=seed)
        sorted_values = np.sort(clouds @ T.T, axis=1)
        differences = sorted_values[:, np.newaxis] - sorted_values
        return Bunch(clouds=clouds, T=T, expected=np.sqrt(np.mean(differences**2, axis=(2, 3))))

    return make


def _line_problem(n):
    def make(seed):
        rng = np.random.default_rng(seed)
        u, v, a, b = rng.standard_normal(n), rng.gamma(2.0, size=n + n // 5), rng.random(n), rng.random(n + n // 5)
        a, b = a / a.sum(), b / b.sum()
        places = np.concatenate([u, v])
        order = np.argsort(places)
        gaps = np.cumsum(np.concatenate([a, -b])[order])[:-1]
        return Bunch(u=u, v=v, a=a, b=b, expected=np.array(np.abs(gaps) @ np.diff(places[order])))

    return make


def _distance(**options):
    def prepare(problem, n_jobs):
        from sparsesci.transport import sliced_wasserstein_distance

        return lambda seed: sliced_wasserstein_distance(
            problem.X, problem.Y, n_projections=problem.n_directions, random_state=seed, n_jobs=n_jobs, **options
        )

    return prepare


def _pot(problem, n_jobs):
    import ot

    return lambda seed: ot.sliced_wasserstein_distance(
        problem.X, problem.Y, n_projections=problem.n_directions, seed=seed
    )


def _matrix(problem, n_jobs):
    from sparsesci.transport import pairwise_sliced_wasserstein

    return lambda seed: pairwise_sliced_wasserstein(problem.clouds, projections=problem.T, n_jobs=n_jobs)


def _matrix_of_pot(problem, n_jobs):
    import ot

    T = np.ascontiguousarray(problem.T.T)

    def call(seed):
        out = np.zeros((len(problem.clouds),) * 2)
        for i, X in enumerate(problem.clouds):
            for j in range(i):
                out[i, j] = out[j, i] = ot.sliced_wasserstein_distance(X, problem.clouds[j], projections=T)
        return out

    return call


def _line(problem, n_jobs):
    from sparsesci.transport import wasserstein_1d

    return lambda seed: wasserstein_1d(problem.u, problem.v, problem.a, problem.b)


def _line_of_scipy(problem, n_jobs):
    from scipy.stats import wasserstein_distance

    return lambda seed: wasserstein_distance(problem.u, problem.v, problem.a, problem.b)


def _line_of_pot(problem, n_jobs):
    import ot

    return lambda seed: ot.wasserstein_1d(problem.u, problem.v, problem.a, problem.b, p=1)


def relative_error(problem, output):
    """Return the root mean square difference from the expected values, relative to their root mean square."""
    difference = np.asarray(output) - problem.expected
    return float(np.sqrt(np.mean(difference**2) / np.mean(problem.expected**2)))


_DISTANCES = (
    Contender("sliced_wasserstein_distance", "sparsesci", _distance(), OURS, randomised=True),
    Contender(
        "the same, plain Monte Carlo",
        "sparsesci",
        _distance(sampling="uniform", control_variate=None),
        OURS,
        randomised=True,
    ),
    Contender("POT", "ot", _pot, randomised=True),
)
_MATRICES = (
    Contender("pairwise_sliced_wasserstein", "sparsesci", _matrix, OURS),
    Contender("POT, pair by pair", "ot", _matrix_of_pot, note="on the same directions"),
)
_LINES = (
    Contender("wasserstein_1d", "sparsesci", _line, OURS),
    Contender("scipy.stats.wasserstein_distance", "scipy", _line_of_scipy),
    Contender("POT wasserstein_1d", "ot", _line_of_pot),
)
_METRICS = (Metric("error", "root mean square error relative to an accurate value", relative_error),)


def _cases(size):
    n, d, K, line = (1000, 50, 8, 10_000) if size == "quick" else (4000, 100, 30, 100_000)
    return (
        Case(
            f"A knot and a slab in space, {n} points each, 100 directions",
            _space_problem(n, 100),
            _DISTANCES,
            _METRICS,
            {"points": n, "features": 3, "directions": 100},
        ),
        Case(
            f"Two mixtures of five Gaussians, {n} points each, {d} features, 200 directions",
            _mixture_problem(n, d, 200),
            _DISTANCES,
            _METRICS,
            {"points": n, "features": d, "directions": 200},
        ),
        Case(
            f"Distances between all of {K} clouds of {n // 4} points in space, 100 directions",
            _matrix_problem(K, n // 4, 100),
            _MATRICES,
            _METRICS,
            {"clouds": K, "points": n // 4, "directions": 100},
        ),
        Case(
            f"W_1 on the line, {line} and {line + line // 5} points with weights",
            _line_problem(line),
            _LINES,
            _METRICS,
            {"points": line},
        ),
    )


COMPARISONS = (
    Comparison(
        "sliced_wasserstein",
        "sliced Wasserstein distances, singly and between many clouds, and transport on the line",
        "What do a distance and a matrix of distances cost, and how far are they from the true ones?",
        "errors of other estimators on other clouds; see benchmarks/transport_tables.py",
        _cases,
    ),
)
