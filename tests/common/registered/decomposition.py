"""Entries of sparsesci.decomposition and its generator."""

from dataclasses import dataclass

import numpy as np

from sparsesci import decomposition
from tests.common.entries import DatasetEntry, EstimatorEntry, FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Bad, Device, Flag, Free, Integer, Jobs, Option, RandomState, Real, of_length

PENALTY = Free(bad=(("unknown", "l3", ValueError), ("a number", 3, ValueError), ("None", None, ValueError)))
SHAPE = Free(bad=(("too small", (2, 2), ValueError), ("a number", 3, ValueError)))
CODER = {
    "penalty": PENALTY,
    "alpha": Real(outside=(0.0, -1.0), none=True),
    "n_nonzero": Integer(none=True),
    "eps": Real(none=True),
    "algorithm": Option(),
    "selection": Option(),
    "debias": Flag(),
    "positive": Flag(),
    "step": Real(outside=(0.0, -1.0), none=True),
    "tol": Real(),
    "max_iter": Integer(),
    "n_jobs": Jobs(),
    "device": Device(),
}
LEARNING = {
    **CODER,
    "n_components": Integer(none=True),
    "target_nnz": Real(outside=(0.0, -1.0), none=True),
    "dict_init": Free(bad=(("unknown", "nonsense", ValueError), ("a vector", np.ones(3), ValueError))),
    "random_state": RandomState(),
    "verbose": Free(bad=(("text", "loud", TypeError), ("negative", -1, ValueError))),
    "X": Array(dates=True),
}


def atoms(n_components, n_features):
    """Return atoms of small integers, none of them zero."""
    D = integers(n_components, n_features, seed=3)
    D[np.arange(n_components), np.arange(n_components) % n_features] += 9
    return D


def gabor_fields():
    """Return two receptive fields that a Gabor function fits: of noise, the best fit is anybody's guess."""
    y, x = np.mgrid[:9, :9]
    envelope = np.exp(-((x - 4) ** 2 + (y - 4) ** 2) / 6)
    return np.stack([envelope * np.cos(2 * np.pi * 0.2 * u) for u in (x - 4, y - 4)])


@dataclass(kw_only=True)
class BatchEntry(EstimatorEntry):
    """Learning from batches: what is learned depends on how samples are divided into batches, so that the tests of
    streams do not apply. tests/decomposition/test_learning.py has those for this estimator."""

    @property
    def streams(self):
        return False


def learning(estimator, entry=EstimatorEntry, **parameters):
    """Return the entry of a dictionary-learning estimator."""
    return entry(
        make=lambda: estimator(n_components=9, alpha=0.05, penalty="l1", max_iter=3, random_state=0),
        parameters={**LEARNING, **parameters},
        arguments=lambda: {"X": integers(150, 6)},
        large_arguments=lambda: {"X": integers(400, 6)},
        method_arguments={"inverse_transform": lambda entry: {"X": integers(5, 9)}},
        grid={"alpha": [0.01, 1.0], "n_components": [7, 10]},
        tolerance=1e-8,
        for_sklearn=lambda: [
            estimator(max_iter=5, random_state=0, **options)
            for options in (
                {},
                {"n_components": 5, "algorithm": "ormp", "n_nonzero": 2},
                {"penalty": "l1", "alpha": 0.1},
            )
        ],
    )


ENTRIES = {
    "datasets.make_sparse_codes": DatasetEntry(
        parameters={
            "n_samples": Integer(),
            "n_components": Integer(),
            "n_features": Integer(),
            "n_nonzero": Integer(too_large=41),
            "noise": Real(),
            "random_state": RandomState(),
        },
        arguments=lambda: {"n_samples": 12},
    ),
    "decomposition.DictionaryLearning": learning(decomposition.DictionaryLearning),
    "decomposition.MiniBatchDictionaryLearning": learning(
        decomposition.MiniBatchDictionaryLearning,
        BatchEntry,
        update=Option(),
        batch_size=Integer(),
        forgetting=Real(outside=(0.0, -1.0, 1.5)),
        learning_rate=Real(outside=(0.0, -1.0)),
        step_decay=Flag(),
    ),
    "decomposition.SparseCoder": EstimatorEntry(
        make=lambda: decomposition.SparseCoder(alpha=0.5),
        parameters={
            **CODER,
            "dictionary": Free(bad=(("unknown", "wavelets", ValueError), ("a vector", np.ones(6), ValueError))),
            "X": Array(dates=True),
        },
        arguments=lambda: {"X": integers(150, 6)},
        large_arguments=lambda: {"X": integers(400, 6)},
        method_arguments={"inverse_transform": lambda entry: {"X": integers(5, 12)}},
        grid={"alpha": [0.1, 1.0]},
        for_sklearn=lambda: [
            decomposition.SparseCoder(**options)
            for options in (
                {},
                {"n_nonzero": 1},
                {"penalty": "l1", "alpha": 0.1, "debias": True},
                {"algorithm": "ista"},
            )
        ],
    ),
    "decomposition.circular_variance": FunctionEntry(
        parameters={
            "responses": Array(ndims=None),
            "angles": Free(bad=(("too many", [0.0, 1.0], ValueError), ("a word", "x", TypeError))),
        },
        arguments=lambda: {"responses": integers(3, 8) + 5},
        tolerance_32=1e-5,
    ),
    "decomposition.fit_gabor": FunctionEntry(
        parameters={"fields": Array(ndims=(2, 3)), "shape": SHAPE},
        arguments=lambda: {"fields": np.round(100 * gabor_fields())},
    ),
    "decomposition.grating_responses": FunctionEntry(
        parameters={
            "fields": Array(ndims=(2, 3)),
            "shape": SHAPE,
            "n_orientations": Integer(),
            "n_frequencies": Integer(),
        },
        arguments=lambda: {"fields": integers(2, 5, 5)},
        tolerance_32=1e-5,
    ),
    "decomposition.sparse_encode": FunctionEntry(
        parameters={
            "X": Array(extra=(Bad("one feature less", lambda X: np.asarray(X)[:, 1:], ValueError),)),
            "dictionary": Array(extra=(Bad("a zero atom", lambda D: np.asarray(D) * ([[0]] + [[1]] * 8), ValueError),)),
            "init": Array(none=True, extra=(of_length("X", 3), of_length("X", -3))),
            **CODER,
        },
        arguments=lambda: {
            "X": integers(20, 6),
            "dictionary": atoms(9, 6),
            "init": np.zeros((20, 9)),
            "penalty": "l1",
            "tol": 1e-8,
        },
        large_arguments=lambda: {
            "X": integers(300, 6),
            "dictionary": atoms(9, 6),
            "init": np.zeros((300, 9)),
            "alpha": 0.5,
        },
        tolerance=1e-8,
    ),
    "decomposition.whiten_dog": FunctionEntry(
        parameters={
            "images": Array(ndims=(2, 3)),
            "f0": Real(outside=(0.0, -1.0)),
            "variance": Real(outside=(0.0, -1.0)),
        },
        arguments=lambda: {"images": integers(2, 8, 9)},
        tolerance_32=1e-5,
    ),
}
