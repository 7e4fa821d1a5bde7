"""
Directions of two angles, with their uncertainty
================================================

A rectangular array of 10 x 8 antennas hears a few transmitters. Azimuth and elevation are the two modes of a tensor;
the dictionaries are the responses of lines of antennas, on grids about four times finer than the array resolves.
"""

# %%
# Three transmitters send independent signals; there are twelve snapshots at 10 dB, and the noise level is not known.

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.sbl import KroneckerSBL, steering_matrix

grids = [np.linspace(-0.95, 0.95, 39), np.linspace(-0.95, 0.95, 39)]
dictionaries = [steering_matrix(10, grids[0]), steering_matrix(8, grids[1])]
sources = [(9, 12), (20, 30), (27, 12)]

rng = np.random.default_rng(3)
n_snapshots = 12
X = np.zeros((39, 39, n_snapshots), dtype=complex)
for azimuth, elevation in sources:
    X[azimuth, elevation] = rng.standard_normal((n_snapshots, 2)) @ [1, 1j]
clean = np.einsum("ai,bj,ijl->abl", *dictionaries, X)
noise_var = np.mean(np.abs(clean) ** 2) / 10
noise = np.sqrt(noise_var / 2) * (rng.standard_normal(clean.shape) + 1j * rng.standard_normal(clean.shape))
Y = clean + noise

model = KroneckerSBL(dictionaries, random_state=0).fit(Y)
print("azimuths", model.supports_[0], "elevations", model.supports_[1])
print(f"noise variance: true {noise_var:.4f}, learned {model.noise_var_:.4f}")

# %%
# The classical picture is the power of a beam steered to each direction. The posterior mean lives on a box of few
# directions; where a corner of the box holds no transmitter its coefficient is small.

beam = np.einsum("ai,bj,abl->ijl", dictionaries[0].conj(), dictionaries[1].conj(), Y)
power = np.mean(np.abs(beam) ** 2, axis=2)
found = np.mean(np.abs(model.core_) ** 2, axis=2)
fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained", sharey=True)
extent = [-0.975, 0.975, -0.975, 0.975]
image = axes[0].imshow(10 * np.log10(power / power.max()).T, origin="lower", extent=extent, vmin=-20, cmap="magma")
axes[0].set_title("steered beam")
fig.colorbar(image, ax=axes[0], label="power (dB)", shrink=0.85)
us, vs = np.meshgrid(grids[0][model.supports_[0]], grids[1][model.supports_[1]], indexing="ij")
axes[1].scatter(us, vs, s=400 * found / found.max() + 4, color="tab:red", alpha=0.8, label="mean (area: power)")
places = np.array([(grids[0][azimuth], grids[1][elevation]) for azimuth, elevation in sources]).T
for ax in axes:
    ax.plot(*places, "o", mfc="none", mec="tab:cyan", ms=20, mew=1.8, label="transmitters")
    ax.set(xlabel="azimuth (sine)", xlim=(-0.975, 0.975), ylim=(-0.975, 0.975))
axes[0].set_ylabel("elevation (sine)")
axes[1].set_title("KroneckerSBL")
axes[1].grid(alpha=0.3)
axes[1].legend(loc="lower right", markerscale=0.6)

# %%
# Every coefficient comes with its variance. Here are the magnitudes in the first snapshot with two standard deviations
# of the posterior, beside the truth, for all corners of the box.

deviation = np.sqrt(model.posterior_var()).ravel()
estimate = np.abs(model.core_[..., 0]).ravel()
truth = np.abs(X[np.ix_(*model.supports_)][..., 0]).ravel()
names = [f"({grids[0][i]:+.2f}, {grids[1][j]:+.2f})" for i in model.supports_[0] for j in model.supports_[1]]
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.errorbar(
    range(len(names)), estimate, 2 * deviation, fmt="o", color="tab:red", capsize=4, label="posterior, 2 deviations"
)
ax.plot(range(len(names)), truth, "_", color="k", ms=18, mew=2, label="truth")
ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
ax.set_ylabel("magnitude")
ax.set_title("Coefficients of the first snapshot, by (azimuth, elevation)")
ax.set_ylim(bottom=0)
ax.grid(axis="y", alpha=0.3)
ax.legend(frameon=False)
plt.show()
