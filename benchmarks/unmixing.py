"""Times of unmixing: abundances for known endmembers, and blind unmixing."""

import warnings

from sparsesci.datasets import make_unmixing_scene
from sparsesci.unmixing import RobustSparseUnmixing, fcls, nnls_abundances, sivm


class Abundances:
    """A scene of 64 x 64 pixels and 224 bands, by the number of endmembers."""

    params = ([4, 5, 10, 20],)
    param_names = ("n_endmembers",)

    def setup(self, n_endmembers):
        scene = make_unmixing_scene((64, 64), n_endmembers=n_endmembers, endmembers="usgs", alpha=1.0, random_state=0)
        self.X, self.E = scene.cube.reshape(-1, 224), scene.endmembers
        fcls(self.X[:100], self.E)
        nnls_abundances(self.X[:100], self.E)

    def time_fcls(self, n_endmembers):
        fcls(self.X, self.E)

    def time_nnls(self, n_endmembers):
        nnls_abundances(self.X, self.E)

    def time_sivm(self, n_endmembers):
        sivm(self.X, n_endmembers)


class Blind:
    """100 x 100 pixels, 198 bands, 4 endmembers, a fixed number of iterations."""

    params = (["bcd", "mu"],)
    param_names = ("solver",)

    def setup(self, solver):
        self.X = make_unmixing_scene((100, 100), 198, 4, random_state=0).cube.reshape(-1, 198)
        self.model = RobustSparseUnmixing(4, solver=solver, max_iter=20, tol=0)
        self.time_fit(solver)

    def time_fit(self, solver):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.fit(self.X)
