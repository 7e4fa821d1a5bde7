"""Speed of unmixing against its peers, as ratios of times: python benchmarks/unmixing_peers.py

Needs pysptools and cvxopt, and Samson through SPARSESCI_DATA. Set OPENBLAS_NUM_THREADS=1 and pin the process to a core.
"""

import time
import warnings

import numpy as np
from sklearn.decomposition import NMF

from sparsesci.datasets import fetch_samson, make_unmixing_scene
from sparsesci.unmixing import RobustSparseUnmixing, fcls, nnls_abundances, sivm

ROUNDS = 5


def seconds(call):
    begin = time.perf_counter()
    call[0](*call[1:])
    return time.perf_counter() - begin


def ratio(theirs, ours, share=1.0):
    """Return the median over interleaved rounds of the peer's time over ours."""
    return np.median([seconds(theirs) / share / seconds(ours) for _ in range(ROUNDS)])


def constrained_abundances(samson):
    from pysptools.abundance_maps.amaps import FCLS

    cases = {"Samson, K=3": (samson.cube.reshape(-1, 156), samson.endmembers)}
    for K in (4, 5, 10, 20):
        scene = make_unmixing_scene((64, 64), n_endmembers=K, endmembers="usgs", alpha=1.0, random_state=0)
        cases[f"USGS, K={K}"] = scene.cube.reshape(-1, 224), scene.endmembers
    for name, (X, E) in cases.items():
        fcls(X[:100], E)
        part = X[:: len(X) // 150][:150].copy()
        measured = ratio((FCLS, part, E), (fcls, X, E), len(part) / len(X))
        print(f"fcls, {name}: {measured:.0f} x pysptools (timed on {len(part)} pixels)")


def same_objective(name, X, K):
    E = X[sivm(X, K)]
    A = nnls_abundances(X, E) + 1e-3
    plain = {"loss": "l2", "alpha": 0.0, "scale": None, "outlier_bands": "keep", "robust_init": False, "init": E}

    def theirs(solver, iterations):
        model = NMF(K, init="custom", solver=solver, tol=0, max_iter=iterations)
        W = model.fit_transform(X, W=A.copy(), H=E.copy())
        return np.linalg.norm(X - W @ model.components_)

    def ours(iterations, solver="bcd", options=()):
        model = RobustSparseUnmixing(K, **{**plain, **dict(options)}, solver=solver, max_iter=iterations, tol=0)
        return model.fit(X).reconstruction_err_

    for solver, iterations in (("mu", 300), ("cd", 10)):
        target, needed = theirs(solver, iterations), 1
        while ours(needed) > target:
            needed += 1
        measured = ratio((theirs, solver, iterations), (ours, needed))
        print(f"{name}, objective of NMF({solver}, {iterations}): {measured:.1f} x faster ({needed} iterations of bcd)")
    for label, options in (("l2", {}), ("RRLbS", {"loss": "l21", "alpha": 5e-4, "scale": "max"})):
        measured = ratio((theirs, "mu", 50), (ours, 50, "mu", options))
        print(f"{name}, 50 multiplicative iterations, {label}: {measured:.2f} x NMF(mu)")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    samson = fetch_samson()
    constrained_abundances(samson)
    same_objective("Samson", samson.cube.reshape(-1, 156), 3)
    same_objective("100 x 100 x 198", make_unmixing_scene((100, 100), 198, 4, random_state=0).cube.reshape(-1, 198), 4)
