"""The one scheduler of the package: kernels are serial over a range, threads are ours.

Kernels release the GIL and work on ``(..., start, stop)``; the functions here cut a range into chunks and run them on
a persistent pool of Python threads. Which chunks there are depends on the size of the problem only, never on the
number of threads, so results are bit-identical for every ``n_jobs``.
"""

import itertools
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import joblib
import numpy as np

# More than one, so that a thread whose ranges take less time finds others to work on.
_PARTIALS_PER_THREAD = 2
_CACHE_LINE = 64

_lock = threading.Lock()
_local = threading.local()
_pool = None
_pool_size = 0


def effective_n_jobs(n_jobs=None, name="n_jobs"):
    """Return the number of threads that ``n_jobs`` means, as in joblib.

    None is 1 unless a ``joblib.parallel_config`` says otherwise, -1 is all cores.
    """
    if n_jobs is not None and (isinstance(n_jobs, bool) or not hasattr(n_jobs, "__index__")):
        raise TypeError(f"{name} must be an int or None; got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError(f"{name} must not be 0; None means 1 and -1 means all cores")
    # joblib looks up its backends at every call; one thread needs none.
    return 1 if n_jobs == 1 else joblib.effective_n_jobs(n_jobs)


def _reset_after_fork():
    """Forget the parent's threads: they do not exist in a forked child."""
    global _lock, _local, _pool, _pool_size
    _lock = threading.Lock()
    _local = threading.local()
    _pool = None
    _pool_size = 0
    _blas.reset_after_fork()


def _get_pool(size):
    global _pool, _pool_size
    with _lock:
        if _pool_size < size:
            # The old pool is dropped, not shut down: its running chunks finish and its threads then end by themselves.
            _pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="sparsesci")
            _pool_size = size
        return _pool


def run_chunks(task, n_chunks, n_jobs=None):
    """Call ``task(i)`` once for every i in range(n_chunks), on up to ``n_jobs`` threads.

    The calling thread takes part. A call from inside a task runs inline. The first exception stops the hand-out of
    further chunks and is raised once every running chunk has ended, so that no thread still writes when the caller
    goes on; KeyboardInterrupt likewise.

    Parameters
    ----------
    task : callable
        Takes the number of the chunk. Must be safe to run for different chunks at once.
    n_chunks : int
    n_jobs : int or None
        Number of threads, in joblib's meaning.
    """
    n_threads = min(effective_n_jobs(n_jobs), n_chunks)
    if n_threads <= 1 or getattr(_local, "inside", False):
        for i in range(n_chunks):
            task(i)
        return
    numbers = itertools.count()
    errors = []
    slots = [threading.Lock() for _ in range(n_threads - 1)]

    def work():
        _local.inside = True
        try:
            while not errors:
                i = next(numbers)  # atomic under the GIL
                if i >= n_chunks:
                    break
                task(i)
        except BaseException as error:
            errors.append(error)
        finally:
            _local.inside = False

    def help_out(slot):
        with slot:
            work()

    try:
        pool = _get_pool(n_threads - 1)
        for slot in slots:
            pool.submit(help_out, slot)
        work()
    except BaseException as error:
        errors.append(error)
    # A helper holds its slot while it works; one that begins later finds no work. An interrupt must not cut the wait
    # short. All of this stands here because an interrupt may strike on entry to any function.
    waiting = True
    while waiting:
        try:
            for slot in slots:
                with slot:
                    pass
            waiting = False
        except BaseException as error:
            errors.append(error)
    if errors:
        raise _most_urgent(errors)


def _most_urgent(errors):
    """Return the first interrupt among ``errors``, or else the first of them."""
    return next((error for error in errors if not isinstance(error, Exception)), errors[0])


def run_ranges(task, n, chunk, n_jobs=None):
    """Call ``task(start, stop)`` on consecutive pieces of range(n) of ``chunk`` elements (the last may be shorter)."""
    n_chunks = -(-n // chunk)
    run_chunks(lambda i: task(i * chunk, min(n, (i + 1) * chunk)), n_chunks, n_jobs)


def sum_ranges(add_range, edges, out, n_jobs=None):
    """Add to ``out`` what ``add_range`` adds to zeros for each range, in the order of the ranges.

    The result is the same to the last bit for every ``n_jobs``, and only a few private copies of ``out`` exist at a
    time: they stay in cache, where they would otherwise be fetched page by page.

    Parameters
    ----------
    add_range : callable
        ``add_range(partial, start, stop)`` adds the terms of a range to an array like ``out``. Must be safe to run for
        different ranges at once.
    edges : ndarray of shape (n_ranges + 1,)
        Where the ranges begin and end; a function of the size of the problem only. Of a single range the terms are
        added to ``out`` itself if that is C-ordered.
    out : ndarray
    n_jobs : int or None
    """
    n_ranges = len(edges) - 1
    if n_ranges == 1 and out.flags.c_contiguous:
        add_range(out, edges[0], edges[1])
        return
    n_threads = min(effective_n_jobs(n_jobs), n_ranges)
    at_once = 1 if n_threads == 1 else min(_PARTIALS_PER_THREAD * n_threads, n_ranges)
    partial = _aligned_empty((at_once, *out.shape), out.dtype)
    for first in range(0, n_ranges, at_once):
        count = min(at_once, n_ranges - first)

        def task(i, first=first):
            partial[i] = 0
            add_range(partial[i], edges[first + i], edges[first + i + 1])

        run_chunks(task, count, n_threads)
        for part in partial[:count]:
            out += part


def _aligned_empty(shape, dtype):
    """Return a new array that begins with a cache line, so that no vector of a kernel lies across two of them."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + _CACHE_LINE, dtype=np.uint8)
    first = -raw.ctypes.data % _CACHE_LINE
    return raw[first : first + size].view(dtype).reshape(shape)


class _BlasLimit:
    """Knows the users of single-threaded BLAS, so that concurrent ones do not undo each other's limit.

    An interrupt may strike between any two of the steps below: whatever was begun is undone by ``release``, which may
    be called again.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._users = set()
        self._controller = None
        self._original = None

    def acquire(self, user):
        with self._lock:
            if self._original is None:
                controller = self._get_controller()
                self._free_control()
                libraries = [library for library in controller.lib_controllers if library.user_api == "blas"]
                self._original = [(library, library.get_num_threads()) for library in libraries]
                for library in libraries:
                    library.set_num_threads(1)
            self._users.add(user)

    def release(self, user):
        with self._lock:
            self._users.discard(user)
            if not self._users and self._original is not None:
                self._restore()

    def _restore(self):
        self._free_control()
        for library, n_threads in self._original:
            library.set_num_threads(n_threads)
        self._free_control()
        self._original = None

    def _free_control(self):
        """Let any thread set the limits next.

        Recent versions of threadpoolctl let the first thread that sets those of OpenBLAS own them while it lives; here
        the last user restores them, whichever thread that is.
        """
        for library in self._controller.lib_controllers:
            clear = getattr(library, "clear_controlling_thread", None)
            if clear is not None:
                clear(force=True)

    def _get_controller(self):
        if self._controller is None:
            # SciPy brings a BLAS of its own: load it before the libraries are listed.
            import scipy.linalg  # noqa: F401
            from threadpoolctl import ThreadpoolController

            self._controller = ThreadpoolController()
        return self._controller

    def reset_after_fork(self):
        self._lock = threading.Lock()
        self._users = set()
        if self._original is not None:
            self._restore()


_blas = _BlasLimit()


@contextmanager
def single_threaded_blas():
    """Hold BLAS and LAPACK to one thread in this process while the block runs.

    Used around our own threads, where two pools would fight for the cores, and around factorisations whose bits must
    not depend on the number of threads. Blocks may nest and overlap in time between Python threads.
    """
    user = object()
    interrupt = None
    try:
        _blas.acquire(user)
        yield
    finally:
        # An interrupt must not leave the limit behind.
        releasing = True
        while releasing:
            try:
                _blas.release(user)
                releasing = False
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
