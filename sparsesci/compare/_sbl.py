"""Registered comparisons: sparse tensors, many small channels, and relevance determination in a regression."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import make_kronecker_sparse


def _error(problem, estimate):
    """Return the squared error of the coefficients relative to their squared norm."""
    truth = problem.coef.ravel()
    return float(np.linalg.norm(estimate - truth) ** 2 / np.linalg.norm(truth) ** 2)


def _recovery(problem, estimate):
    """Return what share of the union of both supports they have in common."""
    found, true = np.abs(estimate) > 1e-3 * np.abs(estimate).max(), problem.coef.ravel() != 0
    union = np.count_nonzero(found | true)
    return float(np.count_nonzero(found & true) / union) if union else 1.0


_METRICS = (
    Metric("coefficient error", "squared error relative to the squared norm (NMSE)", _error),
    Metric("support recovery", "common part of the supports, relative to their union", _recovery, log=False),
)


def _tensor_problem(shape, columns, side):
    def make(seed):
        problem = make_kronecker_sparse(
            shape, (columns,) * len(shape), side, snr_db=20, core="general", random_state=seed
        )
        A = np.ones((1, 1))
        for H in problem.dictionaries:
            A = np.kron(A, H)
        return Bunch(A=A, y=problem.Y.ravel(), **problem)

    return make


def _kron(**options):
    def prepare(problem, n_jobs):
        from sparsesci.sbl import kron_sbl

        return lambda seed: (
            kron_sbl(problem.Y, problem.dictionaries, random_state=seed, n_jobs=n_jobs, **options).to_dense().ravel()
        )

    return prepare


def _classical(problem, n_jobs):
    from sparsesci.sbl import SparseBayesianRegressor

    return lambda seed: SparseBayesianRegressor(fit_intercept=False).fit(problem.A, problem.y).coef_


def _sklearn(name, **options):
    def prepare(problem, n_jobs):
        from sklearn import linear_model

        model = getattr(linear_model, name)(fit_intercept=False, **options)
        return lambda seed: model.fit(problem.A, problem.y).coef_

    return prepare


def _matching_pursuit(problem, n_jobs):
    from sklearn.linear_model import OrthogonalMatchingPursuit

    k = int(np.count_nonzero(problem.coef))
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=min(k, len(problem.y)), fit_intercept=False)
    return lambda seed: model.fit(problem.A, problem.y).coef_


_UNSTRUCTURED = (
    Contender("SparseBayesianRegressor", "sparsesci", _classical, OURS, note="without the structure"),
    Contender("ARDRegression", "sklearn", _sklearn("ARDRegression")),
    Contender("BayesianRidge", "sklearn", _sklearn("BayesianRidge")),
    Contender("LassoCV", "sklearn", _sklearn("LassoCV"), note="five-fold cross-validation"),
    Contender("OMP", "sklearn", _matching_pursuit, note="is told the true number of coefficients"),
)
_STRUCTURED = (
    Contender("kron_sbl", "sparsesci", _kron(), OURS, note="flat start"),
    Contender("kron_sbl, restarts", "sparsesci", _kron(n_restarts=10, refine="backward"), OURS, True),
)


def _tensor_cases(size):
    cases = (((5, 5, 5), 6, 2),) if size == "quick" else (((5, 6, 7), 8, 2), ((6, 7, 8), 10, 3))
    return tuple(
        Case(
            f"{columns}^3 coefficients, {side}^3 of them not zero, {shape[0]} × {shape[1]} × {shape[2]} measurements",
            _tensor_problem(shape, columns, side),
            (*_STRUCTURED, *_UNSTRUCTURED),
            _METRICS,
            {"columns": columns, "side": side, "shape": "×".join(map(str, shape)), "SNR (dB)": 20},
        )
        for shape, columns, side in cases
    )


def _regression_problem(n, d, k):
    def make(seed):
        rng = np.random.default_rng(seed)
        A = rng.standard_normal((n, d))
        coef = np.zeros(d)
        coef[rng.choice(d, k, replace=False)] = rng.choice([-1.0, 1.0], k) * (1 + rng.random(k))
        return Bunch(A=A, y=A @ coef + 0.3 * rng.standard_normal(n), coef=coef)

    return make


def _regression_cases(size):
    n, d, k = (100, 150, 8) if size == "quick" else (200, 400, 15)
    return (
        Case(
            f"{d} features, {k} of them relevant, {n} samples",
            _regression_problem(n, d, k),
            _UNSTRUCTURED,
            _METRICS,
            {"samples": n, "features": d, "relevant": k, "noise": 0.3},
        ),
    )


COMPARISONS = (
    Comparison(
        "kron_sbl",
        "sparse tensor from one measurement matrix for each mode",
        "How fast, and how exactly, are the coefficients found, noise unknown to all?",
        "the paper compares its own methods only",
        _tensor_cases,
    ),
    Comparison(
        "SparseBayesianRegressor",
        "relevance determination in a linear regression",
        "How fast, and how exactly, are few relevant features found among many?",
        "none published",
        _regression_cases,
    ),
)
