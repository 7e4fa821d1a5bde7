"""
Walsh-Hadamard spectrum of a photograph
=======================================

The Walsh-Hadamard transform expands a signal in functions that take the values 1 and -1 only. In
sequency order, the i-th of them changes its sign i times, so that the order runs from coarse to
fine, like that of frequencies. A photograph is mostly smooth: few of its coefficients are large,
and those few are enough to recognise it.

:func:`~sparsesci.sketching.fwht` works along one axis of an array; a transform in two dimensions
is one call for each axis.
"""

# %%
# The basis first: applied to the identity, the transform returns its own rows.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from sparsesci.sketching import fwht

natural = fwht(np.eye(32, dtype=int))
sequency = fwht(np.eye(32, dtype=int), axis=0, order="sequency")

figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
for ax, basis, title in zip(axes, (natural, sequency), ("natural order", "sequency order")):
    ax.imshow(basis, cmap="gray", interpolation="nearest")
    ax.set(title=title, xlabel="position", ylabel="function")

# %%
# A square piece of a photograph, whose sides are powers of two, transformed along both axes.

photograph = load_sample_image("china.jpg")[100:356, 180:436].mean(axis=2)


def walsh_spectrum(image):
    """Return the orthonormal Walsh-Hadamard coefficients of an image in sequency order."""
    rows = fwht(image, axis=0, norm="ortho", order="sequency")
    return fwht(rows, axis=1, norm="ortho", order="sequency")


coefficients = walsh_spectrum(photograph)

# %%
# The transform in sequency order is symmetric and orthogonal, so the same function goes back. We
# keep the largest coefficients, and count how much of the picture's energy about its mean they
# hold.

kept = 0.05
threshold = np.quantile(np.abs(coefficients), 1 - kept)
approximation = walsh_spectrum(np.where(np.abs(coefficients) >= threshold, coefficients, 0.0))

energy = coefficients.ravel() ** 2
energy[0] = 0.0  # the mean of the picture
share = np.cumsum(np.sort(energy)[::-1]) / energy.sum()
pixel_energy = np.sort((photograph - photograph.mean()).ravel() ** 2)[::-1]
pixel_share = np.cumsum(pixel_energy) / pixel_energy.sum()
fraction = np.arange(1, share.size + 1) / share.size

figure, axes = plt.subplots(2, 2, figsize=(8, 7.6), layout="constrained")
axes[0, 0].imshow(photograph, cmap="gray", vmin=0, vmax=255)
axes[0, 0].set_title("photograph, 256 × 256")
spectrum = axes[0, 1].imshow(np.log10(np.abs(coefficients) + 1e-2), cmap="magma", vmin=-1, vmax=4)
axes[0, 1].set_title("Walsh-Hadamard coefficients, sequency order")
figure.colorbar(spectrum, ax=axes[0, 1], label="log10 of the absolute value", shrink=0.85)
axes[1, 0].imshow(approximation, cmap="gray", vmin=0, vmax=255)
axes[1, 0].set_title(f"from the largest {100 * kept:.0f} % of the coefficients")
for ax in (axes[0, 0], axes[0, 1], axes[1, 0]):
    ax.set(xticks=[], yticks=[])
axes[1, 1].semilogx(100 * fraction, share, label="Walsh-Hadamard coefficients")
axes[1, 1].semilogx(100 * fraction, pixel_share, label="pixels themselves", color="0.5")
axes[1, 1].axvline(100 * kept, color="0.8", zorder=0)
axes[1, 1].set(xlabel="largest values kept (%)", ylabel="share of the energy about the mean")
axes[1, 1].legend(frameon=False)
plt.show()
