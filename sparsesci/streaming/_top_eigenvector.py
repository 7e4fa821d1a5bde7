"""The top eigenvector of A^T A, as a function."""

from sklearn.utils import Bunch

from sparsesci._core.validation import naming
from sparsesci.streaming._streaming_pca import StreamingPCA


def top_eigenvector(
    chunks,
    *,
    method="block-power",
    order="random",
    growth_factors=(1.1, 1.2, 1.35, 1.6, 2.0),
    first_block=32,
    max_heavy_rows=64,
    heavy_factor=0.0,
    center=False,
    n_samples_hint=None,
    shuffle_buffer=0,
    random_state=None,
    n_jobs=None,
    device="cpu",
    verbose=0,
):
    """Return the top right singular vector of a matrix whose rows come once, in chunks.

    Parameters
    ----------
    chunks : array-like or sparse matrix of shape (n_samples, n_features), or iterable of such chunks
    method : {"block-power", "oja-grid", "exact", "auto"}, default="block-power"
    order : {"random", "arbitrary"}, default="random"
    growth_factors : sequence of float, default=(1.1, 1.2, 1.35, 1.6, 2.0)
    first_block : int, default=32
    max_heavy_rows : int, default=64
    heavy_factor : float, default=0.0
    center : bool, default=False
        Whether the mean of the rows is taken out first.
    n_samples_hint : int or None, default=None
    shuffle_buffer : int, default=0
        These as in :class:`StreamingPCA`.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
    verbose : int, default=0
        Whether to show a progress bar.

    Returns
    -------
    vector : ndarray of shape (n_features,)
        Of unit norm; the entry of the largest magnitude is positive.
    eigenvalue : float
        Estimate of the largest eigenvalue of A^T A. With "oja-grid", the energy that the vector has met on its way:
        too small.
    info : :class:`~sklearn.utils.Bunch`
        With ``n_samples``, ``frobenius_norm``, ``memory_rows``, ``peak_memory_rows``, ``n_heavy_rows``,
        ``schedule_scores``, ``best_schedule`` and ``order_warning``.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of range, or the chunks do not fit together or hold NaN or infinity.

    See Also
    --------
    StreamingPCA : The same as an estimator, for several components too; its Notes give complexity and sources.

    Notes
    -----
    O(m d) time for a row and O((m + max_heavy_rows) d) memory, with m schedules. P. Kacham, D. P. Woodruff,
    "Approximating the Top Eigenvector in Random Order Streams", NeurIPS 2024, arXiv:2412.11963, is where heavy rows and
    blocks of a stream come from; the rest is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.streaming import top_eigenvector
    >>> rng = np.random.default_rng(0)
    >>> chunks = (rng.standard_normal((500, 40)) * np.where(np.arange(40) == 5, 2, 1) for _ in range(20))
    >>> vector, eigenvalue, info = top_eigenvector(chunks, random_state=0)
    >>> int(vector.argmax()), info.n_samples, bool(vector[5] ** 2 > 0.99)
    (5, 10000, True)
    """
    model = StreamingPCA(
        method=method,
        order=order,
        growth_factors=growth_factors,
        first_block=first_block,
        max_heavy_rows=max_heavy_rows,
        heavy_factor=heavy_factor,
        center=center,
        n_samples_hint=n_samples_hint,
        shuffle_buffer=shuffle_buffer,
        random_state=random_state,
        n_jobs=n_jobs,
        device=device,
        verbose=verbose,
    )
    model._check_parameters()
    with naming("chunks"):
        model.fit(chunks)
    info = Bunch(
        n_samples=model.n_samples_seen_,
        frobenius_norm=model.frobenius_norm_,
        memory_rows=model.memory_rows_,
        peak_memory_rows=model.peak_memory_rows_,
        n_heavy_rows=model.n_heavy_rows_,
        schedule_scores=model.schedule_scores_,
        best_schedule=model.best_schedule_,
        order_warning=model.order_warning_,
    )
    return model.components_[0], float(model.singular_values_[0]) ** 2, info
