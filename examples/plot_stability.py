"""
Accuracy of least-squares solvers
=================================

How accurate is a least-squares solver when the problem becomes ill-conditioned? A backward stable
one returns the exact solution of a problem that differs from the given one by rounding only,
whatever the condition number. Normal equations do not, and neither did the first solvers based on
sketches: those lose accuracy in proportion to the condition number. Refinement with residuals
from the original matrix mends it.

The test problem is that of Epperly, Meier and Nakatsukasa (arXiv:2406.03468): a random matrix
with given singular values, a random solution and a residual of given norm.
"""

# %%
# The solvers to compare: three direct ones, and those of
# :func:`~sparsesci.sketching.sketched_lstsq`.

import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg

from sparsesci.datasets import make_least_squares
from sparsesci.sketching import sketched_lstsq


def normal_equations(A, b):
    """Solve by the Cholesky factor of A.T @ A, or NaN where it does not exist."""
    try:
        return scipy.linalg.cho_solve(scipy.linalg.cho_factor(A.T @ A), A.T @ b)
    except scipy.linalg.LinAlgError:
        return np.full(A.shape[1], np.nan)


def householder_qr(A, b):
    """Solve by a QR factorisation."""
    product, R = scipy.linalg.qr_multiply(A, b, mode="right")
    return scipy.linalg.solve_triangular(R, product)


def sketched(method):
    """Return the solver of the given method."""
    return lambda A, b: sketched_lstsq(A, b, method=method, random_state=0)


solvers = {
    "normal equations": (normal_equations, "0.75", ":"),
    "sketch_precond_lsqr": (sketched("sketch_precond_lsqr"), "tab:brown", "--"),
    "iterative_sketching": (sketched("iterative_sketching"), "tab:orange", "--"),
    "fossils": (sketched("fossils"), "tab:green", "-"),
    "spir": (sketched("spir"), "tab:purple", "-"),
    "auto": (sketched("auto"), "tab:blue", "-"),
    "LAPACK gelsd": (lambda A, b: scipy.linalg.lstsq(A, b)[0], "0.4", ":"),
    "Householder QR": (householder_qr, "0.0", ":"),
}

# %%
# The backward error of a computed x is the smallest relative change of A for which x would be an
# exact minimiser. Karlson and Waldén's estimate of it needs the singular value decomposition of
# A; here it is the true one, not that of a sketch.


def backward_error(A, b, x, U, singular_values, Vt):
    """Return the Karlson-Waldén estimate, relative to the Frobenius norm of A."""
    residual = b - A @ x
    weight = np.linalg.norm(residual) / max(np.linalg.norm(x), np.finfo(float).tiny)
    gradient = Vt @ (A.T @ residual)
    change = gradient / np.sqrt(singular_values**2 + weight**2)
    return np.linalg.norm(change) / np.linalg.norm(x) / np.linalg.norm(singular_values)


# %%
# One problem for each condition number, and every solver on each.

conditions = np.logspace(1, 15, 15)
backward = {name: [] for name in solvers}
forward = {name: [] for name in solvers}
for number, cond in enumerate(conditions):
    A, b, exact = make_least_squares(4000, 50, cond=cond, residual_norm=1e-6, random_state=number, return_coef=True)
    decomposition = scipy.linalg.svd(A, full_matrices=False)
    for name, (solve, _, _) in solvers.items():
        x = solve(A, b)
        backward[name].append(backward_error(A, b, x, *decomposition))
        forward[name].append(np.linalg.norm(x - exact) / np.linalg.norm(exact))

# %%
# Grey lines: the rounding unit, and the rounding unit times the condition number, which is what a
# backward stable solver may lose in x where the residual is small. Where the errors on the right
# rise above that line, the residual has taken over, with the square of the condition number: that
# part belongs to the problem, and the direct solvers lose as much.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained", sharex=True)
for name, (_, colour, style) in solvers.items():
    line = {"color": colour, "linestyle": style, "label": name, "linewidth": 1.8}
    axes[0].loglog(conditions, backward[name], **line)
    axes[1].loglog(conditions, forward[name], **line)
unit = np.finfo(float).eps / 2
axes[0].axhline(unit, color="0.85", zorder=0)
axes[1].loglog(conditions, unit * conditions, color="0.85", zorder=0)
axes[0].set(xlabel="condition number", ylabel="backward error", title="backward error")
axes[1].set(xlabel="condition number", ylabel="relative error of x", title="forward error")
axes[1].legend(frameon=False, fontsize="small", loc="lower right")
plt.show()
