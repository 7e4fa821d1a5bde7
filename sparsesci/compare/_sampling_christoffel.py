"""Registered comparison: surrogate models from designs of points, at equal numbers of evaluations."""

import math

import numpy as np
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import borehole_function, ishigami_function

_BOREHOLE_BOX = np.array(
    [
        (0.05, 0.15),
        (100.0, 50_000.0),
        (63_070.0, 115_600.0),
        (990.0, 1110.0),
        (63.1, 116.0),
        (700.0, 820.0),
        (1120.0, 1680.0),
        (9855.0, 12_045.0),
    ]
)
_ISHIGAMI_BOX = np.array([(-math.pi, math.pi)] * 3)
_BOXES = {"ishigami": (ishigami_function, _ISHIGAMI_BOX), "borehole": (borehole_function, _BOREHOLE_BOX)}
_TEST_POINTS = 4000


def _problem(which, total_degree, ratio):
    """Return the maker of the problem to fit a function by polynomials from ``ratio`` times as many points."""

    def make(seed):
        from sparsesci.sampling import OrthogonalPolynomials

        function, box = _BOXES[which]
        basis = OrthogonalPolynomials("legendre", total_degree=total_degree, domain=box)
        X = basis.sample_measure(_TEST_POINTS, random_state=2**31 + seed)
        y = function(X)
        values = basis.evaluate(X)
        best = values @ np.linalg.lstsq(values, y, rcond=None)[0]
        return Bunch(
            function=function,
            basis=basis,
            box=box,
            degree=total_degree,
            n_points=math.ceil(ratio * len(basis)),
            X=X,
            y=y,
            floor=np.sqrt(np.mean((y - best) ** 2)),
        )

    return make


def error_ratio(problem, predict):
    """Return the root mean square error on points of the measure, in units of that of their own least-squares fit."""
    return math.sqrt(np.mean((predict(problem.X) - problem.y) ** 2)) / problem.floor


def _ours(**options):
    def prepare(problem, n_jobs):
        from sparsesci.sampling import WeightedLeastSquares

        def call(seed):
            n_points = problem.n_points
            model = WeightedLeastSquares(
                problem.basis, n_points=n_points, n_jobs=n_jobs, random_state=seed % 2**32, **options
            )
            return model.fit(problem.function).predict

        return call

    return prepare


def _unweighted(points_of):
    """Return a contender's ``prepare``: plain least squares in the same polynomials, on other points."""

    def prepare(problem, n_jobs):
        points = points_of(problem)

        def call(seed):
            X = points(seed)
            coef = np.linalg.lstsq(problem.basis.evaluate(X), problem.function(X), rcond=None)[0]
            return lambda Z: problem.basis.evaluate(Z) @ coef

        return call

    return prepare


def _latin_hypercube(problem):
    from scipy.stats import qmc

    low, high = problem.box.T

    def points(seed):
        sample = qmc.LatinHypercube(len(low), seed=np.random.default_rng(seed)).random(problem.n_points)
        return low + (high - low) * sample

    return points


def _uniform(problem):
    low, high = problem.box.T
    return lambda seed: np.random.default_rng(seed).uniform(low, high, (problem.n_points, len(low)))


def _chaospy(problem, n_jobs):
    import chaospy

    joint = chaospy.J(*[chaospy.Uniform(low, high) for low, high in problem.box])
    expansion = chaospy.generate_expansion(problem.degree, joint)

    def call(seed):
        nodes = joint.sample(problem.n_points, rule="latin_hypercube", seed=seed % 2**32)
        surrogate = chaospy.fit_regression(expansion, nodes, problem.function(nodes.T))
        return lambda Z: surrogate(*Z.T)

    return call


def _contenders():
    return (
        Contender("repeated DPP", "sparsesci", _ours(), OURS, True, "samples of m points each"),
        Contender("best of 10, repeated DPP", "sparsesci", _ours(n_candidates=10), OURS, True),
        Contender("volume-rescaled", "sparsesci", _ours(strategy="volume"), OURS, True, "unbiased"),
        Contender("Christoffel, iid", "sparsesci", _ours(strategy="iid"), OURS, True),
        Contender("Latin hypercube", "scipy", _unweighted(_latin_hypercube), randomised=True, note="least squares"),
        Contender("uniform, iid", "numpy", _unweighted(_uniform), randomised=True, note="least squares"),
        Contender("chaospy fit_regression", "chaospy", _chaospy, randomised=True, note="on its Latin hypercube"),
    )


def _cases(size):
    metric = Metric("error / best", "root mean square error over that of a fit to 4000 points", error_ratio)
    worst = Metric("mean error / best", "the same, mean over designs", error_ratio, aggregate="mean")
    chosen = (
        (("ishigami", 5, 1.5), ("borehole", 2, 1.5))
        if size == "quick"
        else (
            ("ishigami", 8, 1.5),
            ("ishigami", 8, 2.0),
            ("borehole", 3, 1.5),
            ("borehole", 3, 2.0),
        )
    )
    return tuple(
        Case(
            f"{which.capitalize()}, degree {degree}, {ratio:g} evaluations per coefficient",
            _problem(which, degree, ratio),
            _contenders(),
            (metric, worst),
            rounds=10,
        )
        for which, degree, ratio in chosen
    )


COMPARISONS = (
    Comparison(
        "optimal_design",
        "designs for least squares",
        "How good is a surrogate model for a given number of evaluations, and how long does its design take?",
        "none that we read",
        _cases,
    ),
)
