"""
Where to evaluate a function
============================

A polynomial with m coefficients is fitted to a function that is expensive to evaluate. How many points does a stable
fit need, and which? Points drawn at random from the right density need a multiple of m log m; points that repel each
other need about twice as many as there are coefficients.
"""

# %%
# Twenty Legendre polynomials, and a function that they approximate to four digits. Errors are root mean squares by
# Gauss quadrature, in units of the error of the best approximation.

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.sampling import DesignDisplay, OrthogonalPolynomials, optimal_design


def runge(X):
    return 1 / (1 + 5 * X[:, 0] ** 2)


basis = OrthogonalPolynomials("legendre", max_degree=19)
x, w = np.polynomial.legendre.leggauss(120)
values, f = basis.evaluate(x), runge(x[:, np.newaxis])
best = values.T @ (w / 2 * f)
smallest_error = np.sqrt(w / 2 @ (f - values @ best) ** 2)
print(f"error of the best approximation: {smallest_error:.3e}")


def fit(design):
    """Return the smallest eigenvalue of the design's Gram matrix, and the error of its fit."""
    root = np.sqrt(design.weights)
    rows = root[:, np.newaxis] * basis.evaluate(design.points)
    coef = np.linalg.lstsq(rows, root * runge(design.points), rcond=None)[0]
    error = np.sqrt(1 + ((coef - best) ** 2).sum() / smallest_error**2)
    return np.linalg.eigvalsh(design.gram)[0], error


# %%
# Two designs of forty points: independent draws from the density :math:`k_m / m`, and two samples of the projection
# determinantal point process, whose points have the same density. Independent points come in clusters and leave gaps.

figure, axes = plt.subplots(2, 1, figsize=(7, 5.4), sharex=True, layout="constrained")
for ax, (strategy, title) in zip(axes, {"iid": "independent", "repeated_dpp": "two samples of the DPP"}.items()):
    design = optimal_design(basis, 40, strategy=strategy, random_state=1)
    lowest, error = fit(design)
    DesignDisplay.from_design(design, basis, ax=ax)
    ax.set_title(f"{title}: smallest eigenvalue {lowest:.2f}, error {error:.1f} times the best", fontsize=10)
    ax.set_xlabel("")
axes[1].get_legend().remove()
axes[1].set_xlabel("x")

# %%
# A hundred designs of each size and strategy: how often the smallest eigenvalue of the Gram matrix is below 0.1, and
# the errors of the fits. Lines are medians, bands reach from the 5 % to the 95 % quantile.

sizes = (20, 30, 40, 50, 60, 80, 100, 120)
strategies = {
    "uniform points, no weights": ("mc", "0.6"),
    "independent, density $k_m/m$": ("iid", "C1"),
    "volume-rescaled": ("volume", "C2"),
    "repeated DPP": ("repeated_dpp", "C0"),
}
results = {
    label: np.array(
        [[fit(optimal_design(basis, n, strategy=strategy, random_state=seed)) for seed in range(100)] for n in sizes]
    )
    for label, (strategy, _) in strategies.items()
}

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for label, (_, colour) in strategies.items():
    lowest, errors = results[label][:, :, 0], results[label][:, :, 1]
    share = (lowest < 0.1).mean(axis=1)
    left.errorbar(
        sizes, share, yerr=np.sqrt(share * (1 - share) / 100), color=colour, marker="o", markersize=4, label=label
    )
    low, middle, high = np.quantile(errors, [0.05, 0.5, 0.95], axis=1)
    right.plot(sizes, middle, color=colour, marker="o", markersize=4)
    right.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
left.set(xlabel="points for 20 coefficients", ylabel="share of unstable designs", ylim=(-0.03, 1.03))
left.legend(frameon=False, fontsize=9)
right.set(xlabel="points for 20 coefficients", ylabel="error / best error", yscale="log", ylim=(0.9, 200))
for ax in (left, right):
    ax.grid(color="0.92")
    ax.set_axisbelow(True)

# %%
# As numbers, at two points for each coefficient and at six:

print(f"{'':30}{'unstable':>10}{'eigenvalue':>12}{'error':>10}{'95 %':>10}")
for n in (40, 120):
    for label in strategies:
        lowest, errors = results[label][sizes.index(n)].T
        print(
            f"{n:3} {label.replace('$', ''):26}{(lowest < 0.1).mean():10.2f}{np.median(lowest):12.3f}"
            f"{np.median(errors):10.4g}{np.quantile(errors, 0.95):10.4g}"
        )

# %%
# Fewer points still: the best of twenty designs of forty points, from which points are removed as long as the Gram
# matrix stays within 0.9 of the identity. As many points as coefficients are left, and the fit is an interpolation that
# is stable, where a single sample of the process is not.

reduced = [
    fit(optimal_design(basis, 40, n_candidates=20, delta=0.9, reduce="greedy", random_state=seed)) for seed in range(30)
]
plain = [fit(optimal_design(basis, 20, random_state=seed)) for seed in range(100)]
for label, found in (("reduced to 20", reduced), ("one sample of the DPP", plain)):
    lowest, errors = np.array(found).T
    print(f"{label:24} eigenvalue {np.median(lowest):.3f}, error {np.median(errors):.2f} ({errors.max():.1f} at most)")
