"""Metrics in closed form, and cubes written in every format and read again."""

import numpy as np
import pytest
import scipy.io

from sparsesci.unmixing import (
    match_endmembers,
    read_cube,
    spectral_angle,
    spectral_information_divergence,
    unmixing_report,
)


def test_small_angles_are_accurate():
    rng = np.random.default_rng(0)
    x = rng.random(50)
    assert spectral_angle([x], [3 * x])[0, 0] < 1e-7
    across = rng.random(50)
    across -= (across @ x) / (x @ x) * x
    across *= np.linalg.norm(x) / np.linalg.norm(across)
    assert spectral_angle([x], [x + 1e-9 * across])[0, 0] == pytest.approx(1e-9, rel=1e-3)
    assert np.isnan(spectral_angle([x], [0 * x])[0, 0])


def test_divergence():
    E = np.random.default_rng(0).random((3, 20)) + 0.1
    divergence = spectral_information_divergence(E, E)
    np.testing.assert_allclose(divergence, divergence.T, atol=1e-15)
    np.testing.assert_allclose(np.diag(spectral_information_divergence(E, 5 * E)), 0, atol=1e-15)
    assert (divergence[~np.eye(3, dtype=bool)] > 0.01).all()


@pytest.mark.parametrize("metric", ["sad", "sid"])
def test_matching(metric):
    rng = np.random.default_rng(0)
    E = rng.random((5, 30))
    order = rng.permutation(5)
    found = match_endmembers(E[:4], E[order] * rng.random((5, 1)), metric)
    np.testing.assert_array_equal(order[found], np.arange(4))


def test_conventions_of_the_report():
    rng = np.random.default_rng(0)
    E = rng.random((3, 30))
    E /= E.max(axis=1, keepdims=True)
    A = rng.dirichlet(np.ones(3), 40)
    factors = np.array([2.0, 0.5, 3.0])
    brightness = rng.random((40, 1)) + 0.5
    scaled = E * factors[:, None], brightness * A / factors
    assert unmixing_report(E, A, *scaled).mean_rmse < 1e-14
    assert unmixing_report(E, A, *scaled, convention="raw").mean_rmse > 0.1


ORDERS = {"bip": (0, 1, 2), "bil": (0, 2, 1), "bsq": (2, 0, 1)}


@pytest.mark.parametrize("interleave", ORDERS)
@pytest.mark.parametrize(("code", "dtype"), [(2, "i2"), (4, "f4"), (5, "f8"), (12, "u2")])
@pytest.mark.parametrize("order", [0, 1])
def test_envi(interleave, code, dtype, order, tmp_path):
    cube = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(dtype)
    cube[1, 2] = 7
    stored = np.ascontiguousarray(cube.transpose(ORDERS[interleave])).astype((">" if order else "<") + dtype)
    (tmp_path / "scene.img").write_bytes(b"xyz" + stored.tobytes())
    (tmp_path / "scene.hdr").write_text(
        f"ENVI\nsamples = 5\nlines = 4\nbands = 6\nheader offset = 3\ndata type = {code}\ninterleave = {interleave}\n"
        f"byte order = {order}\nwavelength = {{1, 2,\n 3, 4, 5, 6}}\nbbl = {{1, 1, 0, 1, 1, 1}}\n"
        "data ignore value = 7\nreflectance scale factor = 10\n"
    )
    for name in ("scene.hdr", "scene.img"):
        data = read_cube(tmp_path / name)
        np.testing.assert_array_equal(data.cube, cube)
        assert data.cube.dtype.kind == np.dtype(dtype).kind
        assert data.cube.dtype.isnative
        np.testing.assert_array_equal(data.wavelengths, np.arange(1.0, 7.0))
        assert list(np.flatnonzero(data.bad_bands)) == [2]
        assert np.argwhere(data.mask).tolist() == [[1, 2]]
    np.testing.assert_allclose(read_cube(tmp_path / "scene.hdr", scale=True).cube, cube / 10)


def test_matlab_order(tmp_path):
    cube = np.random.default_rng(0).random((4, 5, 6))
    columns = cube.transpose(1, 0, 2).reshape(20, 6).T
    scipy.io.savemat(tmp_path / "a.mat", {"Y": columns, "nRow": 4, "nCol": 5})
    np.testing.assert_array_equal(read_cube(tmp_path / "a.mat").cube, cube)
    scipy.io.savemat(tmp_path / "b.mat", {"V": columns})
    np.testing.assert_array_equal(read_cube(tmp_path / "b.mat", shape=(4, 5)).cube, cube)
    with pytest.raises(ValueError, match="shape must be given"):
        read_cube(tmp_path / "b.mat")
    (tmp_path / "c.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    with pytest.raises(ValueError, match="HDF5"):
        read_cube(tmp_path / "c.mat")


def test_numpy_files(tmp_path):
    cube = np.random.default_rng(0).random((4, 5, 6))
    np.save(tmp_path / "cube.npy", cube)
    data = read_cube(tmp_path / "cube.npy")
    assert isinstance(data.cube, np.memmap)
    np.testing.assert_array_equal(data.cube, cube)
    np.savez(tmp_path / "flat.npz", X=cube.reshape(20, 6))
    np.testing.assert_array_equal(read_cube(tmp_path / "flat.npz", shape=(4, 5)).cube, cube)
