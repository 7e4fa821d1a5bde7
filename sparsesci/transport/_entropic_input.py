"""Checks of the inputs of entropic transport."""

import numpy as np
import scipy.sparse
from sklearn.utils import check_array

from sparsesci._core.arrays import check_rows, kernel_view
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real, naming

METHODS = ("auto", "newton", "sns", "sinkhorn", "sinkhorn_log")
LINEAR_SOLVERS = ("auto", "cholesky", "pcg")
METRIC_NAMES = ("sqeuclidean", "euclidean", "cityblock")
_SUM_TOLERANCE = 1e-8


def check_dense(A, name, check_finite=True):
    """Return ``A`` as a C-ordered 2-d float array that kernels can take."""
    A = check_rows(A, name=name, check_finite=check_finite)
    if scipy.sparse.issparse(A):
        raise TypeError(f"{name} must be a dense array; got a sparse matrix")
    return A


def check_costs(C):
    """Return a matrix of costs, in which infinity marks what is forbidden, and whether there is any of it."""
    C = check_dense(C, "C", check_finite=False)
    # NaN and minus infinity survive the minimum.
    low = C.min()
    if np.isnan(low):
        raise ValueError("C must not hold NaN; infinity marks pairs that must not be used")
    if low == -np.inf:
        raise ValueError("C must not hold -inf; got a cost of minus infinity")
    return C, bool(C.max() == np.inf)


def check_points(X, Y):
    """Return two clouds of points, of the same number of features, as C-ordered float64."""
    X, Y = check_dense(X, "X"), check_dense(Y, "Y")
    if X.shape[1] != Y.shape[1]:
        raise ValueError(f"X and Y must have the same number of features; got {X.shape[1]} and {Y.shape[1]}")
    return tuple(kernel_view(np.ascontiguousarray(points, dtype=np.float64)) for points in (X, Y))


def check_vector(value, name, length):
    """Return ``value`` as a finite float64 array of shape (length,)."""
    if getattr(getattr(value, "dtype", None), "kind", "f") in "mM":
        raise TypeError(f"{name} must be numeric; got dtype {value.dtype}")
    with naming(name):
        value = check_array(value, ensure_2d=False, dtype=np.float64, input_name=name, ensure_min_samples=0)
    if value.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},); got {value.shape}")
    return value


def check_masses(a, b, n, m):
    """Return two histograms with sum one; None stands for the uniform one."""
    masses = []
    for name, value, length in (("a", a, n), ("b", b, m)):
        value = np.full(length, 1.0 / length) if value is None else check_vector(value, name, length)
        if (value < 0).any():
            raise ValueError(f"{name} must not be negative; got a smallest entry of {value.min()!r}")
        if not value.any():
            raise ValueError(f"{name} must have a positive sum; all its entries are zero")
        masses.append(value)
    first, second = (float(value.sum()) for value in masses)
    if not abs(first - second) <= _SUM_TOLERANCE * max(first, second):
        raise ValueError(
            f"a and b must have the same sum; got {first!r} for a and {second!r} for b: normalise one of them"
        )
    return masses[0] / first, masses[1] / second


def check_init(init, n, m):
    """Return potentials (u, v) to begin with, or None."""
    if init is None:
        return None
    if not isinstance(init, (tuple, list)) or len(init) != 2:
        got = f"{len(init)} entries" if isinstance(init, (tuple, list)) else type(init).__name__
        raise ValueError(f"init must be None or a pair of potentials (u, v); got {got}")
    return check_vector(init[0], "init", n), check_vector(init[1], "init", m)


def check_reg(reg):
    """Return ``reg`` as a positive float."""
    return check_real("reg", reg, minimum=0.0, exclusive=True)


def check_options(
    *, method, tol, max_iter, n_sinkhorn, density, linear_solver, eta_factor, return_plan, round, verbose
):  # fmt: skip
    """Check the options of the solvers; return those that they take, as a dictionary."""
    if density is not None:
        density = check_real("density", density, minimum=0.0, maximum=1.0)
        if density == 0:
            raise ValueError(f"density must be in (0, 1]; got {density!r}")
    return {
        "method": check_option("method", method, METHODS),
        "tol": check_real("tol", tol, minimum=0.0),
        "max_iter": check_integer("max_iter", max_iter, minimum=1),
        "n_sinkhorn": check_integer("n_sinkhorn", n_sinkhorn, minimum=0),
        "density": density,
        "linear_solver": check_option("linear_solver", linear_solver, LINEAR_SOLVERS),
        "eta_factor": check_real("eta_factor", eta_factor, minimum=1.0, exclusive=True),
        "return_plan": check_flag("return_plan", return_plan),
        "round": check_flag("round", round),
        "verbose": check_integer("verbose", verbose, minimum=0),
    }
