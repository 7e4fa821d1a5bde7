r"""
Entropic transport to machine precision
=======================================

With little regularisation, Sinkhorn's scaling needs thousands of steps. Newton's method on the
semi-dual ends in a few, because at small regularisation nearly all entries of the plan vanish and
its linear systems are sparse. Here are two digits as heaps of sand, and the errors of both methods.
"""

# %%
# Two images of digits, enlarged to 28 x 28 pixels; squared distances between pixels; regularisation
# 1/1200 of the largest cost, as in the experiments of Tang et al. (ICLR 2024) on other images.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

from sparsesci.datasets import load_digits_transport
from sparsesci.transport import entropic_transport

data = load_digits_transport(0, 1)
newton = entropic_transport(data.C, data.a, data.b, reg=1 / 1200, tol=1e-14)
print(f"{newton.n_evaluations} evaluations, {newton.n_newton} of them Newton steps: error {newton.marginal_error:.1e}")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    scaling = entropic_transport(data.C, data.a, data.b, reg=1 / 1200, method="sinkhorn_log", max_iter=400)

# %%
# Half-way between the two: every share of mass stops in the middle of its way. The middles lie on a grid
# twice as fine, which is smoothed.

kept = newton.plan > 1e-6 * data.a[:, None]
rows, columns = np.nonzero(kept)
middles = (data.points[rows] + data.points[columns]) / 2
between, _, _ = np.histogram2d(*middles.T, bins=55, range=[[-1 / 108, 1 + 1 / 108]] * 2, weights=newton.plan[kept])
between = gaussian_filter(between, 1.0)[::2, ::2]
pictures = [data.a.reshape(28, 28), between, data.b.reshape(28, 28)]

# %%
# On the left the errors; in the middle what the Newton matrix keeps, entries of the plan that are not
# negligible, one row for each pixel of the first image; on the right both images and the one between.

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 4.2), width_ratios=[4, 4, 1.6], layout="constrained")
left.semilogy(scaling.history[:, 0], scaling.history[:, 2], color="tab:orange", label="Sinkhorn")
left.semilogy(newton.history[:, 0], newton.history[:, 2], ".-", color="tab:blue", label="sparse Newton")
for evaluation in np.flatnonzero(np.diff(newton.history[:, 1])) + 1.5:
    left.axvline(evaluation, color="0.85", linewidth=0.8, zorder=0)
left.set(xscale="log", xlabel="evaluations", ylabel="marginal error", title="stages of the continuation in grey")
left.legend(frameon=False)
middle.spy(kept, markersize=0.1, color="tab:blue", rasterized=True)
middle.set(title=f"{kept.mean():.1%} of the plan above 1e-6", xlabel="pixels of the second", ylabel="of the first")
middle.set(xticks=[], yticks=[])
right.imshow(np.vstack([picture / picture.max() for picture in pictures]), cmap="magma")
right.set(title="half-way", xticks=[], yticks=[])
plt.show()
