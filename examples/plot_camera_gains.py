"""
A camera whose pixels have unknown gains
========================================

A coded-aperture camera: 256 sensors see a photograph through random masks of plus and minus one, a few times over,
and each sensor has a gain of its own that nobody has calibrated. The picture and the gains are found from the same
readings.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from sparsesci.calibration import BlindGainCalibrator, blind_calibrate

# %%
# The picture: blocks of the photograph that scikit-learn ships, 32 x 32 grey values
# -----------------------------------------------------------------------------------

photograph = load_sample_image("china.jpg")[:416, :416].mean(axis=2) / 255
picture = photograph.reshape(32, 13, 32, 13).mean(axis=(1, 3))

rng = np.random.default_rng(0)
n, m, p, rho = picture.size, 256, 8, 0.9
masks = rng.choice([-1.0, 1.0], (p, m, n))
gains = rng.uniform(-1, 1, m)
gains -= gains.mean()
gains = 1 + rho * gains / np.abs(gains).max()
readings = gains * (masks @ picture.ravel())
readings += np.sqrt(np.mean(readings**2)) * 10 ** (-40 / 20) * rng.standard_normal(readings.shape)  # 40 dB

# %%
# Three reconstructions: gains taken as one, gains found from the readings, and the true gains


def least_squares(known):
    rows = (known[:, None] * masks).reshape(p * m, n)
    return np.linalg.solve(rows.T @ rows, rows.T @ readings.ravel()).reshape(picture.shape)


def psnr(estimate):
    """Return the peak signal-to-noise ratio in dB, up to the scale that blind calibration cannot know."""
    scale = np.vdot(estimate, picture) / np.vdot(estimate, estimate)
    return -10 * np.log10(np.mean((scale * estimate - picture) ** 2))


calibrator = BlindGainCalibrator().fit(readings, sensing=masks)
found = blind_calibrate(masks, readings, solver="gradient", max_iter=500)
estimates = {
    "uncalibrated": least_squares(np.ones(m)),
    "gradient": found.x.reshape(picture.shape),
    "Gauss-Newton": calibrator.signal_.reshape(picture.shape),
    "true gains": least_squares(gains),
}
figure, axes = plt.subplots(1, 5, figsize=(12, 2.9), layout="constrained")
axes[0].imshow(picture, cmap="gray")
axes[0].set_title("picture")
for ax, (name, estimate) in zip(axes[1:], estimates.items()):
    ax.imshow(estimate, cmap="gray", vmin=picture.min(), vmax=picture.max())
    ax.set_title(f"{name}\n{psnr(estimate):.1f} dB")
for ax in axes:
    ax.axis("off")

# %%
# The gains, and new readings corrected by them
# ---------------------------------------------

corrected = calibrator.transform(readings)
ideal = masks @ picture.ravel()
print(f"root mean square error of readings: {np.sqrt(np.mean((readings - ideal) ** 2)):.3f} as they come,")
print(f"{np.sqrt(np.mean((corrected - ideal) ** 2)):.3f} after calibration")

figure, ax = plt.subplots(figsize=(4.2, 4), layout="constrained")
ax.plot([0, 2], [0, 2], color="grey", linewidth=1)
ax.plot(gains, calibrator.gains_, ".")
ax.set(xlabel="true gain", ylabel="estimated gain", aspect="equal", title="Gains of the 256 sensors")
plt.show()
