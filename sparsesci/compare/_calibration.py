"""Registered comparison: signal and gains from the same readings."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import make_blind_calibration


def signal_error(problem, output):
    """Return the relative Euclidean error of the signal."""
    return float(np.linalg.norm(output.x - problem.x) / np.linalg.norm(problem.x))


def gain_error(problem, output):
    """Return the relative Euclidean error of the gains; NaN for who does not estimate them."""
    if output.gains is None:
        return np.nan
    return float(np.linalg.norm(output.gains - problem.gains) / np.linalg.norm(problem.gains))


def _problem(n, m, p, noise):
    def make(seed):
        A, Y, x, gains = make_blind_calibration(n, m, p, rho=0.5, noise=noise, random_state=seed)
        return Bunch(A=A, Y=Y, x=x, gains=gains)

    return make


def _ours(solver):
    def prepare(problem, n_jobs):
        from sparsesci.calibration import blind_calibrate

        return lambda seed: blind_calibrate(problem.A, problem.Y, solver=solver, n_jobs=n_jobs)

    return prepare


def _least_squares(gains):
    """Least squares for the signal alone, with gains that are given: all ones, or the true ones."""

    def prepare(problem, n_jobs):
        p, m, n = problem.A.shape
        known = problem.gains if gains == "true" else np.ones(m)

        def call(seed):
            rows = (known[:, None] * problem.A).reshape(p * m, n)
            return Bunch(x=np.linalg.lstsq(rows, problem.Y.ravel(), rcond=None)[0], gains=None)

        return call

    return prepare


_CONTENDERS = (
    Contender("gauss_newton", "sparsesci", _ours("gauss_newton"), OURS, note="the default"),
    Contender("gradient", "sparsesci", _ours("gradient"), OURS, note="the published kind of method"),
    Contender("linear", "sparsesci", _ours("linear"), OURS),
    Contender("least squares, no calibration", "numpy", _least_squares("ones")),
    Contender("least squares, true gains", "numpy", _least_squares("true"), note="what nobody can know"),
)
_METRICS = (
    Metric("signal error", "relative Euclidean error of the signal", signal_error),
    Metric("gain error", "relative Euclidean error of the gains", gain_error),
)


def _cases(size):
    n, m, p = (128, 64, 8) if size == "quick" else (1024, 256, 10)
    return tuple(
        Case(
            f"Signal of length {n}, {m} sensors, {p} snapshots, {title}",
            _problem(n, m, p, noise),
            _CONTENDERS,
            _METRICS,
            {"n": n, "m": m, "p": p, "noise": noise},
        )
        for title, noise in (("no noise", 0.0), ("noisy", 0.3))
    )


COMPARISONS = (
    Comparison(
        "blind_calibrate",
        "blind gain calibration",
        "How exactly, and how fast, are a signal and the sensors' gains found from the same readings?",
        "none could be read; no maintained Python package for this problem was found",
        _cases,
    ),
)
