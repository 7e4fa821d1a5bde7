"""Registered comparisons: samples of determinantal processes, and regression from few labels."""

import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import load_image_regression

# -- projection DPPs


def log_volume(problem, rows):
    """Return the logarithm of det(V[rows])**2: of a determinantal sample, that of its probability."""
    return np.nan if rows is None else float(2.0 * np.linalg.slogdet(problem.V[rows])[1])


def _basis_problem(n_rows, k):
    def make(seed):
        V = np.linalg.qr(np.random.default_rng(seed).standard_normal((n_rows, k)))[0]
        return Bunch(V=np.ascontiguousarray(V))

    return make


def _ours(**options):
    def prepare(problem, n_jobs):
        from sparsesci.sampling import projection_dpp

        return lambda seed: projection_dpp(problem.V, random_state=seed, n_jobs=n_jobs, **options)

    return prepare


def _dppy(problem, n_jobs):
    from dppy.finite_dpps import FiniteDPP

    process = FiniteDPP("correlation", projection=True, K_eig_dec=(np.ones(problem.V.shape[1]), problem.V))
    return lambda seed: np.asarray(process.sample_exact(mode="GS", random_state=seed))


def _uniform_rows(problem, n_jobs):
    n_rows, k = problem.V.shape
    return lambda seed: np.random.default_rng(seed).choice(n_rows, k, replace=False)


def _projection_cases(size):
    metric = Metric("log volume", "logarithm of det(V[rows])^2", log_volume, aggregate="mean", log=False)
    contenders = (
        Contender("rejection", "sparsesci", _ours(check_input=False), OURS, True),
        Contender("rejection, V checked", "sparsesci", _ours(), OURS, True, "one more Gram matrix"),
        Contender("Gram-Schmidt", "sparsesci", _ours(method="gram_schmidt", check_input=False), OURS, True),
        Contender("DPPy, mode GS", "dppy", _dppy, randomised=True, note="does not check V"),
        Contender("uniform rows", "numpy", _uniform_rows, randomised=True, note="not a determinantal sample"),
    )
    shapes = ((2000, 20), (10_000, 50)) if size == "quick" else ((10_000, 50), (10_000, 200), (100_000, 50))
    return tuple(
        Case(f"Random basis, {n_rows} × {k}", _basis_problem(n_rows, k), contenders, (metric,)) for n_rows, k in shapes
    )


# -- regression from few labels


def excess_loss(problem, coefficients):
    """Return by how much the loss on all rows exceeds the smallest one, relative to it."""
    if coefficients is None:
        return np.nan
    return float(np.sum((problem.X @ coefficients - problem.y) ** 2) / problem.least - 1.0)


def _label_problem(n_rows, labels_per_column):
    """Return a problem of pixels and their neighbours, and how many labels may be used."""

    def make(seed):
        side = int(np.sqrt(2 * n_rows)) + 2
        picture = load_sample_image("flower.jpg")
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        picture = picture[top : top + side, left : left + side]
        X, y = load_image_regression(picture, radius=1, return_X_y=True)
        rows = np.random.default_rng(seed).choice(len(y), n_rows, replace=False)
        X, y = np.column_stack([np.ones(n_rows), X[rows]]), y[rows]
        best = np.linalg.lstsq(X, y, rcond=None)[0]
        least = float(np.sum((X @ best - y) ** 2))
        return Bunch(X=X, y=y, least=least, n_labels=labels_per_column * X.shape[1])

    return make


def _volume(rescaled):
    def prepare(problem, n_jobs):
        from sparsesci.sampling import VolumeSampledRegression

        def call(seed):
            model = VolumeSampledRegression(
                problem.n_labels, rescaled=rescaled, fit_intercept=False, random_state=seed, n_jobs=n_jobs
            )
            return model.fit(problem.X, problem.y).coef_

        return call

    return prepare


def _uniform_labels(problem, n_jobs):
    def call(seed):
        rows = np.random.default_rng(seed).choice(len(problem.y), problem.n_labels, replace=False)
        return np.linalg.lstsq(problem.X[rows], problem.y[rows], rcond=None)[0]

    return call


def _leverage_labels(problem, n_jobs):
    def call(seed):
        Q = np.linalg.qr(problem.X)[0]
        leverage = np.einsum("ij,ij->i", Q, Q)
        p = leverage / leverage.sum()
        rows = np.random.default_rng(seed).choice(len(p), problem.n_labels, p=p)
        scale = 1.0 / np.sqrt(p[rows])
        return np.linalg.lstsq(problem.X[rows] * scale[:, None], problem.y[rows] * scale, rcond=None)[0]

    return call


def _label_cases(size):
    metric = Metric("excess loss", "loss on all rows over the smallest one, minus one", excess_loss, aggregate="mean")
    contenders = (
        Contender("volume", "sparsesci", _volume(False), OURS, True, "unbiased"),
        Contender("volume, rescaled", "sparsesci", _volume(True), OURS, True, "unbiased"),
        Contender("uniform", "numpy", _uniform_labels, randomised=True),
        Contender("leverage, independent", "numpy", _leverage_labels, randomised=True, note="weighted"),
    )
    n_rows = 5_000 if size == "quick" else 50_000
    return tuple(
        Case(
            f"Pixels, {n_rows} rows, {ratio} labels per coefficient",
            _label_problem(n_rows, ratio),
            contenders,
            (metric,),
        )
        for ratio in (2, 8)
    )


COMPARISONS = (
    Comparison(
        "projection_dpp",
        "projection determinantal point process",
        "How long does a sample take, and how large a volume do its rows span?",
        "none published",
        _projection_cases,
    ),
    Comparison(
        "volume_sampling",
        "regression from few labels",
        "How much worse than the fit to all labels is the fit to a few, on all rows?",
        "expected excess d for s = d by volume sampling (Derezinski and Warmuth), here s > d",
        _label_cases,
    ),
)
