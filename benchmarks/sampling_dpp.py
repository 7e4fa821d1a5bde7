"""Time of determinantal and volume sampling; as a script, ratios to DPPy and to one pass over the basis.

    OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/sampling_dpp.py [--large]

Both are given the same orthonormal basis, which neither checks, and a RandomState, and take turns; the ratios are those
of medians of processor time. (Making a RandomState of an integer takes each of them 0.15 ms, half as long as our first
sample of 10 000 rows.) Without ``--large`` DPPy's slowest case, some ten seconds a sample, is left out.
"""

import argparse
import time

import numpy as np

from sparsesci.sampling import KDPP, FiniteDPP, VolumeSampledRegression, projection_dpp


def basis(n_rows, k):
    """Return a random orthonormal basis (n_rows, k)."""
    return np.ascontiguousarray(np.linalg.qr(np.random.default_rng(0).standard_normal((n_rows, k)))[0])


class ProjectionDPP:
    """The first sample of a basis, and 20 samples, with and without the check of the basis."""

    params = ([(10_000, 50), (10_000, 200), (100_000, 50)], ["rejection", "gram_schmidt"])
    param_names = ("shape", "method")

    def setup(self, shape, method):
        self.V = basis(*shape)
        self.time_first(shape, method)

    def time_first(self, shape, method):
        projection_dpp(self.V, method=method, check_input=False, random_state=0)

    def time_checked(self, shape, method):
        projection_dpp(self.V, method=method, random_state=0)

    def time_twenty(self, shape, method):
        if method == "gram_schmidt" and shape[0] * shape[1] > 10**6:
            raise NotImplementedError("takes long")
        projection_dpp(self.V, n_samples=20, method=method, check_input=False, random_state=0)


class Processes:
    """Preparing and sampling of a process with low-rank features, and volume-sampled regression."""

    def setup(self):
        generator = np.random.default_rng(0)
        self.features = generator.standard_normal((20_000, 60))
        self.labels = generator.standard_normal(20_000)
        self.process = FiniteDPP("features", self.features)
        self.sized = KDPP("features", self.features, 30)
        self.time_regression()

    def time_prepare(self):
        FiniteDPP("features", self.features)

    def time_sample(self):
        self.process.sample(10, random_state=0)

    def time_sample_of_fixed_size(self):
        self.sized.sample(10, random_state=0)

    def time_regression(self):
        VolumeSampledRegression(120, random_state=0).fit(self.features, self.labels)


def alternate(calls, repeats):
    """Return the median processor time of each call; they take turns, and the first round does not count."""
    times = {name: [] for name in calls}
    state = np.random.RandomState(0)
    for round_number in range(-1, repeats):
        for name, call in calls.items():
            start = time.process_time()
            call(state)
            if round_number >= 0:
                times[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def sample_times(V, repeats, n_further, **peers):
    """Return the median times of our ways and of further calls, for one basis."""

    def first(state, **options):
        projection_dpp(V, check_input=False, random_state=state, n_jobs=1, **options)

    ours = {
        "first": lambda state: first(state, method="rejection"),
        "several": lambda state: first(state, method="rejection", n_samples=n_further + 1),
        "checked": lambda state: projection_dpp(V, method="rejection", random_state=state, n_jobs=1),
    }
    times = alternate({**ours, **peers}, repeats)
    times["further"] = (times["several"] - times["first"]) / n_further
    return times


def against_dppy(n_rows, k, repeats):
    """Print DPPy's time over ours: Gram-Schmidt, the first sample, further ones, and the first with the check."""
    from dppy.finite_dpps import FiniteDPP as Peer

    V = basis(n_rows, k)
    peer = Peer("correlation", projection=True, K_eig_dec=(np.ones(k), V))
    times = sample_times(
        V,
        repeats,
        200 if k <= 50 else 20,
        dppy=lambda state: peer.sample_exact(mode="GS", random_state=state),
        gram_schmidt=lambda state: projection_dpp(V, method="gram_schmidt", check_input=False, random_state=state),
    )
    ratios = [times["dppy"] / times[name] for name in ("gram_schmidt", "first", "further", "checked")]
    print(f"{n_rows:>8} {k:>4} " + " ".join(f"{ratio:>14.0f}" for ratio in ratios), flush=True)


def against_one_pass(k=50):
    """Print the first sample's time over that of a pass over the basis, and further samples' growth with N."""
    further = {}
    for n_rows in (10_000, 1_000_000):
        V = basis(n_rows, k)
        times = sample_times(V, 7, 400, one_pass=lambda state, V=V: np.einsum("ij,ij->i", V, V))
        further[n_rows] = times["further"]
        print(f"N = {n_rows}, k = {k}: first sample / row norms = {times['first'] / times['one_pass']:.2f}")
    print(f"further samples at N = 1e6 / at N = 1e4 = {further[1_000_000] / further[10_000]:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="with 100 000 rows of 200 numbers")
    large = parser.parse_args().large
    print("DPPy's mode 'GS' over ours")
    print(f"{'N':>8} {'k':>4}   gram_schmidt          first        further  first, checked")
    for n_rows, k, repeats in ((1_000, 20, 15), (10_000, 50, 7), (10_000, 200, 5), (100_000, 50, 5)):
        against_dppy(n_rows, k, repeats)
    if large:
        against_dppy(100_000, 200, 1)
    against_one_pass()


if __name__ == "__main__":
    main()
