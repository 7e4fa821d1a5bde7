"""Blind unmixing: descent, invariances, broken bands, the Samson scene, masks, memory maps."""

import os
import tracemalloc

import numpy as np
import pytest
from sklearn.decomposition import NMF

from sparsesci.datasets import fetch_samson, make_unmixing_scene
from sparsesci.unmixing import (
    LinearUnmixer,
    RobustSparseUnmixing,
    SparseNMFUnmixing,
    nnls_abundances,
    sivm,
    unmixing_report,
)
from sparsesci.unmixing._blind import Sums, descend_endmembers, multiply_endmembers
from sparsesci.unmixing._blind_kernels import GINI, HOYER, guidance_range
from tests.reference.unmixing import gini, hoyer, multiplicative_step

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
needs_samson = pytest.mark.skipif(
    not os.path.exists(os.path.join(os.environ.get("SPARSESCI_DATA", ""), "unmixing", "samson.npz")),
    reason="needs unmixing/samson.npz below the directory in SPARSESCI_DATA",
)


def scene(**options):
    return make_unmixing_scene(**{"shape": (24, 24), "n_bands": 60, "n_endmembers": 3, "random_state": 0, **options})


def rmse(made, model):
    bands = ~made.outlier_bands
    return unmixing_report(
        made.endmembers, made.abundances, model.endmembers_, model.abundances_, "raw", bands=bands
    ).mean_rmse


@pytest.mark.parametrize("loss", ["l2", "l21"])
@pytest.mark.parametrize("h", [0.0, 0.5, 0.9])
def test_multiplicative_descent(loss, h):
    made = scene(n_outlier_bands=5)
    model = RobustSparseUnmixing(
        3, loss=loss, solver="mu", guidance=np.full(576, h), scale=None, outlier_bands="keep", tol=0, max_iter=300
    ).fit(made.cube)
    history = model.objective_history_
    assert len(history) == 300
    assert (np.diff(history) <= 1e-10 * history[:-1]).all()


@pytest.mark.parametrize("loss", ["l2", "l21"])
@pytest.mark.parametrize("sum_to_one", [False, "hard", "soft"])
def test_block_coordinate_descent(loss, sum_to_one):
    model = RobustSparseUnmixing(3, loss=loss, alpha=0.0, sum_to_one=sum_to_one, tol=0, max_iter=40)
    history = model.fit(scene(n_outlier_bands=5).cube).objective_history_
    assert (np.diff(history) <= 1e-10 * history[:-1]).all()


def test_multiplicative_steps_of_the_reference():
    X = scene().cube.reshape(-1, 60)
    E = X[sivm(X, 3)]
    model = RobustSparseUnmixing(
        3, solver="mu", init=E, alpha=0.0, scale=None, outlier_bands="keep", robust_init=False, max_iter=20, tol=0
    ).fit(X)
    largest = X.max()
    A, E = nnls_abundances(X / largest, E / largest) + 1e-3, E / largest
    for _ in range(20):
        # The same order: endmembers, weights, abundances.
        A, E = multiplicative_step(X / largest, A, E, np.zeros(len(X)), 0.0, 1e-10)
    np.testing.assert_allclose(model.endmembers_, E * largest, rtol=1e-6)
    np.testing.assert_allclose(model.abundances_ * model.brightness_[:, None], A, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("step", [multiply_endmembers, descend_endmembers])
def test_band_weights_cancel(step):
    """The step of the endmembers for bands weighted by d, written as data times the root of d, is that for ones."""
    rng = np.random.default_rng(0)
    X, A, E = rng.random((50, 12)), rng.random((50, 3)), rng.random((3, 12)) + 0.1
    root = np.sqrt(10.0 ** rng.uniform(-3, 3, 12))
    plain = step(E, Sums(A.T @ X, A.T @ A, np.zeros(2)))
    weighted = step(E * root, Sums(A.T @ (X * root), A.T @ A, np.zeros(2))) / root
    assert np.abs(plain - E).max() > 0.1
    np.testing.assert_allclose(weighted, plain, rtol=1e-12, atol=1e-14)


def test_nmf_of_scikit_learn():
    X = scene().cube.reshape(-1, 60)
    E = X[sivm(X, 3)]
    options = {"alpha": 0.0, "scale": None, "init": E, "solver": "mu", "max_iter": 150, "tol": 0}
    ours = SparseNMFUnmixing(3, p=1.0, **options).fit(X)
    theirs = NMF(3, solver="mu", init="custom", tol=0, max_iter=150)
    A = theirs.fit_transform(X, W=nnls_abundances(X, E) + 1e-3, H=E.copy())
    assert ours.reconstruction_err_ == pytest.approx(np.linalg.norm(X - A @ theirs.components_), rel=1e-3)


@pytest.mark.parametrize("solver", ["mu", "bcd"])
def test_units_do_not_matter(solver):
    cube = scene().cube
    models = [RobustSparseUnmixing(3, solver=solver).fit(X) for X in (cube, 7 * cube)]
    assert models[0].n_iter_ == models[1].n_iter_
    np.testing.assert_allclose(models[1].endmembers_, 7 * models[0].endmembers_, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(models[1].abundances_, models[0].abundances_, atol=1e-8)
    np.testing.assert_allclose(models[1].guidance_map_, models[0].guidance_map_, atol=1e-8)


def test_order_of_bands_and_pixels():
    X = scene().cube.reshape(-1, 60)
    rng = np.random.default_rng(0)
    bands, pixels = rng.permutation(60), rng.permutation(len(X))
    plain = RobustSparseUnmixing(3).fit(X)
    moved = RobustSparseUnmixing(3).fit(X[:, bands])
    np.testing.assert_allclose(moved.endmembers_, plain.endmembers_[:, bands], atol=1e-8)
    np.testing.assert_allclose(moved.channel_weights_, plain.channel_weights_[bands], rtol=1e-6)
    moved = RobustSparseUnmixing(3).fit(X[pixels])
    np.testing.assert_allclose(moved.abundances_, plain.abundances_[pixels], atol=1e-8)


def test_one_broken_channel_moves_only_squares():
    made = make_unmixing_scene((48, 48), random_state=0)
    X = made.cube.reshape(-1, 160)
    start = X[sivm(X, 4)]
    broken = X.copy()
    noise = np.random.default_rng(1).standard_normal(len(X))
    broken[:, 30] = np.maximum(3 * np.sqrt((X**2).mean()) * noise, 0)
    moved = {}
    for loss in ("l21", "l2"):
        options = {"loss": loss, "alpha": 0.0, "sum_to_one": "hard", "outlier_bands": "keep", "robust_init": False}
        both = [RobustSparseUnmixing(4, init=start, **options).fit_transform(Y) for Y in (X, broken)]
        moved[loss] = np.abs(both[0] - both[1]).max()
    assert moved["l21"] < 0.02
    assert moved["l2"] > 0.9


@pytest.mark.parametrize("count", [16, 32])
def test_broken_bands(count):
    clean = make_unmixing_scene((48, 48), random_state=1)
    made = make_unmixing_scene((48, 48), n_outlier_bands=count, outlier_scale=3.0, random_state=1)
    reference = rmse(clean, RobustSparseUnmixing(4, sum_to_one="hard").fit(clean.cube))
    model = RobustSparseUnmixing(4, sum_to_one="hard").fit(made.cube)
    np.testing.assert_array_equal(model.outlier_bands_, made.outlier_bands)
    assert rmse(made, model) <= (1.3 if count == 16 else 1.4) * reference
    plain = SparseNMFUnmixing(4, p=1.0, alpha=0.0, solver="mu", sum_to_one="soft", max_iter=150).fit(made.cube)
    assert rmse(made, plain) >= 10 * reference
    kept = RobustSparseUnmixing(4, sum_to_one="soft", solver="mu", outlier_bands="keep", max_iter=150).fit(made.cube)
    assert rmse(made, kept) < 0.016
    weights = kept.channel_weights_
    assert weights[made.outlier_bands].max() < weights[~made.outlier_bands].min()


@pytest.mark.parametrize(
    ("a", "expected"), [((1, 0, 0, 0), (0.75, 1)), ((1, 1, 1, 1), (0, 0)), ((1, 1, 0, 0), (0.5, 2 - 2**0.5))]
)
def test_indices_of_sparsity(a, expected):
    A = np.array([a, 3 * np.array(a)], dtype=float)
    for kind, value, reference in zip((GINI, HOYER), expected, (gini, hoyer)):
        h = np.empty(2)
        guidance_range(A, kind, 1.0, h, np.empty(4), 0, 2)
        np.testing.assert_allclose(h, value, atol=1e-12)
        np.testing.assert_allclose(h[0], reference(A[0]), atol=1e-12)


@needs_samson
def test_samson_at_the_defaults():
    data = fetch_samson()
    assert set(sivm(data.cube / data.cube.max(), 3)) == {4696, 1, 6584}
    model = RobustSparseUnmixing(3).fit(data.cube)
    report = unmixing_report(data.endmembers, data.abundances, model.endmembers_, model.abundance_maps_)
    assert report.mean_sad <= 0.030
    assert report.mean_rmse <= 0.025
    baseline = SparseNMFUnmixing(3, alpha=0.0, p=1.0, solver="mu").fit(data.cube)
    plain = unmixing_report(data.endmembers, data.abundances, baseline.endmembers_, baseline.abundance_maps_)
    assert report.mean_sad < plain.mean_sad
    assert report.mean_rmse < plain.mean_rmse
    reference = np.empty(9025)
    guidance_range(data.abundances.reshape(-1, 3), GINI, 0.75, reference, np.empty(3), 0, 9025)
    assert np.corrcoef(model.guidance_map_.ravel(), reference)[0, 1] > 0.95


@needs_samson
def test_the_reference_maps_of_samson():
    data = fetch_samson()
    A = nnls_abundances(data.cube, data.endmembers / data.endmembers.max(axis=1, keepdims=True))
    A /= A.sum(axis=2, keepdims=True)
    assert np.sqrt(((A - data.abundances) ** 2).mean(axis=(0, 1))).max() < 0.004


@pytest.mark.parametrize("solver", ["mu", "bcd"])
def test_cube_is_matrix(solver):
    cube = scene().cube
    model, flat = RobustSparseUnmixing(3, solver=solver), RobustSparseUnmixing(3, solver=solver)
    maps, A = model.fit_transform(cube), flat.fit_transform(cube.reshape(-1, 60))
    assert maps.shape == (24, 24, 3)
    np.testing.assert_array_equal(maps.reshape(-1, 3), A)
    np.testing.assert_array_equal(model.endmembers_, flat.endmembers_)
    assert not hasattr(flat, "abundance_maps_")


def test_transform_gives_the_abundances_of_the_fit():
    cube = scene().cube
    model = RobustSparseUnmixing(3).fit(cube)
    np.testing.assert_array_equal(model.transform(cube), model.abundance_maps_)
    assert model.score(cube) <= 0


def test_single_precision():
    made = scene()
    models = [RobustSparseUnmixing(3, sum_to_one="hard").fit(made.cube.astype(t)) for t in (np.float32, np.float64)]
    assert models[0].endmembers_.dtype == models[0].abundances_.dtype == np.float32
    assert abs(rmse(made, models[0]) - rmse(made, models[1])) < 1e-3


def test_dead_lines_are_as_if_not_there():
    made = scene(dead_lines=3)
    masked = RobustSparseUnmixing(3).fit(made.cube, mask=made.mask)
    without = RobustSparseUnmixing(3).fit(made.cube[~made.mask])
    np.testing.assert_allclose(masked.endmembers_, without.endmembers_, rtol=1e-10)
    assert np.isnan(masked.abundance_maps_[made.mask]).all()
    np.testing.assert_allclose(masked.abundance_maps_[~made.mask], without.abundances_, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_memory_map_block_by_block(dtype, tmp_path, monkeypatch):
    """Blocks are all that is ever read: the whole map is never converted or copied."""
    from sparsesci.unmixing._pixels import PixelRows

    X = np.rint(1000 * scene(shape=(70, 80)).cube.reshape(-1, 60)).astype(dtype)
    np.save(tmp_path / "scene.npy", X)
    mapped = np.load(tmp_path / "scene.npy", mmap_mode="r")
    sizes = []
    read = PixelRows.block

    def counted(self, start, stop):
        sizes.append(stop - start)
        return read(self, start, stop)

    monkeypatch.setattr(PixelRows, "block", counted)
    model = RobustSparseUnmixing(3, max_iter=3, tol=0).fit(mapped)
    assert max(sizes) < len(X) / 2
    monkeypatch.undo()
    np.testing.assert_array_equal(model.endmembers_, RobustSparseUnmixing(3, max_iter=3, tol=0).fit(X).endmembers_)


@pytest.mark.parametrize("solver", ["bcd", "mu"])
def test_memory_of_a_fit_on_a_memory_map(solver, tmp_path):
    """A map of 32 MB, 64 MB as float64, is fitted in 12 MB."""
    limit = 12 << 20
    rng = np.random.default_rng(0)
    E = rng.random((3, 400)) + 0.1
    written = np.lib.format.open_memmap(tmp_path / "scene.npy", "w+", np.float32, (20_000, 400))
    for start in range(0, len(written), 1000):
        noise = 1 + 0.01 * rng.random((1000, 400))
        written[start : start + 1000] = rng.dirichlet(np.full(3, 0.3), 1000) @ E * noise
    written.flush()
    del written
    mapped = np.load(tmp_path / "scene.npy", mmap_mode="r")
    assert mapped.nbytes > 2.5 * limit
    model = RobustSparseUnmixing(3, solver=solver, max_iter=2, tol=0)
    model.fit(mapped[:500])  # compiles
    tracemalloc.start()
    try:
        model.fit(mapped)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit
    assert model.abundances_.shape == (20_000, 3)


def test_one_read_in_each_multiplicative_iteration(monkeypatch):
    from sparsesci.unmixing._pixels import PixelRows

    X = scene().cube.reshape(-1, 60)
    read, pixels = PixelRows.block, []
    monkeypatch.setattr(PixelRows, "block", lambda self, a, b: pixels.append(b - a) or read(self, a, b))
    counts = []
    for iterations in (5, 25):
        pixels.clear()
        RobustSparseUnmixing(3, solver="mu", max_iter=iterations, tol=0).fit(X)
        counts.append(sum(pixels))
    assert counts[1] - counts[0] == 20 * len(X)


def test_degenerate_scenes():
    X = scene().cube.reshape(-1, 60).copy()
    X[5] = 0
    X[:, 9] = 0
    with pytest.warns(RuntimeWarning, match=r"1 pixel\(s\) have no abundances"):
        model = RobustSparseUnmixing(3).fit(X)
    assert np.isnan(model.abundances_[5]).all()
    assert not model.endmembers_[:, 9].any()
    assert np.isfinite(model.endmembers_).all()
    one = RobustSparseUnmixing(1).fit(scene().cube)
    assert (one.abundances_ == 1).all()
    assert not one.guidance_map_.any()
    with pytest.raises(ValueError, match="distinct directions"):
        RobustSparseUnmixing(2).fit(np.ones((20, 5)))
    with pytest.raises(ValueError, match="clip"):
        RobustSparseUnmixing(2).fit(-X)


def test_linear_unmixer():
    made = scene(snr_db=60.0)
    model = LinearUnmixer(3, robust=True).fit(made.cube)
    assert rmse(made, model) < 0.01
    np.testing.assert_array_equal(model.transform(made.cube), model.abundance_maps_)
    np.testing.assert_allclose(model.inverse_transform(model.abundances_), made.cube.reshape(-1, 60), atol=0.05)


@pytest.mark.cuda
@pytest.mark.parametrize(
    "options",
    [{"solver": "mu", "max_iter": 2}, {"solver": "bcd", "max_iter": 1, "sum_to_one": "hard"}],
    ids=["mu", "bcd"],
)
def test_on_the_gpu(options):
    cube = make_unmixing_scene((4, 5), n_bands=12, n_endmembers=3, random_state=0).cube
    cpu, gpu = (RobustSparseUnmixing(3, device=device, **options).fit(cube) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(gpu.objective_history_, cpu.objective_history_, rtol=1e-9)
    np.testing.assert_allclose(gpu.endmembers_, cpu.endmembers_, atol=1e-7)
    np.testing.assert_allclose(gpu.abundance_maps_, cpu.abundance_maps_, atol=1e-7)
    np.testing.assert_allclose(gpu.transform(cube[:2]), cpu.transform(cube[:2]), atol=1e-7)
