"""
Blind calibration: how many snapshots, and how exact
====================================================

Sensors whose gains are unknown observe one unknown signal through random vectors that are known. How many snapshots
does it take until signal and gains are both found, and how far are they from the best that any unbiased method could
do?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.calibration import blind_calibrate, cramer_rao_bound
from sparsesci.datasets import make_blind_calibration

# %%
# Without noise: which share of random problems is solved
# --------------------------------------------------------
#
# There are n + m - 1 unknowns and m p readings. The Gauss-Newton solver, which is our own addition, works from the
# count of data on at which a solution can be unique at all. Gradient descent, the kind of method that was published,
# needs a few snapshots more, above all where gains vary much.

n, m, trials = 64, 32, 5
snapshots = np.arange(2, 9)


def success(solver, rho, p):
    """Return the share of problems in which both relative errors are below 1e-3."""
    solved = 0
    for seed in range(trials):
        A, Y, x, gains = make_blind_calibration(n, m, p, rho=rho, random_state=seed)
        found = blind_calibrate(A, Y, solver=solver, max_iter=600)
        errors = np.linalg.norm(found.x - x) / np.linalg.norm(x), np.linalg.norm(found.gains - gains) / np.sqrt(m)
        solved += max(errors) < 1e-3
    return solved / trials


figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # too few snapshots, and iterations that do not converge, are the point here
    for solver, style in (("gauss_newton", "o-"), ("gradient", "s--")):
        for rho, colour in ((0.1, "tab:blue"), (0.9, "tab:red")):
            shares = [success(solver, rho, p) for p in snapshots]
            ax.plot(snapshots * m / (n + m - 1), shares, style, color=colour, label=f"{solver}, gains within {rho}")
ax.axvline(1, color="grey", linewidth=1)
ax.set(xlabel="readings per unknown", ylabel=f"share solved, of {trials}", title="Phase transition")
ax.legend()

# %%
# With noise: against the Cramér-Rao bound
# ----------------------------------------
#
# Both solvers minimise the same objective and end in the same place. From 10 dB on their error is that bound, up to the
# fluctuation of a few trials; the linear solver pays for its shortcut.

levels = np.array([0, 10, 20, 30, 40])
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
errors = {solver: np.zeros((len(levels), 12)) for solver in ("gauss_newton", "linear")}
bounds = np.zeros_like(errors["linear"])
for i, level in enumerate(levels):
    for seed in range(12):
        A, Y, x, gains = make_blind_calibration(64, 32, 16, random_state=seed)
        sigma = np.sqrt(np.mean(Y**2)) * 10 ** (-level / 20)
        noisy = Y + sigma * np.random.default_rng(seed).standard_normal(Y.shape)
        bounds[i, seed] = cramer_rao_bound(A, x, gains, sigma).x.sum()
        for solver, found in errors.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[i, seed] = np.sum((blind_calibrate(A, noisy, solver=solver).x - x) ** 2)
ax.semilogy(levels, bounds.mean(axis=1), "k-", label="Cramér-Rao bound")
for solver, marker in (("gauss_newton", "o"), ("linear", "^")):
    ax.semilogy(levels, errors[solver].mean(axis=1), marker, label=solver)
ax.set(xlabel="signal-to-noise ratio (dB)", ylabel="mean squared error of the signal", title="Efficiency")
ax.legend()
plt.show()
