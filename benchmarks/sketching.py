"""Time, memory and accuracy of sparsesci.sketching."""

import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from sparsesci.datasets import make_gaussian_regression, make_least_squares, make_sparse_regression
from sparsesci.sketching import SketchedRegression, fwht, sketch, sketched_lstsq


def spectrum_problem(n_samples, n_features, cond):
    """Return a random problem of given condition number, and of unit residual norm."""
    return make_least_squares(n_samples, n_features, cond=cond, residual_norm=1.0, random_state=0)


class WalshHadamard:
    """Transform of one long vector, and of the columns of a matrix, beside a plain copy."""

    params = ([(1 << 14,), (1 << 20,), (1 << 14, 100)], ["float32", "float64"])
    param_names = ("shape", "dtype")

    def setup(self, shape, dtype):
        self.x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        self.out = np.empty_like(self.x)
        fwht(self.x, axis=0)

    def time_fwht(self, shape, dtype):
        fwht(self.x, axis=0)

    def time_copy(self, shape, dtype):
        np.copyto(self.out, self.x)


class DenseSketch:
    """One pass over a tall dense matrix, to 4 d rows."""

    params = (["srht", "sparse_sign", "countsketch"], [100, 300], [1, 2])
    param_names = ("kind", "n_features", "n_jobs")

    def setup(self, kind, n_features, n_jobs):
        self.A = np.random.default_rng(0).standard_normal((1 << 17, n_features))
        self.time_sketch(kind, n_features, n_jobs)

    def time_sketch(self, kind, n_features, n_jobs):
        sketch(self.A, 4 * n_features, kind=kind, random_state=0, n_jobs=n_jobs)

    def peakmem_sketch(self, kind, n_features, n_jobs):
        self.time_sketch(kind, n_features, n_jobs)


class DenseSketchPeers:
    """What DenseSketch is to be held against: a copy of the matrix, and SciPy's CountSketch."""

    params = ([100, 300],)
    param_names = ("n_features",)

    def setup(self, n_features):
        self.A = np.random.default_rng(0).standard_normal((1 << 17, n_features))
        self.out = np.empty_like(self.A)
        self.time_copy(n_features)

    def time_copy(self, n_features):
        np.copyto(self.out, self.A)

    def time_scipy(self, n_features):
        scipy.linalg.clarkson_woodruff_transform(self.A, 4 * n_features, 0)


class GaussianSketch:
    """The Gaussian sketch, at a size that it can be used for."""

    params = ([1, 2],)
    param_names = ("n_jobs",)

    def setup(self, n_jobs):
        self.A = np.random.default_rng(0).standard_normal((1 << 14, 100))
        self.time_sketch(n_jobs)

    def time_sketch(self, n_jobs):
        sketch(self.A, 400, kind="gaussian", random_state=0, n_jobs=n_jobs)


class SparseSketch:
    """Sketches of a CSR matrix, beside SciPy's CountSketch."""

    params = (["srht", "sparse_sign", "countsketch", "scipy"],)
    param_names = ("kind",)

    def setup(self, kind):
        A, _ = make_sparse_regression(200_000, 200, nnz_per_row=10, random_state=0)
        if kind == "scipy":
            self.run = lambda: scipy.linalg.clarkson_woodruff_transform(A, 2000, 0)
        else:
            self.run = lambda: sketch(A, 2000, kind=kind, random_state=0)
        self.run()

    def time_sketch(self, kind):
        self.run()


class LeastSquares:
    """Solvers over condition numbers; ``gelsd`` is scipy.linalg.lstsq."""

    params = (
        ["auto", "fossils", "spir", "gelsd"],
        [(1 << 17, 100), (1 << 16, 300)],
        [1e3, 1e8, 1e12],
    )
    param_names = ("method", "shape", "cond")
    timeout = 600
    number = 1
    repeat = 5

    def setup(self, method, shape, cond):
        self.A, self.b = spectrum_problem(*shape, cond)
        self.solve(method)

    def solve(self, method):
        if method == "gelsd":
            return scipy.linalg.lstsq(self.A, self.b)[0]
        return sketched_lstsq(self.A, self.b, method=method, random_state=0)

    def time_solve(self, method, shape, cond):
        self.solve(method)


class LeastSquaresAccuracy:
    """The backward error at which the solver stops, in units of the rounding unit 2^-53."""

    params = (["auto", "fossils", "spir"], [1e1, 1e4, 1e8, 1e12, 1e14])
    param_names = ("method", "cond")
    unit = "rounding units"

    def setup(self, method, cond):
        self.A, self.b = spectrum_problem(4000, 50, cond)

    def track_backward_error(self, method, cond):
        info = sketched_lstsq(self.A, self.b, method=method, random_state=0, return_info=True)
        return info.backward_error * 2.0**53

    def track_sweeps(self, method, cond):
        info = sketched_lstsq(self.A, self.b, method=method, random_state=0, return_info=True)
        return info.n_iter

    track_sweeps.unit = "sweeps"


class SparseLeastSquares:
    """A sparse problem, beside scipy.sparse.linalg.lsqr at the same accuracy."""

    params = (["sketched_lstsq", "lsqr"], [0, 2])
    param_names = ("solver", "difference_order")
    timeout = 600
    number = 1

    def setup(self, solver, difference_order):
        self.A, self.b = make_sparse_regression(100_000, 200, difference_order=difference_order, random_state=0)
        self.solve(solver)

    def solve(self, solver):
        if solver == "lsqr":
            return scipy.sparse.linalg.lsqr(self.A, self.b, atol=1e-14, btol=1e-14, conlim=0)[0]
        return sketched_lstsq(self.A, self.b, random_state=0)

    def time_solve(self, solver, difference_order):
        self.solve(solver)


class Streaming:
    """SketchedRegression fed in chunks: seconds and peak memory for the whole stream."""

    params = (["srht", "sparse_sign"], [1_000, 10_000, 100_000], [1, 2])
    param_names = ("sketch", "chunk", "n_jobs")
    n_rows = 200_000

    def setup(self, kind, chunk, n_jobs):
        self.X, self.y = make_gaussian_regression(self.n_rows, 50, random_state=0)
        self.stream(kind, chunk, n_jobs)

    def stream(self, kind, chunk, n_jobs):
        model = SketchedRegression(400, sketch=kind, n_max=self.n_rows, random_state=0, n_jobs=n_jobs)
        for start in range(0, self.n_rows, chunk):
            model.partial_fit(self.X[start : start + chunk], self.y[start : start + chunk])
        return model

    def time_partial_fit(self, kind, chunk, n_jobs):
        self.stream(kind, chunk, n_jobs)

    def peakmem_partial_fit(self, kind, chunk, n_jobs):
        self.stream(kind, chunk, n_jobs)


class SketchedRegressionError:
    """Largest error of a coefficient, as a share of the bound that the estimator states."""

    params = (["gaussian", "srht"],)
    param_names = ("sketch",)
    unit = "share of linf_bound_"

    def setup(self, kind):
        self.X, self.y = make_gaussian_regression(50_000, 50, random_state=0)
        self.exact = scipy.linalg.lstsq(self.X, self.y)[0]

    def track_error_over_bound(self, kind):
        model = SketchedRegression(400, sketch=kind, fit_intercept=False, random_state=0)
        model.fit(self.X, self.y)
        return np.abs(model.coef_ - self.exact).max() / model.linf_bound_
