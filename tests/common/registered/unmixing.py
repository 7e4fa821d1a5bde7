"""Entries of sparsesci.unmixing, and of the scenes and spectra in sparsesci.datasets."""

import functools
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparsesci import unmixing
from tests.common.entries import DatasetEntry, DisplayEntry, EstimatorEntry, FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Bad, Device, Flag, Free, Integer, Jobs, Option, RandomState, Real

SPECTRA = np.array(
    [[90, 70, 40, 20, 10, 30, 60, 80], [10, 30, 60, 90, 80, 40, 20, 15], [40, 10, 15, 35, 70, 95, 85, 50]], float
)


def scene(n_pixels, seed=0):
    """Return small non-negative integers that are mixtures of three spectra, the pure ones among them."""
    rng = np.random.default_rng(seed)
    abundances = rng.dirichlet(np.ones(3), n_pixels)
    abundances[:3] = np.eye(3)
    return np.rint(abundances @ SPECTRA + rng.normal(0, 0.4, (n_pixels, 8)).clip(0)).clip(0, 127)


def cube(rows, cols, seed=0):
    return scene(rows * cols, seed).reshape(rows, cols, -1)


def masks(n):
    """Return the kind of a mask for n pixels."""
    return Free(
        bad=(
            ("of the wrong size", np.zeros(n + 1, dtype=bool), ValueError),
            ("of numbers", np.zeros(n), TypeError),
            ("that leaves nothing", np.ones(n, dtype=bool), ValueError),
            ("a word", "all", TypeError),
        )
    )


class OptionalArray(Array):
    """An array that may be None."""

    def bad_values(self):
        return [bad for bad in super().bad_values() if bad.label != "None"]


N, MANY = 60, 20_000
PIXELS = Array(ndims=(2, 3))
OTHER_BANDS = Bad("of other bands", lambda valid: np.ones((3, 5)), ValueError)
WEIGHTS = OptionalArray(
    ndims=(1,),
    extra=(
        Bad("negative", lambda valid: -np.ones(8), ValueError),
        Bad("all zero", lambda valid: np.zeros(8), ValueError),
        Bad("too few", lambda valid: np.ones(7), ValueError),
    ),
)


def abundance_function(**parameters):
    """Return the entry of a function of pixels and spectra."""
    usual = {
        "X": PIXELS,
        "endmembers": Array(extra=(OTHER_BANDS,)),
        "band_weights": WEIGHTS,
        "mask": masks(N),
        "allow_nan": Flag(),
        "n_jobs": Jobs(),
    }
    return FunctionEntry(
        parameters={**usual, **parameters},
        arguments=lambda: {"X": scene(N), "endmembers": SPECTRA.copy(), "band_weights": np.arange(1.0, 9.0)},
        large_arguments=lambda: {
            "X": np.tile(scene(MANY // 4), (8, 4)).reshape(-1, 8),
            "endmembers": SPECTRA.copy(),
            "band_weights": np.arange(1.0, 9.0),
        },
    )


SOLVED = {"tol": Real(), "device": Device()}


def library_function(**parameters):
    usual = {
        "X": PIXELS,
        "library": Array(extra=(OTHER_BANDS,)),
        "alpha": Real(),
        "positivity": Flag(),
        "tol": Real(),
        "max_iter": Integer(),
        "mask": masks(N),
        "allow_nan": Flag(),
    }
    return FunctionEntry(
        parameters={**usual, **parameters},
        arguments=lambda: {"X": scene(N), "library": SPECTRA.copy(), "alpha": 3.0},
    )


def extraction(**parameters):
    return FunctionEntry(
        parameters={"X": PIXELS, "n_endmembers": Integer(too_large=10), "mask": masks(N), **parameters},
        arguments=lambda: {"X": scene(N), "n_endmembers": 3},
    )


def band_function(**parameters):
    return FunctionEntry(
        parameters={"X": PIXELS, "mask": masks(N), **parameters}, arguments=lambda: {"X": scene(N)}, tolerance_32=1e-2
    )


def pair_of_spectra(**parameters):
    return FunctionEntry(
        parameters={
            "E1": Array(extra=(OTHER_BANDS,)),
            "E2": Array(extra=(OTHER_BANDS,)),
            **parameters,
        },
        arguments=lambda: {"E1": SPECTRA.copy(), "E2": SPECTRA[::-1].copy() + 2},
    )


ABUNDANCES = Array(ndims=(2, 3), finite=False, extra=(Bad("another shape", lambda valid: np.ones((7, 3)), ValueError),))


def pair_of_abundances():
    return FunctionEntry(
        parameters={"A_true": ABUNDANCES, "A_est": ABUNDANCES},
        arguments=lambda: {"A_true": integers(N, 3) ** 2, "A_est": integers(N, 3, seed=1) ** 2},
    )


@functools.cache
def fitted():
    """Return a fitted estimator for the displays."""
    return unmixing.RobustSparseUnmixing(3).fit(cube(9, 10))


NAMES = Free(bad=(("too few", ["a"], ValueError), ("a number", 3, TypeError)))
WAVELENGTHS = OptionalArray(ndims=(1,), extra=(Bad("too few", lambda valid: np.arange(3.0), ValueError),))
FLAGS = Free(bad=(("numbers", np.zeros(8), ValueError), ("too few", np.zeros(3, dtype=bool), ValueError)))


def display(**parameters):
    values = {"wavelengths": np.arange(2.0, 10.0), "reference": SPECTRA}
    return DisplayEntry(
        estimator=fitted,
        parameters=parameters,
        arguments=lambda: {name: values[name].copy() for name in parameters.keys() & values.keys()},
    )


def picture(parameters, arguments):
    """Return the entry of a function that returns a figure: its lines and images are compared."""

    def contents(figure):
        axes = figure.axes[0]
        lines = [np.asarray(line.get_ydata(), float) for line in axes.lines]
        return lines + [np.ma.filled(image.get_array(), np.nan) for image in axes.images]

    return FunctionEntry(parameters=parameters, arguments=arguments, collect=contents)


START = Free(
    bad=(
        ("unknown", "nonsense", ValueError),
        ("of other bands", np.ones((3, 5)), ValueError),
        ("negative", -np.ones((3, 8)), ValueError),
        ("of another number", np.ones((4, 8)), ValueError),
        ("None", None, ValueError),
    )
)
BROKEN = Free(
    bad=(
        ("unknown", "nonsense", ValueError),
        ("numbers", np.zeros(8), ValueError),
        ("all of them", np.ones(8, dtype=bool), ValueError),
        ("None", None, ValueError),
    )
)
STRENGTH = Free(
    bad=(
        ("negative", -1.0, ValueError),
        ("a word", "strong", ValueError),
        ("NaN", float("nan"), ValueError),
        ("None", None, TypeError),
    )
)
GUIDANCE = Free(
    bad=(
        ("unknown", "nonsense", ValueError),
        ("too few", np.zeros(7), ValueError),
        ("one", np.ones(N), ValueError),
        ("negative", -np.ones(N), ValueError),
    )
)
EXPONENT = Real(outside=(0.0, -1.0, 1.5), none=True)
SCENE = Array(
    ndims=(2, 3), dates=True, extra=(Bad("negative", lambda valid: np.asarray(valid, float) - 60, ValueError),)
)
BLIND = {
    "n_endmembers": Integer(none=True, too_large=10),
    "alpha": STRENGTH,
    "p": EXPONENT,
    "scale": Option(none=True),
    "sum_to_one": Free(bad=(("True", True, ValueError), ("unknown", "yes", ValueError), ("None", None, ValueError))),
    "solver": Option(),
    "init": START,
    "robust_init": Flag(),
    "outlier_bands": BROKEN,
    "n_init": Integer(),
    "max_iter": Integer(none=True),
    "tol": Real(),
    "random_state": RandomState(),
    "n_jobs": Jobs(),
    "device": Device(),
    "verbose": Integer(minimum=0),
    "X": SCENE,
}
MIX = {"inverse_transform": lambda entry: {"X": integers(5, 3) ** 2}}


def large_scene():
    return {"X": np.tile(scene(1_500), (8, 10))}


def blind(make, **options):
    return EstimatorEntry(
        make=make,
        arguments=lambda: {"X": scene(N)},
        large_arguments=large_scene,
        method_arguments=MIX,
        about_rounding=("_learned",),
        **options,
    )


ROBUST = blind(
    lambda: unmixing.RobustSparseUnmixing(3, init="vca", max_iter=4, random_state=0),
    parameters={**BLIND, "loss": Option(), "guidance": GUIDANCE, "h_max": Real(outside=(-0.1, 1.0, 2.0))},
    grid={"alpha": [0.0, 1e-4], "loss": ["l21", "l2"]},
    for_sklearn=lambda: [
        unmixing.RobustSparseUnmixing(2, **options)
        for options in ({}, {"solver": "bcd", "sum_to_one": "hard"}, {"loss": "l2", "alpha": 0.0, "max_iter": 50})
    ],
)
ENTRIES = {
    "unmixing.AbundanceMapDisplay": display(names=NAMES),
    "unmixing.BandNoiseDisplay": display(wavelengths=WAVELENGTHS),
    "unmixing.EndmemberDisplay": display(
        wavelengths=WAVELENGTHS, names=NAMES, reference=OptionalArray(extra=(OTHER_BANDS,))
    ),
    "unmixing.GuidanceMapDisplay": display(),
    "unmixing.LinearUnmixer": EstimatorEntry(
        make=lambda: unmixing.LinearUnmixer(3, extractor="vca", abundance="ucls", random_state=0),
        parameters={
            "n_endmembers": Integer(none=True, too_large=10),
            "extractor": Option(),
            "abundance": Option(),
            "robust": Flag(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "device": Device(),
            "verbose": Integer(minimum=0),
            "X": Array(ndims=(2, 3), dates=True),
        },
        arguments=lambda: {"X": scene(N)},
        large_arguments=large_scene,
        method_arguments=MIX,
        grid={"abundance": ["fcls", "nnls"]},
        for_sklearn=lambda: [
            unmixing.LinearUnmixer(2, **options) for options in ({}, {"abundance": "ucls", "robust": True})
        ],
    ),
    "unmixing.RRLbS": replace(ROBUST),
    "unmixing.RobustSparseUnmixing": ROBUST,
    "unmixing.SparseNMFUnmixing": blind(
        lambda: unmixing.SparseNMFUnmixing(3, init="random", max_iter=4, random_state=0),
        parameters={**BLIND, "p": Real(outside=(0.0, -1.0, 1.5))},
        grid={"p": [0.5, 1.0]},
        for_sklearn=lambda: [unmixing.SparseNMFUnmixing(2)],
    ),
    "unmixing.abundance_angle": pair_of_abundances(),
    "unmixing.abundance_rmse": pair_of_abundances(),
    "unmixing.atgp": extraction(),
    "unmixing.band_noise": band_function(),
    "unmixing.clsunsal": library_function(),
    "unmixing.estimate_n_endmembers": band_function(method=Option(), far=Real(outside=(0.0, 0.5, -1.0))),
    "unmixing.extract_endmembers": replace(
        extraction(method=Option(), robust=Flag(), n_init=Integer(), random_state=RandomState()),
        arguments=lambda: {"X": scene(N), "n_endmembers": 3, "method": "vca"},
    ),
    "unmixing.fcls": abundance_function(**SOLVED),
    "unmixing.match_endmembers": FunctionEntry(
        parameters={
            "E_true": Array(extra=(OTHER_BANDS, Bad("more", lambda valid: np.ones((9, 8)), ValueError))),
            "E_est": Array(extra=(OTHER_BANDS,)),
            "metric": Option(),
        },
        arguments=lambda: {"E_true": SPECTRA.copy(), "E_est": SPECTRA[::-1].copy() + 2},
    ),
    "unmixing.nfindr": extraction(),
    "unmixing.nnls_abundances": abundance_function(**SOLVED),
    "unmixing.outlier_bands": band_function(threshold=Real()),
    "unmixing.plot_abundances": picture(
        {
            "maps": Array(ndims=(3,), finite=False),
            "names": NAMES,
        },
        lambda: {"maps": cube(5, 6)},
    ),
    "unmixing.plot_channel_weights": picture(
        {
            "weights": Array(ndims=(1,), extra=(Bad("negative", lambda valid: -np.ones(8), ValueError),)),
            "wavelengths": WAVELENGTHS,
            "outlier_bands": FLAGS,
        },
        lambda: {"weights": np.arange(1.0, 9.0), "wavelengths": np.arange(2.0, 10.0)},
    ),
    "unmixing.plot_endmembers": picture(
        {
            "endmembers": Array(),
            "wavelengths": WAVELENGTHS,
            "names": NAMES,
            "reference": OptionalArray(extra=(OTHER_BANDS,)),
            "outlier_bands": FLAGS,
        },
        lambda: {"endmembers": SPECTRA.copy(), "wavelengths": np.arange(2.0, 10.0), "reference": SPECTRA + 1},
    ),
    "unmixing.plot_guidance_map": picture({"guidance": Array(finite=False)}, lambda: {"guidance": integers(5, 6) ** 2}),
    "unmixing.read_cube": FunctionEntry(
        parameters={
            "path": Free(
                bad=(
                    ("a number", 3, TypeError),
                    ("no such file", "no-such-file.npy", OSError),
                    ("a directory", tempfile.gettempdir(), ValueError),
                )
            ),
            "shape": Free(bad=(("a number", 3, TypeError), ("fractions", (1.5, 2), TypeError))),
            "variable": Free(bad=(("a number", 3, TypeError), ("unknown", "nonsense", ValueError))),
            "scale": Flag(),
        },
        arguments=lambda: {"path": stored_scene()},
    ),
    "unmixing.reconstruction_error": FunctionEntry(
        parameters={
            "X": PIXELS,
            "endmembers": Array(extra=(OTHER_BANDS,)),
            "abundances": ABUNDANCES,
        },
        arguments=lambda: {"X": scene(N), "endmembers": SPECTRA.copy(), "abundances": integers(N, 3) ** 2},
    ),
    "unmixing.scls": abundance_function(),
    "unmixing.sivm": extraction(),
    "unmixing.spa": extraction(),
    "unmixing.spectral_angle": pair_of_spectra(),
    "unmixing.spectral_information_divergence": FunctionEntry(
        parameters={
            name: Array(extra=(OTHER_BANDS, Bad("negative", lambda valid: -np.ones((3, 8)), ValueError)))
            for name in ("E1", "E2")
        },
        arguments=lambda: {"E1": SPECTRA.copy(), "E2": SPECTRA[::-1].copy() + 2},
    ),
    "unmixing.sunsal": replace(
        library_function(sum_to_one=Flag(), n_jobs=Jobs()),
        large_arguments=lambda: {"X": scene(120_000), "library": SPECTRA.copy(), "alpha": 3.0, "tol": 1e-2},
    ),
    "unmixing.ucls": abundance_function(),
    "unmixing.unmixing_report": FunctionEntry(
        parameters={
            "E_true": Array(extra=(OTHER_BANDS,)),
            "A_true": ABUNDANCES,
            "E_est": Array(extra=(OTHER_BANDS, Bad("fewer", lambda valid: np.ones((2, 8)), ValueError))),
            "A_est": ABUNDANCES,
            "convention": Option(),
            "bands": Free(bad=(("numbers", np.ones(8), TypeError), ("too few", np.ones(3, dtype=bool), ValueError))),
            "names": NAMES,
        },
        arguments=lambda: {
            "E_true": SPECTRA.copy(),
            "A_true": integers(N, 3) ** 2 + 1.0,
            "E_est": SPECTRA[::-1] + 2,
            "A_est": integers(N, 3, seed=1) ** 2 + 1.0,
        },
    ),
    "unmixing.vca": extraction(n_init=Integer(), random_state=RandomState()),
    "datasets.load_usgs_library": DatasetEntry(parameters={}),
    "datasets.make_unmixing_scene": DatasetEntry(
        parameters={
            "shape": Free(bad=(("a number", 3, TypeError), ("none", (0, 3), ValueError), ("few", (1, 2), ValueError))),
            "n_bands": Integer(),
            "n_endmembers": Integer(),
            "snr_db": Real(outside=()),
            "alpha": Real(outside=(0.0, -1.0)),
            "max_purity": Real(outside=(0.2, 1.5)),
            "pure_pixels": Flag(),
            "brightness_std": Real(),
            "n_outlier_bands": Integer(minimum=0, too_large=21),
            "outlier": Option(),
            "outlier_scale": Real(),
            "dead_lines": Integer(minimum=0, too_large=9),
            "spatial_scale": Real(),
            "endmembers": Free(
                bad=(
                    ("unknown", "nonsense", ValueError),
                    ("too few", np.ones((2, 5)), ValueError),
                    ("negative", -np.ones((4, 5)), ValueError),
                )
            ),
            "random_state": RandomState(),
        },
        arguments=lambda: {"shape": (8, 9), "n_bands": 20, "n_outlier_bands": 2, "dead_lines": 1},
    ),
}


@functools.cache
def _directory():
    return tempfile.TemporaryDirectory()


def stored_scene():
    """Return the path of a small scene in a file that lives as long as the process."""
    path = Path(_directory().name) / "scene.npz"
    if not path.exists():
        np.savez(path, cube=cube(5, 6))
    return str(path)
