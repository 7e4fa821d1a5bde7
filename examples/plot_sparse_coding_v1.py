"""
Receptive fields under different penalties
==========================================

Dictionaries are learned on whitened patches of photographs, the experiment of Rentzeperis and colleagues in small.
Their images have no licence that we know of, so that these are the two photographs that scikit-learn ships. Every
penalty is steered to the same mean number of atoms in a code. What is shown are our figures; the published ones were
found with other data, more atoms and far longer training.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d

from sparsesci.decomposition import (
    MiniBatchDictionaryLearning,
    circular_variance,
    fit_gabor,
    grating_responses,
    sparse_encode,
    whiten_dog,
)

# %%
# Whitened patches
# ----------------

side, n_atoms, target = 10, 100, 6
photographs = np.stack([image[:420, :420].mean(axis=2) for image in load_sample_images().images])
whitened = whiten_dog(photographs)
patches = [extract_patches_2d(image, (side, side), max_patches=4000, random_state=0) for image in whitened]
patches = np.concatenate(patches)
patches = patches.reshape(len(patches), -1)
patches = patches - patches.mean(axis=1, keepdims=True)
patches = np.random.default_rng(0).permutation(patches)
training, held_out = patches[:7500], patches[-300:]

# %%
# One dictionary for each penalty
# -------------------------------
#
# The error on patches that were not learned from is given as it is, and after least squares on the atoms that were
# chosen: with l1 most of it is shrinkage.

figure, axes = plt.subplots(1, 4, figsize=(12, 3.6), layout="constrained")
learned = {}
for ax, penalty in zip(axes, ("l1", "half", "l0", "cel0")):
    model = MiniBatchDictionaryLearning(
        n_atoms, penalty=penalty, alpha=0.05, target_nnz=target, batch_size=100, max_iter=40, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(training)
        errors = []
        for debias in (False, True):
            codes = sparse_encode(held_out, model.components_, penalty=penalty, alpha=model.alpha_, debias=debias)
            errors.append(np.sum((held_out - codes @ model.components_) ** 2) / np.sum(held_out**2))
    learned[penalty] = model.components_
    atoms = model.components_[np.argsort(-model.usage_)].reshape(-1, side, side)
    tiles = np.ones((10 * (side + 1), 10 * (side + 1)))
    for i, atom in enumerate(atoms[:100]):
        row, column = divmod(i, 10)
        tile = 0.5 + 0.5 * atom / np.abs(atom).max()
        tiles[row * (side + 1) : row * (side + 1) + side, column * (side + 1) : column * (side + 1) + side] = tile
    ax.imshow(tiles, cmap="gray", vmin=0, vmax=1)
    ax.set_title(
        f"{penalty}, {np.count_nonzero(codes) / len(codes):.1f} atoms\nerror {errors[0]:.3f}, debiased {errors[1]:.3f}"
    )
    ax.axis("off")

# %%
# How oriented are the atoms
# --------------------------
#
# Circular variance is 0 for a field that answers to gratings of one orientation only, and 1 for one that answers to all
# alike. The share of atoms that a Gabor function explains by at least 80 % is in the legend.

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for penalty, components in learned.items():
    variance = circular_variance(grating_responses(components, shape=(side, side)))
    gabor = fit_gabor(components[:12], shape=(side, side))
    label = f"{penalty}: Gabor-like {np.mean(gabor.r2 >= 0.8):.0%} of 12"
    ax.hist(variance, bins=np.linspace(0, 1, 21), histtype="step", linewidth=1.8, label=label)
ax.set(xlabel="circular variance", ylabel="atoms", title="Selectivity for orientation")
ax.legend()
plt.show()
