"""Exact samples of finite projection determinantal point processes."""

import numpy as np
from sklearn.utils import assert_all_finite

from sparsesci._core.arrays import check_rows, kernel_view
from sparsesci._core.device import is_cuda_array, resolve_device, twin
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_flag, check_integer, check_option
from sparsesci.sampling import _projection_dpp_kernels as kernels
from sparsesci.sampling._gram_schmidt_kernels import gram_schmidt_samples
from sparsesci.sampling._orthonormal import TOLERANCE, gram_deviation

_METHODS = ("auto", "rejection", "gram_schmidt")


def projection_dpp(
    V,
    size=None,
    *,
    n_samples=None,
    method="auto",
    check_input=True,
    random_state=None,
    n_jobs=None,
    device="cpu",
):
    """Draw row numbers from the projection determinantal point process of the columns of ``V``, exactly.

    A set S of k rows has probability ``det(V[S])**2``, where k is the number of columns: rows that span a large
    volume together are drawn together, rows that are alike are not. Row i is in the sample with probability
    ``sum(V[i]**2)``, its leverage score.

    Parameters
    ----------
    V : array-like of shape (N, k), float32 or float64
        Its columns are orthonormal; see ``scipy.linalg.orth``. C-ordered arrays are read fastest; none is copied.
    size : int or None, default=None
        How many rows to draw, at most k. With fewer than k a set S has probability proportional to
        ``det(V[S] @ V[S].T)``: the k-DPP of the projection. None: k.
    n_samples : int or None, default=None
        How many independent samples to draw. The preparations, of time O(N k), are done once for all of them. None:
        one sample, as a vector.
    method : {"auto", "rejection", "gram_schmidt"}, default="auto"
        "rejection" proposes rows in proportion to their leverage and accepts them with the probability that the chain
        rule asks for; after one pass over ``V`` its time does not depend on N. "gram_schmidt" keeps the conditional
        probabilities of all rows, with a pass over ``V`` at every fourth step. Both are exact. "auto" is rejection
        where N > 4 k, and on a GPU.
    check_input : bool, default=True
        Whether to check that the columns are orthonormal, to 1e-8 (1e-5 in single precision). It takes O(N k**2),
        more than a sample: pass False where ``V`` is known to be so. NaN and infinity are found in any case.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to sample; on a GPU by rejection only, from the same random numbers. The check of a ``V`` on a GPU copies
        it to the host.

    Returns
    -------
    rows : ndarray of shape (size,) or (n_samples, size), int64
        Distinct row numbers in the order in which they were drawn, which is exchangeable: the first few are a sample
        of that ``size``.

    Raises
    ------
    ValueError
        If the columns of ``V`` are not orthonormal, for NaN or infinity, and for a ``size`` outside [1, k].

    Notes
    -----
    Step j of the chain rule (j = 0, 1, ...) draws row i with probability ``r_i / (k - j)``, r_i being the squared
    distance of ``V[i]`` from the span of the rows that were taken. As r_i is at most the leverage l_i, a proposal from
    ``l_i / k`` is accepted with probability ``r_i / l_i``, and the expected number of trials is k / (k - j) whatever
    ``V`` is: k (1 + 1/2 + ... + 1/k) for a sample of size k.

    Time O(N k) once, then O(k**3 log k + k log k log N) a sample; by Gram-Schmidt O(N k**2) a sample. Memory O(N)
    beyond ``V``.

    References
    ----------
    J. B. Hough, M. Krishnapur, Y. Peres, B. Virag, "Determinantal processes and independence", Probability Surveys
    2006, arXiv:math/0503110: the chain rule.

    S. Barthelme, N. Tremblay, P.-O. Amblard, "A faster sampler for discrete determinantal point processes", 2022,
    arXiv:2210.17358: rejection within it.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.linalg import orth
    >>> from sparsesci.sampling import projection_dpp
    >>> V = orth(np.vander(np.linspace(-1, 1, 1000), 5))
    >>> rows = projection_dpp(V, random_state=0)
    >>> rows.shape, len(set(rows.tolist()))
    ((5,), 5)
    >>> projection_dpp(V, n_samples=3, random_state=0).shape
    (3, 5)
    """
    check_option("method", method, _METHODS)
    check_flag("check_input", check_input)
    if n_samples is not None:
        n_samples = check_integer("n_samples", n_samples, minimum=1)
    effective_n_jobs(n_jobs)
    where = resolve_device(device)
    if where == "cuda" and method == "gram_schmidt":
        raise ValueError("method must be 'rejection' or 'auto' on a GPU; got 'gram_schmidt'")
    V = check_orthonormal(V, check_input, n_jobs, where)
    n_rows, k = V.shape
    size = k if size is None else check_integer("size", size, minimum=1, maximum=k)
    key = key_from_random_state(random_state)
    if method == "auto":
        method = "rejection" if where == "cuda" or n_rows > 4 * k else "gram_schmidt"
    rows, _ = draw_projection(V, size, n_samples or 1, key, method, n_jobs, where)
    return rows[0] if n_samples is None else rows


def check_orthonormal(V, check_input, n_jobs, device="cpu"):
    """Return ``V`` as an array for kernels, or raise ValueError; its columns are looked at with ``check_input`` only.

    Without it NaN and infinity are left to be found where the rows are added up.
    """
    if not _is_plain(V):
        V = check_rows(V, name="V", check_finite=False, device=device)
    if hasattr(V, "tocsr"):
        raise TypeError("V must be a dense array; got a sparse one")
    if V.shape[0] < V.shape[1]:
        raise ValueError(f"V must have at least as many rows as columns; got shape {tuple(V.shape)}")
    if not is_cuda_array(V):
        V = kernel_view(V)
    if check_input:
        host = V.copy_to_host() if is_cuda_array(V) else V
        deviation, allowed = gram_deviation(host, n_jobs=n_jobs), TOLERANCE[host.dtype.name]
        if not deviation <= allowed:
            assert_all_finite(host, input_name="V")
            raise ValueError(
                f"the columns of V must be orthonormal, max|V.T @ V - I| <= {allowed:g}; got {deviation:.3g}. "
                "scipy.linalg.orth makes such columns"
            )
    return V


def _is_plain(V):
    """Return whether ``V`` needs no conversion: the checks of arrays take as long as some samples."""
    return type(V) is np.ndarray and V.dtype.str in ("<f8", "<f4") and V.ndim == 2 and V.size > 0


def draw_projection(V, size, n_samples, key, method, n_jobs, device="cpu"):
    """Return samples (n_samples, size) and their numbers of trials (n_samples,)."""
    rows = np.empty((n_samples, size), dtype=np.int64)
    trials = np.empty(n_samples, dtype=np.int64)
    if method == "gram_schmidt":
        assert_all_finite(V, input_name="V")
        gram_schmidt_samples(V, key, rows, trials, n_jobs)
    else:
        prepared = twin(kernels, device).row_law(V, n_jobs)
        _check_total(prepared[1], V)
        draw_by_rejection(V, None, None, np.full(n_samples, size), prepared, key, rows, trials, n_jobs, device)
    check_trials(trials)
    return rows, trials


def draw_by_rejection(V, columns, counts, sizes, prepared, key, rows, trials, n_jobs, device="cpu"):
    """Call the launcher of rejection sampling; ``columns=None`` means all columns for every sample."""
    if columns is None:
        columns = np.arange(V.shape[1])[np.newaxis]
        counts = np.full(sizes.size, V.shape[1])
    launcher = twin(kernels, device).rejection_samples
    launcher(V, columns, counts, sizes, *prepared, key, rows, trials, n_jobs)


def check_trials(trials):
    """Raise ValueError where a sampler gave up."""
    if (trials < 0).any():
        raise ValueError(
            "the columns of V must be orthonormal: no proposal was accepted for so long that they cannot be"
        )


def _check_total(cumulative, V):
    """Raise ValueError if the rows hold NaN or infinity, or zeros only."""
    total = float(cumulative[0, -1])
    if np.isfinite(total) and total > 0.0:
        return
    assert_all_finite(V.copy_to_host() if is_cuda_array(V) else V, input_name="V")
    raise ValueError(f"the columns of V must be orthonormal; their squared entries add up to {total}")
