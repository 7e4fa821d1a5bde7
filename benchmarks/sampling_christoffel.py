"""Time of the continuous half of sparsesci.sampling: bases, samplers, designs."""

import numpy as np

from sparsesci.sampling import CandidateSetBasis, OrthogonalPolynomials, WeightedLeastSquares, optimal_design

BASES = {
    "legendre, 20": {"family": "legendre", "max_degree": 19},
    "hermite, 20": {"family": "hermite", "max_degree": 19},
    "legendre 2-d, 28": {"family": "legendre", "total_degree": 6, "dimension": 2},
    "legendre 8-d, 165": {"family": "legendre", "total_degree": 3, "dimension": 8},
    "fourier 2-d, 41": {"family": "fourier", "total_degree": 4, "dimension": 2},
}


class Samplers:
    """Draws from what a basis induces, and its values."""

    params = (list(BASES),)
    param_names = ("basis",)

    def setup(self, basis):
        self.basis = OrthogonalPolynomials(**BASES[basis])
        self.X = self.basis.sample_measure(20_000, random_state=0)
        for method in ("auto", "chain"):
            self.basis.sample_dpp(method=method)
        self.basis.sample_christoffel(1)
        self.time_evaluate(basis)
        self.time_christoffel(basis)

    def time_evaluate(self, basis):
        self.basis.evaluate(self.X)

    def time_christoffel(self, basis):
        self.basis.christoffel(self.X)

    def time_sample_christoffel(self, basis):
        self.basis.sample_christoffel(20_000, random_state=0)

    def time_chain(self, basis):
        self.basis.sample_dpp(20, method="chain", random_state=0)

    def time_dpp(self, basis):
        self.basis.sample_dpp(20, random_state=0)


class Designs:
    """Designs of each strategy, conditioned, chosen among twenty and reduced."""

    params = (["repeated_dpp", "volume", "iid"], [1, 20], [None, "greedy"])
    param_names = ("strategy", "n_candidates", "reduce")

    def setup(self, strategy, n_candidates, reduce):
        self.basis = OrthogonalPolynomials("legendre", max_degree=19)
        self.time_design(strategy, n_candidates, reduce)

    def time_design(self, strategy, n_candidates, reduce):
        optimal_design(
            self.basis, 60, strategy=strategy, n_candidates=n_candidates, reduce=reduce, delta=0.9, random_state=0
        )


class Fit:
    """A fit of a function, and a basis on a pool."""

    def setup(self):
        self.pool = np.random.default_rng(0).standard_normal((50_000, 20))
        self.basis = OrthogonalPolynomials("legendre", total_degree=3, dimension=4)
        self.time_fit()
        self.time_pool()

    def time_fit(self):
        WeightedLeastSquares(self.basis, random_state=0).fit(lambda X: X[:, 0])

    def time_pool(self):
        optimal_design(CandidateSetBasis(None, self.pool), random_state=0)
