"""The same bits again: for every number of threads, from many threads, in a forked child, after an interrupt."""

import os

import joblib
import pytest
from sklearn.base import clone

from sparsesci._core import threads
from tests.common.entries import DATA_METHODS, EstimatorEntry, OperatorEntry
from tests.common.registry import ESTIMATORS, entries, names_of
from tests.common.results import assert_identical, digest, fitted_state, flatten
from tests.helpers import CAN_FORK, Interrupt, run_in_forked_child, run_in_threads, run_python

COMPUTING = entries(is_measurement=False)
LARGE = [entry for entry in COMPUTING if entry.threads and entry.large_arguments is not None]
MIXED = [entry for entry in COMPUTING if not entry.prints]
INTERRUPTIONS = 6

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def arguments_of(entry, large=False):
    """Return the arguments of a call; skip where the data for it are not at hand."""
    needed = getattr(entry, "needs", None)
    if needed and not os.path.exists(os.path.join(os.environ.get("SPARSESCI_DATA", ""), needed)):
        pytest.skip(f"needs {needed} below the directory in SPARSESCI_DATA")
    return (entry.large_arguments if large and entry.large_arguments else entry.arguments)()


@pytest.fixture
def pool_uses(monkeypatch):
    """Count the calls that really went to the pool of threads."""
    uses = []
    get_pool = threads._get_pool

    def counted(size):
        uses.append(size)
        return get_pool(size)

    monkeypatch.setattr(threads, "_get_pool", counted)
    return uses


def test_threaded_names_have_large_arguments():
    without = [entry.name for entry in COMPUTING if entry.threads and entry.large_arguments is None]
    assert not without, f"give large_arguments in the registry, so that several threads have work: {without}"


@pytest.mark.parametrize("entry", LARGE, ids=names_of(LARGE))
def test_bits_do_not_depend_on_the_number_of_threads(entry, pool_uses):
    arguments = arguments_of(entry, large=True)
    alone = entry.compute(arguments, **{entry.threads: 1})
    assert not pool_uses, "n_jobs=1 used the pool"
    for n_jobs in (2, 7):
        assert_identical(entry.compute(arguments, **{entry.threads: n_jobs}), alone)
    assert pool_uses, "nothing ran on several threads: enlarge large_arguments in the registry"
    assert max(pool_uses) == 6, "seven threads were asked for, and never had work at once"


@pytest.mark.parametrize("entry", MIXED, ids=names_of(MIXED))
def test_bits_do_not_depend_on_the_call(entry):
    arguments = arguments_of(entry)
    assert_identical(entry.compute(arguments), entry.compute(arguments))


@pytest.mark.parametrize("entry", entries(is_random=True, is_measurement=False), ids=lambda entry: entry.name)
def test_random_state_matters(entry):
    arguments = arguments_of(entry, large=True)  # small ones may need no random numbers
    name = next(iter(entry.random_option()))
    results = [flatten(entry.compute(arguments, **{name: seed})) for seed in (0, 1)]
    assert digest(results[0]) != digest(results[1])


@pytest.mark.parametrize("entry", MIXED, ids=names_of(MIXED))
def test_eight_threads_at_once(entry):
    large = arguments_of(entry, large=True)
    options = {entry.threads: 2} if entry.threads else {}
    expected = entry.compute(large, **options)
    for result in run_in_threads([lambda: entry.compute(large, **options)] * 8):
        assert_identical(result, expected)


@pytest.mark.skipif(not CAN_FORK, reason="needs os.fork")
@pytest.mark.parametrize("entry", MIXED, ids=names_of(MIXED))
def test_forked_child_after_use_in_the_parent(entry):
    large = arguments_of(entry, large=True)
    options = {entry.threads: 3} if entry.threads else {}
    expected = entry.compute(large, **options)
    assert_identical(run_in_forked_child(lambda: flatten(entry.compute(large, **options))), flatten(expected))
    assert_identical(entry.compute(large, **options), expected)


def test_pickles_in_another_process(tmp_path):
    """A fresh interpreter gives the answers of fitted estimators and of operators bit by bit."""
    questions = {}
    for entry in ESTIMATORS:
        estimator, data = entry.fitted()
        method = next(name for name in (*DATA_METHODS, entry.fit) if hasattr(estimator, name))
        questions[entry.name] = (estimator, method, data["X"])
    for entry in entries(OperatorEntry):
        arguments = entry.arguments()
        questions[entry.name] = (entry.make(arguments), "sketch", arguments["A"])
    assert len(questions) > 5
    joblib.dump(questions, tmp_path / "questions")
    run_python(
        f"import joblib; questions = joblib.load({str(tmp_path / 'questions')!r})\n"
        "answers = {name: getattr(tool, method)(data) for name, (tool, method, data) in questions.items()}\n"
        f"joblib.dump(answers, {str(tmp_path / 'answers')!r})"
    )
    answers = joblib.load(tmp_path / "answers")
    for name, (tool, method, data) in questions.items():
        assert_identical(answers[name], getattr(tool, method)(data))


def interrupted(call, at):
    """Call with an interrupt in place ``at``; return whether it was delivered, having checked that it came out."""
    with Interrupt(at) as interrupt:
        try:
            call()
        except KeyboardInterrupt:
            assert interrupt.delivered
        else:
            assert not interrupt.delivered, f"the interrupt at {interrupt.where} was swallowed"
    return interrupt.delivered


def places(call, most=INTERRUPTIONS):
    """Return about ``most`` places, from the first to the last, where a call can be interrupted."""
    with Interrupt() as counted:
        call()
    if not counted.places:
        return []
    step = max(1, counted.places // most)
    return [*range(1, counted.places, step), counted.places]


@pytest.mark.parametrize("entry", MIXED, ids=names_of(MIXED))
def test_interrupted_then_right(entry):
    arguments = arguments_of(entry)
    options = {entry.threads: 2} if entry.threads else {}
    expected = entry.compute(arguments, **options)
    before = digest(arguments)
    chosen = places(lambda: entry.compute(arguments, **options))
    delivered = 0
    for at in chosen:
        delivered += interrupted(lambda: entry.compute(arguments, **options), at)
        assert_identical(entry.compute(arguments, **options), expected)
    # On several threads the share of the caller, and so the number of places, varies.
    assert 2 * delivered >= len(chosen)
    assert digest(arguments) == before


@pytest.mark.parametrize("entry", ESTIMATORS, ids=names_of(ESTIMATORS))
def test_interrupted_fit_then_right(entry):
    data = entry.arguments()
    expected = entry.outputs(entry.learn(clone(entry.make()), data), data)
    delivered = 0
    for at in places(lambda: entry.learn(clone(entry.make()), data)):
        estimator = clone(entry.make())
        delivered += interrupted(lambda estimator=estimator: entry.learn(estimator, data), at)
        assert_identical(entry.outputs(entry.learn(estimator, data), data), expected)
    assert delivered >= 3


def halves(data):
    """Return the data in two parts."""
    middle = len(data["X"]) // 2
    return {name: a[:middle] for name, a in data.items()}, {name: a[middle:] for name, a in data.items()}


STREAMING = entries(EstimatorEntry, streams=True)


@pytest.mark.parametrize("entry", STREAMING, ids=names_of(STREAMING))
def test_interrupted_stream_goes_on(entry):
    """An interrupted partial_fit has happened entirely or not at all."""
    first, second = halves(entry.arguments())

    def begun():
        estimator = clone(entry.make())
        return entry.learn(estimator, first, "partial_fit")

    whole = entry.learn(begun(), second, "partial_fit")
    done, expected = fitted_state(whole), entry.outputs(whole, first)
    probe = begun()
    delivered = 0
    for at in places(lambda: entry.learn(probe, second, "partial_fit"), most=400):
        estimator = begun()
        untouched = fitted_state(estimator)
        if not interrupted(lambda estimator=estimator: entry.learn(estimator, second, "partial_fit"), at):
            continue
        delivered += 1
        now = fitted_state(estimator)
        assert now in (untouched, done), f"half a batch has been taken in (place {at})"
        if now == untouched:
            entry.learn(estimator, second, "partial_fit")
        assert_identical(entry.outputs(estimator, first), expected)
    assert delivered >= 3
