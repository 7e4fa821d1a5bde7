"""Fitting on data that do not fit one machine: one summary for each part of a Dask collection, merged in a tree."""

import copy
from importlib import import_module

import numpy as np
from sklearn.base import clone

from sparsesci._core import rng as _rng
from sparsesci._core import validation as _validation

__all__ = ["fit"]


def fit(estimator, X, y=None, *, split_every=8, scheduler=None):
    """Fit an estimator that has ``partial_fit`` and ``merge`` on a Dask array or dataframe.

    Every part of ``X`` is summarised where it lies, by a clone of the estimator, and the summaries are merged in a
    tree; only they travel. Where the estimator has a ``row_offset``, each clone is told the number of its first row, so
    that sketches defined by row numbers are those of a fit on one machine, up to the order of additions. A part that is
    lost with a worker is summarised again by Dask, with the same result.

    Parameters
    ----------
    estimator : estimator with ``partial_fit`` and ``merge``
        Fitted in place: what it had learned is replaced. Its parameters stay as they are.
    X : dask.array.Array of shape (n_samples, n_features) or dask.dataframe.DataFrame
        The chunks along the rows, or the partitions, are the parts. Parts without rows are passed over.
    y : dask.array.Array, dask.dataframe.Series or DataFrame, array-like, or None, default=None
        Targets. Divided as ``X`` is, if possible; a dataframe must have the partitions of ``X`` already.
    split_every : int, default=8
        How many summaries are merged by one task, at least 2.
    scheduler : str, distributed.Client or None, default=None
        As in :func:`dask.compute`: "threads", "processes", "synchronous", or a client. None: the current one.

    Returns
    -------
    estimator : the estimator that was given

    Raises
    ------
    ImportError
        If Dask is not installed (``pip install sparsesci[dask]``).
    TypeError
        If ``estimator`` cannot be merged, or ``X`` is no Dask collection.
    ValueError
        If ``X`` has no rows, or ``X`` and ``y`` do not have as many.

    Warns
    -----
    As the estimator.

    Notes
    -----
    Time of one ``partial_fit`` for each part, and of merging: for a sketched regression an addition of sketches, for
    principal components a small singular value decomposition, for coresets another reduction. A merged
    :class:`~sparsesci.streaming.StreamingPCA` is a heuristic for parts each of which is representative; the guarantee
    of :class:`~sparsesci.streaming.FrequentDirections` survives merging, an
    :class:`~sparsesci.sampling.LpCoreset` of parts is a coreset of all, and a
    :class:`~sparsesci.sketching.SketchedRegression` is the same to rounding. With partitions of unknown length
    (dataframes) these are counted first if the estimator has a ``row_offset`` or ``n_max``.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from sparsesci import distributed
    >>> from sparsesci.streaming import StreamingPCA
    >>> X = np.random.default_rng(0).standard_normal((6000, 20))
    >>> X[:, 4] *= 3
    >>> model = StreamingPCA(random_state=0)
    >>> model = distributed.fit(model, da.from_array(X, chunks=(1500, 20)))
    >>> model.n_samples_seen_, int(model.components_[0].argmax())
    (6000, 4)
    """
    for method in ("partial_fit", "merge", "get_params"):
        if not hasattr(estimator, method) or isinstance(estimator, type):
            raise TypeError(f"estimator must be an instance with partial_fit and merge; got {estimator!r}")
    split_every = _validation.check_integer("split_every", split_every, minimum=2)
    dask = _import_dask()
    options = {} if scheduler is None else {"scheduler": scheduler}
    with _validation.naming("scheduler"):
        dask.base.get_scheduler(**options)
    parts = _parts(dask, X, y)
    settings = _settings(estimator, parts, dask, options)
    blank = _blank(estimator)
    summaries = [
        dask.delayed(_summarise)(blank, {**settings, **own}, *rows)
        for own, rows in zip(_offsets(estimator, parts, dask, options), parts)
    ]
    while len(summaries) > 1:
        groups = [summaries[i : i + split_every] for i in range(0, len(summaries), split_every)]
        summaries = [group[0] if len(group) == 1 else dask.delayed(_merge)(group) for group in groups]
    (fitted,) = dask.compute(summaries[0], **options)
    if fitted is None:
        raise ValueError("X has no rows")
    return _take_over(estimator, fitted)


def _import_dask():
    try:
        return import_module("dask")
    except ImportError as error:
        raise ImportError("sparsesci.distributed needs Dask: pip install sparsesci[dask]") from error


# Parts of collections


def _parts(dask, X, y):
    """Return a list of tuples of delayed parts: (X,) or (X, y)."""
    if not dask.is_dask_collection(X) or not hasattr(X, "ndim"):
        raise TypeError(f"X must be a Dask array or dataframe; got {type(X).__name__}")
    if X.ndim != 2:
        raise ValueError(f"X must be 2-d; got {X.ndim} dimension(s)")
    if hasattr(X, "chunks"):
        X = X.rechunk({1: -1}) if X.numblocks[1] != 1 else X
        pieces = [row[0] for row in X.to_delayed()]
    else:
        pieces = X.to_delayed()
    if y is None:
        return [(piece,) for piece in pieces]
    targets = _target_parts(X, y)
    if len(targets) != len(pieces):
        raise ValueError(f"y must be divided as X is, into {len(pieces)} parts; got {len(targets)}")
    return list(zip(pieces, targets))


def _target_parts(X, y):
    if hasattr(y, "to_delayed") and not hasattr(y, "chunks"):
        return list(y.to_delayed())
    if not hasattr(X, "chunks"):
        if not hasattr(y, "to_delayed"):
            raise TypeError(f"y must be a Dask series or array where X is a dataframe; got {type(y).__name__}")
        return _rows_of(y)
    known = not any(np.isnan(size) for size in X.chunks[0])
    if not hasattr(y, "to_delayed"):
        with _validation.naming("y"):
            y = np.asarray(y)
            if not known or y.ndim == 0 or len(y) != X.shape[0]:
                raise ValueError(f"y must have as many rows as X, {X.shape[0]}; got shape {y.shape}")
        y = import_module("dask.array").from_array(y, chunks=(X.chunks[0], *y.shape[1:]))
    elif known and y.chunks[0] != X.chunks[0]:
        if y.shape[0] != X.shape[0]:
            raise ValueError(f"y must have as many rows as X, {X.shape[0]}; got {y.shape[0]}")
        y = y.rechunk({0: X.chunks[0]})
    return _rows_of(y)


def _rows_of(y):
    if y.ndim == 2 and y.numblocks[1] != 1:
        y = y.rechunk({1: -1})
    return list(y.to_delayed().reshape(-1))


# Row numbers and keys


def _counts(parts, dask, options):
    """Return the number of rows of every part."""
    return dask.compute([dask.delayed(_count)(rows[0]) for rows in parts], **options)[0]


def _count(part):
    return int(part.shape[0])


def _settings(estimator, parts, dask, options):
    """Return parameters that all clones share: one key, and a bound on the row numbers."""
    parameters = estimator.get_params(deep=False)
    settings = {}
    if "random_state" in parameters and not isinstance(parameters["random_state"], (int, np.integer)):
        settings["random_state"] = int(_rng.key_from_random_state(parameters["random_state"]) >> np.uint64(32))
    if "n_max" in parameters and parameters["n_max"] is None:
        first = parameters.get("row_offset", 0)
        settings["n_max"] = max(1, sum(_counts(parts, dask, options)) + first)
    return settings


def _offsets(estimator, parts, dask, options):
    """Return for every part the parameters that tell it the number of its first row."""
    parameters = estimator.get_params(deep=False)
    if "row_offset" not in parameters:
        return [{} for _ in parts]
    counts = _counts(parts, dask, options)
    starts = parameters["row_offset"] + np.concatenate(([0], np.cumsum(counts)[:-1]))
    return [{"row_offset": int(start)} for start in starts]


# Tasks


def _blank(estimator):
    """Return an unfitted copy; parameters are copied as they are."""
    return clone(estimator)


def _summarise(blank, settings, X, y=None):
    """Return a fitted clone, or None for a part without rows."""
    if y is not None and X.shape[0] != len(y):
        raise ValueError(f"y must have as many rows as X in every part; got {len(y)} and {X.shape[0]}")
    if X.shape[0] == 0:
        return None
    worker = clone(blank).set_params(**settings)
    return worker.partial_fit(X) if y is None else worker.partial_fit(X, y)


def _merge(summaries):
    """Return the union of several summaries, none of which is changed: Dask may use them again."""
    summaries = [summary for summary in summaries if summary is not None]
    if not summaries:
        return None
    union = copy.deepcopy(summaries[0])
    for summary in summaries[1:]:
        union.merge(summary)
    return union


def _take_over(estimator, fitted):
    """Give the estimator what was learned, with its own parameters."""
    learned = dict(vars(fitted))
    learned.update(estimator.get_params(deep=False))
    estimator.__dict__ = learned
    return estimator
