"""
The colours of one photograph on another
========================================

The pixels of a photograph are a cloud in the space of colours. Iterative distribution transfer moves it onto the cloud
of another photograph: along every direction of an orthonormal basis each pixel moves to where optimal transport on the
line sends it. All 273 280 pixels of both photographs take part.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from sparsesci.transport import sliced_wasserstein_flow

china, flower = (image / 255 for image in load_sample_images().images)
X, Y = china.reshape(-1, 3), flower.reshape(-1, 3)

# %%
# Both ways
# ---------
#
# Equal colours are first moved apart by less than a step of 8 bits, so that they may go to different places.

rng = np.random.default_rng(0)
forth, back = (
    sliced_wasserstein_flow(
        source + rng.uniform(-1, 1, source.shape) / 512, target, 15, method="transfer", random_state=0
    )
    for source, target in ((X, Y), (Y, X))
)
pictures = {
    "china": china,
    "china in the colours of the flower": forth.X.reshape(china.shape),
    "flower": flower,
    "flower in the colours of china": back.X.reshape(flower.shape),
}

figure, axes = plt.subplots(2, 2, figsize=(11, 7.6), layout="constrained")
for ax, (title, picture) in zip(axes.flat, pictures.items()):
    ax.imshow(np.clip(picture, 0, 1))
    ax.set_title(title)
    ax.set_axis_off()

# %%
# What happened to the colours
# ----------------------------
#
# A sample of the pixels in the plane of red and blue, before, after and of the target.

shown = rng.permutation(len(X))[:5000]
figure, axes = plt.subplots(1, 3, figsize=(11, 4.2), sharex=True, sharey=True, layout="constrained")
for ax, cloud, title in zip(axes, (X, forth.X, Y), ("china", "transferred", "flower")):
    colours = np.clip(cloud[shown], 0, 1)
    ax.scatter(cloud[shown, 0], cloud[shown, 2], c=colours, s=4, linewidths=0)
    ax.set(xlabel="red", title=title, xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), aspect="equal")
axes[0].set_ylabel("blue")
