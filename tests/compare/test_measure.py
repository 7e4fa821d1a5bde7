"""The measuring engine, on contenders whose behaviour is known."""

import math
import warnings

import numpy as np
import pytest
import threadpoolctl

from sparsesci.compare._measure import Effort, measure_case, n_steps
from sparsesci.compare._model import FAILED, NOT_INSTALLED, OK, OURS, Case, Contender
from tests.compare import toy

EFFORT = Effort(0.0, 3, 15)


def measure(*contenders, seed=10, n_jobs=1, effort=EFFORT, **options):
    table = measure_case(
        "toy", toy.case(*contenders, **options), effort=effort, seed=seed, n_jobs=n_jobs, step=lambda text: None
    )
    return table, {measurement.contender: measurement for measurement in table.measurements}


def test_times_and_ratios():
    table, by_name = measure(toy.SORTER, toy.SLOW)
    ours, slow = by_name["sorter"], by_name["slow sorter"]
    assert table.reference == "sorter"
    assert table.n_rounds == len(ours.seconds) == len(slow.seconds) == 5
    assert ours.time_ratio == 1.0
    assert ours.time_ratio_range == (1.0, 1.0)
    # Ten times the work; the bounds leave room for a machine busy with other things.
    assert 3 < slow.time_ratio < 30
    low, high = slow.time_ratio_range
    assert low <= slow.time_ratio <= high
    assert ours.median_seconds == np.median(ours.seconds)


def test_metrics_over_rounds():
    _, by_name = measure(toy.SORTER, seed=10)
    # One draw with the seed itself to warm up, and one in each of five rounds with the next seeds.
    assert by_name["sorter"].metrics["median seed"] == 12.5
    assert by_name["sorter"].metrics["mean seed"] == 12.5
    assert math.isnan(by_name["sorter"].metrics["missing"])


def test_deterministic_contenders_are_judged_once():
    calls = []

    def prepare(problem, n_jobs):
        return lambda seed: calls.append(seed) or 1.0

    judged = []
    case = Case(
        "one",
        lambda seed: None,
        (Contender("deterministic", "numpy", prepare, OURS),),
        (toy.METRIC.__class__("judged", "", lambda problem, output: judged.append(1) or 0.0),),
    )
    measure_case("toy", case, effort=EFFORT, seed=0, n_jobs=1, step=lambda text: None)
    assert len(judged) == 1
    assert len(calls) > 4


def test_same_input_and_same_seeds_for_all():
    seen = {}

    def recorder(name):
        def prepare(problem, n_jobs):
            seen[name] = (id(problem), [])

            def call(seed):
                seen[name][1].append(seed)
                return 0.0

            return call

        return prepare

    contenders = [Contender(name, "numpy", recorder(name), randomised=True) for name in ("a", "b")]
    measure(*contenders)
    assert seen["a"][0] == seen["b"][0]
    assert set(seen["a"][1]) == set(seen["b"][1]) == {10, 11, 12, 13, 14, 15}


def test_rounds_begin_with_different_contenders():
    order = []

    def recorder(name):
        def prepare(problem, n_jobs):
            def call(seed):
                if seed > 10 and (not order or order[-1] != (seed, name)):
                    order.append((seed, name))
                return 0.0

            return call

        return prepare

    measure(*(Contender(name, "numpy", recorder(name)) for name in "abc"), rounds=3)
    assert "".join(name for _, name in order) == "abcbcacab"


def test_not_installed():
    table, by_name = measure(toy.SORTER, toy.ABSENT)
    absent = by_name["absent"]
    assert absent.status == NOT_INSTALLED
    assert absent.version is None
    assert "no_such_package" in absent.message
    assert absent.seconds == []
    assert len(table.measurements) == 2


@pytest.mark.parametrize("contender", [toy.BROKEN, toy.BROKEN_OURS], ids=lambda contender: contender.name)
def test_contender_that_raises(contender):
    table, by_name = measure(contender, toy.SORTER)
    broken = by_name[contender.name]
    assert broken.status == FAILED
    assert "cannot be" in broken.message
    assert math.isnan(broken.median_seconds)
    assert by_name["sorter"].status == OK
    assert table.reference == "sorter"


def test_contender_that_fails_in_a_later_round():
    def prepare(problem, n_jobs):
        def call(seed):
            if seed > 12:
                raise ArithmeticError("late")
            return 0.0

        return call

    table, by_name = measure(Contender("late", "sparsesci", prepare, OURS, True), toy.SORTER)
    assert by_name["late"].status == FAILED
    assert by_name["late"].message == "ArithmeticError: late"
    assert by_name["sorter"].status == OK
    assert len(by_name["sorter"].seconds) == table.n_rounds


def test_interrupt_is_not_a_result():
    def prepare(problem, n_jobs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(Contender("interrupted", "numpy", prepare))


def test_no_reference():
    table, by_name = measure(toy.SLOW)
    assert table.reference is None
    assert math.isnan(by_name["slow sorter"].time_ratio)


def test_peak_memory():
    _, by_name = measure(toy.SORTER, toy.ALLOCATOR)
    assert by_name["allocator"].peak_memory == pytest.approx(10 * 2**20, rel=0.01)
    assert by_name["sorter"].peak_memory == pytest.approx(160_000, rel=0.1)


def test_warnings_are_kept_and_not_shown():
    def prepare(problem, n_jobs):
        def call(seed):
            warnings.warn("ill-conditioned\nand more", RuntimeWarning, stacklevel=1)
            return 0.0

        return call

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, by_name = measure(Contender("warner", "numpy", prepare))
    assert by_name["warner"].warnings == ["RuntimeWarning: ill-conditioned"]


def test_threads_are_held():
    seen = []

    def prepare(problem, n_jobs):
        def call(seed):
            seen.extend(library["num_threads"] for library in threadpoolctl.threadpool_info())
            return 0.0

        return call

    before = [library["num_threads"] for library in threadpoolctl.threadpool_info()]
    measure(Contender("counter", "numpy", prepare), n_jobs=1)
    assert set(seen) == {1}
    assert [library["num_threads"] for library in threadpoolctl.threadpool_info()] == before


@pytest.mark.parametrize(
    ("effort", "at_least", "expected"), [(Effort(0.0, 3, 15), 0, 3), (Effort(1e9, 3, 7), 0, 7), (EFFORT, 20, 20)]
)
def test_number_of_rounds(effort, at_least, expected):
    table, _ = measure(toy.SORTER, effort=effort, rounds=at_least)
    assert table.n_rounds == expected


def test_steps_are_announced():
    case = toy.case(toy.SORTER, toy.ABSENT)
    steps = []
    measure_case("toy", case, effort=EFFORT, seed=0, n_jobs=1, step=steps.append)
    assert len(steps) == n_steps(case) == 3
    assert "toy: sorter" in steps
