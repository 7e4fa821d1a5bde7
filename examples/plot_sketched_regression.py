r"""
Regression in one pass, with a bound on every coefficient
=========================================================

Can a pixel be told from its neighbours? That is a least-squares problem with a row for each pixel
of a photograph: tall, strongly correlated and real. Here it is solved from a stream of chunks, of
which none is kept: :class:`~sparsesci.sketching.SketchedRegression` holds a small sketch of the
rows seen so far, and states how far each coefficient may be from the solution of all rows.
"""

# %%
# The rows are made when they are asked for, 20 000 at a time. One pass feeds several models at
# once: sketches of different sizes, five random ones of each.

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.datasets import load_image_regression
from sparsesci.sketching import SketchedRegression, sketched_lstsq

chunks = load_image_regression("china.jpg", radius=2, chunk_rows=20_000)
n_rows, n_features = chunks.n_samples, chunks.n_features
sizes = [4 * n_features, 8 * n_features, 16 * n_features, 32 * n_features, 64 * n_features]
models = {
    (size, draw): SketchedRegression(size, n_max=n_rows, random_state=draw) for size in sizes for draw in range(5)
}
for X, y in chunks:
    for model in models.values():
        model.partial_fit(X, y)

model = models[16 * n_features, 0]
print(f"{model.n_samples_seen_} rows, {n_features} features, {model.sketch_size_} rows kept")
print(f"every coefficient within {model.linf_bound_:.3g} of the exact one, at 95 % confidence")

# %%
# What the model has learned: the photograph's green channel, what the neighbours say about it,
# and what they leave over.

width = 640 - 4
pixels = np.concatenate([y for _, y in chunks]).reshape(-1, width)
predicted = np.concatenate([model.predict(X) for X, _ in chunks]).reshape(-1, width)

figure, axes = plt.subplots(1, 3, figsize=(11, 2.9), layout="constrained")
axes[0].imshow(pixels, cmap="gray", vmin=0, vmax=1)
axes[1].imshow(predicted, cmap="gray", vmin=0, vmax=1)
residual = axes[2].imshow(pixels - predicted, cmap="RdBu", vmin=-0.15, vmax=0.15)
figure.colorbar(residual, ax=axes[2], shrink=0.8)
for ax, title in zip(axes, ("green channel", "predicted from the neighbours", "residual")):
    ax.set(title=title, xticks=[], yticks=[])

# %%
# For the exact solution all rows have to be in memory at once. The estimator's intervals hold for
# all coefficients simultaneously.

data = load_image_regression("china.jpg", radius=2)
centre = data.data.mean(axis=0)
exact = sketched_lstsq(data.data - centre, data.target - data.target.mean(), random_state=0)
interval = model.conf_int(confidence_level=0.95, simultaneous=True)[:n_features]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
index = np.arange(n_features)
left.fill_between(index, *(interval - model.coef_[:, None]).T, step="mid", color="tab:blue", alpha=0.2, linewidth=0)
left.plot(index, exact - model.coef_, ".", color="tab:blue")
left.axhline(0, color="0.7", linewidth=0.8, zorder=0)
for channel, name in enumerate(("red", "green", "blue")):
    left.axvline(24 * channel - 0.5, color="0.85", zorder=0)
    left.text(24 * channel, 0.98, name, transform=left.get_xaxis_transform(), va="top")
left.set(xlabel="coefficient", ylabel="exact minus sketched", title="16 d rows kept: 95 % intervals")

# %%
# The error falls with the square root of the number of rows kept, and so does the bound, which
# was computed without knowing the exact solution.

for (size, _), fitted in models.items():
    largest = np.abs(fitted.coef_ - exact).max()
    right.loglog(size, largest, "o", color="tab:blue", alpha=0.6)
    right.loglog(size, fitted.linf_bound_, "_", color="tab:red", markersize=14)
right.set(title="largest error, five sketches each", xlabel="rows kept")
right.set_xticks(sizes, [str(size) for size in sizes])
right.set_yticks([0.2, 0.5, 1, 2], ["0.2", "0.5", "1", "2"])
right.minorticks_off()
right.legend(
    handles=[
        plt.Line2D([], [], marker="_", markersize=14, color="tab:red", linestyle="", label="bound"),
        plt.Line2D([], [], marker="o", color="tab:blue", linestyle="", label="largest error"),
    ],
    frameon=False,
)
plt.show()
