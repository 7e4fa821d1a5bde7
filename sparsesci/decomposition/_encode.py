"""Coding samples by few atoms of a dictionary."""

import warnings
from dataclasses import dataclass

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.arrays import check_rows, kernel_view
from sparsesci._core.device import resolve_device, twin
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real
from sparsesci.decomposition import _descent_kernels, _homotopy_kernels, _pursuit_kernels
from sparsesci.decomposition._proximal import proximal_gradient, squared_norm
from sparsesci.decomposition.penalty import Penalty, by_name

ALGORITHMS = ("auto", "ista", "fista", "cd", "omp", "ormp", "homotopy")
SELECTIONS = ("auto", "cyclic", "greedy")
_ON_GPU = ("cd", "omp", "ormp")
_SAFE_STEP = 0.99


@dataclass(frozen=True)
class Coder:
    """Checked options of a coder."""

    penalty: Penalty
    alpha: float
    n_nonzero: int | None
    eps: float | None
    algorithm: str
    selection: str
    debias: bool
    positive: bool
    step: float | None
    tol: float
    max_iter: int
    n_jobs: int | None
    device: str


def check_coder(
    *, penalty, alpha, n_nonzero, eps, algorithm, selection, debias, positive, step, tol, max_iter, n_jobs, device
):
    """Return the options as a ``Coder``; ValueError or TypeError where they are not valid or do not go together."""
    penalty = by_name(penalty)
    check_option("algorithm", algorithm, ALGORITHMS)
    check_option("selection", selection, SELECTIONS)
    debias, positive = check_flag("debias", debias), check_flag("positive", positive)
    if alpha is not None:
        alpha = check_real("alpha", alpha, minimum=0, exclusive=True)
    if n_nonzero is not None:
        n_nonzero = check_integer("n_nonzero", n_nonzero, minimum=1)
    if eps is not None:
        eps = check_real("eps", eps, minimum=0)
    if step is not None:
        step = check_real("step", step, minimum=0, exclusive=True)
    tol = check_real("tol", tol, minimum=0)
    max_iter = check_integer("max_iter", max_iter, minimum=1)
    effective_n_jobs(n_jobs)
    resolve_device(device)
    if algorithm == "auto":
        greedy = alpha is None and (n_nonzero is not None or eps is not None)
        algorithm = "omp" if greedy else "cd"
    if algorithm in ("omp", "ormp"):
        if n_nonzero is None and eps is None:
            raise ValueError(f"n_nonzero or eps must be given with algorithm={algorithm!r}")
    elif eps is not None:
        raise ValueError(f"eps={eps} needs algorithm='omp' or 'ormp'; got {algorithm!r}")
    elif n_nonzero is not None and algorithm != "homotopy":
        raise ValueError(f"n_nonzero={n_nonzero} needs algorithm='omp', 'ormp' or 'homotopy'; got {algorithm!r}")
    if algorithm == "homotopy" and not penalty.convex:
        raise ValueError(f"penalty must be 'l1' with algorithm='homotopy'; got {penalty!r}")
    if positive and algorithm in ("omp", "ormp", "homotopy"):
        raise ValueError(f"positive=True needs algorithm='cd', 'ista' or 'fista'; got {algorithm!r}")
    if resolve_device(device) == "cuda" and algorithm not in _ON_GPU:
        raise ValueError(f"device='cuda' needs algorithm='cd', 'omp' or 'ormp'; got {algorithm!r}")
    if selection == "auto":
        selection = "greedy"
    alpha = 1.0 if alpha is None else alpha
    return Coder(
        penalty, alpha, n_nonzero, eps, algorithm, selection, debias, positive, step, tol, max_iter, n_jobs, device
    )


def check_dictionary(dictionary, name="dictionary"):
    """Return a dictionary (n_components, n_features) of floats without zero atoms."""
    dictionary = kernel_view(np.ascontiguousarray(_dense(dictionary, name)))
    zero = np.flatnonzero(~dictionary.any(axis=1))
    if len(zero):
        raise ValueError(f"{name} must not have atoms that are zero; atom {zero[0]} is")
    return dictionary


def _dense(array, name):
    if hasattr(array, "toarray"):
        raise TypeError(f"{name} must be a dense array; got {type(array).__name__}")
    return check_rows(array, name=name)


def sparse_encode(
    X,
    dictionary,
    *,
    penalty="cel0",
    alpha=None,
    n_nonzero=None,
    eps=None,
    algorithm="auto",
    selection="auto",
    debias=False,
    positive=False,
    init=None,
    step=None,
    tol=1e-4,
    max_iter=1000,
    n_jobs=None,
    device="cpu",
):
    """Code samples by few atoms of a dictionary.

    For every sample x, minimises ``0.5 * ||x - r @ dictionary||**2 + sum_j g(r_j)`` over the code r, where g is
    ``alpha`` times a penalty; or picks atoms greedily until there are ``n_nonzero`` or the squared error is ``eps``.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        float32 stays float32.
    dictionary : array-like of shape (n_components, n_features)
        Atoms of any norm but zero.
    penalty : {"l1", "l0", "half", "two_thirds", "cel0", "mcp", "scad", "log"} or object, default="cel0"
        An object of `sparsesci.decomposition.penalty` sets further parameters, as ``penalty.MCP(gamma=2.5)``.
    alpha : float or None, default=None
        Weight of the penalty (lam in the formulas); not divided by a number of samples or features. None is 1.
    n_nonzero : int or None, default=None
        Number of atoms at which pursuits, and the homotopy, stop.
    eps : float or None, default=None
        Squared error at which pursuits stop.
    algorithm : {"auto", "ista", "fista", "cd", "omp", "ormp", "homotopy"}, default="auto"
        Proximal gradient iteration without and with momentum, coordinate descent, orthogonal matching pursuit, its
        order-recursive variant, which takes the atom that reduces the error most, and for l1 the path of minimisers.
        "auto" is "omp" where ``n_nonzero`` or ``eps`` is given without ``alpha``, and "cd" otherwise.
    selection : {"auto", "cyclic", "greedy"}, default="auto"
        Order of coordinate descent: in turn, or the coordinate that changes most. "auto" is "greedy".
    debias : bool, default=False
        Whether to replace the values by least squares on the support in the end.
    positive : bool, default=False
        Whether codes must not be negative ("cd", "ista", "fista").
    init : array-like of shape (n_samples, n_components) or None, default=None
        Start of the iteration; None is zero. Pursuits and homotopy start from zero in any case.
    step : float or None, default=None
        Step of "ista" and "fista"; None is 0.99 / ||dictionary||_2^2.
    tol : float, default=1e-4
        Relative change at which iterations stop.
    max_iter : int, default=1000
        Iterations, or sweeps over the atoms, or steps of the homotopy in units of the number of atoms.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        The GPU knows "cd" with greedy selection, "omp" and "ormp".

    Returns
    -------
    codes : ndarray of shape (n_samples, n_components)

    Raises
    ------
    ValueError
        If an array is not finite, numbers of features differ, an atom is zero, a parameter is out of range (``gamma``
        of MCP not above the step, ``a`` of SCAD not above one plus the step), or options do not go together.
    TypeError
        If a parameter is of the wrong type.

    Warns
    -----
    UserWarning
        If ``n_nonzero`` exceeds the number of atoms and is reduced to it.
    ConvergenceWarning
        If ``max_iter`` was reached, or ``step`` is above 1 / ||dictionary||_2^2.

    See Also
    --------
    SparseCoder : The same as a transformer.
    DictionaryLearning : Learns the dictionary.

    Notes
    -----
    With K atoms, P features, k atoms per code: correlations O(n K P), the Gram matrix O(K^2 P); a pursuit O(K k^2), a
    step of greedy coordinate descent O(K), an iteration of ISTA O(K P), each per sample. Memory O(K^2 + n K).

    Penalties other than l1 are not convex: codes are local minimisers, and the algorithm matters as much as the
    penalty.

    References
    ----------
    I. Rentzeperis, L. Calatroni, L. U. Perrinet, D. Prandi, "Beyond l1 sparse coding in V1", PLoS Computational Biology
    19, 2023, arXiv:2301.10002; E. Soubies, L. Blanc-Feraud, G. Aubert, "A continuous exact l0 penalty (CEL0) for least
    squares regularized problem", SIAM Journal on Imaging Sciences 8, 2015; L. Rebollo-Neira, D. Lowe, "Optimized
    orthogonal matching pursuit approach", IEEE Signal Processing Letters 9, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.decomposition import sparse_encode
    >>> dictionary = np.eye(3)
    >>> sparse_encode([[3.0, 0.2, -2.0]], dictionary, penalty="l0", alpha=0.5)
    array([[ 3.,  0., -2.]])
    >>> sparse_encode([[3.0, 0.2, -2.0]], dictionary, n_nonzero=1)
    array([[3., 0., 0.]])
    """
    coder = check_coder(
        penalty=penalty, alpha=alpha, n_nonzero=n_nonzero, eps=eps, algorithm=algorithm, selection=selection,
        debias=debias, positive=positive, step=step, tol=tol, max_iter=max_iter, n_jobs=n_jobs, device=device,
    )  # fmt: skip
    X = _dense(X, "X")
    dictionary = check_dictionary(dictionary)
    if X.shape[1] != dictionary.shape[1]:
        raise ValueError(
            f"X must have as many features as the atoms of the dictionary, {dictionary.shape[1]}; got {X.shape[1]}"
        )
    if init is not None:
        init = _dense(init, "init")
        if init.shape != (len(X), len(dictionary)):
            raise ValueError(f"init must have shape {(len(X), len(dictionary))}; got {init.shape}")
        if coder.positive and init.min() < 0:
            raise ValueError("init must not be negative with positive=True")
    return encode(X, dictionary, coder, init)


def encode(X, dictionary, coder, init=None, *, threshold_step=None, quiet=False):
    """Code checked samples with checked options; ``quiet`` holds back warnings of convergence."""
    dtype = np.dtype(X.dtype)
    X = kernel_view(np.ascontiguousarray(X))
    # Powers of two change no bit, and keep sums of squares in range.
    norms = np.linalg.norm(dictionary.astype(np.float64), axis=1)
    dictionary = dictionary.astype(dtype, copy=False)
    codes = np.zeros((len(X), len(dictionary)), dtype=dtype)
    if init is not None and coder.algorithm in ("cd", "ista", "fista"):
        codes[...] = init
    if coder.algorithm in ("omp", "ormp"):
        unit = (dictionary / norms[:, None]).astype(dtype)
        _pursue(X, unit, coder, codes)
        codes /= norms.astype(dtype)
        converged = True
    elif coder.algorithm == "cd":
        converged = _descend(X, dictionary, norms, coder, codes)
    elif coder.algorithm == "homotopy":
        converged = _follow(X, dictionary, coder, codes)
    else:
        converged = _iterate(X, dictionary, coder, codes, threshold_step)
    if not converged and not quiet:
        warnings.warn(
            f"the codes of some samples did not converge in max_iter={coder.max_iter} iterations",
            ConvergenceWarning,
            stacklevel=3,
        )
    if coder.debias:
        _debias(X, dictionary, coder, codes)
    return codes


def _gram_and_correlations(X, dictionary):
    # One thread, so that the bits do not depend on how many BLAS would use.
    with single_threaded_blas():
        return dictionary @ dictionary.T, X @ dictionary.T


def _pursue(X, unit, coder, codes):
    most = len(unit)
    k = most if coder.n_nonzero is None else coder.n_nonzero
    if k > most:
        warnings.warn(
            f"n_nonzero={k} is more than the {most} atoms of the dictionary: it is reduced to that",
            UserWarning,
            stacklevel=4,
        )
    k = min(k, most, X.shape[1])
    gram, correlations = _gram_and_correlations(X, unit)
    energies = np.einsum("ij,ij->i", X, X, dtype=np.float64)
    eps = 0.0 if coder.eps is None else coder.eps
    kernels = twin(_pursuit_kernels, coder.device)
    kernels.pursue(gram, correlations, energies, k, eps, coder.algorithm == "ormp", codes, coder.n_jobs)


def _descend(X, dictionary, norms, coder, codes):
    coder.penalty.check(1 / norms.min() ** 2)
    gram, correlations = _gram_and_correlations(X, dictionary)
    converged = np.zeros(len(X), dtype=bool)
    order = _descent_kernels.GREEDY if coder.selection == "greedy" else _descent_kernels.CYCLIC
    if order == _descent_kernels.CYCLIC and resolve_device(coder.device) == "cuda":
        raise ValueError("selection must be 'greedy' with device='cuda'; got 'cyclic'")
    twin(_descent_kernels, coder.device).descend(
        order, coder.penalty.kind, gram, correlations, coder.alpha, coder.penalty.param, coder.positive, X.shape[1],
        coder.tol, coder.max_iter, codes, converged, coder.n_jobs,
    )  # fmt: skip
    return bool(converged.all())


def _follow(X, dictionary, coder, codes):
    gram, correlations = _gram_and_correlations(X, dictionary)
    most = min(dictionary.shape)
    if coder.n_nonzero is not None:
        most = min(most, coder.n_nonzero)
    converged = np.zeros(len(X), dtype=bool)
    # With a number of atoms and no weight the path is followed to its end.
    lam = 0.0 if coder.n_nonzero is not None else coder.alpha
    _homotopy_kernels.homotopy(
        gram, correlations, lam, most, coder.max_iter * len(dictionary), codes, converged, coder.n_jobs
    )
    return bool(converged.all())


def _iterate(X, dictionary, coder, codes, threshold_step):
    lipschitz = squared_norm(dictionary)
    step = _SAFE_STEP / lipschitz if coder.step is None else coder.step
    if step > 1.001 / lipschitz:
        warnings.warn(
            f"step={step:g} is above 1 / ||dictionary||^2 = {1 / lipschitz:g}: the iteration may diverge",
            ConvergenceWarning,
            stacklevel=4,
        )
    coder.penalty.check(max(step, threshold_step or step))
    converged = proximal_gradient(
        X, dictionary, coder.penalty, coder.alpha, step=step, accelerate=coder.algorithm == "fista",
        positive=coder.positive, tol=coder.tol, max_iter=coder.max_iter, codes=codes, threshold_step=threshold_step,
        n_jobs=coder.n_jobs,
    )  # fmt: skip
    return bool(converged.all())


def _debias(X, dictionary, coder, codes):
    """Replace codes by least squares on their supports, kept non-negative where they have to be."""
    if not coder.positive:
        gram, correlations = _gram_and_correlations(X, dictionary)
        solved = np.zeros(len(X), dtype=bool)
        _homotopy_kernels.refit(gram, correlations, min(dictionary.shape), codes, solved, coder.n_jobs)
    else:
        solved = np.zeros(len(X), dtype=bool)
    for i in np.flatnonzero(~solved):
        support = np.flatnonzero(codes[i])
        atoms = dictionary[support].T.astype(np.float64)
        if coder.positive and len(support):
            codes[i, support] = scipy.optimize.nnls(atoms, X[i].astype(np.float64))[0]
        elif len(support):
            codes[i, support] = np.linalg.lstsq(atoms, X[i].astype(np.float64), rcond=None)[0]
