r"""
Principal components of a file that does not fit in memory
==========================================================

Embeddings lie in a file, mapped into memory; :class:`~sparsesci.streaming.StreamingPCA` reads it once, front to back,
and holds fewer than a hundred rows. Here the file is small, so that this page is built quickly; set ``N_ROWS`` to one
million for 2 GB.
"""

# %%
# The synthetic embeddings have a few strong directions, a mean, and noise. They are written chunk by chunk.

import os
import tempfile
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.streaming import StreamingPCA

N_ROWS, N_FEATURES = 20_000, 512
rng = np.random.default_rng(0)
directions = np.linalg.qr(rng.standard_normal((N_FEATURES, 4)))[0].T
strengths = np.array([9.0, 7.0, 5.0, 3.5])
mean = rng.standard_normal(N_FEATURES)
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "embeddings.npy")
embeddings = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(N_ROWS, N_FEATURES))
for start in range(0, N_ROWS, 5000):
    count = min(5000, N_ROWS - start)
    signal = (rng.standard_normal((count, 4)) * strengths) @ directions
    embeddings[start : start + count] = signal + rng.standard_normal((count, N_FEATURES)) + mean
embeddings.flush()

# %%
# One pass. What Python allocates meanwhile is counted.

mapped = np.load(path, mmap_mode="r")
model = StreamingPCA(4, random_state=0)
model.fit(mapped[:100])  # compiles
tracemalloc.start()
model.fit(mapped)
peak = tracemalloc.get_traced_memory()[1]
tracemalloc.stop()
print(f"{mapped.nbytes / 1e6:.0f} MB read, {peak / 1e6:.1f} MB held at most")
in_rows = model.peak_memory_rows_ * N_FEATURES * 8
print(f"{model.peak_memory_rows_} rows of length {N_FEATURES} in float64: {in_rows / 1e6:.1f} MB")
print("variances:", np.round(model.explained_variance_, 1), "of", strengths**2 + 1)

# %%
# The components are those that went in: on the left their squared inner products with the true directions, on the
# right rows in the plane of the first two.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
overlap = (model.components_ @ directions.T) ** 2
image = left.imshow(overlap, cmap="viridis", vmin=0, vmax=1)
for (i, j), value in np.ndenumerate(overlap):
    left.text(j, i, f"{value:.3f}", ha="center", va="center", color="black" if value > 0.6 else "white", fontsize=9)
left.set(xlabel="true direction", ylabel="component", xticks=range(4), yticks=range(4), title="squared inner product")
figure.colorbar(image, ax=left, shrink=0.85)
projected = model.transform(mapped[:3000])
right.scatter(projected[:, 0], projected[:, 1], s=4, alpha=0.35, linewidths=0)
right.set(xlabel="first component", ylabel="second component", title="3000 rows, projected", aspect="equal")
plt.show()

# %%
# Chunks may come from anywhere: ``fit`` takes any iterator, for instance over the row groups of a Parquet file or
# slices of an HDF5 dataset, and ``partial_fit`` takes one chunk. The division into chunks does not change a single bit.

again = StreamingPCA(4, random_state=0).fit(mapped[start : start + 777] for start in range(0, N_ROWS, 777))
print("the same bits:", np.array_equal(again.components_, model.components_))
del mapped, embeddings
folder.cleanup()
