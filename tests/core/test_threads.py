"""The range scheduler: every chunk once, clean exceptions, forks, and BLAS held to one thread."""

import _thread
import contextlib
import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sparsesci._core import threads
from sparsesci._core.threads import (
    effective_n_jobs,
    run_chunks,
    run_ranges,
    single_threaded_blas,
    sum_ranges,
)
from tests.helpers import CAN_FORK, Interrupt, run_in_forked_child, run_in_threads

N_JOBS = [None, 1, 2, 7, -1]


def fill_squares(n_jobs, n=1000):
    """Return the squares of range(n), computed chunk by chunk."""
    out = np.zeros(n, dtype=np.int64)

    def task(start, stop):
        out[start:stop] += np.arange(start, stop) ** 2

    run_ranges(task, n, 7, n_jobs)
    return out


@pytest.mark.parametrize("n_jobs", N_JOBS)
@pytest.mark.parametrize("n_chunks", [0, 1, 2, 5, 500])
def test_every_chunk_once(n_chunks, n_jobs):
    ran = []
    run_chunks(ran.append, n_chunks, n_jobs)
    assert sorted(ran) == list(range(n_chunks))


@pytest.mark.parametrize(("n", "chunk"), [(0, 5), (1, 5), (5, 5), (6, 5), (103, 10), (3, 1000)])
def test_ranges_depend_on_the_size_only(n, chunk):
    expected = [(start, min(n, start + chunk)) for start in range(0, n, chunk)]
    for n_jobs in N_JOBS:
        ran = []
        run_ranges(lambda start, stop, ran=ran: ran.append((start, stop)), n, chunk, n_jobs)
        assert sorted(ran) == expected


@pytest.mark.parametrize("n_ranges", [1, 2, 5, 16])
@pytest.mark.parametrize("layout", ["C", "panel"])
def test_sums_of_ranges_have_the_same_bits_on_any_number_of_threads(n_ranges, layout):
    values = np.random.default_rng(0).standard_normal((200, 3))
    edges = np.linspace(0, len(values), n_ranges + 1).astype(np.int64)

    def add_range(partial, start, stop):
        assert partial.flags.c_contiguous
        partial += values[start:stop].sum(axis=0)

    results = []
    for n_jobs in N_JOBS:
        whole = np.ones((2, 3) if layout == "C" else (2, 8))
        out = whole[:, :3]
        sum_ranges(add_range, edges, out, n_jobs)
        results.append(out.copy())
        assert (whole[:, 3:] == 1).all()
    np.testing.assert_allclose(results[0], 1 + np.broadcast_to(values.sum(axis=0), (2, 3)), rtol=1e-12)
    for result in results[1:]:
        assert result.tobytes() == results[0].tobytes()


@pytest.mark.parametrize("n_jobs", [2, 3, 5])
def test_threads_run_at_the_same_time_and_the_caller_takes_part(n_jobs):
    # Passes only if n_jobs chunks are under way together.
    barrier = threading.Barrier(n_jobs, timeout=30)
    workers = set()

    def task(i):
        workers.add(threading.get_ident())
        barrier.wait()

    run_chunks(task, n_jobs, n_jobs)
    assert len(workers) == n_jobs
    assert threading.get_ident() in workers


def test_no_more_threads_than_asked_for():
    running, most, lock = [0], [0], threading.Lock()

    def task(i):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.001)
        with lock:
            running[0] -= 1

    run_chunks(lambda i: None, 20, 9)  # the pool is larger than what is asked for next
    run_chunks(task, 60, 3)
    assert most[0] == 3


def test_one_job_runs_in_order_in_the_calling_thread():
    ran = []
    run_chunks(lambda i: ran.append((i, threading.get_ident())), 50, 1)
    assert ran == [(i, threading.get_ident()) for i in range(50)]


@pytest.mark.parametrize("n_jobs", [2, 7])
def test_nested_calls_run_inline(n_jobs):
    inner = []

    def task(i):
        me = threading.get_ident()
        run_chunks(lambda j: inner.append((i, j, me == threading.get_ident())), 4, n_jobs)

    run_chunks(task, 10, n_jobs)
    assert sorted(inner) == [(i, j, True) for i in range(10) for j in range(4)]


def test_nesting_is_forgotten_afterwards():
    run_chunks(lambda i: run_chunks(lambda j: None, 2, 2), 4, 2)
    test_threads_run_at_the_same_time_and_the_caller_takes_part(2)


def test_the_pool_grows():
    fill_squares(2)
    small = threads._pool_size
    test_threads_run_at_the_same_time_and_the_caller_takes_part(small + 3)
    assert threads._pool_size == small + 2
    pool = threads._pool
    fill_squares(2)
    assert threads._pool is pool, "a call for fewer threads must keep the pool"


def test_the_pool_grows_under_use():
    # Each thread asks for a larger pool than the one before, while the others' chunks run.
    functions = [lambda n_jobs=n_jobs: fill_squares(n_jobs, 20_000) for n_jobs in range(2, 18, 2)]
    for squares in run_in_threads(functions):
        np.testing.assert_array_equal(squares, np.arange(20_000) ** 2)


# Exceptions


class Boom(Exception):
    pass


@pytest.mark.parametrize("n_jobs", N_JOBS)
@pytest.mark.parametrize("failing", [0, 3, 19])
def test_exceptions_come_out_and_the_pool_lives_on(failing, n_jobs):
    def task(i):
        if i == failing:
            raise Boom(i)

    with pytest.raises(Boom) as info:
        run_chunks(task, 20, n_jobs)
    assert info.value.args == (failing,)
    np.testing.assert_array_equal(fill_squares(n_jobs), np.arange(1000) ** 2)


@pytest.mark.parametrize("n_jobs", [2, 7])
def test_nothing_runs_after_an_exception_has_come_out(n_jobs):
    started, ended = [], []

    def task(i):
        started.append(i)
        if i == 2:
            raise Boom
        time.sleep(0.02)
        ended.append(i)

    with pytest.raises(Boom):
        run_chunks(task, 1000, n_jobs)
    count = len(started)
    assert len(ended) == count - 1, "a chunk was still running"
    assert count < 100, "chunks were handed out after the failure"
    time.sleep(0.06)
    assert len(started) == count


def test_exceptions_inside_nested_calls():
    def inner(j):
        if j == 1:
            raise Boom

    with pytest.raises(Boom):
        run_chunks(lambda i: run_chunks(inner, 3, 2), 4, 2)


def interrupted_run(interrupt, n_jobs, n_chunks=400):
    """Run chunks of 5 ms, call ``interrupt`` from the tenth; return (started, ended)."""
    started, ended = [], []

    def task(i):
        started.append(i)
        if i == 10:
            interrupt()
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end:
            time.sleep(0.0005)
        ended.append(i)

    with pytest.raises(KeyboardInterrupt):
        run_chunks(task, n_chunks, n_jobs)
    return started, ended


@pytest.fixture
def interrupts_raise():
    """Python leaves SIGINT ignored in a process that a shell started in the background."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("interrupts_raise")
@pytest.mark.parametrize("n_jobs", [1, 2, 7])
@pytest.mark.parametrize(
    "interrupt",
    [lambda: signal.raise_signal(signal.SIGINT), _thread.interrupt_main],
    ids=["signal", "interrupt_main"],
)
def test_keyboard_interrupt(interrupt, n_jobs):
    assert threading.current_thread() is threading.main_thread()
    for _ in range(3):
        started, ended = interrupted_run(interrupt, n_jobs)
        count = len(started)
        assert 10 < count < 200, "chunks were handed out after the interrupt"
        # Only the caller's own chunk may have been cut short.
        assert len(ended) >= count - 1
        time.sleep(0.03)
        assert (len(started), len(ended)) == (count, len(ended)), "a chunk ran after the return"
        np.testing.assert_array_equal(fill_squares(n_jobs), np.arange(1000) ** 2)
        assert not getattr(threads._local, "inside", False)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_repeated_interrupts_while_waiting_for_the_others():
    """Impatient users press Ctrl-C twice: the wait for the running chunks must not be cut short."""
    ended, caller = [], threading.get_ident()
    presses = []

    def press(*_):
        presses.append(1)
        if len(presses) == 4:
            signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt

    both_run = threading.Barrier(2, timeout=30)

    def task(i):
        both_run.wait()
        if threading.get_ident() == caller:
            signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
            time.sleep(30)
        else:
            time.sleep(0.3)
            ended.append(i)

    previous = signal.signal(signal.SIGALRM, press)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_chunks(task, 2, 2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert len(presses) == 4
    assert len(ended) == 1, "run_chunks returned while a chunk was running"
    np.testing.assert_array_equal(fill_squares(2), np.arange(1000) ** 2)


def test_an_interrupt_is_not_hidden_by_an_exception():
    caller = threading.get_ident()
    both_run = threading.Barrier(2, timeout=30)

    def task(i):
        both_run.wait()
        if threading.get_ident() == caller:
            time.sleep(0.05)
            raise KeyboardInterrupt
        raise Boom

    with pytest.raises(KeyboardInterrupt):
        run_chunks(task, 2, 2)


def test_an_interrupt_in_any_place_leaves_no_chunk_running():
    """Interrupt the scheduler itself, wherever the interpreter may deliver a signal."""

    caller = threading.get_ident()

    def run(started, ended):
        def task(i):
            started.append(i)
            # The others are slower, so that they still run while the caller waits for them.
            time.sleep(0.001 if threading.get_ident() == caller else 0.012)
            ended.append(i)

        run_chunks(task, 8, 3)

    with Interrupt() as counted:
        run([], [])
    delivered = 0
    for at in range(1, counted.places + 1):
        started, ended = [], []
        with Interrupt(at) as interrupt:
            try:
                run(started, ended)
            except KeyboardInterrupt:
                count = len(started)
                interrupted = True
            else:
                interrupted = False
        assert interrupted == interrupt.delivered, f"lost: the interrupt at {interrupt.where}"
        if interrupted:
            delivered += 1
            seen = len(ended)
            time.sleep(0.03)
            assert len(started) == count, f"a chunk began after the interrupt at {interrupt.where}"
            assert len(ended) == seen, f"a chunk ran on after that at {interrupt.where}"
        assert not getattr(threads._local, "inside", False), interrupt.where
    assert delivered > 10
    np.testing.assert_array_equal(fill_squares(3), np.arange(1000) ** 2)


# Concurrency and forks


def test_eight_threads_at_once():
    for squares in run_in_threads([lambda: fill_squares(3, 30_000)] * 8):
        np.testing.assert_array_equal(squares, np.arange(30_000) ** 2)


needs_fork = pytest.mark.skipif(not CAN_FORK, reason="needs os.fork")


@needs_fork
@pytest.mark.parametrize("n_jobs", [1, 2, 7])
def test_forked_child_after_use_in_the_parent(n_jobs):
    expected = fill_squares(7)
    np.testing.assert_array_equal(run_in_forked_child(lambda: fill_squares(n_jobs)), expected)
    np.testing.assert_array_equal(fill_squares(n_jobs), expected)


@needs_fork
def test_child_forked_while_chunks_run():
    release, entered = threading.Event(), threading.Event()

    def task(i):
        entered.set()
        release.wait(30)

    busy = threading.Thread(target=run_chunks, args=(task, 4, 3))
    busy.start()
    try:
        assert entered.wait(30)
        squares = run_in_forked_child(lambda: fill_squares(3))
    finally:
        release.set()
        busy.join(30)
    np.testing.assert_array_equal(squares, np.arange(1000) ** 2)


@needs_fork
def test_child_forked_from_inside_a_chunk():
    answers = []

    def task(i):
        if i == 3:
            answers.append(run_in_forked_child(lambda: (len(used_threads(2)), fill_squares(2))))

    run_chunks(task, 6, 2)
    ((n_threads, squares),) = answers
    np.testing.assert_array_equal(squares, np.arange(1000) ** 2)
    assert n_threads == 2, "the child still believes it is inside a chunk"


def used_threads(n_jobs):
    """Return the identifiers of the threads that ran ``n_jobs`` chunks under way together."""
    identifiers, barrier = set(), threading.Barrier(n_jobs, timeout=30)

    def task(i):
        barrier.wait()
        identifiers.add(threading.get_ident())

    run_chunks(task, n_jobs, n_jobs)
    return identifiers


@needs_fork
def test_grandchild():
    def child():
        fill_squares(2)
        return run_in_forked_child(lambda: fill_squares(3))

    fill_squares(2)
    np.testing.assert_array_equal(run_in_forked_child(child), np.arange(1000) ** 2)


# n_jobs


def test_n_jobs_means_what_it_means_in_joblib():
    assert effective_n_jobs(None) == 1
    assert effective_n_jobs(1) == 1
    assert effective_n_jobs(5) == 5
    assert effective_n_jobs(np.int64(3)) == 3
    assert effective_n_jobs(-1) == joblib.cpu_count()
    assert effective_n_jobs(-1000) == 1


@pytest.mark.parametrize("value", [1.5, "2", True, [2], 2.0])
def test_n_jobs_of_a_wrong_type(value):
    with pytest.raises(TypeError, match="n_jobs must be an int or None"):
        run_chunks(lambda i: None, 3, value)


def test_zero_jobs():
    with pytest.raises(ValueError, match="n_jobs must not be 0"):
        run_chunks(lambda i: None, 3, 0)


def test_parallel_config_is_honoured():
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert effective_n_jobs(None) == 3
        assert effective_n_jobs(2) == 2
        assert len(used_threads(3)) == 3
        barrier = threading.Barrier(3, timeout=30)
        run_chunks(lambda i: barrier.wait(), 3, None)
    assert effective_n_jobs(None) == 1


# BLAS


def blas_threads():
    """Return the thread counts of the BLAS libraries that are loaded."""
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


@pytest.fixture
def two_blas_threads():
    import scipy.linalg  # noqa: F401  (brings its own BLAS)

    with threadpool_limits(limits=2, user_api="blas"):
        if set(blas_threads()) != {2}:
            pytest.skip("this BLAS has no adjustable threads")
        yield


@pytest.mark.usefixtures("two_blas_threads")
class TestSingleThreadedBlas:
    def test_limit_and_restoration(self):
        with single_threaded_blas():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {2}

    def test_interrupted_anywhere(self):
        def use():
            with single_threaded_blas():
                assert set(blas_threads()) == {1}

        with Interrupt() as counted:
            use()
        assert counted.places > 3
        for at in range(1, counted.places + 1):
            with Interrupt(at) as interrupt, contextlib.suppress(KeyboardInterrupt):
                use()
            assert interrupt.delivered
            assert set(blas_threads()) == {2}, f"interrupted at {interrupt.where}"
            use()

    def test_nested(self):
        with single_threaded_blas():
            with single_threaded_blas():
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {2}

    def test_after_an_exception(self):
        with pytest.raises(Boom), single_threaded_blas(), single_threaded_blas():
            raise Boom
        assert set(blas_threads()) == {2}

    def test_overlapping_in_time(self):
        """The first to enter leaves first: the second must keep its limit."""
        entered, left = threading.Event(), threading.Event()
        seen = []

        def second():
            with single_threaded_blas():
                entered.set()
                assert left.wait(30)
                seen.extend(blas_threads())

        other = threading.Thread(target=second)
        with single_threaded_blas():
            other.start()
            assert entered.wait(30)
        left.set()
        other.join(30)
        assert seen
        assert set(seen) == {1}
        assert set(blas_threads()) == {2}

    def test_from_many_threads(self):
        def hold():
            seen = set()
            for _ in range(20):
                with single_threaded_blas():
                    seen |= set(blas_threads())
            return seen

        assert run_in_threads([hold] * 8) == [{1}] * 8
        assert set(blas_threads()) == {2}

    @needs_fork
    def test_child_forked_inside_starts_without_the_limit(self):
        def child():
            before = blas_threads()
            with single_threaded_blas():
                inside = blas_threads()
            return before, inside, blas_threads()

        with single_threaded_blas():
            before, inside, after = run_in_forked_child(child)
            assert set(blas_threads()) == {1}
        assert (set(before), set(inside), set(after)) == ({2}, {1}, {2})
        assert set(blas_threads()) == {2}


def test_the_module_needs_no_fork(monkeypatch):
    """Where os.register_at_fork is missing (Windows) the module still loads and works."""
    import importlib.util

    monkeypatch.delattr(os, "register_at_fork", raising=False)
    spec = importlib.util.find_spec("sparsesci._core.threads")
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    ran = []
    fresh.run_chunks(ran.append, 5, 2)
    assert sorted(ran) == [0, 1, 2, 3, 4]
