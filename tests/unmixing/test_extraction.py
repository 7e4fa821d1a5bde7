"""Extraction finds the pure pixels; the numbers of endmembers and the broken bands are right."""

import itertools

import numpy as np
import pytest

from sparsesci.datasets import make_unmixing_scene
from sparsesci.unmixing import (
    _extraction,
    band_noise,
    estimate_n_endmembers,
    extract_endmembers,
    nfindr,
    outlier_bands,
    sivm,
    spa,
    vca,
)
from sparsesci.unmixing._moments import moments
from sparsesci.unmixing._pixels import PixelRows


@pytest.mark.parametrize("K", [3, 5, 8])
@pytest.mark.parametrize("function", [sivm, spa, nfindr, vca])
def test_pure_pixels_are_found(function, K):
    rng = np.random.default_rng(K)
    A = rng.dirichlet(np.ones(K), 1000)
    pure = rng.choice(1000, K, replace=False)
    A[pure] = np.eye(K)
    X = A @ rng.random((K, 40))
    for seed in range(5):
        options = {"random_state": seed} if function is vca else {}
        assert set(function(X, K, **options)) == set(pure)


@pytest.mark.parametrize("K", [3, 4, 6])
def test_nfindr_volume_never_falls(K, monkeypatch):
    """From random starts, too; one vertex at most changes in a step, and in the end no exchange makes it larger."""
    rng = np.random.default_rng(K)
    X = rng.dirichlet(np.ones(K), 300) @ rng.random((K, 20)) + 0.02 * rng.standard_normal((300, 20))
    rows = PixelRows(X)
    m = moments(rows)
    Z = _extraction._affine_coordinates(rows, K, m)
    Z = Z / np.abs(Z).max(axis=0)
    cofactors, corners = _extraction._cofactors, []
    monkeypatch.setattr(_extraction, "_cofactors", lambda C, k: corners.append(C.copy()) or cofactors(C, k))
    for _ in range(5):
        corners.clear()
        start = rng.choice(300, K, replace=False)
        chosen = _extraction._nfindr(rows, K, m, start)
        steps = [*corners, Z[chosen]]
        volumes = np.array([abs(np.linalg.det(C)) for C in steps])
        assert (np.diff(volumes) >= -1e-12 * volumes[:-1]).all()
        assert volumes[-1] > 1.1 * volumes[0]
        assert all((before != after).any(axis=1).sum() <= 1 for before, after in itertools.pairwise(steps))
        for k in range(K):
            others = np.repeat(Z[chosen][None], 300, axis=0)
            others[:, k] = Z
            assert np.abs(np.linalg.det(others)).max() <= volumes[-1] * (1 + 1e-9)


@pytest.mark.parametrize("function", [sivm, spa, nfindr, vca])
def test_too_few_directions(function):
    with pytest.raises(ValueError, match="distinct directions"):
        function(np.ones((20, 5)), 2)


@pytest.mark.parametrize("method", ["hysime", "hfc"])
@pytest.mark.parametrize("K", [3, 5])
def test_number_of_endmembers(method, K):
    scene = make_unmixing_scene((64, 64), 224, K, alpha=1.0, endmembers="usgs", random_state=K)
    assert estimate_n_endmembers(scene.cube, method=method).n_endmembers == K


@pytest.mark.parametrize("outlier", ["gauss", "shot", "stripe", "blank"])
@pytest.mark.parametrize("count", [0, 16, 32])
def test_broken_bands(outlier, count):
    scene = make_unmixing_scene((48, 48), n_outlier_bands=count, outlier=outlier, random_state=count)
    np.testing.assert_array_equal(outlier_bands(scene.cube), scene.outlier_bands)


def test_band_noise_is_that_of_regressions():
    scene = make_unmixing_scene((30, 30), 20, 3, random_state=0)
    X = scene.cube.reshape(-1, 20)
    expected = []
    for band in range(20):
        others = np.delete(X, band, axis=1)
        residual = X[:, band] - others @ np.linalg.lstsq(others, X[:, band], rcond=None)[0]
        expected.append(residual.std())
    np.testing.assert_allclose(band_noise(scene.cube), expected, rtol=0.02)


def test_masked_pixels_are_not_chosen():
    scene = make_unmixing_scene((20, 20), 30, 3, random_state=0)
    mask = np.zeros(400, dtype=bool)
    mask[sivm(scene.cube, 3)] = True
    endmembers, chosen = extract_endmembers(scene.cube, 3, mask=mask.reshape(20, 20))
    assert not mask[chosen].any()
    np.testing.assert_array_equal(endmembers, scene.cube.reshape(-1, 30)[chosen])
