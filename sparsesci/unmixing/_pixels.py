"""Taking scenes in: cubes and matrices, masks, and blocks of pixels that are read one at a time."""

import numpy as np
import scipy.sparse

from sparsesci._core.arrays import check_rows
from sparsesci._core.device import is_cuda_array
from sparsesci._core.threads import effective_n_jobs, run_chunks, run_ranges
from sparsesci._core.validation import naming

_BLOCK_BYTES = 1 << 20
_FEWEST_ROWS = 64
_MOST_RANGES = 64
_RANGES_PER_THREAD = 4


class PixelRows:
    """The pixels of a scene that take part, in blocks: float64 in C order, whatever the array is.

    Parameters
    ----------
    X : ndarray of shape (n_pixels, n_bands)
        Of any real type and layout, possibly memory-mapped; never copied as a whole.
    keep : ndarray of int of shape (n_kept,) or None
        Which pixels take part; None for all.
    """

    def __init__(self, X, keep=None):
        self.X = X
        self.keep = keep
        self.n_bands = X.shape[1]
        self.resident = None  # the CUDA twins keep their copy of the pixels here

    def __len__(self):
        return self.X.shape[0] if self.keep is None else self.keep.size

    def block(self, start, stop):
        """Return pixels start ... stop - 1 of those that take part; a view where that is possible."""
        rows = self.X[start:stop] if self.keep is None else self.X[self.keep[start:stop]]
        return np.ascontiguousarray(rows, dtype=np.float64)

    @property
    def block_rows(self):
        """Number of pixels of a block that stays in the second-level cache."""
        return max(_FEWEST_ROWS, _BLOCK_BYTES // (8 * self.n_bands))

    def blocks(self):
        """Yield (start, stop, block) over all pixels."""
        for start in range(0, len(self), self.block_rows):
            stop = min(len(self), start + self.block_rows)
            yield start, stop, self.block(start, stop)

    def for_each_block(self, task, n_jobs=None):
        """Call ``task(start, stop, block)`` for every block, on several threads."""
        run_ranges(lambda start, stop: task(start, stop, self.block(start, stop)), len(self), self.block_rows, n_jobs)

    def sum_blocks(self, task, n_jobs=None):
        """Return the sums over all blocks of what ``task(start, stop, block)`` returns, a tuple of arrays.

        The grouping of the sums depends on the number of pixels and bands only. A few ranges are summed at a time, so
        that there are never many copies of the sums.
        """
        n_blocks = -(-len(self) // self.block_rows)
        n_ranges = min(n_blocks, _MOST_RANGES)
        n_threads = min(effective_n_jobs(n_jobs), n_ranges)
        at_once = 1 if n_threads == 1 else _RANGES_PER_THREAD * n_threads
        total = None
        for first in range(0, n_ranges, at_once):
            partial = [None] * min(at_once, n_ranges - first)

            def run(i, first=first, partial=partial):
                r, sums = first + i, None
                for q in range(r * n_blocks // n_ranges, (r + 1) * n_blocks // n_ranges):
                    start = q * self.block_rows
                    stop = min(len(self), start + self.block_rows)
                    sums = _added(sums, task(start, stop, self.block(start, stop)))
                partial[i] = sums

            run_chunks(run, len(partial), n_threads)
            for sums in partial:
                total = _added(total, sums)
        return total


def _added(sums, values):
    return values if sums is None else tuple(s + v for s, v in zip(sums, values))


def as_matrix(X, name="X"):
    """Return a scene as an array whose last axis are the bands, and its image shape (rows, cols) or None.

    A cube (rows, cols, bands) becomes (rows * cols, bands); a matrix is returned as it came.
    """
    if scipy.sparse.issparse(X):
        raise TypeError(f"{name} must be dense; got a sparse matrix")
    if is_cuda_array(X) or hasattr(X, "columns"):
        return X, None
    with naming(name):
        X = _loaded(X)
        if not isinstance(X, np.ndarray):
            X = np.asarray(X)
    if X.ndim != 3:
        return X, None
    if X.size == 0:
        raise ValueError(f"{name} must have at least one pixel and one band; got shape {X.shape}")
    return X.reshape(-1, X.shape[2]), X.shape[:2]


def _loaded(X):
    """Return the array behind an image of the package ``spectral``, which is read by ``load()``."""
    if type(X).__module__.split(".")[0] == "spectral" and hasattr(X, "load") and not isinstance(X, np.ndarray):
        return np.asarray(X.load())
    return X


def check_mask(mask, n_pixels, name="mask"):
    """Return the mask as a flat array of bool, True where a pixel is left out, or None."""
    if mask is None:
        return None
    with naming(name):
        mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        raise TypeError(f"{name} must be boolean, True where a pixel is left out; got dtype {mask.dtype}")
    if mask.ndim not in (1, 2) or mask.size != n_pixels:
        raise ValueError(f"{name} must have one entry for each of the {n_pixels} pixels; got shape {mask.shape}")
    mask = mask.reshape(-1)
    if mask.all():
        raise ValueError(f"{name} leaves no pixel; got True for all {n_pixels}")
    return mask if mask.any() else None


def check_scene(X, *, name="X", mask=None, allow_nan=False, check_finite=True):
    """Return (X, image shape or None, mask or None) with X a real (n_pixels, n_bands) array that can be read in blocks.

    float32 and float64 and memory maps of any real type stay as they are, anything else becomes float64.

    Raises
    ------
    ValueError, TypeError
        If X is no scene, or holds NaN or infinity in pixels that are not masked; with ``allow_nan`` those are masked.
        Without ``check_finite`` the caller looks for them: in what is computed they cannot get lost.
    """
    X, image = as_matrix(X, name)
    if not (isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "iu" and X.size):
        X = check_rows(X, name=name, check_finite=False)
    mask = check_mask(mask, X.shape[0])
    if check_finite or mask is not None or allow_nan:
        mask = ensure_finite(X, name, mask, allow_nan)
    return X, image, mask


def ensure_finite(X, name, mask, allow_nan=False):
    """Return the mask, with pixels that are not finite in it if they are allowed; ValueError if they are not."""
    if X.dtype.kind != "f":
        return mask
    rows = PixelRows(X)
    bad = np.zeros(X.shape[0], dtype=np.bool_)
    for start, stop, block in rows.blocks():
        if not np.isfinite(block.sum()):
            bad[start:stop] = ~np.isfinite(block).all(axis=1)
    if mask is not None:
        bad &= ~mask
    if not bad.any():
        return mask
    if not allow_nan:
        raise ValueError(
            f"Input {name} contains NaN or infinity in {int(bad.sum())} pixel(s); leave them out with a mask, or clean "
            f"{name}."
        )
    if bad.all() if mask is None else (bad | mask).all():
        raise ValueError(f"{name} has no finite pixel")
    return bad if mask is None else bad | mask


def kept_rows(X, mask):
    """Return the PixelRows of the pixels that are not masked."""
    return PixelRows(X, None if mask is None else np.flatnonzero(~mask))


def result_dtype(X):
    """Return the floating type of results for the scene X."""
    return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)


def spread(values, mask, n_pixels, image, dtype, fill=np.nan):
    """Return per-pixel ``values`` of the kept pixels in the shape of the scene, ``fill`` where masked."""
    if mask is not None:
        full = np.full((n_pixels, *values.shape[1:]), fill, dtype=dtype)
        full[~mask] = values
        values = full
    values = values.astype(dtype, copy=False)
    return values if image is None else values.reshape(*image, *values.shape[1:])


def check_matrix(array, name, **options):
    """Return a small dense array as ``check_rows`` does."""
    if scipy.sparse.issparse(array):
        raise TypeError(f"{name} must be dense; got a sparse matrix")
    return check_rows(array, name=name, **options)


def check_endmembers(endmembers, n_bands, name="endmembers"):
    """Return spectra as a float64 array (n_endmembers, n_bands)."""
    endmembers = np.ascontiguousarray(check_matrix(endmembers, name), dtype=np.float64)
    if endmembers.shape[1] != n_bands:
        raise ValueError(f"{name} has {endmembers.shape[1]} bands, but X has {n_bands} bands")
    return endmembers


def n_dimensions(value, name):
    """Return the number of dimensions of an array-like; that of a sparse matrix is left to others to refuse."""
    with naming(name):
        return 0 if scipy.sparse.issparse(value) else np.ndim(value)


def check_vector(value, length, name, *, minimum=None):
    """Return ``value`` as a float64 array (length,)."""
    if n_dimensions(value, name) > 1:
        raise ValueError(f"{name} must have shape ({length},); got {np.shape(value)}")
    value = np.ascontiguousarray(check_matrix(value, name, allow_vector=True), dtype=np.float64).reshape(-1)
    if value.size != length:
        raise ValueError(f"{name} must have shape ({length},); got {value.shape}")
    if minimum is not None and (value < minimum).any():
        raise ValueError(f"{name} must be at least {minimum}; got {value.min()}")
    return value
