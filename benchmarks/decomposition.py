"""Time and accuracy of sparsesci.decomposition.

asv runs the class; ``python benchmarks/decomposition.py speed|penalties`` prints the figures that are quoted.
"""

import argparse
import time
import warnings

import numpy as np
import sklearn.decomposition
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d

from sparsesci.decomposition import sparse_encode, whiten_dog

ROUNDS = 7


def problem(dtype=np.float64, n_samples=300, n_components=512, n_features=256):
    """Return white samples and a random dictionary with atoms of norm one."""
    rng = np.random.default_rng(0)
    D = rng.standard_normal((n_components, n_features))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = rng.standard_normal((n_samples, n_features))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype), D.astype(dtype)


class Coders:
    """300 samples, 512 atoms of 256 features."""

    params = (["omp", "ormp", "l1", "cel0"], ["float32", "float64"])
    param_names = ("coder", "dtype")

    def setup(self, coder, dtype):
        self.X, self.D = problem(dtype)
        self.time_encode(coder, dtype)

    def time_encode(self, coder, dtype):
        if coder in ("omp", "ormp"):
            sparse_encode(self.X, self.D, algorithm=coder, n_nonzero=15)
        else:
            sparse_encode(self.X, self.D, penalty=coder, alpha=0.1)


def interleaved(ours, peer):
    """Return the median over rounds of the peer's time divided by ours, with the range."""
    ratios = []
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        ours()
        middle = time.perf_counter()
        peer()
        ratios.append((time.perf_counter() - middle) / (middle - begin))
    return f"{np.median(ratios[1:]):.2f} [{min(ratios[1:]):.2f} … {max(ratios[1:]):.2f}]"


def speed():
    """Peer's time over ours, one thread; K = 512, P = 256, 300 samples."""
    import spams

    X, D = problem()
    ours, theirs = sparse_encode(X, D, n_nonzero=15), None

    def orthogonal_mp():
        nonlocal theirs
        theirs = sklearn.decomposition.sparse_encode(X, D, algorithm="omp", n_nonzero_coefs=15)

    ratio = interleaved(lambda: sparse_encode(X, D, n_nonzero=15), orthogonal_mp)
    print(f"OMP, 15 atoms, scikit-learn: {ratio}; supports equal: {((ours != 0) == (theirs != 0)).all()}")
    for dtype in (np.float64, np.float32):
        Xt, Dt = problem(dtype)
        Xf, Df = np.asfortranarray(Xt.T), np.asfortranarray(Dt.T)
        ratio = interleaved(
            lambda Xt=Xt, Dt=Dt: sparse_encode(Xt, Dt, algorithm="ormp", n_nonzero=15),
            lambda Xf=Xf, Df=Df: spams.omp(Xf, Df, L=15, eps=0.0, numThreads=1),
        )
        print(f"ORMP, 15 atoms, SPAMS, {np.dtype(dtype).name}: {ratio}")
    alpha = 0.1
    Xf, Df = np.asfortranarray(X.T), np.asfortranarray(D.T)

    def lasso(**options):
        return sparse_encode(X, D, penalty="l1", alpha=alpha, **options)

    def objective(codes):
        return 0.5 * np.sum((X - codes @ D) ** 2) + alpha * np.abs(codes).sum()

    best = objective(lasso(algorithm="homotopy"))
    for name, options in (("homotopy", {"algorithm": "homotopy"}), ("cd, tol 1e-6", {"tol": 1e-6})):
        excess = objective(lasso(**options)) / best - 1

        def coordinate_descent():
            return sklearn.decomposition.sparse_encode(X, D, algorithm="lasso_cd", alpha=alpha, max_iter=5000)

        cd = interleaved(lambda options=options: lasso(**options), coordinate_descent)
        lars = interleaved(
            lambda options=options: lasso(**options), lambda: spams.lasso(Xf, Df, lambda1=alpha, mode=2, numThreads=1)
        )
        print(f"l1, {name} (objective excess {excess:.0e}): scikit-learn CD {cd}; SPAMS {lars}")


def penalties(target=10):
    """Errors at equal mean number of atoms on whitened patches, plain and debiased; a dictionary of patches."""
    side = 12
    photographs = np.stack([image[:420, :420].mean(axis=2) for image in load_sample_images().images])
    patches = [
        extract_patches_2d(image, (side, side), max_patches=3000, random_state=0) for image in whiten_dog(photographs)
    ]
    patches = np.random.default_rng(0).permutation(np.concatenate(patches)).reshape(-1, side * side)
    patches -= patches.mean(axis=1, keepdims=True)
    D = patches[:200] / np.linalg.norm(patches[:200], axis=1, keepdims=True)
    X = patches[-300:]
    for name, options in (
        ("l1, cd", {"penalty": "l1"}),
        ("half, greedy cd", {"penalty": "half"}),
        ("l0, ista", {"penalty": "l0", "algorithm": "ista"}),
        ("l0, greedy cd", {"penalty": "l0"}),
        ("cel0, ista", {"penalty": "cel0", "algorithm": "ista"}),
        ("cel0, greedy cd", {"penalty": "cel0"}),
    ):
        low, high = 1e-6, 10.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(30):
                alpha = np.sqrt(low * high)
                codes = sparse_encode(X, D, alpha=alpha, **options)
                low, high = (alpha, high) if np.count_nonzero(codes) > target * len(X) else (low, alpha)
            errors = []
            for debias in (False, True):
                codes = sparse_encode(X, D, alpha=high, debias=debias, **options)
                errors.append(np.sum((X - codes @ D) ** 2) / np.sum(X**2))
        atoms = np.count_nonzero(codes) / len(X)
        print(f"{name}: {errors[0]:.3f}, debiased {errors[1]:.3f}, {atoms:.1f} atoms")


FIGURES = {"speed": speed, "penalties": penalties}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", choices=FIGURES)
    FIGURES[parser.parse_args().figure]()
