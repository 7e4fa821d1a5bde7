r"""
Accuracy and memory of one-pass principal components
====================================================

How well can the first principal direction be found in one pass, if only a few rows can be kept? Four streams: one with
a small gap between the first two eigenvalues, one with a clear gap, one whose direction is known from four heavy rows
alone, and one on which Oja's rule fails with every rate.
"""

# %%
# Every method is asked for one direction; what it holds in memory is counted in rows. For Oja's rule the best of many
# rates is shown, which one could not know in practice.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import IncrementalPCA

from sparsesci.datasets import make_heavy_rows, make_oja_hard, make_spiked
from sparsesci.streaming import FrequentDirections, OjaPCA, StreamingPCA

streams = {
    "small gap": lambda seed: make_spiked(8_000, 80, 1.5, random_state=seed),
    "clear gap": lambda seed: make_spiked(8_000, 80, 3.0, random_state=seed),
    "four heavy rows": lambda seed: make_heavy_rows(8_000, 80, 4.0, 4, random_state=seed),
    "hard for Oja": lambda seed: make_oja_hard(20, 250, 4.0, 4, random_state=seed),
}


def curves(A):
    """Return for each method a list of (rows in memory, one minus the squared correlation)."""
    exact = np.linalg.eigh(A.T @ A)[1][:, -1]

    def lost(vector):
        return max(1 - (vector @ exact) ** 2, 1e-7)

    found = {"StreamingPCA": [], "Frequent Directions": [], "IncrementalPCA": [], "Oja, best rate": []}
    for n_heavy in (0, 4, 16, 64):
        model = StreamingPCA(center=False, max_heavy_rows=n_heavy, random_state=0).fit(A)
        found["StreamingPCA"].append((model.peak_memory_rows_, lost(model.components_[0])))
    for size in (2, 4, 8, 16, 32):
        model = FrequentDirections(size).fit(A)
        found["Frequent Directions"].append((model.memory_rows_, lost(model.components_[0])))
    for n_components, batch in ((1, 10), (2, 30), (8, 100)):
        model = IncrementalPCA(n_components, batch_size=batch).fit(A)
        found["IncrementalPCA"].append((n_components + batch, lost(model.components_[0])))
    rates = [OjaPCA(learning_rate=2.0**p, schedule="constant", center=False, random_state=0) for p in range(-13, 3, 3)]
    found["Oja, best rate"].append((1, min(lost(model.fit(A).components_[0]) for model in rates)))
    return found


# %%
# Lower and further left is better; medians of three streams. Frequent Directions has a guarantee for any order of
# the rows, and needs about as many rows as d divided by the gap where the spectrum is flat. IncrementalPCA also needs
# work space of several times the rows counted here.

figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), sharey=True, layout="constrained")
marks = {"StreamingPCA": "o", "Frequent Directions": "s", "IncrementalPCA": "^", "Oja, best rate": "D"}
for ax, (name, make) in zip(axes, streams.items()):
    of_streams = [curves(make(seed)) for seed in range(3)]
    for method in marks:
        rows, errors = np.median([found[method] for found in of_streams], axis=0).T
        ax.loglog(rows, errors, marker=marks[method], markersize=6, label=method, alpha=0.85)
    ax.set(title=name, xlabel="rows in memory", ylim=(5e-8, 2))
    ax.grid(alpha=0.3)
axes[0].set_ylabel("1 - squared correlation")
axes[0].legend(frameon=False, loc="lower left", fontsize=8)

# %%
# In the last panel, and for four heavy rows, StreamingPCA jumps once its buffer holds the heavy rows. That storing
# them is unavoidable is a theorem of Kacham and Woodruff.

plt.show()
