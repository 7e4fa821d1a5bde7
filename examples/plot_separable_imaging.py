"""
Compressed imaging with separable measurements
==============================================

Patches of a photograph are measured by two small random matrices, one for the rows and one for the columns: 25 numbers
for 64 pixels. All patches share the prior variances of their cosine coefficients, which are learned from the
measurements alone, together with the noise.
"""

# %%
# Each patch of 8 x 8 pixels, less the mean of the picture, becomes ``Phi_1 P Phi_2^T`` plus noise. In a basis of
# cosines the patches are snapshots of one tensor, and :class:`~sparsesci.sbl.KroneckerSBL` takes them along the last
# axis. No frequency of a photograph is exactly absent, so nothing is to be pruned or eliminated here.

import matplotlib.pyplot as plt
import numpy as np
from scipy.fft import idct
from sklearn.datasets import load_sample_image

from sparsesci.sbl import KroneckerSBL, kron_posterior

size, per_side = 8, 24
picture = load_sample_image("china.jpg").mean(axis=2)[90:, 230:][: size * per_side, : size * per_side] / 255
patches = picture.reshape(per_side, size, per_side, size).transpose(1, 3, 0, 2).reshape(size, size, -1)
mean = picture.mean()
centred = patches - mean

rng = np.random.default_rng(0)
measuring = [rng.standard_normal((5, size)) for _ in range(2)]
clean = np.einsum("ai,bj,ijl->abl", *measuring, centred)
noise_var = np.mean(clean**2) / 1000  # 30 dB
Y = clean + np.sqrt(noise_var) * rng.standard_normal(clean.shape)

cosines = idct(np.eye(size), axis=0, norm="ortho")
dictionaries = [Phi @ cosines for Phi in measuring]
model = KroneckerSBL(dictionaries, prune_tol=0.0, n_restarts=0, refine=None).fit(Y)
print(f"noise variance: true {noise_var:.2e}, learned {model.noise_var_:.2e}; {model.n_iter_} sweeps")

# %%
# A flat prior of the right overall variance (ridge regression) is what one has without learning.

flat = [np.ones(size), np.full(size, np.mean(centred**2))]
ridge = kron_posterior(Y, dictionaries, flat, noise_var, return_var=False)


def assembled(coefficients):
    """Return the picture that belongs to cosine coefficients of all patches."""
    pixels = np.einsum("ia,jb,abl->ijl", cosines, cosines, coefficients) + mean
    return pixels.reshape(size, size, per_side, per_side).transpose(2, 0, 3, 1).reshape(picture.shape)


def quality(estimate):
    """Return error relative to the patches' variation, and peak signal-to-noise ratio."""
    error = np.mean((estimate - picture) ** 2)
    return f"error {error / np.mean(centred**2):.3f}, {-10 * np.log10(error):.1f} dB"


pictures = {"original": picture, "flat prior": assembled(ridge), "learned prior": assembled(model.coef_)}
fig, axes = plt.subplots(1, 3, figsize=(11, 4.6), layout="constrained")
for ax, (name, shown) in zip(axes, pictures.items()):
    ax.imshow(shown, cmap="gray", vmin=0, vmax=1)
    ax.set_title(name if name == "original" else f"{name}\n{quality(shown)}", fontsize=11)
    ax.axis("off")

# %%
# The learned prior is a product of one vector for each direction. It has found by itself that natural pictures are
# smooth: variances fall over the frequencies. The true variances are no exact product, and the noise that is learned
# takes up what the model cannot explain: it comes out larger than it is.

prior = np.outer(*model.gammas_)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
shown = np.where(prior > 0, prior, np.nan)
image = axes[0].imshow(10 * np.log10(shown / np.nanmax(shown)), cmap="viridis")
axes[0].set(xlabel="horizontal frequency", ylabel="vertical frequency", title="prior variance (dB)")
fig.colorbar(image, ax=axes[0])
true = np.mean(np.einsum("ia,jb,ijl->abl", cosines, cosines, centred) ** 2, axis=2)
axes[1].loglog(true[prior > 0], prior[prior > 0], "o", color="tab:blue", ms=5, alpha=0.7)
limits = [0.5 * true[true > 1e-12].min(), 2 * true.max()]
axes[1].plot(limits, limits, color="0.5", lw=1)
axes[1].set(
    xlabel="variance of the coefficients (never seen)", ylabel="learned prior variance", title="learned against true"
)
plt.show()
