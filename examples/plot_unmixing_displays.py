"""
Abundances of known minerals, and what a fit can show
=====================================================

A simulated scene of five minerals, whose spectra are measured ones of the bundled USGS library. Where the spectra are
known, :func:`~sparsesci.unmixing.fcls` finds the proportions that are not negative and sum to one, exactly;
:func:`~sparsesci.unmixing.ucls`, without constraints, spreads the noise over minerals that are not there. Where they
are not known, :class:`~sparsesci.unmixing.RobustSparseUnmixing` learns them, and its displays tell how that went.
"""

# %%
# The scene: 80 x 80 pixels of 224 bands with noise 25 dB below the signal, and 12 bands that carry nothing but noise.

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.datasets import make_unmixing_scene
from sparsesci.unmixing import (
    AbundanceMapDisplay,
    BandNoiseDisplay,
    EndmemberDisplay,
    GuidanceMapDisplay,
    RobustSparseUnmixing,
    fcls,
    match_endmembers,
    outlier_bands,
    ucls,
    unmixing_report,
)

scene = make_unmixing_scene(
    (80, 80),
    n_endmembers=5,
    endmembers="usgs",
    spatial_scale=5.0,
    snr_db=25.0,
    n_outlier_bands=12,
    outlier_scale=2.0,
    random_state=8,
)
names = [f"mineral {k + 1}" for k in range(5)]

# %%
# Known spectra. The broken bands are found by :func:`~sparsesci.unmixing.outlier_bands` and given weight zero. The
# constraints are worth much: they hold for the truth, too.

broken = outlier_bands(scene.cube)
print("broken bands found:", int(broken.sum()), "of", int(scene.outlier_bands.sum()))
weights = (~broken).astype(float)
maps = {}
for function in (ucls, fcls):
    maps[function.__name__] = function(scene.cube, scene.endmembers, band_weights=weights)
    error = maps[function.__name__] - scene.abundances
    print(f"{function.__name__}: root mean square error {np.sqrt((error**2).mean()):.4f}")
AbundanceMapDisplay(maps=maps["fcls"], names=[f"{name} (fcls)" for name in names]).plot()

# %%
# Where the two err: mean absolute error of each pixel, on one scale.

errors = {name: np.abs(found - scene.abundances).mean(axis=2) for name, found in maps.items()}
top = np.quantile(errors["ucls"], 0.99)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for ax, (name, error) in zip(axes, errors.items()):
    image = ax.imshow(error, vmin=0, vmax=top, cmap="magma")
    ax.set(title=name, xticks=[], yticks=[])
fig.colorbar(image, ax=axes, label="mean absolute error")

# %%
# Unknown spectra. The learned ones (dashed: the true ones) are matched to the truth on the bands that are not broken.

model = RobustSparseUnmixing(5, sum_to_one="hard").fit(scene.cube)
good = ~model.outlier_bands_
report = unmixing_report(
    scene.endmembers, scene.abundances, model.endmembers_, model.abundance_maps_, "raw", bands=good
)
print(report)
matched = match_endmembers(model.endmembers_[:, good], scene.endmembers[:, good])
EndmemberDisplay.from_estimator(model, reference=scene.endmembers[matched])

# %%
# Its abundance maps, in the order of the true ones.

order = match_endmembers(scene.endmembers[:, good], model.endmembers_[:, good])
AbundanceMapDisplay(maps=model.abundance_maps_[:, :, order], names=[f"{name} (learned)" for name in names]).plot()

# %%
# The guidance map is high where a pixel is nearly pure; there the penalty is close to a count of the materials.

GuidanceMapDisplay.from_estimator(model)

# %%
# The noise of the bands, on which the search for broken ones rests.

BandNoiseDisplay.from_estimator(model)
plt.show()
