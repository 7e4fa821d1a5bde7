"""Registered comparison: the top eigenvector of a stream of rows."""

import warnings

import numpy as np
from sklearn.utils import Bunch

from sparsesci.compare._model import FLOOR, OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import make_heavy_rows, make_late_signal, make_oja_hard, make_spiked


def lost_correlation(problem, vector):
    """Return one minus the squared correlation with the top eigenvector of the centred rows."""
    return np.nan if vector is None else float(max(1.0 - (vector @ problem.vector) ** 2, 1e-16))


def _problem(make):
    def prepare(seed):
        A = make(seed)
        centred = A - A.mean(axis=0)
        return Bunch(A=A, vector=np.linalg.eigh(centred.T @ centred)[1][:, -1])

    return prepare


def _ours(**options):
    def prepare(problem, n_jobs):
        from sparsesci.streaming import StreamingPCA

        def call(seed):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the order of the rows, in the case that is about it
                return StreamingPCA(random_state=seed, n_jobs=n_jobs, **options).fit(problem.A).components_[0]

        return call

    return prepare


def _frequent_directions(problem, n_jobs):
    from sparsesci.streaming import FrequentDirections

    return lambda seed: FrequentDirections(40).fit(problem.A).components_[0]


def _incremental_pca(n_components, batch_size):
    def prepare(problem, n_jobs):
        from sklearn.decomposition import IncrementalPCA

        return lambda seed: IncrementalPCA(n_components, batch_size=batch_size).fit(problem.A).components_[0]

    return prepare


def _one_read(problem, n_jobs):
    def call(seed):
        problem.A.sum()

    return call


def _contenders():
    return (
        Contender("StreamingPCA", "sparsesci", _ours(), OURS, True, "86 rows of memory, of which 64 heavy ones"),
        Contender("StreamingPCA, 1 schedule", "sparsesci", _ours(growth_factors=(1.35,)), OURS, True, "70 rows"),
        Contender("StreamingPCA, any order", "sparsesci", _ours(order="arbitrary"), OURS, True, "19 rows"),
        Contender("FrequentDirections(40)", "sparsesci", _frequent_directions, OURS, note="80 rows; does not centre"),
        Contender("IncrementalPCA(1), batch 50", "sklearn", _incremental_pca(1, 50), note="51 rows and work space"),
        Contender("IncrementalPCA(8), batch 100", "sklearn", _incremental_pca(8, 100), note="108 rows and work space"),
        Contender("sum of all entries", "numpy", _one_read, FLOOR, note="one read of the data"),
    )


def _cases(size):
    metric = Metric("1 - correlation", "one minus the squared correlation with the exact direction", lost_correlation)
    n, d = (5000, 100) if size == "quick" else (20000, 1000)
    streams = (
        (f"Spiked covariance, small gap, {n} × {d}", lambda seed: make_spiked(n, d, 2.0, random_state=seed)),
        (f"Four heavy rows, {n} × {d}", lambda seed: make_heavy_rows(n, d, 4.0, 4, random_state=seed)),
        ("Hard for Oja's rule", lambda seed: make_oja_hard(20, 200, 4.0, 4, random_state=seed)),
        (f"Signal last, {n} × {d}", lambda seed: make_late_signal(n, d, 39.0, "last", random_state=seed)),
    )
    return tuple(Case(title, _problem(make), _contenders(), (metric,)) for title, make in streams)


COMPARISONS = (
    Comparison(
        "streaming_pca",
        "top eigenvector of a stream",
        "How close to the exact direction does one pass come in little memory, and how long does it take?",
        "none published",
        _cases,
    ),
)
