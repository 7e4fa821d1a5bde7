r"""
Colours of one photograph for another
=====================================

A photograph is a cloud of colours. Entropic optimal transport moves the colours of one photograph to
those of another so that they move as little as possible altogether, and
:class:`~sparsesci.transport.EntropicTransport` extends the map to colours that it has not seen: it is
fitted to a few hundred representative colours, and applied to every pixel.
"""

# %%
# Both photographs come with scikit-learn. K-means finds 300 colours in each, from every fiftieth pixel.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_image

from sparsesci.transport import EntropicTransport

china = load_sample_image("china.jpg")[::2, ::2] / 255.0
flower = load_sample_image("flower.jpg")[::2, ::2] / 255.0


def palette(image):
    """Return 300 representative colours of an image."""
    pixels = image.reshape(-1, 3)[::50]
    return KMeans(300, n_init=1, max_iter=20, random_state=0).fit(pixels).cluster_centers_


source, target = palette(china), palette(flower)

# %%
# The regularisation decides how many colours of the target are mixed for one of the source. Where it
# is large, all colours become the mean; where it is small, the map follows single colours.

regularisations = (0.1, 0.01, 0.001)
models = [EntropicTransport(reg=reg).fit(source, Y=target) for reg in regularisations]
for model in models:
    print(f"reg = {model.reg_:g}: cost {model.cost_:.4f} after {model.n_iter_} steps")

# %%
# On the right the palettes themselves: green against red, drawn in their own colours. Lines go from
# colours of the photograph to where the map with the smallest regularisation takes them.

figure, axes = plt.subplots(2, 3, figsize=(10, 5.2), layout="constrained")
moved = [model.transform(china.reshape(-1, 3)).reshape(china.shape).clip(0, 1) for model in models]
titles = ["photograph", "colours to take", *(f"reg = {reg:g}" for reg in regularisations)]
for ax, picture, title in zip([*axes[0, :2], *axes[1]], [china, flower, *moved], titles):
    ax.set_axis_off()
    ax.imshow(picture)
    ax.set_title(title)
cube, arrived = axes[0, 2], models[-1].transform(source)
for begin, end in zip(source[::4], arrived[::4]):
    cube.plot(*np.transpose([begin[:2], end[:2]]), color="0.8", linewidth=0.6, zorder=0)
cube.scatter(source[:, 0], source[:, 1], c=source, s=9)
cube.scatter(arrived[:, 0], arrived[:, 1], c=arrived.clip(0, 1), s=9, marker="s")
cube.set(xlabel="red", ylabel="green", title="where colours go", aspect="equal")
plt.show()
