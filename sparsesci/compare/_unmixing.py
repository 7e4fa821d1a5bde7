"""Registered comparison: fully constrained abundances, exact, against a quadratic programme for each pixel."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import make_unmixing_scene


def _problem(shape, n_endmembers):
    def make(seed):
        scene = make_unmixing_scene(shape, n_endmembers=n_endmembers, endmembers="usgs", alpha=1.0, random_state=seed)
        return Bunch(X=scene.cube.reshape(-1, 224), endmembers=scene.endmembers)

    return make


def _ours(problem, n_jobs):
    from sparsesci.unmixing import fcls

    return lambda seed: fcls(problem.X, problem.endmembers, n_jobs=n_jobs)


def _pysptools(problem, n_jobs):
    import cvxopt  # noqa: F401
    from pysptools.abundance_maps.amaps import FCLS

    return lambda seed: FCLS(problem.X, problem.endmembers)


def _heavy_row(problem, n_jobs):
    from scipy.optimize import nnls

    weight = 1e3
    E = np.column_stack([problem.endmembers, np.full(len(problem.endmembers), weight)]).T
    X = np.column_stack([problem.X, np.full(len(problem.X), weight)])
    return lambda seed: np.array([nnls(E, x)[0] for x in X])


def constraint_violation(problem, A):
    """Return the largest violation of the constraints."""
    return float(max(np.abs(A.sum(axis=1) - 1).max(), -A.min(), 0.0))


def excess(problem, A):
    """Return the root mean square of the residual."""
    return float(np.sqrt(((problem.X - A @ problem.endmembers) ** 2).mean()))


_CONTENDERS = (
    Contender("fcls", "sparsesci", _ours, OURS),
    Contender("pysptools FCLS", "pysptools", _pysptools, note="a cvxopt programme for each pixel; float32 result"),
    Contender("scipy nnls with a heavy row of ones", "scipy", _heavy_row, note="inexact sum to one"),
)
_METRICS = (
    Metric("violation", "largest violation of the constraints", constraint_violation),
    Metric("residual", "root mean square of the residual", excess),
)


def _cases(size):
    sizes = ((16, 16), (4, 10)) if size == "quick" else ((48, 48), (4, 5, 10, 20))
    return tuple(
        Case(
            f"Constrained abundances, {sizes[0][0]} × {sizes[0][1]} pixels, 224 bands, {K} spectra of the USGS library",
            _problem(sizes[0], K),
            _CONTENDERS,
            _METRICS,
            {"pixels": sizes[0][0] * sizes[0][1], "bands": 224, "endmembers": K},
        )
        for K in sizes[1]
    )


COMPARISONS = (
    Comparison(
        "fcls",
        "abundances that are non-negative and sum to one",
        "How fast are fully constrained abundances, and do they satisfy the constraints?",
        "none published",
        _cases,
    ),
)
