"""Time, memory and accuracy of sparsesci.sbl."""

import warnings

import numpy as np

from sparsesci.datasets import make_irs_mimo_channel, make_kronecker_sparse
from sparsesci.sbl import kron_sbl, kron_sbl_batch, nmse, sbl

RECIPES = {
    "flat": {},
    "elimination": {"refine": "backward"},
    "restarts": {"n_restarts": 10, "refine": "backward", "random_state": 0},
}


def quietly(call):
    """Call without warnings of convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


class KroneckerMethods:
    """One problem of the size of the published experiment."""

    params = (["mm", "am", "svd", "rank1", "ksbl"],)
    param_names = ("method",)

    def setup(self, method):
        self.problem = make_kronecker_sparse((8, 12, 15), snr_db=25, random_state=0)
        self.time_solve(method)

    def solve(self, method):
        return quietly(
            lambda: kron_sbl(
                self.problem.Y, self.problem.dictionaries, noise_var=self.problem.noise_var, method=method, max_iter=150
            )
        )

    def time_solve(self, method):
        self.solve(method)

    def track_error(self, method):
        return nmse(self.solve(method).to_dense(), self.problem.coef)


class ChannelRecipes:
    """One channel, by the bare solver, with elimination, and with restarts."""

    params = (["flat", "elimination", "restarts"],)
    param_names = ("recipe",)

    def setup(self, recipe):
        self.problem = make_irs_mimo_channel(12.0, random_state=0)
        self.time_solve(recipe)

    def time_solve(self, recipe):
        p = self.problem
        quietly(lambda: kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var, **RECIPES[recipe]))


class ChannelBatch:
    """A hundred channels in one call."""

    params = ([1, 2],)
    param_names = ("n_jobs",)

    def setup(self, n_jobs):
        problems = [make_irs_mimo_channel(20.0, random_state=seed) for seed in range(100)]
        self.Y = np.stack([p.Y for p in problems])
        self.dictionaries = [np.stack([p.dictionaries[k] for p in problems]) for k in range(3)]
        self.noise_var = np.array([p.noise_var for p in problems])
        self.time_batch(n_jobs)

    def time_batch(self, n_jobs):
        quietly(lambda: kron_sbl_batch(self.Y, self.dictionaries, noise_var=self.noise_var, n_jobs=n_jobs))


class Reach:
    """A dictionary of 10^9 products of columns."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.dictionaries = [rng.standard_normal((60, 1000)) for _ in range(3)]
        parts = [H[:, 100 * k : 100 * k + 4] for k, H in enumerate(self.dictionaries)]
        self.Y = np.einsum("ai,bj,ck,ijk->abc", *parts, rng.standard_normal((4, 4, 4)), optimize=True)
        self.Y += 0.1 * self.Y.std() * rng.standard_normal(self.Y.shape)
        self.time_solve()

    def time_solve(self):
        kron_sbl(self.Y, self.dictionaries)

    def peakmem_solve(self):
        kron_sbl(self.Y, self.dictionaries)


class Classical:
    """Two hundred measurements of four hundred coefficients."""

    params = (["em", "mm", "fixed-point"],)
    param_names = ("method",)

    def setup(self, method):
        rng = np.random.default_rng(0)
        self.A = rng.standard_normal((200, 400))
        self.y = self.A[:, ::40] @ np.ones(10) + 0.3 * rng.standard_normal(200)
        self.time_solve(method)

    def time_solve(self, method):
        quietly(lambda: sbl(self.A, self.y, method=method))
