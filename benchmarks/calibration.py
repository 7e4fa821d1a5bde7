"""Time and accuracy of sparsesci.calibration.

asv runs the class; ``python benchmarks/calibration.py bound|transition|recovery|imaging|bandwidth`` prints the tables
of the figures that are quoted.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_sample_image

from sparsesci._core.threads import single_threaded_blas
from sparsesci.calibration import blind_calibrate, cramer_rao_bound
from sparsesci.datasets import make_blind_calibration


class Solvers:
    """One problem with twice as many readings as unknowns."""

    params = (["gauss_newton", "gradient", "linear"],)
    param_names = ("solver",)

    def setup(self, solver):
        self.A, self.Y, _, _ = make_blind_calibration(512, 256, 6, noise=0.1, random_state=0)
        self.time_solve(solver)

    def time_solve(self, solver):
        blind_calibrate(self.A, self.Y, solver=solver)


def quietly(*arguments, **options):
    """Call ``blind_calibrate`` without warnings of too few data and of convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return blind_calibrate(*arguments, **options)


def solved(problem, solver, max_iter):
    A, Y, x, gains = problem
    found = quietly(A, Y, solver=solver, max_iter=max_iter)
    errors = (
        np.linalg.norm(found.x - x) / np.linalg.norm(x),
        np.linalg.norm(found.gains - gains) / np.linalg.norm(gains),
    )
    return max(errors) < 1e-3, found.n_iter


def bound(trials=40):
    """Mean squared error of the signal over the Cramér-Rao bound, n = 64, m = 32, p = 16."""
    print("| dB | gradient | linear | gauss_newton |\n|---:|---:|---:|---:|")
    for level in (10, 20, 40):
        errors, bounds = {"gradient": 0.0, "linear": 0.0, "gauss_newton": 0.0}, 0.0
        for seed in range(trials):
            A, Y, x, gains = make_blind_calibration(64, 32, 16, rho=0.5, random_state=seed)
            sigma = np.sqrt(np.mean(Y**2)) * 10 ** (-level / 20)
            noisy = Y + sigma * np.random.default_rng(seed).standard_normal(Y.shape)
            bounds += cramer_rao_bound(A, x, gains, sigma).x.sum()
            for solver in errors:
                errors[solver] += np.sum((quietly(A, noisy, solver=solver).x - x) ** 2)
        print(f"| {level} | " + " | ".join(f"{error / bounds:.2f}" for error in errors.values()) + " |")


def transition(trials=20):
    """Share of problems that the gradient method solves (median iterations), n = 128, m = 64."""
    snapshots = (3, 4, 5, 6, 8, 12)
    print("| rho | " + " | ".join(f"p = {p}" for p in snapshots) + " |\n|---:|" + "---:|" * len(snapshots))
    for rho in (0.01, 0.5, 0.9, 0.99):
        cells = []
        for p in snapshots:
            runs = [
                solved(make_blind_calibration(128, 64, p, rho=rho, random_state=seed), "gradient", 2000)
                for seed in range(trials)
            ]
            cells.append(f"{np.mean([ok for ok, _ in runs]):.2f} ({np.median([n for _, n in runs]):.0f})")
        print(f"| {rho} | " + " | ".join(cells) + " |", flush=True)


def recovery(trials=20):
    """Exact recoveries at m p = n + m, n = 64, m = 32, p = 3."""
    for solver in ("gauss_newton", "linear", "gradient"):
        problems = (make_blind_calibration(64, 32, 3, random_state=seed) for seed in range(trials))
        print(f"{solver}: {sum(solved(problem, solver, 5000)[0] for problem in problems)} of {trials}")


def imaging():
    """Peak signal-to-noise ratios of a photograph, 32 x 32, at 40 dB: uncalibrated, gradient, true gains."""
    photograph = load_sample_image("china.jpg")[:416, :416].mean(axis=2) / 255
    picture = photograph.reshape(32, 13, 32, 13).mean(axis=(1, 3)).ravel()
    for rho, p in ((0.5, 8), (0.9, 8), (0.9, 10)):
        rng = np.random.default_rng(0)
        masks = rng.choice([-1.0, 1.0], (p, 256, picture.size))
        gains = rng.uniform(-1, 1, 256)
        gains -= gains.mean()
        gains = 1 + rho * gains / np.abs(gains).max()
        Y = gains * (masks @ picture)
        Y += np.sqrt(np.mean(Y**2)) * 0.01 * rng.standard_normal(Y.shape)
        estimates = [quietly(masks, Y, solver="gradient").x]
        for known in (np.ones(256), gains):
            rows = (known[:, None] * masks).reshape(-1, picture.size)
            estimates.append(np.linalg.solve(rows.T @ rows, rows.T @ Y.ravel()))
        found, uncalibrated, oracle = (-10 * np.log10(np.mean((e - picture) ** 2)) for e in estimates)
        print(f"rho {rho}, p {p}: uncalibrated {uncalibrated:.1f}, gradient {found:.1f}, true gains {oracle:.1f} dB")


def bandwidth(iterations=40, rounds=7):
    """Time of a gradient iteration over that of the two matrix-vector products that it needs, one thread."""
    A, Y, _, _ = make_blind_calibration(2048, 512, 12, noise=0.3, random_state=0)
    rows = A.reshape(-1, 2048)
    x, y = np.ones(2048), np.ones(len(rows))
    ratios = []
    for _ in range(rounds):
        with single_threaded_blas():
            begin = time.perf_counter()
            for _ in range(iterations):
                rows @ x
                y @ rows
            products = time.perf_counter() - begin
        begin = time.perf_counter()
        quietly(A, Y, solver="gradient", max_iter=2, tol=0.0)
        middle = time.perf_counter()
        quietly(A, Y, solver="gradient", max_iter=2 + iterations, tol=0.0)
        ratios.append(products / (time.perf_counter() - middle - (middle - begin)))
    print(f"share of the products' bandwidth: {np.median(ratios):.2f} [{min(ratios):.2f} … {max(ratios):.2f}]")


FIGURES = {"bound": bound, "transition": transition, "recovery": recovery, "imaging": imaging, "bandwidth": bandwidth}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", choices=FIGURES)
    FIGURES[parser.parse_args().figure]()
