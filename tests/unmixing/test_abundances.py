"""Abundances for known endmembers, against exhaustive search, SciPy and closed forms."""

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from scipy.optimize import nnls

from sparsesci.datasets import load_usgs_library, make_unmixing_scene
from sparsesci.unmixing import clsunsal, fcls, nnls_abundances, scls, sunsal, ucls
from tests.reference.unmixing import constrained_least_squares, simplex_projection


def mixtures(K, n=200, L=40, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    E = rng.random((K, L))
    A = rng.dirichlet(np.full(K, 0.5), n)
    return A @ E + noise * rng.standard_normal((n, L)), E, A


@pytest.mark.parametrize("K", [1, 2, 5])
@pytest.mark.parametrize("sum_to_one", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_exhaustive_search(K, sum_to_one, weighted):
    X, E, _ = mixtures(K, n=60, noise=0.3)
    weights = np.random.default_rng(1).random(E.shape[1]) if weighted else None
    actual = (fcls if sum_to_one else nnls_abundances)(X, E, band_weights=weights)
    expected = [constrained_least_squares(x, E, sum_to_one, weights) for x in X]
    np.testing.assert_allclose(actual, expected, atol=1e-9)


@pytest.mark.parametrize("K", [3, 7, 20])
def test_kkt_of_fcls(K):
    X, E, A = mixtures(K, n=1000, L=100)
    np.testing.assert_allclose(fcls(A @ E, E), A, atol=1e-8)
    a = fcls(X, E)
    scale = np.abs(E @ E.T).max()
    gradient = (a @ (E @ E.T) - X @ E.T) / scale
    level = np.array([g[row > 0].mean() for g, row in zip(gradient, a)])[:, None]
    violation = np.where(a > 0, np.abs(gradient - level), np.maximum(level - gradient, 0))
    assert violation.max() < 1e-9
    assert a.min() >= 0
    assert np.abs(a.sum(axis=1) - 1).max() < 1e-12


def test_projection_on_the_simplex():
    X = 2 * np.random.default_rng(0).standard_normal((200, 6))
    np.testing.assert_allclose(fcls(X, np.eye(6)), [simplex_projection(x) for x in X], atol=2e-15)


@pytest.mark.parametrize("K", [4, 12])
def test_nnls_of_scipy(K):
    X, E, _ = mixtures(K, noise=0.3)
    np.testing.assert_allclose(nnls_abundances(X, E), [nnls(E.T, x)[0] for x in X], atol=1e-8)


def test_two_endmembers_in_closed_form():
    X, E, _ = mixtures(2, noise=0.5)
    edge = E[0] - E[1]
    first = np.clip((X - E[1]) @ edge / (edge @ edge), 0, 1)
    np.testing.assert_allclose(fcls(X, E)[:, 0], first, atol=1e-12)


def test_similar_spectra_of_the_library():
    E = load_usgs_library().spectra[:20]
    A = np.random.default_rng(0).dirichlet(np.ones(20), 100)
    X = A @ E + 0.01 * np.random.default_rng(1).standard_normal((100, 224))
    a = fcls(X, E)
    gradient = (a @ (E @ E.T) - X @ E.T) / np.abs(E @ E.T).max()
    level = np.array([g[row > 0].mean() for g, row in zip(gradient, a)])[:, None]
    assert np.where(a > 0, np.abs(gradient - level), np.maximum(level - gradient, 0)).max() < 1e-9


def test_linear_ones():
    X, E, _ = mixtures(4)
    np.testing.assert_allclose(ucls(X, E), np.linalg.lstsq(E.T, X.T, rcond=None)[0].T, atol=1e-10)
    a = scls(X, E)
    np.testing.assert_allclose(a.sum(axis=1), 1, atol=1e-12)
    gradient = (a @ E - X) @ E.T
    np.testing.assert_allclose(gradient - gradient.mean(axis=1, keepdims=True), 0, atol=1e-10)


def test_dependent_spectra_warn_and_solve():
    X, E, _ = mixtures(3)
    with pytest.warns(LinAlgWarning, match="dependent"):
        a = fcls(X, np.vstack([E, E[:1]]))
    np.testing.assert_allclose(a @ np.vstack([E, E[:1]]), fcls(X, E) @ E, atol=1e-6)
    assert np.abs(a.sum(axis=1) - 1).max() < 1e-12


def test_zero_pixels_and_one_pixel():
    _, E, _ = mixtures(3)
    assert not nnls_abundances(np.zeros((2, 40)), E).any()
    expected = constrained_least_squares(np.zeros(40), E, True)
    np.testing.assert_allclose(fcls(np.zeros((1, 40)), E), [expected], atol=1e-10)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("function", [fcls, nnls_abundances, ucls])
def test_not_finite_pixels(function, bad):
    X, E, _ = mixtures(3)
    X[7, 3] = bad
    with pytest.raises(ValueError, match=r"X contains NaN or infinity in 1 pixel"):
        function(X, E)
    without = np.arange(40) != 3
    with pytest.raises(ValueError, match="X contains"):
        function(X, E, band_weights=without.astype(float))
    a = function(X, E, allow_nan=True)
    mask = np.arange(200) == 7
    np.testing.assert_array_equal(a, function(X, E, mask=mask))
    assert np.isnan(a[7]).all()
    assert np.isfinite(a[~mask]).all()


def test_cubes_and_single_precision():
    scene = make_unmixing_scene((10, 12), n_bands=30, random_state=0)
    maps = fcls(scene.cube, scene.endmembers)
    np.testing.assert_array_equal(maps.reshape(-1, 4), fcls(scene.cube.reshape(-1, 30), scene.endmembers))
    single = fcls(scene.cube.astype(np.float32), scene.endmembers)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, maps, atol=1e-4)


def test_sunsal():
    X, E, _ = mixtures(5)
    options = {"tol": 1e-7, "max_iter": 5000}
    np.testing.assert_allclose(sunsal(X, E, alpha=0.0, **options), nnls_abundances(X, E), atol=1e-4)
    np.testing.assert_allclose(sunsal(X, E, alpha=0.0, sum_to_one=True, **options), fcls(X, E), atol=1e-4)
    assert not sunsal(X, E, alpha=1e4).any()
    assert not clsunsal(X, E, alpha=1e5).any()


@pytest.mark.cuda
@pytest.mark.parametrize("function", [fcls, nnls_abundances])
def test_on_the_gpu(function):
    made = make_unmixing_scene((6, 7), n_bands=33, random_state=0)
    mask = np.zeros((6, 7), dtype=bool)
    mask[2, 3] = True
    maps = [function(made.cube, made.endmembers, mask=mask, device=device) for device in ("cpu", "cuda")]
    assert np.isnan(maps[1][2, 3]).all()
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-10)
    broken = made.cube.copy()
    broken[1, 1, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity in 1 pixel"):
        function(broken, made.endmembers, device="cuda")


@pytest.mark.cuda
def test_pieces_on_the_gpu(monkeypatch):
    """Pixels that do not fit, and those that stay on the device, give the same bits."""
    from sparsesci._core import cuda
    from sparsesci.unmixing import _abundance_cuda

    made = make_unmixing_scene((6, 7), n_bands=33, random_state=0)
    monkeypatch.setattr(cuda, "PIECE_BYTES", 10 * 33 * 8)
    resident = fcls(made.cube, made.endmembers, device="cuda")
    monkeypatch.setattr(_abundance_cuda, "_RESIDENT_SHARE", 0.0)
    np.testing.assert_array_equal(fcls(made.cube, made.endmembers, device="cuda"), resident)
    np.testing.assert_allclose(resident, fcls(made.cube, made.endmembers), atol=1e-10)
