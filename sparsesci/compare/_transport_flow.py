"""Registered comparison: the direction on which two clouds differ most."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.transport import max_sliced_wasserstein_distance


def distance_found(problem, output):
    """Return the distance along the direction that was found."""
    return float(output)


def _problem(n, d):
    def make(seed):
        rng = np.random.default_rng(seed)
        X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, d)) * np.linspace(0.8, 1.3, d)
        Y[:, 0] += 0.3
        return Bunch(X=X, Y=Y)

    return make


def _ours(**options):
    def prepare(problem, n_jobs):
        return lambda seed: (
            max_sliced_wasserstein_distance(problem.X, problem.Y, random_state=seed, n_jobs=n_jobs, **options).distance
        )

    return prepare


def _pot(n_projections):
    def prepare(problem, n_jobs):
        import ot

        return lambda seed: ot.max_sliced_wasserstein_distance(
            problem.X, problem.Y, n_projections=n_projections, seed=seed
        )

    return prepare


_CONTENDERS = (
    Contender("max_sliced_wasserstein_distance", "sparsesci", _ours(), OURS, True),
    Contender("without ascent", "sparsesci", _ours(max_iter=0), OURS, True, note="the best candidate"),
    Contender("POT, 100 directions", "ot", _pot(100), randomised=True),
    Contender("POT, 2000 directions", "ot", _pot(2000), randomised=True, note="the best of more random directions"),
)
_METRICS = (Metric("distance", "distance along the direction found; larger is better", distance_found, log=False),)


def _cases(size):
    shapes = ((500, 20),) if size == "quick" else ((2000, 3), (2000, 20), (2000, 100))
    return tuple(
        Case(f"{n} points against {n} in {d} dimensions", _problem(n, d), _CONTENDERS, _METRICS, {"n": n, "d": d})
        for n, d in shapes
    )


COMPARISONS = (
    Comparison(
        "max_sliced_wasserstein_distance",
        "max-sliced Wasserstein distance",
        "How far apart are two clouds along the best direction that is found, and how long does it take?",
        "none that could be read",
        _cases,
    ),
)
