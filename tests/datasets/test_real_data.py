"""Real data: photographs, digits and diabetes as tall regressions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_sample_image

from sparsesci.datasets import (
    load_diabetes_regression,
    load_digits_regression,
    load_image_regression,
)


def neighbourhoods(picture, radius, target_channel):
    """Plain loops over the pixels, in the documented order."""
    height, width, n_channels = picture.shape
    X, y = [], []
    for row in range(radius, height - radius):
        for column in range(radius, width - radius):
            features = []
            for channel in range(n_channels):
                for i in range(-radius, radius + 1):
                    for j in range(-radius, radius + 1):
                        if (i, j) != (0, 0):
                            features.append(picture[row + i, column + j, channel])
            X.append(features)
            y.append(picture[row, column, target_channel])
    return np.array(X), np.array(y)


@pytest.fixture
def picture():
    return np.random.default_rng(0).random((9, 12, 3))


class TestImageRegression:
    @pytest.mark.parametrize("radius", [1, 2, 4])
    @pytest.mark.parametrize("target_channel", [0, 2])
    def test_matches_plain_loops(self, picture, radius, target_channel):
        X, y = load_image_regression(picture, radius=radius, target_channel=target_channel, return_X_y=True)
        expected_X, expected_y = neighbourhoods(picture, radius, target_channel)
        assert_array_equal(X, expected_X)
        assert_array_equal(y, expected_y)
        assert X.flags.c_contiguous

    @pytest.mark.parametrize("chunk_rows", [1, 7, 1000])
    def test_chunks(self, picture, chunk_rows):
        chunks = load_image_regression(picture, chunk_rows=chunk_rows)
        X, y = load_image_regression(picture, return_X_y=True)
        for _ in range(2):
            pieces = list(chunks)
            assert len(pieces) == len(chunks)
            assert_array_equal(np.vstack([piece for piece, _ in pieces]), X)
            assert_array_equal(np.concatenate([target for _, target in pieces]), y)
        assert (chunks.n_samples, chunks.n_features) == X.shape
        assert max(len(target) for _, target in pieces) == min(chunk_rows, len(y))

    def test_photograph(self):
        data = load_image_regression("flower.jpg", radius=2)
        assert data.data.shape == (423 * 636, 72)
        assert data.data.min() >= 0
        assert data.data.max() == 1
        photograph = load_sample_image("flower.jpg") / 255.0
        assert_array_equal(data.target, photograph[2:-2, 2:-2, 1].ravel())
        above = data.feature_names.index("green(-1,+2)")
        assert_array_equal(data.data[:, above], photograph[1:-3, 4:, 1].ravel())
        assert "CC BY" in data.DESCR
        # The neighbours explain the pixel: a regression, not noise.
        coef = np.linalg.lstsq(data.data[::50], data.target[::50], rcond=None)[0]
        residual = data.target[::50] - data.data[::50] @ coef
        assert residual.std() < 0.2 * data.target.std()

    def test_grey_picture_of_integers(self):
        grey = np.arange(30, dtype=np.uint16).reshape(5, 6, 1)
        data = load_image_regression(grey, radius=1, target_channel=0)
        assert data.data.shape == (12, 8)
        assert_allclose(data.target[0], 7 / 65535)
        assert data.feature_names[0] == "0(-1,-1)"

    @pytest.mark.parametrize(
        ("options", "error", "name"),
        [
            ({"image": "other.jpg"}, ValueError, "image"),
            ({"image": np.ones((5, 5))}, ValueError, "image"),
            ({"image": np.ones((0, 5, 3))}, ValueError, "image"),
            ({"image": np.ones((2, 5, 3))}, ValueError, "image"),
            ({"image": np.full((5, 5, 3), np.nan)}, ValueError, "image"),
            ({"image": np.full((5, 5, 3), "a")}, TypeError, "image"),
            ({"image": np.ones((5, 5, 3)), "radius": 3}, ValueError, "radius"),
            ({"radius": 0}, ValueError, "radius"),
            ({"radius": 1.5}, TypeError, "radius"),
            ({"target_channel": 3}, ValueError, "target_channel"),
            ({"chunk_rows": 0}, ValueError, "chunk_rows"),
            ({"chunk_rows": 5, "return_X_y": True}, ValueError, "chunk_rows"),
            ({"return_X_y": 1}, TypeError, "return_X_y"),
        ],
    )
    def test_bad_options(self, options, error, name):
        with pytest.raises(error, match=name):
            load_image_regression(**options)


class TestDigits:
    def test_as_they_are(self):
        data = load_digits_regression()
        pixels, labels = load_digits(return_X_y=True)
        assert_array_equal(data.data, pixels / 16)
        assert_array_equal(data.target, labels)
        assert data.target.dtype == np.float64
        assert np.linalg.matrix_rank(data.data) == 61

    def test_repeated_with_jitter(self):
        X, y = load_digits_regression(10_000, jitter=0.1, random_state=0, return_X_y=True)
        originals = load_digits_regression().data
        assert_array_equal(X[:1797], originals)
        assert_array_equal(y[1797:3594], y[:1797])
        noise = X[1797:3594] - originals
        assert_allclose(noise.std(), 0.1, rtol=0.02)
        assert np.abs(X[3594:5391] - X[1797:3594]).max() > 0.1

    def test_fourier_features_approximate_the_kernel(self):
        X, _ = load_digits_regression(30, 20_000, bandwidth=2.0, random_state=0, return_X_y=True)
        pixels = load_digits_regression(30).data
        squared = ((pixels[:, None] - pixels) ** 2).sum(axis=2)
        # Each entry is a mean of 20000 terms in [-2, 2]: Hoeffding, 900 entries, p < 1e-6 at 0.064.
        assert np.abs(X @ X.T - np.exp(-squared / 8)).max() < 0.064

    def test_random_state(self):
        first, again, other = (load_digits_regression(2000, 5, random_state=seed).data for seed in (0, 0, 1))
        assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.01

    @pytest.mark.parametrize(
        ("options", "error", "name"),
        [
            ({"n_samples": 0}, ValueError, "n_samples"),
            ({"n_samples": 2.5}, TypeError, "n_samples"),
            ({"n_components": 0}, ValueError, "n_components"),
            ({"jitter": -1}, ValueError, "jitter"),
            ({"bandwidth": 0}, ValueError, "bandwidth"),
            ({"return_X_y": None}, TypeError, "return_X_y"),
        ],
    )
    def test_bad_options(self, options, error, name):
        with pytest.raises(error, match=name):
            load_digits_regression(**options)


class TestDiabetes:
    @pytest.mark.parametrize(("degree", "n_features"), [(1, 10), (2, 65), (3, 285)])
    def test_polynomial_features(self, degree, n_features):
        data = load_diabetes_regression(degree)
        assert data.data.shape == (442, n_features)
        assert len(data.feature_names) == n_features
        assert_allclose(data.data.mean(axis=0), 0, atol=1e-12)
        assert_allclose(data.data.std(axis=0), 1)
        X, y = load_diabetes_regression(degree, return_X_y=True)
        assert_array_equal(X, data.data)
        assert_array_equal(y, data.target)

    @pytest.mark.parametrize(("degree", "error"), [(0, ValueError), ("1", TypeError)])
    def test_bad_degree(self, degree, error):
        with pytest.raises(error, match="degree"):
            load_diabetes_regression(degree)
