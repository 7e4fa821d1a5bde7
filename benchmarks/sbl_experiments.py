"""The experiments of sparsesci.sbl: tables of errors, speed against scikit-learn, reach, and throughput.

Run ``python benchmarks/sbl_experiments.py channel|general|peers|reach|batch``. Times are medians over rounds in which
the contenders take turns, with BLAS held to one thread.
"""

import argparse
import resource
import time
import warnings

import numpy as np
from sklearn.linear_model import ARDRegression
from sklearn.utils import Bunch

from sparsesci._core.threads import single_threaded_blas
from sparsesci.datasets import make_irs_mimo_channel, make_kronecker_sparse
from sparsesci.sbl import kron_sbl, kron_sbl_batch, nmse, support_recovery_rate

# Means and medians over the authors' 50 stored trials, from their public code.
PUBLISHED = {
    "SVD-KroSBL": ((0.609, 0.305, 0.194, 0.123, 0.105), (0.431, 0.0910, 0.0102, 0.0038, 0.0013)),
    "AM-KroSBL": ((0.714, 0.321, 0.197, 0.139, 0.0699), (0.949, 0.156, 0.0229, 0.0051, 0.0012)),
    "PC-KroSBL, beta .8": ((0.312, 0.132, 0.0493, 0.0089, 0.0029), (0.125, 0.0370, 0.0120, 0.0042, 0.0015)),
    "classical SBL": ((0.953, 0.724, 0.463, 0.228, 0.144), (0.873, 0.587, 0.289, 0.0350, 0.0082)),
}
SNRS = (4, 8, 12, 16, 20)
RECIPES = {
    "mm, flat start": {},
    "mm, elimination": {"refine": "backward"},
    "mm, 10 restarts, elimination": {"n_restarts": 10, "refine": "backward"},
    "mm, 60 restarts, elimination": {"n_restarts": 60, "refine": "backward"},
    "mm, coupled, 10 restarts, elimination": {"n_restarts": 10, "refine": "backward", "coupling": [0.5, None, 0.5]},
    "mm, coupled, prune 1e-2": {"coupling": [0.5, None, 0.5], "prune_tol": 1e-2},
    "least squares on the true box": None,
}


def channel_estimate(problem, result):
    """Return the channels (patterns, receive, transmit) that belong to estimated coefficients."""
    X = result.core
    for axis, (factor, indices) in enumerate(zip(problem.channel_factors, result.supports)):
        X = np.moveaxis(np.tensordot(factor[:, indices], X, axes=(1, axis)), 0, axis)
    return X.transpose(0, 2, 1)


def channel_error(problem, result):
    """Return the normalised squared error, averaged over patterns."""
    estimate = channel_estimate(problem, result)
    return float(np.mean([nmse(a, b) for a, b in zip(estimate, problem.channels)]))


def channel_oracle(problem):
    """Return least squares on the columns of the true coefficients: what nobody can know."""
    others = [tuple(j for j in range(3) if j != k) for k in range(3)]
    supports = [np.flatnonzero(np.abs(problem.coef).sum(axis=axes)) for axes in others]
    core = problem.Y
    for axis, (H, indices) in enumerate(zip(problem.dictionaries, supports)):
        core = np.moveaxis(np.tensordot(np.linalg.pinv(H[:, indices]), core, axes=(1, axis)), 0, axis)
    return Bunch(core=core, supports=supports)


def channel(trials, seed, recipes=RECIPES):
    """Print mean (median) errors of the channel experiment beside the published ones."""
    print(f"{'dB':42}" + "".join(f"{snr:>18}" for snr in SNRS))
    for name, (means, medians) in PUBLISHED.items():
        cells = "".join(f"{f'{mean:.4f}({median:.4f})':>18}" for mean, median in zip(means, medians))
        print(f"{'published ' + name:42}{cells}")
    for name, options in recipes.items():
        cells, began = "", time.perf_counter()
        for snr in SNRS:
            errors = []
            for trial in range(trials):
                problem = make_irs_mimo_channel(snr, random_state=seed + 1000 * snr + trial)
                if options is None:
                    result = channel_oracle(problem)
                else:
                    result = kron_sbl(
                        problem.Y, problem.dictionaries, noise_var=problem.noise_var, random_state=0, **options
                    )
                errors.append(channel_error(problem, result))
            cells += f"{f'{np.mean(errors):.4f}({np.median(errors):.4f})':>18}"
        took = (time.perf_counter() - began) / trials / len(SNRS)
        print(f"{name:42}{cells}   {1e3 * took:.0f} ms each", flush=True)


def oracle(problem):
    """Return least squares on the true box, as a dense tensor."""
    core = problem.Y
    for axis, (H, indices) in enumerate(zip(problem.dictionaries, problem.supports)):
        core = np.moveaxis(np.tensordot(np.linalg.pinv(H[:, indices]), core, axes=(1, axis)), 0, axis)
    dense = np.zeros_like(problem.coef)
    dense[np.ix_(*problem.supports)] = core
    return dense


def general(trials, seed):
    """Print errors, support recovery and failures on synthetic problems."""
    recipes = {
        "mm, flat start": {},
        "mm, elimination": {"refine": "backward"},
        "mm, 10 restarts, elimination": {"n_restarts": 10, "refine": "backward"},
        "the same, noise learned": {"n_restarts": 10, "refine": "backward", "noise_var": None},
        "svd": {"method": "svd", "max_iter": 150},
        "am": {"method": "am", "max_iter": 150},
    }
    cases = (
        {"n_measurements": (5, 8, 8), "snr_db": 20, "core": "general"},
        {"n_measurements": (8, 12, 15), "snr_db": 15},
        {"n_measurements": (8, 12, 15), "snr_db": 30},
        {"n_measurements": (8, 12, 15), "snr_db": 25, "n_nonzero": 5},
    )
    for case in cases:
        problems = [make_kronecker_sparse(random_state=seed + trial, **case) for trial in range(trials)]
        floors = [nmse(oracle(problem), problem.coef) for problem in problems]
        print(case, f"\n  {'least squares on the true box':32} {np.mean(floors):.2e} ({np.median(floors):.2e})")
        for name, options in recipes.items():
            errors, rates, began = [], [], time.perf_counter()
            for problem in problems:
                dense = kron_sbl(
                    problem.Y,
                    problem.dictionaries,
                    random_state=0,
                    **{"noise_var": problem.noise_var, **options},
                ).to_dense()
                errors.append(nmse(dense, problem.coef))
                rates.append(support_recovery_rate(dense, problem.coef))
            took = (time.perf_counter() - began) / trials
            failed = np.mean([error > max(10 * floor, 1e-2) for error, floor in zip(errors, floors)])
            print(
                f"  {name:32} {np.mean(errors):.2e} ({np.median(errors):.2e})  support {np.mean(rates):.3f}  "
                f"failures {failed:.0%}  {1e3 * took:.1f} ms",
                flush=True,
            )


def peers(rounds):
    """Print speed and error against ARDRegression with its own defaults, N = 1000, another problem in every round."""
    contenders = {
        "kron_sbl, noise learned": {},
        "kron_sbl, noise known": {"noise_var": "known"},
        "kron_sbl, 10 restarts, elimination": {"n_restarts": 10, "refine": "backward", "random_state": 0},
        "ARDRegression": None,
        "least squares on the true box": None,
    }
    times, errors = {name: [] for name in contenders}, {name: [] for name in contenders}
    for seed in range(rounds):
        problem = make_kronecker_sparse((6, 7, 8), (10, 10, 10), 3, snr_db=20, core="general", random_state=seed)
        A = np.kron(problem.dictionaries[0], np.kron(*problem.dictionaries[1:]))
        for name, options in contenders.items():
            call = _peer_call(name, options, problem, A)
            if options is not None:
                call()
            began = time.perf_counter()
            estimate = call()
            times[name].append(time.perf_counter() - began)
            errors[name].append(nmse(estimate, problem.coef.ravel()))
    reference = "ARDRegression"
    for name in contenders:
        faster = np.median(np.array(times[reference]) / np.array(times[name]))
        lower = np.median(np.array(errors[reference]) / np.array(errors[name]))
        print(
            f"{name:36} {1e3 * np.median(times[name]):10.2f} ms   NMSE median {np.median(errors[name]):.2e} mean "
            f"{np.mean(errors[name]):.2e}   {faster:8.0f} x faster, error {lower:.0f} x lower (medians of ratios)"
        )


def _peer_call(name, options, problem, A):
    if name == "ARDRegression":
        return lambda: ARDRegression(fit_intercept=False).fit(A, problem.Y.ravel()).coef_
    if options is None:
        return lambda: oracle(problem).ravel()
    if options.get("noise_var") == "known":
        options = {"noise_var": problem.noise_var}
    return lambda: kron_sbl(problem.Y, problem.dictionaries, **options).to_dense().ravel()


def reach(columns, rows, side, rounds):
    """Print time, memory and support of one large problem, which is made in place to keep its own memory small."""
    rng = np.random.default_rng(0)
    dictionaries = [rng.standard_normal((rows, columns)) for _ in range(3)]
    supports = [np.sort(rng.choice(columns, side, replace=False)) for _ in range(3)]
    core = rng.standard_normal((side, side, side))
    Y = np.einsum("ai,bj,ck,ijk->abc", *(H[:, s] for H, s in zip(dictionaries, supports)), core, optimize=True)
    Y += np.sqrt(np.mean(Y**2) / 100) * rng.standard_normal(Y.shape)
    kron_sbl(
        Y[:34, :4, :4], [dictionaries[0][:34, :50], dictionaries[1][:4, :8], dictionaries[2][:4, :8]], max_iter=600
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        result = kron_sbl(Y, dictionaries)
        times.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    exact = all(np.array_equal(a, b) for a, b in zip(result.supports, supports))
    error = np.linalg.norm(result.core - core) ** 2 / np.linalg.norm(core) ** 2 if exact else np.nan
    held = sum(H.nbytes for H in dictionaries) / 2**20
    print(
        f"{columns}^3 columns, {rows}^3 measurements: {np.median(times):.2f} s (median of {rounds}), {result.n_iter} "
        f"sweeps, support {'exact' if exact else 'wrong'}, NMSE {error:.1e}; the process grew by "
        f"{peak - before:.0f} MB beyond {before:.0f} MB (interpreter, libraries, {held:.0f} MB dictionaries)"
    )


def batch(size, snr, rounds):
    """Print how many channel problems are solved in a second, with coefficients, on one core."""
    problems = [make_irs_mimo_channel(snr, random_state=seed) for seed in range(size)]
    Y = np.stack([problem.Y for problem in problems])
    dictionaries = [np.stack([problem.dictionaries[k] for problem in problems]) for k in range(3)]
    noise_var = np.array([problem.noise_var for problem in problems])
    kron_sbl_batch(Y[:2], [H[:2] for H in dictionaries], noise_var=noise_var[:2])
    times, with_results = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        solved = kron_sbl_batch(Y, dictionaries, noise_var=noise_var)
        times.append(time.perf_counter() - began)
        for _result in solved:
            pass
        with_results.append(time.perf_counter() - began)
    print(
        f"{size} problems at {snr} dB: {size / np.median(times):.0f} per second, {size / np.median(with_results):.0f} "
        f"with all coefficients and variances; {solved.n_iter.mean():.0f} sweeps on average"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", choices=("channel", "general", "peers", "reach", "batch"))
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--side", type=int, default=4)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--snr", type=float, default=20.0)
    parser.add_argument("--recipes", type=int, nargs="*", help="numbers of the recipes of the channel experiment")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = {name: RECIPES[name] for i, name in enumerate(RECIPES) if not options.recipes or i in options.recipes}
    with single_threaded_blas():
        if options.experiment == "channel":
            channel(options.trials, options.seed, chosen)
        elif options.experiment == "general":
            general(options.trials, options.seed)
        elif options.experiment == "peers":
            peers(options.rounds)
        elif options.experiment == "reach":
            reach(options.columns, options.rows, options.side, options.rounds)
        else:
            batch(options.size, options.snr, options.rounds)


if __name__ == "__main__":
    main()
