"""The figures of the README and the user guide that neither asv nor ``python -m sparsesci compare`` measures.

``python benchmarks/figures.py image`` prints the table of the image regression, ``threads`` what a second thread
gains, ``first-call`` what the first call in a new process costs once the kernels are on disk.
"""

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
import scipy.linalg
from threadpoolctl import ThreadpoolController

ROUNDS = 7


def interleaved(calls, rounds=ROUNDS):
    """Return the seconds of every call (rows) in every round (columns), the calls taking turns after a warm-up."""
    for call in calls:
        call()
    seconds = np.empty((len(calls), rounds))
    for j in range(rounds):
        for i, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            seconds[i, j] = time.perf_counter() - begin
    return seconds


CONTROLLER = ThreadpoolController()  # made once: looking for the libraries takes milliseconds


def with_blas_threads(call, n_threads):
    def limited():
        with CONTROLLER.limit(limits=n_threads):
            call()

    return limited


def image():
    """Print error and bound of the coefficients of the image regression for several sizes of the sketch."""
    from sparsesci.datasets import load_image_regression
    from sparsesci.sketching import SketchedRegression

    X, y = load_image_regression(return_X_y=True)
    exact = scipy.linalg.lstsq(np.column_stack((X, np.ones(len(y)))), y, lapack_driver="gelsy")[0][:-1]
    print(f"{X.shape[0]} x {X.shape[1]}, read once in chunks of 10000 rows")
    print("| rows kept | largest error | certified bound (95 %) | all within their intervals |")
    print("|---:|---:|---:|---|")
    for m in (1024, 4096, 16_384, 65_536):
        model = SketchedRegression(m, n_max=len(X), random_state=0)
        for start in range(0, len(X), 10_000):
            model.partial_fit(X[start : start + 10_000], y[start : start + 10_000])
        error = np.abs(model.coef_ - exact).max()
        low, high = np.moveaxis(model.conf_int(), -1, 0)
        inside = bool(((low <= exact) & (exact <= high)).all())
        print(f"| {m} | {error:.2g} | {model.linf_bound_:.2g} | {'yes' if inside else 'no'} |")


def threads():
    """Print ratios of times on one and two threads, and to gelsd on the same number of threads."""
    from sparsesci.datasets import make_least_squares
    from sparsesci.sketching import sketch, sketched_lstsq

    print("| problem | two threads against one | gelsd / ours, one thread | gelsd / ours, two threads |")
    print("|---|---:|---:|---:|")
    for n, d in ((2**17, 100), (2**16, 300)):
        for cond in (1e3, 1e8, 1e12):
            A, b = make_least_squares(n, d, cond=cond, residual_norm=1.0, random_state=0)
            calls = [
                with_blas_threads(lambda A=A, b=b, j=j: sketched_lstsq(A, b, random_state=0, n_jobs=j), j)
                for j in (1, 2)
            ] + [with_blas_threads(lambda A=A, b=b: scipy.linalg.lstsq(A, b), j) for j in (1, 2)]
            one, two, peer_one, peer_two = interleaved(calls)
            ratios = (one / two, peer_one / one, peer_two / two)
            cells = " | ".join(f"{np.median(r):.2f} [{r.min():.2f} … {r.max():.2f}]" for r in ratios)
            print(f"| sketched_lstsq, {n} x {d}, condition number {cond:.0e} | {cells} |")
    A = np.random.default_rng(0).standard_normal((2**17, 100))
    for kind in ("srht", "sparse_sign", "countsketch"):
        one, two = interleaved([lambda j=j, k=kind: sketch(A, 400, kind=k, random_state=0, n_jobs=j) for j in (1, 2)])
        print(f"| sketch, {kind}, 131072 x 100 to 400 rows | {np.median(one / two):.2f} | | |")


FIRST_CALL = """
import time, numpy as np
from sparsesci.sketching import SketchedRegression, sketched_lstsq
A = np.random.default_rng(0).standard_normal((20000, 50)); b = A.sum(axis=1)
calls = {
    "sketched_lstsq": lambda: sketched_lstsq(A, b, random_state=0),
    "SketchedRegression": lambda: SketchedRegression(random_state=0).fit(A, b),
}
call = calls[NAME]
begin = time.perf_counter(); call(); first = time.perf_counter() - begin
begin = time.perf_counter(); call(); print(first - (time.perf_counter() - begin))
"""


def first_call():
    """Print by how much the first call in a process exceeds the second, with the kernels on disk."""
    for name in ("sketched_lstsq", "SketchedRegression"):
        code = f"NAME = {name!r}\n{FIRST_CALL}"
        excess = [
            float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
            for _ in range(ROUNDS + 1)
        ][1:]
        print(f"{name}: first call {statistics.median(excess):.2f} s above the second")


FIGURES = {"image": image, "threads": threads, "first-call": first_call}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", choices=FIGURES)
    FIGURES[parser.parse_args().figure]()
