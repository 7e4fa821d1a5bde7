"""
Surrogate models from few evaluations
=====================================

Polynomial chaos replaces an expensive model by a polynomial in its uncertain inputs. The coefficients come from least
squares at a few points, and it matters which: here determinantal point processes (DPP) compete with Latin hypercubes
and independent points, on two models from the literature on uncertainty quantification.
"""

# %%
# The models, their inputs (all uniform), and the polynomials. Errors are root mean squares over 4000 points of the
# input's law, in units of the error of a fit to all those points: one cannot be much better than 1.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import qmc

from sparsesci.datasets import borehole_function, ishigami_function
from sparsesci.sampling import OrthogonalPolynomials, WeightedLeastSquares

borehole_box = [
    (0.05, 0.15),
    (100, 50_000),
    (63_070, 115_600),
    (990, 1110),
    (63.1, 116),
    (700, 820),
    (1120, 1680),
    (9855, 12_045),
]
models = {
    "Ishigami, degree 8": (
        ishigami_function,
        OrthogonalPolynomials("legendre", total_degree=8, domain=[(-np.pi, np.pi)] * 3),
    ),
    "borehole, degree 2": (
        borehole_function,
        OrthogonalPolynomials("legendre", total_degree=2, domain=borehole_box),
    ),
}
for title, (_, basis) in models.items():
    print(f"{title}: {basis.dimension} inputs, {len(basis)} coefficients")


# %%
# The designs. Least squares on a Latin hypercube or on uniform points have no weights; those of the determinantal
# process have the weights ``m / k_m``.


def latin_hypercube(basis, n, seed):
    low, high = basis.domain.T
    return low + (high - low) * qmc.LatinHypercube(basis.dimension, seed=np.random.default_rng(seed)).random(n)


def unweighted(points):
    def predictor(function, basis, n, seed):
        X = points(basis, n, seed)
        return WeightedLeastSquares(basis).fit(X, function(X)).predict

    return predictor


def designed(**options):
    def predictor(function, basis, n, seed):
        return WeightedLeastSquares(basis, n_points=n, random_state=seed, **options).fit(function).predict

    return predictor


designs = {
    "uniform, independent": (unweighted(lambda basis, n, seed: basis.sample_measure(n, random_state=seed)), "0.6", "s"),
    "Latin hypercube": (unweighted(latin_hypercube), "C1", "D"),
    "Christoffel, independent": (designed(strategy="iid"), "C2", "v"),
    "repeated DPP": (designed(), "C0", "o"),
}


def reference(function, basis):
    """Return points of the input's law, the model there, and the error of the best fit to it."""
    X = basis.sample_measure(4000, random_state=12345)
    y = function(X)
    best = WeightedLeastSquares(basis).fit(X, y)
    return X, y, np.sqrt(np.mean((y - best.predict(X)) ** 2))


def error_ratios(function, basis, ratio, make, test, repetitions=12):
    """Return the errors of surrogates from as many designs, in units of the error of the best fit."""
    X, y, best = test
    n = int(np.ceil(ratio * len(basis)))
    return np.array(
        [np.sqrt(np.mean((make(function, basis, n, seed)(X) - y) ** 2)) / best for seed in range(repetitions)]
    )


# %%
# For more and more evaluations per coefficient: geometric means over 12 designs, with their standard errors.

ratios = (1.1, 1.5, 2.0, 3.0)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
table = {}
for ax, (title, (function, basis)) in zip(axes, models.items()):
    test = reference(function, basis)
    for shift, (label, (make, colour, marker)) in enumerate(designs.items()):
        logs = np.log([error_ratios(function, basis, ratio, make, test) for ratio in ratios])
        middle, spread = logs.mean(axis=1), logs.std(axis=1, ddof=1) / np.sqrt(logs.shape[1])
        table[title, label] = middle, spread
        ax.errorbar(
            np.array(ratios) * 1.008 ** (shift - 1.5),
            np.exp(middle),
            yerr=np.abs(np.exp([middle - spread, middle + spread]) - np.exp(middle)),
            color=colour,
            marker=marker,
            markersize=5,
            capsize=2,
            linewidth=1.2,
            label=label,
        )
    ax.set(title=title, xlabel="evaluations per coefficient", xscale="log", yscale="log")
    ax.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios])
    ax.set_xticks([], minor=True)
    ax.grid(color="0.92", which="both")
    ax.set_axisbelow(True)
axes[0].set_ylabel("error / error of the best fit")
axes[0].set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
axes[0].legend(frameon=False, fontsize=9)

# %%
# For the Ishigami function in degree 8 the density ``k_m / m`` is high at the faces of the cube, where Latin hypercubes
# and uniform points are too few: with weights and repulsion, a fit from one and a half evaluations per coefficient is
# better than theirs from three. In the borehole's eight dimensions and degree 2 the density is nearly flat, and the
# designs differ only where there are hardly more points than coefficients.
#
# As numbers at one and a half evaluations per coefficient, with standard errors:

for title in models:
    for label in designs:
        middle, spread = (values[ratios.index(1.5)] for values in table[title, label])
        print(f"{title:20} {label:26} {np.exp(middle):5.2f} +- {np.exp(middle) * spread:.2f}")

# %%
# The mean and the variance of the output follow from the coefficients: the first one, and the sum of the squares of the
# others.

function, basis = models["Ishigami, degree 8"]
model = WeightedLeastSquares(basis, n_points=330, random_state=0).fit(function)
exact = 0.5 + 49 / 8 + 0.1 * np.pi**4 / 5 + 0.01 * np.pi**8 / 18
print(f"mean {model.coef_[0]:.4f} (exact 3.5), variance {(model.coef_[1:] ** 2).sum():.3f} (exact {exact:.3f})")
