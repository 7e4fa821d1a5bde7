"""Time and variance of sparsesci.transport's sliced Wasserstein distance.

``python benchmarks/transport_sliced.py`` prints ratios to POT on the same directions, and the variance of the
estimates on real data relative to plain Monte Carlo; one thread, calls of both sides alternating in one process.
"""

import time

import numpy as np

from sparsesci.transport import sliced_wasserstein_distance, sphere_directions


def clouds(n, m, d):
    """Return two Gaussian clouds and random weights."""
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((n, d)),
        rng.standard_normal((m, d)) * 1.5 + 0.5,
        rng.random(n) + 0.1,
        rng.random(m) + 0.1,
    )


class SlicedDistance:
    """The distance on given directions: sizes (n, m, d), with and without weights."""

    params = ([(10_000, 10_000, 3), (10_000, 12_000, 3), (10_000, 10_000, 100)], [False, True])
    param_names = ("shape", "weighted")

    def setup(self, shape, weighted):
        self.X, self.Y, a, b = clouds(*shape)
        self.options = {"projections": sphere_directions(200, shape[2], random_state=0)}
        if weighted:
            self.options |= {"x_weights": a, "y_weights": b}
        self.time_distance(shape, weighted)

    def time_distance(self, shape, weighted):
        sliced_wasserstein_distance(self.X, self.Y, **self.options)


def against_pot(shape, n_directions, weighted, rounds=5):
    """Return the median over rounds of POT's time over ours, and the relative difference of the distances."""
    import ot

    X, Y, a, b = clouds(*shape)
    T = sphere_directions(n_directions, shape[2], random_state=0)
    a, b = (a / a.sum(), b / b.sum()) if weighted else (None, None)
    sides = (
        lambda: sliced_wasserstein_distance(X, Y, x_weights=a, y_weights=b, projections=T),
        lambda: ot.sliced_wasserstein_distance(X, Y, a, b, projections=np.ascontiguousarray(T.T)),
    )
    values, ratios = [side() for side in sides], []
    for _ in range(rounds):
        seconds = []
        for side in sides:
            begin = time.perf_counter()
            side()
            seconds.append(time.perf_counter() - begin)
        ratios.append(seconds[1] / seconds[0])
    return np.median(ratios), abs(values[0] / values[1] - 1)


def real_data():
    """Yield the names and clouds of pairs of classes of scikit-learn's data sets."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_wine

    for name, load, first, second in (("wine", load_wine, 0, 2), ("breast cancer", load_breast_cancer, 0, 1)):
        data, target = load(return_X_y=True)
        data = (data - data.mean(axis=0)) / data.std(axis=0)
        yield name, data[target == first], data[target == second]
    data, target = load_digits(return_X_y=True)
    yield "digits 0 / 1", data[target == 0] / 16, data[target == 1] / 16
    three, eight = data[target == 3] / 16, data[target == 8] / 16
    yield "digits 3 / 8, centred", three - three.mean(axis=0), eight - eight.mean(axis=0)


def variances(X, Y, n_directions, seeds):
    """Return the variance of the cost by method."""
    plain = {"sampling": "uniform", "n_projections": n_directions, "return_result": True}
    methods = {
        "plain": plain | {"control_variate": None},
        "lower": plain | {"control_variate": "lower"},
        "upper": plain | {"control_variate": "upper"},
        "auto": {"n_projections": n_directions, "return_result": True},
    }
    return {
        name: np.var([sliced_wasserstein_distance(X, Y, random_state=s, **options).cost for s in range(seeds)], ddof=1)
        for name, options in methods.items()
    }


def main():
    for shape, n, weighted in (
        ((10_000, 10_000, 3), 200, False),
        ((10_000, 12_000, 3), 200, False),
        ((10_000, 12_000, 3), 200, True),
        ((10_000, 10_000, 100), 50, False),
    ):
        ratio, difference = against_pot(shape, n, weighted)
        print(f"{shape}, {n} directions, weighted={weighted}: POT / ours {ratio:.1f}, difference {difference:.1e}")
    for name, X, Y in real_data():
        found = variances(X, Y, 100, 200)
        ratios = ", ".join(f"{key} {found['plain'] / found[key]:.3g}" for key in ("lower", "upper", "auto"))
        print(f"{name}, 100 directions, 200 seeds, variance of plain over that of: {ratios}")


if __name__ == "__main__":
    main()
