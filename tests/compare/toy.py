"""A comparison that takes no time, with a contender of every fate."""

import numpy as np

from sparsesci.compare._model import FLOOR, OURS, Case, Comparison, Contender, Metric


def work(factor):
    """Return a prepare function whose call takes time in proportion to ``factor``."""

    def prepare(problem, n_jobs):
        def call(seed):
            for _ in range(factor):
                np.sort(problem)
            return float(seed)

        return call

    return prepare


def raise_in_prepare(problem, n_jobs):
    raise RuntimeError("cannot be [prepared]")


def raise_in_call(problem, n_jobs):
    def call(seed):
        raise ValueError("cannot be <called>")

    return call


def allocate(problem, n_jobs):
    return lambda seed: np.ones(10 * 2**17).sum()


SORTER = Contender("sorter", "sparsesci", work(1), OURS, randomised=True, note="a [note] & more")
SLOW = Contender("slow sorter", "numpy", work(10), randomised=True)
ABSENT = Contender("absent", "no_such_package", raise_in_prepare)
BROKEN = Contender("broken", "numpy", raise_in_prepare)
BROKEN_OURS = Contender("broken, ours", "sparsesci", raise_in_call, OURS)
ALLOCATOR = Contender("allocator", "numpy", allocate, FLOOR)

METRIC = Metric("median seed", "the middle of the seeds", lambda problem, output: output)
MEAN = Metric("mean seed", "the mean of the seeds", lambda problem, output: output, "mean", log=False)
MISSING = Metric("missing", "applies to nobody", lambda problem, output: float("nan"))


def case(*contenders, rounds=5, title="Sorting <numbers>"):
    return Case(
        title,
        lambda seed: np.random.default_rng(seed).random(20_000),
        contenders,
        (METRIC, MEAN, MISSING),
        {"n": 20_000},
        rounds,
    )


def comparison(*contenders, method="toy", **options):
    return Comparison(method, "a toy", "Does it run?", "none published", lambda size: (case(*contenders, **options),))
