"""
Unmixing a scene with broken bands
==================================

Twenty per cent of the bands of a simulated scene, made of real mineral spectra, carry noise three times as strong as
the signal. Plain non-negative matrix factorisation follows the noise;
:class:`~sparsesci.unmixing.RobustSparseUnmixing` finds the broken bands and unmixes as if they were not there. Robust
start, exclusion of bands and the rule of the guidance map are our own; the loss is that of arXiv:1409.0685.
"""

# %%
# The scene, and both methods.

import matplotlib.pyplot as plt

from sparsesci.datasets import make_unmixing_scene
from sparsesci.unmixing import (
    AbundanceMapDisplay,
    BandNoiseDisplay,
    EndmemberDisplay,
    GuidanceMapDisplay,
    RobustSparseUnmixing,
    SparseNMFUnmixing,
    match_endmembers,
    plot_abundances,
    unmixing_report,
)

scene = make_unmixing_scene(
    (64, 64),
    n_endmembers=4,
    endmembers="usgs",
    spatial_scale=4.0,
    n_outlier_bands=45,
    outlier_scale=3.0,
    random_state=3,
)
good = ~scene.outlier_bands
models = {
    "plain NMF": SparseNMFUnmixing(4, p=1.0, alpha=0.0, sum_to_one="hard"),
    "robust": RobustSparseUnmixing(4, sum_to_one="hard"),
}
for name, model in models.items():
    model.fit(scene.cube)
    report = unmixing_report(
        scene.endmembers, scene.abundances, model.endmembers_, model.abundance_maps_, "raw", bands=good
    )
    print(name, report, sep="\n")

# %%
# The true maps, and those of the two methods.

names = [f"mineral {k + 1}" for k in range(4)]
plot_abundances(scene.abundances, [f"{name} (true)" for name in names])
for name, model in models.items():
    order = match_endmembers(scene.endmembers[:, good], model.endmembers_[:, good])
    display = AbundanceMapDisplay(maps=model.abundance_maps_[:, :, order], names=[f"{m} ({name})" for m in names])
    display.plot()

# %%
# What the robust one learned: the spectra (dashed: the true ones), the noise of the bands and the guidance map.

robust = models["robust"]
inverse = match_endmembers(robust.endmembers_[:, good], scene.endmembers[:, good])
EndmemberDisplay.from_estimator(robust, reference=scene.endmembers[inverse])
BandNoiseDisplay.from_estimator(robust)
GuidanceMapDisplay.from_estimator(robust)
plt.show()
