"""Stability and error of designs for weighted least squares, beside the figures that they should reproduce.

Run as ``python benchmarks/sampling_designs.py [stability] [boosting] [peers] [--repetitions 200]``. Set-ups: A,
Legendre, 20 functions, f = 1 / (1 + 5 x^2); B, Hermite, 20 functions, f = exp(-(x - 1)^2 / 4); C, Legendre in two
dimensions, total degree 6, f = exp(-x1^2 - 2 (x2 - 0.3)^2). Errors are root mean squares by Gauss quadrature, divided
by that of the best approximation. "Expected" figures are our own, from an independent prototype with 100 repetitions
(60 for C).
"""

import argparse
import math
import time

import numpy as np

from sparsesci._core.rng import key_from_random_state
from sparsesci.sampling import OrthogonalPolynomials, optimal_design
from sparsesci.sampling._design import DesignOptions, draw_places, gram_matrices, weighted_rows


def runge(X):
    return 1 / (1 + 5 * X[:, 0] ** 2)


def bump(X):
    return np.exp(-((X[:, 0] - 1) ** 2) / 4)


def hill(X):
    return np.exp(-(X[:, 0] ** 2) - 2 * (X[:, 1] - 0.3) ** 2)


class SetUp:
    """A basis, a function, and a quadrature rule with which errors are exact to rounding."""

    def __init__(self, basis, function, nodes, weights):
        self.basis, self.function = basis, function
        self.values, self.f, self.weights = basis.evaluate(nodes), function(nodes), weights
        self.best = self.values.T @ (weights * self.f)
        self.e = math.sqrt(weights @ (self.f - self.values @ self.best) ** 2)

    def errors(self, coefs):
        """Return the root mean square errors of fits, in units of the best one."""
        return np.sqrt(1 + ((coefs - self.best) ** 2).sum(axis=1) / self.e**2)


def set_up(name):
    if name == "B":
        x, w = np.polynomial.hermite_e.hermegauss(120)
        basis = OrthogonalPolynomials("hermite", max_degree=19)
        return SetUp(basis, bump, x[:, None], w / w.sum())
    x, w = np.polynomial.legendre.leggauss(120)
    if name == "A":
        return SetUp(OrthogonalPolynomials("legendre", max_degree=19), runge, x[:, None], w / 2)
    nodes = np.stack([a.ravel() for a in np.meshgrid(x, x)], axis=1)
    basis = OrthogonalPolynomials("legendre", total_degree=6, dimension=2)
    return SetUp(basis, hill, nodes, np.outer(w, w).ravel() / 4)


def repeat(problem, strategy, n, repetitions, seed=0):
    """Return the smallest eigenvalues of the Gram matrices of designs, and the errors of their fits."""
    options = DesignOptions(strategy, n, "christoffel", None, 1, None, "spectral", 1)
    places = draw_places(problem.basis, options, key_from_random_state(seed), 0, repetitions, None)
    weights, rows = weighted_rows(problem.basis, options, places, None, "cpu")
    lowest = np.linalg.eigvalsh(gram_matrices(rows))[:, 0]
    points = problem.basis._points(places)
    coefs = [
        np.linalg.lstsq(B, np.sqrt(w) * problem.function(x), rcond=None)[0] for B, w, x in zip(rows, weights, points)
    ]
    return lowest, problem.errors(np.array(coefs))


# set-up, n, strategy, expected: P(lambda_min < 0.1), median lambda_min, median error / e, its 95 % quantile
STABILITY = (
    ("A", 20, "mc", "1.00", "0.000", "1e4", "5e6"),
    ("A", 20, "iid", "1.00", "0.000", "160", "1e5"),
    ("A", 20, "repeated_dpp", "0.89-0.97", "0.02", "2.9-3.5", "6-9"),
    ("A", 40, "mc", "0.99", "0.000", "168", "8e3"),
    ("A", 40, "iid", "0.86", "0.013", "2.87", "34"),
    ("A", 40, "volume", "0.39", "0.121", "1.55", "3.2"),
    ("A", 40, "repeated_dpp", "0.02", "0.256", "1.29", "1.75"),
    ("A", 60, "iid", "0.46", "0.108", "1.48", "5.9"),
    ("A", 60, "volume", "0.10", "0.240", "1.24", "2.0"),
    ("A", 60, "repeated_dpp", "0.00", "0.395", "1.12", "1.34"),
    ("A", 80, "iid", "0.11", "0.235", "1.20", "2.0"),
    ("A", 80, "repeated_dpp", "0.00", "0.483", "1.08", "1.23"),
    ("A", 120, "mc", "0.72", "0.027", "2.35", "48"),
    ("A", 120, "iid", "0.04", "0.370", "1.10", "1.35"),
    ("A", 120, "volume", "0.00", "0.373", "1.10", "1.22"),
    ("A", 120, "repeated_dpp", "0.00", "0.588", "1.05", "1.09"),
    ("B", 40, "mc", "", "", "7.6e3", ""),
    ("B", 40, "iid", "0.88", "", "2.90", ""),
    ("B", 40, "volume", "0.35", "", "1.50", ""),
    ("B", 40, "repeated_dpp", "0.05", "0.274", "1.25", "1.72"),
    ("C", 56, "iid", "0.95", "", "1.73", ""),
    ("C", 56, "volume", "0.48", "", "1.47", ""),
    ("C", 56, "repeated_dpp", "0.07", "0.162", "1.35", ""),
    ("C", 84, "iid", "0.23", "", "1.32", ""),
    ("C", 84, "volume", "0.05", "", "1.23", ""),
    ("C", 84, "repeated_dpp", "0.00", "", "1.16", ""),
)


def stability(repetitions):
    """Print the table of stability."""
    problems = {name: set_up(name) for name in "ABC"}
    print("e = " + ", ".join(f"{problem.e:.4g} ({name})" for name, problem in problems.items()))
    heads = ("P(lambda_min < 0.1)", "median lambda_min", "median error / e", "95 % error / e")
    print(f"{'':2}{'n':>4}  {'strategy':13}" + "".join(f"{head:>32}" for head in heads) + "   (measured | expected)")
    for name, n, strategy, *expected in STABILITY:
        lowest, errors = repeat(problems[name], strategy, n, repetitions)
        measured = (
            f"{(lowest < 0.1).mean():.2f}",
            f"{np.median(lowest):.3f}",
            f"{np.median(errors):.3g}",
            f"{np.quantile(errors, 0.95):.3g}",
        )
        cells = "".join(f"{ours:>16} | {theirs or '-':>13}" for ours, theirs in zip(measured, expected))
        print(f"{name:2}{n:4}  {strategy:13}{cells}")


# strategy, n, M, expected: mean tries, mean deviation, points left, median and largest error / e after removal
BOOSTING = (
    ("iid", 120, 1, "1.7", "0.71", "20.0", "2.01", "3.1"),
    ("iid", 120, 20, "1.0", "0.59", "20.3", "1.86", "3.1"),
    ("iid", 60, 20, "1.1", "0.82", "23.5", "1.83", "3.1"),
    ("repeated_dpp", 40, 1, "1.2", "0.76", "20.2", "1.86", "3.2"),
    ("repeated_dpp", 40, 20, "1.0", "0.59", "20.0", "1.59", "2.7"),
    ("repeated_dpp", 60, 20, "1.0", "0.49", "20.0", "1.69", "3.1"),
)


def boosting(repetitions):
    """Print the table of conditioned, chosen and reduced designs of set-up A."""
    problem = set_up("A")
    heads = ("mean tries", "mean deviation", "points left", "median error / e", "largest error / e")
    print(f"{'strategy':13}{'n':>4}{'M':>4}" + "".join(f"{head:>20}" for head in heads) + "   (measured | expected)")
    for strategy, n, M, *expected in BOOSTING:
        found = []
        for seed in range(repetitions):
            options = {"strategy": strategy, "delta": 0.9, "n_candidates": M, "random_state": seed}
            whole = optimal_design(problem.basis, n, **options)
            design = optimal_design(problem.basis, n, reduce="greedy", **options)
            root = np.sqrt(design.weights)
            rows = root[:, None] * problem.basis.evaluate(design.points)
            coef = np.linalg.lstsq(rows, root * problem.function(design.points), rcond=None)[0]
            found.append((whole.n_tries, whole.stability, len(design.points), problem.errors(coef[None])[0]))
        tries, deviations, sizes, errors = np.array(found).T
        measured = (tries.mean(), deviations.mean(), sizes.mean(), np.median(errors), errors.max())
        cells = "".join(f"{ours:>11.3g} | {theirs:>6}" for ours, theirs in zip(measured, expected))
        print(f"{strategy:13}{n:4}{M:4}{cells}")


def peers(rounds=7):
    """Print how long DPPy takes for a sample of as many points in the square or the interval, relative to ours.

    DPPy's functions are products of Jacobi polynomials too, in another order; numbers of points and kernels of the same
    kind are what is compared. Both are timed in turn, one thread, medians of the rounds. Ours draws 20 samples a call.
    """
    from dppy.multivariate_jacobi_ope import MultivariateJacobiOPE

    print(f"{'points':>7}{'dimension':>11}{'ours, us':>11}{'DPPy, us':>11}{'ratio':>9}")
    cases = (
        (20, {"max_degree": 19}, 1),
        (100, {"max_degree": 99}, 1),
        (28, {"total_degree": 6}, 2),
        (105, {"total_degree": 13}, 2),
    )
    for m, index_set, dimension in cases:
        basis = OrthogonalPolynomials("legendre", dimension=dimension, **index_set)
        peer = MultivariateJacobiOPE(m, np.zeros((dimension, 2)))
        basis.sample_dpp(20, random_state=0)
        peer.sample(random_state=0)
        times = []
        for seed in range(rounds):
            start = time.process_time()
            basis.sample_dpp(20, random_state=seed)
            middle = time.process_time()
            peer.sample(random_state=seed)
            times.append(((middle - start) / 20, time.process_time() - middle))
        ours, theirs = np.array(times).T * 1e6
        row = f"{np.median(ours):11.0f}{np.median(theirs):11.0f}{np.median(theirs / ours):9.0f}"
        print(f"{m:7}{dimension:11}{row}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", default=["stability", "boosting"], help="stability, boosting, peers")
    parser.add_argument("--repetitions", type=int, default=200, help="designs for each row (boosting: a quarter)")
    arguments = parser.parse_args()
    if "stability" in arguments.tables:
        stability(arguments.repetitions)
    if "boosting" in arguments.tables:
        boosting(max(15, arguments.repetitions // 4))
    if "peers" in arguments.tables:
        peers()


if __name__ == "__main__":
    main()
