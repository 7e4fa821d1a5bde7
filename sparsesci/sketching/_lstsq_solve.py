"""The course of a least-squares solution: sketch, factorise, choose a method, refine, and fall back if need be."""

import warnings
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.special import lambertw
from sklearn.utils import Bunch

from sparsesci._core.arrays import check_rows
from sparsesci.sketching._lstsq_factor import SketchFactor
from sparsesci.sketching._lstsq_iterative import iterative_sketching, sketch_preconditioned_lsqr
from sparsesci.sketching._lstsq_refine import (
    InnerIteration,
    Solution,
    conjugate_gradients,
    heavy_ball,
    identity_correction,
    normal_correction,
    refine,
)
from sparsesci.sketching._operators import make_sketch

METHODS = (
    "auto",
    "gram",
    "whitened",
    "fossils",
    "spir",
    "iterative_sketching",
    "sketch_precond_lsqr",
    "minnorm",
    "lapack",
)
# Where a method does not reach the accuracy, the next one goes on.
_NEXT = {"gram": "whitened", "whitened": "spir", "spir": "lapack", "fossils": "lapack"}
_DENSE_ONLY = ("gram", "whitened")
_WITHOUT_REFINEMENT = {
    "iterative_sketching": iterative_sketching,
    "sketch_precond_lsqr": sketch_preconditioned_lsqr,
}

# The normal matrix of A is accurate to eps cond^2, that of the whitened rows to eps cond; up to these values the
# refinement contracts fast. In float64 the limits are 3e6 and 4e12.
_GRAM_LIMIT = 2e-3
_WHITENED_LIMIT = 1e-3
# Beyond these numbers of columns a few dozen passes over A take less time than forming the matrix; measured on one
# core, but both sides scale alike.
_GRAM_COLUMNS = 400
_WHITENED_COLUMNS = 200
# Less tall or smaller problems are left to LAPACK.
_TALL = 50
_SMALL_FLOPS = 1 << 21
_DENSE_ENTRIES = 1 << 25
_MAX_SWEEPS = 10


@dataclass(frozen=True)
class Request:
    """What the caller of ``sketched_lstsq`` asked for."""

    method: str
    sketch: str
    n_components: int | None
    rtol: float | None
    max_iter: int
    min_norm: bool
    rng: np.random.Generator
    device: str


def solve(matrix, B, request, kind=Solution):
    """Sketch, solve and refine; return the information Bunch.

    Parameters
    ----------
    matrix : DenseMatrix, SparseMatrix or OperatorMatrix of shape (n, d)
        A, or its transpose for a MinimumNormSolution.
    B : ndarray of shape (n, k), or (d, k) for a MinimumNormSolution
    request : Request
    kind : type
        Solution or MinimumNormSolution.
    """
    method = request.method
    if method == "auto" and not _sketch_pays(matrix):
        method = "lapack"
    SA, SB = _sketch_system(matrix, B, method, request, kind)
    exponents = None
    if not _in_range(SA, B):
        matrix, B, exponents = _rescale(matrix, B, uniform=request.min_norm)
        SA, SB = _sketch_system(matrix, B, method, request, kind)
    factor = _factorise(SA, SB, request.min_norm)
    if method == "auto" or (method in _DENSE_ONLY and not matrix.direct):
        method = _choose(matrix, factor)
    solution, method, converged = _run(kind(matrix, B, factor), method, request)
    if not converged:
        _warn(solution, method)
    return _report(solution, method, exponents)


def _sketch_pays(matrix):
    n, d = matrix.shape
    if n >= _TALL * d:
        return n * d * d > _SMALL_FLOPS or not matrix.direct
    return not matrix.direct and n * d > _DENSE_ENTRIES


def _choose(matrix, factor):
    """Return the first method to try, from the condition number and the size."""
    eps = np.finfo(matrix.dtype).eps
    if matrix.direct:
        if eps * factor.kept_cond**2 < _GRAM_LIMIT and factor.rank <= _GRAM_COLUMNS:
            return "gram"
        if eps * factor.kept_cond < _WHITENED_LIMIT and factor.rank <= _WHITENED_COLUMNS:
            return "whitened"
    return "spir"


def _sketch_system(matrix, B, method, request, kind):
    """Return S A and S B; S is the identity for LAPACK, and where it would have more rows than A."""
    n, d = matrix.shape
    name = request.sketch
    if name == "auto":
        name = "sparse_sign" if method in ("fossils", "iterative_sketching") else matrix.preferred_sketch
    m = _sketch_size(matrix, name, method) if request.n_components is None else request.n_components
    if method == "lapack" or (request.n_components is None and m >= n):
        SA = matrix.toarray()
        if not np.isfinite(SA).all():
            check_rows(SA)
        return SA, B if kind.sketches_rhs else SA[:, :0]
    S = make_sketch(name, m, n, random_state=request.rng)
    SA = matrix.sketch(S, request.device)
    SB = S.sketch(B, n_jobs=matrix.n_jobs, device=request.device) if kind.sketches_rhs else SA[:, :0]
    return SA, SB


def _sketch_size(matrix, name, method):
    n, d = matrix.shape
    if method == "iterative_sketching":
        digits = np.log(1 / np.finfo(matrix.dtype).eps)
        growth = np.exp(lambertw(4 * n * digits / d**2).real) if n * digits < 1e4 * d**2 else np.inf
        return int(max(4 * d, min(n, np.ceil(d * growth))))
    if not matrix.direct:
        return 30 * d if n > 60 * d else 12 * d
    if name in ("sparse_sign", "countsketch") or method in ("fossils", "spir", "sketch_precond_lsqr"):
        return 12 * d
    return 4 * d if d <= _WHITENED_COLUMNS else 8 * d


def _factorise(SA, SB, min_norm):
    factor = SketchFactor(SA, SB)
    if min_norm and factor.rank < SA.shape[1]:
        return SketchFactor(SA, SB, scale_columns=False)
    return factor


def _in_range(SA, B):
    """Return whether squares of the entries, and of residuals far smaller, neither overflow nor vanish."""
    limit = float(np.finfo(SA.dtype).max) ** 0.3
    largest = np.concatenate([np.abs(SA).max(axis=0), np.abs(B).max(axis=0)]).astype(np.float64)
    return bool(((largest == 0) | ((largest > 1 / limit) & (largest < limit))).all())


def _rescale(matrix, B, uniform):
    """Return matrix and B with columns multiplied by powers of two such that they are of order one, and the powers."""
    columns = np.frexp(matrix.column_maxima())[1]
    if uniform:
        columns = np.full_like(columns, columns.max())
    rhs = np.frexp(np.abs(B).max(axis=0))[1]
    return matrix.scaled(-columns), np.ldexp(B, -rhs), (columns, rhs)


def _run(solution, method, request):
    """Solve by ``method`` and those that follow it; return (solution, last method, whether it converged)."""
    eps = np.finfo(solution.matrix.dtype).eps
    if method in _WITHOUT_REFINEMENT:
        tolerance = eps if request.rtol is None else request.rtol
        converged = _WITHOUT_REFINEMENT[method](solution, tolerance, request.max_iter)
        return solution, method, converged
    while True:
        if method == "lapack":
            solution = _factorised_exactly(solution, request)
        _refine_by(solution, method, request)
        if solution.error <= max(2 * eps, request.rtol or 0) or not _has_next(method, solution):
            return solution, method, solution.error <= max(8 * eps, request.rtol or 0)
        method = _NEXT[method]


def _has_next(method, solution):
    if method == "lapack" or solution.factor.sketch_size == solution.matrix.shape[0]:
        return False
    matrix = solution.matrix
    return _NEXT[method] != "lapack" or matrix.direct or np.prod(matrix.shape, dtype=float) <= _DENSE_ENTRIES


def _factorised_exactly(solution, request):
    """Return ``solution`` itself if its factor is that of A, otherwise a new one that carries its history on."""
    matrix, B = solution.matrix, solution.B
    if solution.factor.sketch_size == matrix.shape[0]:
        return solution
    A = matrix.toarray()
    SB = B if solution.sketches_rhs else A[:, :0]
    exact = type(solution)(matrix, B, _factorise(A, SB, request.min_norm))
    exact.history, exact.n_iter = solution.history, solution.n_iter
    return exact


def _refine_by(solution, method, request):
    eps = np.finfo(solution.matrix.dtype).eps
    tolerance = eps / 4 if request.rtol is None else request.rtol
    max_sweeps = min(_MAX_SWEEPS, request.max_iter)
    if method == "lapack":
        return refine(solution, identity_correction, tolerance, max_sweeps)
    if method in _DENSE_ONLY:
        try:
            correct = normal_correction(solution, whitened=method == "whitened")
        except scipy.linalg.LinAlgError:
            return None
        return refine(solution, correct, tolerance, max_sweeps)
    # One more correction costs many passes: aim at the same, but be content with less.
    correct = InnerIteration(heavy_ball if method == "fossils" else conjugate_gradients, tolerance, request.max_iter)
    return refine(solution, correct, max(eps, tolerance), _MAX_SWEEPS)


def _warn(solution, method):
    if method in _WITHOUT_REFINEMENT:
        message = f"method={method!r} did not converge in {solution.n_iter} iterations"
    else:
        message = "the solution could not be refined to the accuracy asked for"
    message += f"; the backward error is {solution.error:.1e}"
    # Levels above this one: solve, sketched_lstsq, the caller.
    warnings.warn(message, scipy.linalg.LinAlgWarning, stacklevel=4)


def _report(solution, method, exponents):
    factor = solution.factor
    X, residual_norms = solution.minimiser, solution.equation_residuals()
    if exponents is not None:
        columns, rhs = exponents
        X = np.ldexp(X, rhs - columns[: len(X), None])
        residual_norms = np.ldexp(residual_norms, rhs)
    return Bunch(
        x=X,
        backward_error=solution.error,
        forward_error_estimate=float(solution.forward_errors().max()),
        cond_estimate=float(factor.cond),
        n_iter=solution.n_iter,
        method=method,
        history=np.array(solution.history),
        sketch_size=factor.sketch_size,
        rank=factor.rank,
        residual_norm=residual_norms,
    )
