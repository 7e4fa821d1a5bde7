"""Scores and coresets of sparsesci.sampling: asv benchmarks, and tables beside the figures of the specification.

``python benchmarks/sampling_scores.py NAME``, NAME being one of distortion, regression, kmeans, logistic, streaming,
lewis or time. The last two measure times: ``OPENBLAS_NUM_THREADS=1 taskset -c 1``. "spec" marks what the prototype of
the specification measured; a cell is met if ours is not larger.
"""

import sys
import time
import warnings
from functools import partial

import numpy as np
import scipy.optimize
import scipy.sparse
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import scale

from sparsesci.datasets import make_far_clusters, make_heavy_tailed_rows, make_robust_regression
from sparsesci.sampling import (
    KMeansCoreset,
    LogisticCoreset,
    LpCoreset,
    StreamingLpCoreset,
    _gram_kernels,
    leverage_scores,
    lewis_weights,
    lp_sensitivities,
)

LP_SCORES = ("uniform", "leverage", "root_leverage", "lewis", "sensitivity", "leverage+sensitivity")
# (law, p): medians of the prototype with Poisson and with systematic sampling; None: not measured.
DISTORTIONS = {
    ("t2", 1): ((0.42, 0.32), (0.29, 0.26), (0.23, 0.19), (0.21, 0.20), None, None),
    ("t2", 3): ((1.38, 2.07), (0.11, 0.09), (0.10, 0.11), (0.09, 0.07), (0.08, 0.07), (0.10, 0.09)),
    ("t2", 4): ((1.75, 2.33), (0.08, 0.07), (0.05, 0.05), (0.04, 0.03), (0.04, 0.03), (0.05, 0.05)),
    ("mix", 1): ((0.69, 0.71), (0.21, 0.15), (0.20, 0.16), (0.14, 0.13), None, None),
    ("mix", 1.5): ((1.48, 0.96), (0.18, 0.15), (0.23, 0.13), (0.22, 0.13), (0.18, 0.10), (0.20, 0.13)),
    ("mix", 3): ((2.60, 1.56), (0.31, 0.21), (0.26, 0.17), (0.27, 0.16), (0.23, 0.18), (0.24, 0.18)),
    ("mix", 4): ((2.34, 2.10), (0.38, 0.33), (0.27, 0.16), (0.24, 0.19), (0.25, 0.25), (0.27, 0.21)),
}
L1_SCORES = ("uniform", "leverage", "root_leverage", "lewis")
L1_EXCESS = {
    200: ((0.0236, 0.060), (0.0208, 0.043), (0.0166, 0.032), (0.0154, 0.035)),
    500: ((0.0135, 0.022), (0.0091, 0.018), (0.0038, 0.0074), (0.0035, 0.0069)),
    1000: ((0.0052, 0.014), (0.0035, 0.0067), (0.0026, 0.0036), (0.0023, 0.0087)),
}
KMEANS = {1000: (1.54, 1.14, 1.13), 200: (1.95, 1.16, 1.16)}
LOGISTIC = {"uniform": (0.37, 5.5), "root_leverage": (0.21, 2.7), "lewis": (0.15, 0.60)}


def distortion(A, S, weights, p, n_starts=2, seed=0):
    """Return a lower bound of max_x | |W S x|_p^p / |A x|_p^p - 1 |, by ascent from random directions."""
    basis = np.linalg.svd(A, full_matrices=False)[2].T
    basis = basis / np.linalg.norm(A @ basis, axis=0)
    Q, T = A @ basis, S @ basis
    random = np.random.default_rng(seed)

    def log_ratio(x, sign):
        image, sampled = Q @ x, T @ x
        whole, part = (np.abs(image) ** p).sum(), (weights * np.abs(sampled) ** p).sum()
        slope = p * T.T @ (weights * np.abs(sampled) ** (p - 1) * np.sign(sampled)) / part
        slope -= p * Q.T @ (np.abs(image) ** (p - 1) * np.sign(image)) / whole
        return -sign * np.log(part / whole), -sign * slope

    worst = 0.0
    for sign in (1.0, -1.0):
        for _ in range(n_starts):
            start = random.standard_normal(A.shape[1])
            found = scipy.optimize.minimize(log_ratio, start, (sign,), jac=True, method="BFGS", options={"maxiter": 60})
            worst = max(worst, abs(np.exp(-sign * found.fun) - 1))
    return worst


def l1_fit(X, y, weights=None):
    """Return the coefficients of weighted least absolute deviations, by HiGHS on the dual."""
    v = np.ones(len(y)) if weights is None else weights
    found = scipy.optimize.linprog(
        -y, A_eq=X.T, b_eq=np.zeros(X.shape[1]), bounds=np.column_stack((-v, v)), method="highs"
    )
    return -found.eqlin.marginals


def verdict(measured, wanted):
    return "met" if measured <= wanted else f"spec {wanted:g}"


def print_distortions(n_seeds=9):
    """Medians over samples: 1000 x 6 rows, 120 of them kept."""
    print("law p score: median distortion Poisson / systematic")
    for (law, p), wanted in DISTORTIONS.items():
        A = make_heavy_tailed_rows(1000, 6, law, random_state=0)
        for score, bounds in zip(LP_SCORES, wanted):
            medians = []
            for scheme in ("poisson", "systematic"):
                values = []
                for seed in range(n_seeds):
                    kept, _, weights = LpCoreset(120, p, score, scheme, random_state=seed).fit_resample(A)
                    values.append(distortion(A, kept, weights, p))
                medians.append(np.median(values))
            marks = ["spec: not measured"] if bounds is None else [verdict(m, b) for m, b in zip(medians, bounds)]
            print(f"{law:4s}{p:4g} {score:22s}{medians[0]:8.3f}{medians[1]:8.3f}   {' / '.join(marks)}")


def print_regression(n_seeds=8):
    """Excess l1 cost, median / max over samples, 20000 x 10 rows."""
    X, y, _ = make_robust_regression(20_000, 10, random_state=0)
    start = time.perf_counter()
    least = np.abs(X @ l1_fit(X, y) - y).sum()
    print(f"full linear programme: {time.perf_counter() - start:.1f} s; excess cost of coresets, median / max")
    for m, wanted in L1_EXCESS.items():
        for score, (median, largest) in zip(L1_SCORES, wanted):
            values = []
            for seed in range(n_seeds):
                X_kept, y_kept, weights = LpCoreset(m, 1, score, random_state=seed).fit_resample(X, y)
                values.append(np.abs(X @ l1_fit(X_kept, y_kept, weights) - y).sum() / least - 1)
            found = np.median(values), max(values)
            marks = f"{verdict(found[0], median)} / {verdict(found[1], largest)}"
            print(f"{m:6d} {score:15s}{found[0]:9.4f}{found[1]:9.4f}   {marks}")


def print_kmeans(n_seeds=7):
    """Cost of the solution on the coreset / on all points, median."""
    balanced = make_blobs(20_000, 8, centers=20, random_state=0)[0]
    for name, X, k, table in (
        ("far clusters", make_far_clusters(20_000, random_state=0).X, 8, KMEANS),
        ("balanced blobs", balanced, 20, {200: (1.12,) * 3, 1000: (1.02,) * 3}),
    ):
        full = KMeans(k, n_init=10, random_state=0).fit(X).inertia_
        for m, wanted in table.items():
            for method, bound in zip(("uniform", "lightweight", "sensitivity"), wanted):
                values = []
                for seed in range(n_seeds):
                    if method == "uniform":
                        points, weights = X[np.random.default_rng(seed).choice(len(X), m, replace=False)], None
                    else:
                        points, _, weights = KMeansCoreset(m, k, method, random_state=seed).fit_resample(X)
                    model = KMeans(k, n_init=10, random_state=0).fit(points, sample_weight=weights)
                    values.append(-model.score(X) / full)
                found = np.median(values)
                print(f"{name:15s}{m:6d} {method:12s}{found:7.3f} (max {max(values):.3f})   {verdict(found, bound)}")


def print_logistic(n_seeds=9):
    """Excess loss of logistic regression on 150 of 569 rows, median / max."""
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X[:, :8])

    def loss(X_kept, y_kept, weights):
        model = LogisticRegression(C=1000, max_iter=5000).fit(X_kept, y_kept, sample_weight=weights)
        return log_loss(y, model.predict_proba(X))

    least = loss(X, y, None)
    for method, wanted in LOGISTIC.items():
        values = []
        for seed in range(n_seeds):
            if method == "uniform":
                kept = np.random.default_rng(seed).choice(len(X), 150, replace=False)
                sample = X[kept], y[kept], None
            else:
                sample = LogisticCoreset(150, method, random_state=seed).fit_resample(X, y)
            values.append(loss(*sample) / least - 1)
        found = np.median(values), max(values)
        marks = " / ".join(verdict(f, b) for f, b in zip(found, wanted))
        print(f"{method:15s}{found[0]:7.3f}{found[1]:7.3f}   {marks}")


def print_streaming(n_seeds=5):
    """Median distortion of merge-and-reduce beside one-shot; the goal is at most twice as much."""
    A = make_heavy_tailed_rows(32_000, 6, random_state=0)
    for p in (1, 1.5):
        medians = []
        for make, options in ((LpCoreset, {}), (StreamingLpCoreset, {"buffer_size": 1200})):
            values = []
            for seed in range(n_seeds):
                kept, _, weights = make(300, p, random_state=seed, **options).fit_resample(A)
                values.append(distortion(A, kept, weights, p))
            medians.append(np.median(values))
        print(
            f"p = {p:g}: one-shot {medians[0]:.3f}, merge-and-reduce {medians[1]:.3f}, {medians[1] / medians[0]:.2f} x"
        )


def seconds(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def processor_seconds(call):
    """Return the time that a call takes on the processor, whatever else the machine does."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def print_lewis(n_rounds=15):
    """Iterations at p = 1 to 1e-6 (goal: 15), and the time of one in weighted Gram passes (goal: 2.5)."""
    for n, d in ((20_000, 8), (200_000, 10), (50_000, 20), (20_000, 50), (10_000, 100)):
        A = make_heavy_tailed_rows(n, d, random_state=0)
        q = np.random.default_rng(0).random(n)
        n_iter = lewis_weights(A, return_n_iter=True)[1]
        times = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of iterations that are cut short on purpose
            calls = [partial(lewis_weights, A, tol=1e-300, max_iter=k) for k in (2, 12)]
            for _ in range(n_rounds):
                passes = processor_seconds(lambda A=A, q=q: [_gram_kernels.weighted_gram(A, q, 1) for _ in range(10)])
                few, many = (processor_seconds(call) for call in calls)
                times.append((many - few) / passes)
        print(f"{n:7d} x {d:<4d}{n_iter:3d} iterations, {np.median(times):.2f} passes each")


def print_time():
    """Time of the l1 coreset with 500 rows, scores and regression, beside that of all rows (HiGHS on the dual)."""
    X, y, _ = make_robust_regression(20_000, 10, random_state=0)
    full = seconds(lambda: l1_fit(X, y))
    for score in ("root_leverage", "lewis"):
        times = []
        for seed in range(5):

            def fit(seed=seed, score=score):
                X_kept, y_kept, weights = LpCoreset(500, 1, score, random_state=seed).fit_resample(X, y)
                l1_fit(X_kept, y_kept, weights)

            times.append(seconds(fit))
        print(f"{score:15s} all rows / coreset: {full / np.median(times):.0f} x")


class Scores:
    """Time of scores of 100000 x 10 rows."""

    params = (["leverage", "sketched", "lewis 1", "lewis 4"], [1, 2])
    param_names = ("score", "n_jobs")

    def setup(self, score, n_jobs):
        A = make_heavy_tailed_rows(100_000, 10, random_state=0)
        self.call = {
            "leverage": lambda: leverage_scores(A, n_jobs=n_jobs),
            "sketched": lambda: leverage_scores(A, method="sketch", random_state=0, n_jobs=n_jobs),
            "lewis 1": lambda: lewis_weights(A, 1.0, n_jobs=n_jobs),
            "lewis 4": lambda: lewis_weights(A, 4.0, n_jobs=n_jobs),
        }[score]
        self.call()

    def time_score(self, score, n_jobs):
        self.call()


class Sensitivities:
    """Time of approximate and exact sensitivities of 500 x 6 rows."""

    params = ([1.0, 1.5, 3.0], ["approximate", "exact"])
    param_names = ("p", "method")

    def setup(self, p, method):
        self.A = make_heavy_tailed_rows(500, 6, random_state=0)
        lp_sensitivities(self.A[:20], p, method=method, random_state=0)

    def time_sensitivities(self, p, method):
        lp_sensitivities(self.A, p, method=method, random_state=0)


class Coresets:
    """Time of coresets of 100000 rows."""

    params = (["lp", "streaming", "kmeans", "logistic"],)
    param_names = ("kind",)

    def setup(self, kind):
        X = make_heavy_tailed_rows(100_000, 10, random_state=0)
        y = (X[:, 0] > 0).astype(int)
        self.model = {
            "lp": LpCoreset(500, random_state=0),
            "streaming": StreamingLpCoreset(500, random_state=0),
            "kmeans": KMeansCoreset(500, 8, random_state=0),
            "logistic": LogisticCoreset(500, random_state=0),
        }[kind]
        self.data = X, y
        self.model.fit(X[:5000], y[:5000])

    def time_fit(self, kind):
        self.model.fit(*self.data)


TABLES = {
    "distortion": print_distortions,
    "regression": print_regression,
    "kmeans": print_kmeans,
    "logistic": print_logistic,
    "streaming": print_streaming,
    "lewis": print_lewis,
    "time": print_time,
}

if __name__ == "__main__":
    for _name in sys.argv[1:] or TABLES:
        print(f"# {_name}")
        TABLES[_name]()
