"""Whitening, Gabor fits and orientation statistics on fields that are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.decomposition import circular_variance, fit_gabor, grating_responses, whiten_dog


def gabor(x0, y0, theta, sigma_x, sigma_y, frequency, phase, amplitude, side=16):
    y, x = np.mgrid[:side, :side]
    u = (x - x0) * np.cos(theta) + (y - y0) * np.sin(theta)
    v = -(x - x0) * np.sin(theta) + (y - y0) * np.cos(theta)
    return (
        amplitude
        * np.exp(-(u**2) / (2 * sigma_x**2) - v**2 / (2 * sigma_y**2))
        * np.cos(2 * np.pi * frequency * u + phase)
    )


@pytest.mark.parametrize("theta", [0.0, 0.4, 1.5, 2.2, 3.0])
@pytest.mark.parametrize("phase", [0.3, -2.0])
def test_known_gabor(theta, phase):
    true = (7.3, 8.1, theta, 2.0, 2.8, 0.18, phase, 0.7)
    fit = fit_gabor(gabor(*true) + 1e-4 * np.random.default_rng(0).standard_normal((16, 16)))
    assert fit.r2 > 0.999
    assert 0 <= fit.theta < np.pi
    assert abs(np.sin(fit.theta - theta)) < 0.01
    assert_allclose([fit.x0, fit.y0, fit.sigma_x, fit.sigma_y, fit.frequency, fit.amplitude],
                    [*true[:2], *true[3:6], true[7]], rtol=0.02)  # fmt: skip
    again = gabor(fit.x0, fit.y0, fit.theta, fit.sigma_x, fit.sigma_y, fit.frequency, fit.phase, fit.amplitude)
    assert_allclose(again, gabor(*true), atol=5e-3)


def test_several_fields():
    fields = np.stack(
        [gabor(7, 8, 0.5, 2, 3, 0.2, 0, 1), np.zeros((16, 16)), np.random.default_rng(0).normal(size=(16, 16))]
    )
    fit = fit_gabor(fields)
    flat = fit_gabor(fields.reshape(3, 256), shape=(16, 16))
    assert fit.r2.shape == (3,)
    assert fit.r2[0] > 0.999
    assert fit.r2[1] == 0
    assert fit.r2[2] < 0.5
    for name in fit:
        assert_allclose(fit[name], flat[name])
    with pytest.raises(ValueError, match="shape"):
        fit_gabor(fields.reshape(3, 256), shape=(8, 16))


def test_orientation():
    for theta in (0.0, np.pi / 4, np.pi / 2):
        responses = grating_responses(gabor(7.5, 7.5, theta, 2.5, 4, 0.2, 0, 1))
        assert np.argmax(responses) == round(theta / np.pi * 24)
        assert circular_variance(responses) < 0.5
    blob = gabor(7.5, 7.5, 0, 2, 2, 0, 0, 1)
    assert circular_variance(grating_responses(blob)) > 0.95
    stack = np.stack([blob, blob])
    assert_allclose(grating_responses(stack)[1], grating_responses(blob))
    assert_allclose(grating_responses(stack.reshape(2, -1), shape=(16, 16)), grating_responses(stack))


def test_circular_variance():
    assert circular_variance(np.ones(8)) == pytest.approx(1)
    assert circular_variance([0, 3.0, 0, 0]) == pytest.approx(0)
    assert circular_variance([1.0, 1.0], [0, np.pi / 4]) == pytest.approx(1 - np.sqrt(0.5))
    assert np.isnan(circular_variance([0.0, 0.0]))
    assert circular_variance(np.ones((2, 3, 4))).shape == (2, 3)
    for bad in ([-1.0, 1.0], [np.nan, 1.0], 1.0):
        with pytest.raises(ValueError, match="responses"):
            circular_variance(bad)
    with pytest.raises(ValueError, match="angles"):
        circular_variance([1.0, 2.0], [1.0])


def test_whitening():
    """Scale-free images (amplitude 1 / rho) get a flat spectrum up to the cut-off."""
    rng = np.random.default_rng(0)
    n = 64
    rho = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None]) * n
    spectra = np.fft.fft2(rng.standard_normal((20, n, n))) / np.where(rho > 0, rho, np.inf)
    whitened = whiten_dog(np.fft.ifft2(spectra).real)
    power = np.mean(np.abs(np.fft.fft2(whitened)) ** 2, axis=0)
    assert_allclose(whitened.reshape(20, -1).var(axis=1).mean(), 0.1)
    expected = np.exp(-2 * (rho / (0.4 * n)) ** 4)
    band = (rho > 4) & (rho < 20)
    ratio = power[band] / expected[band]
    assert np.std(ratio) / np.mean(ratio) < 0.4  # 20 exponential variables on average: 0.22, and 0.3 at conjugates
    assert_allclose(np.mean(power[(rho > 4) & (rho < 8)]) / np.mean(power[(rho > 10) & (rho < 14)]), 1, rtol=0.25)
    one = whiten_dog(np.fft.ifft2(spectra).real[0])
    assert one.shape == (n, n)
    with pytest.raises(ValueError, match="constant"):
        whiten_dog(np.ones((8, 8)))
