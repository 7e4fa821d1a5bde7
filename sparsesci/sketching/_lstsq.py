"""Least squares to machine precision, with a sketch as preconditioner."""

import numpy as np
import scipy.sparse
from sklearn.utils import check_array

from sparsesci._core.device import resolve_device
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real, naming
from sparsesci.sketching._lstsq_matrix import check_matrix
from sparsesci.sketching._lstsq_refine import MinimumNormSolution, Solution
from sparsesci.sketching._lstsq_solve import METHODS, Request, solve

_SKETCHES = ("auto", "srht", "sparse_sign", "gaussian", "countsketch")


def sketched_lstsq(
    A,
    b,
    *,
    method="auto",
    sketch="auto",
    n_components=None,
    rtol=None,
    max_iter=100,
    min_norm=False,
    refine_dtype=None,
    random_state=None,
    n_jobs=None,
    device="cpu",
    return_info=False,
):
    """Solve min ||A x - b|| for a tall A as accurately as LAPACK, with a random sketch as preconditioner.

    The sketch, which reads A once, gives the condition number, a basis in which A is well-conditioned, and a first
    solution. Corrections computed from A itself then bring the backward error, which is estimated and reported, to the
    level of rounding.

    Parameters
    ----------
    A : array-like, sparse matrix or LinearOperator of shape (n, d), n > d
        float32 stays float32, anything else becomes float64. A dense A is not copied, in whatever layout; sparse
        formats other than CSR are converted. A LinearOperator must define products with its transpose.
    b : array-like of shape (n,) or (n, k)
        One or several right-hand sides.
    method : str, default="auto"
        "gram" and "whitened" form the normal matrix once, from A or from A in the well-conditioned basis, and refine
        with its Cholesky factor; they leave a sparse A to "spir". "spir" and "fossils" refine with an inner iteration,
        by conjugate gradients or with momentum, that needs no such matrix. "iterative_sketching" and
        "sketch_precond_lsqr" iterate without refinement and are forward stable at best. "lapack" factorises A itself:
        Householder QR, then the SVD of the triangle. "minnorm" also takes n <= d, and returns the solution of least
        norm.

        "auto" takes "lapack" for n < 50 d and for small problems, and otherwise "gram", "whitened" or "spir" by
        condition number and number of columns. Whether chosen or given, these and "fossils" are followed by the next
        safer one, "lapack" being the last, where they miss the accuracy.
    sketch : {"auto", "srht", "sparse_sign", "gaussian", "countsketch"}, default="auto"
        "auto" is the sparse sign embedding for sparse A and for the two methods that were published with it, "fossils"
        and "iterative_sketching", and the SRHT otherwise.
    n_components : int or None, default=None
        Number of rows of the sketch, at least d. None takes 4 d to 12 d, 30 d for a sparse A, and the number of the
        paper for "iterative_sketching"; where that reaches n, A itself is factorised.
    rtol : float or None, default=None
        Backward error at which to stop; None for a quarter of machine epsilon, or as far as rounding allows.
    max_iter : int, default=100
        Largest number of steps of an inner iteration, or of an iteration without refinement.
    min_norm : bool, default=False
        Whether the minimiser of least norm is wanted where A is rank-deficient. Otherwise it is the one of least norm
        after the columns of A were scaled to equal norm. No matter for A of full rank.
    refine_dtype : {float64, float32} or None, default=None
        Precision to compute in; None for that of ``A``. Another one copies A.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the sketch.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where A is sketched; everything else runs on the CPU.
    return_info : bool, default=False
        Whether to return more than the solution.

    Returns
    -------
    x : ndarray of shape (d,) or (d, k)
        Only this without ``return_info``.
    info : Bunch
        With ``return_info``; its fields are

        x : ndarray
            The solution.
        backward_error : float
            Karlson-Walden estimate, from the singular values of the sketch: the least change of A, relative to its
            Frobenius norm after the columns were scaled to equal norm, for which x is an exact minimiser. The largest
            one of all right-hand sides. For n <= d, the residual relative to ||A|| ||x|| + ||b||.
        forward_error_estimate : float
            Wedin's first-order bound on the relative error of x times the column scales, from ``backward_error``.
        cond_estimate : float
            Condition number of A after its columns were scaled to equal norm, from the sketch.
        n_iter : int
            Number of corrections, or of all inner steps for an iterative method.
        method : str
            The method that produced x.
        history : ndarray
            Backward error of the first solution and after every correction.
        sketch_size : int
            Number of rows of the sketch, n where A itself was factorised.
        rank : int
            Number of singular values above 30 eps times the largest one.
        residual_norm : float or ndarray of shape (k,)
            ||A x - b||.

    Raises
    ------
    ValueError
        If n <= d but for ``method="minnorm"``, ``b`` does not fit, something is empty or holds NaN or infinity, or an
        option is not valid.
    TypeError
        If the data are complex, or an option has the wrong type.

    Warns
    -----
    LinAlgWarning
        If the backward error is above 8 eps (or ``rtol``) in the end; the message says what was reached.

    See Also
    --------
    SketchedLeastSquares : The estimator.
    SketchedRegression : An approximate solution from one pass over the rows, with a bound on every coefficient.

    Notes
    -----
    Time for a dense A: O(n d log d) for the sketch and O(d^3) for its factorisation; then n d^2 operations ("gram"),
    n d^2 and n d^2 more in single precision ("whitened"), or 4 n d for each of one to four dozen steps ("spir",
    "fossils"); then 4 n d for each of two or three corrections. Memory besides A: O(d^2). Columns of norms beyond
    1e-90 ... 1e90 (1e-11 ... 1e11 in single precision) are brought into range in a copy of A.

    "auto" is our own construction: the normal matrix in the whitened basis, the choice by condition number and the
    order of fall-backs. Refinement and inner iterations are those of Epperly, Meier and Nakatsukasa; an inner iteration
    here ends when its own residual promises the backward error, which costs no pass over A.

    References
    ----------
    E. N. Epperly, M. Meier, Y. Nakatsukasa, "Fast randomized least-squares solvers can be just as accurate and stable
    as classical direct solvers", 2024, arXiv:2406.03468. E. N. Epperly, "Fast and forward stable randomized algorithms
    for linear least-squares problems", 2023, arXiv:2311.04362. H. Avron, P. Maymounkov, S. Toledo, "Blendenpik:
    supercharging LAPACK's least-squares solver", SIAM Journal on Scientific Computing 32, 2010. R. Karlson, B. Walden,
    "Estimation of optimal backward perturbation bounds for the linear least squares problem", BIT 37, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import sketched_lstsq
    >>> rng = np.random.default_rng(0)
    >>> A, x = rng.standard_normal((5000, 30)), np.arange(30.0)
    >>> info = sketched_lstsq(A, A @ x, random_state=0, return_info=True)
    >>> info.method, info.rank
    ('gram', 30)
    >>> bool(np.allclose(info.x, x) and info.backward_error < 1e-15)
    True
    """
    options = _check_options(method, sketch, rtol, max_iter, min_norm, random_state, device)
    check_flag("return_info", return_info)
    effective_n_jobs(n_jobs)
    matrix = check_matrix(A, _check_dtype(refine_dtype), n_jobs)
    n, d = matrix.shape
    if n <= d and method != "minnorm":
        raise ValueError(f"A must have more rows than columns unless method='minnorm'; got shape {(n, d)}")
    B = _check_rhs(b, n, matrix.dtype)
    request = Request(n_components=_check_size(n_components, min(n, d)), **options)
    with single_threaded_blas():
        if n > d:
            info = solve(matrix, B, request, Solution)
        else:
            info = solve(matrix.transposed(), B, request, MinimumNormSolution)
    if np.ndim(b) == 1:
        info.x, info.residual_norm = info.x[:, 0], float(info.residual_norm[0])
    return info if return_info else info.x


def _check_options(method, sketch, rtol, max_iter, min_norm, random_state, device):
    """Return the checked options as keywords of Request."""
    check_option("method", method, METHODS)
    check_option("sketch", sketch, _SKETCHES)
    check_flag("min_norm", min_norm)
    return {
        "method": "auto" if method == "minnorm" else method,
        "sketch": sketch,
        "rtol": None if rtol is None else check_real("rtol", rtol, minimum=0),
        "max_iter": check_integer("max_iter", max_iter, minimum=1),
        "min_norm": min_norm or method == "minnorm",
        "rng": np.random.default_rng(int(key_from_random_state(random_state))),
        "device": resolve_device(device),
    }


def _check_dtype(refine_dtype):
    if refine_dtype is None:
        return None
    try:
        dtype = np.dtype(refine_dtype)
    except TypeError as error:
        raise TypeError(f"refine_dtype must be float64, float32 or None; got {refine_dtype!r}") from error
    if dtype not in (np.float64, np.float32):
        raise ValueError(f"refine_dtype must be float64, float32 or None; got {refine_dtype!r}")
    return dtype


def _check_rhs(b, n, dtype):
    """Return ``b`` as a C-ordered (n, k) array."""
    if scipy.sparse.issparse(b):
        raise TypeError("b must be a dense array; got a sparse one")
    with naming("b"):
        b = np.asarray(b)
    if b.dtype.kind not in "buifcO":
        raise TypeError(f"b must be an array of numbers; got dtype {b.dtype}")
    if np.iscomplexobj(b):
        raise TypeError("b must be real; complex data are not supported")
    if np.ndim(b) not in (1, 2) or np.size(b) == 0:
        raise ValueError(f"b must be a non-empty 1-d or 2-d array; got shape {np.shape(b)}")
    with naming("b"):
        B = check_array(b, dtype=dtype, order="C", ensure_2d=False, input_name="b")
    if len(B) != n:
        raise ValueError(f"b must have as many rows as A, {n}; got {len(B)}")
    return B.reshape(n, -1)


def _check_size(n_components, n_features):
    if n_components is None:
        return None
    n_components = check_integer("n_components", n_components, minimum=1)
    if n_components < n_features:
        raise ValueError(f"n_components must be at least n_features = {n_features}; got {n_components}")
    return n_components
