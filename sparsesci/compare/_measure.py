"""The measuring engine: the same input for all, warm, in interleaved rounds."""

import gc
import math
import time
import tracemalloc
import warnings
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from sparsesci._core.info import is_installed, package_version
from sparsesci.compare._model import FAILED, NOT_INSTALLED, OK, Measurement, Table

_SHORTEST_TIMING = 2e-3  # seconds; quicker calls are repeated until the clock can be trusted
_MOST_REPEATS = 200


@dataclass(frozen=True)
class Effort:
    """How long to measure: ``seconds`` for the rounds of all cases of a method, within bounds on their number."""

    seconds: float
    fewest_rounds: int
    most_rounds: int


EFFORTS = {"quick": Effort(6.0, 3, 15), "full": Effort(240.0, 5, 15)}


@dataclass
class _Runner:
    """A contender that is ready to be timed, and what has been seen of it so far."""

    contender: object
    measurement: Measurement
    call: object = None
    repeats: int = 1
    metric_seconds: float = 0.0
    samples: dict = field(default_factory=dict)

    @property
    def runs(self):
        return self.measurement.status == OK

    @property
    def round_seconds(self):
        """How long one round of this contender takes, its metrics included."""
        timed = self.measurement.median_seconds * self.repeats
        return timed + (self.metric_seconds if self.contender.randomised else 0.0)

    def fail(self, error):
        self.measurement.status = FAILED
        self.measurement.message = f"{type(error).__name__}: {error}"
        self.call = None


def measure_case(method, case, *, effort, seed, n_jobs, step):
    """Run all contenders of a case and return the Table.

    Everything runs with BLAS and OpenMP held to ``n_jobs`` threads. Each contender is prepared and called once to warm
    up (compilation, imports, caches) and once more to see its memory. Then come rounds, in each of which every
    contender is timed once, each round beginning with another one, so that drifts of the machine's speed hit all
    alike; ratios are taken within rounds.

    Parameters
    ----------
    method : str
    case : Case
    effort : Effort
    seed : int
    n_jobs : int
    step : callable
        Called with a description before each step; there are ``n_steps(case)``.
    """
    with threadpool_limits(limits=n_jobs):
        problem = case.make(seed)
        runners = []
        for contender in case.contenders:
            step(f"{method}: {contender.name}")
            runners.append(_warm_up(contender, case.metrics, problem, seed, n_jobs))
        step(f"{method}: rounds")
        reference = next((r for r in runners if r.contender.is_ours and r.runs), None)
        n_rounds = _count_rounds(runners, effort, case.rounds)
        gc.collect()
        for number in range(n_rounds):
            _run_round(runners, case.metrics, problem, seed + 1 + number, number)
    for runner in runners:
        _summarise(runner, reference, case.metrics)
    return Table(
        method=method,
        case=case.title,
        parameters=dict(case.parameters),
        metrics=[
            {"name": metric.name, "description": metric.description, "log": metric.log, "aggregate": metric.aggregate}
            for metric in case.metrics
        ],
        reference=None if reference is None else reference.contender.name,
        n_rounds=n_rounds,
        measurements=[runner.measurement for runner in runners],
    )


def n_steps(case):
    """Return how often ``measure_case`` calls ``step``."""
    return len(case.contenders) + 1


def _warm_up(contender, metrics, problem, seed, n_jobs):
    """Prepare the contender, call it twice, and note errors, memory and how often a timing has to repeat it."""
    measurement = Measurement(
        contender=contender.name,
        package=contender.package,
        version=package_version(contender.package),
        role=contender.role,
        note=contender.note,
    )
    runner = _Runner(contender, measurement)
    if not is_installed(contender.package):
        measurement.status = NOT_INSTALLED
        measurement.message = f"{contender.package} is not installed"
        return runner
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            runner.call = contender.prepare(problem, n_jobs)
            output = runner.call(seed)
            begin = time.perf_counter()
            _collect_metrics(runner, metrics, problem, output)
            runner.metric_seconds = time.perf_counter() - begin
            del output
            measurement.peak_memory = _peak_memory(runner.call, seed)
            measurement.median_seconds, _ = _time(runner.call, seed, 1)
        except Exception as error:  # whatever a contender raises is a result, to be shown beside the others
            runner.fail(error)
    measurement.warnings = sorted({f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught})
    if runner.runs:
        runner.repeats = max(1, min(_MOST_REPEATS, math.ceil(_SHORTEST_TIMING / measurement.median_seconds)))
    return runner


def _peak_memory(call, seed):
    """Return the most bytes that Python's allocators held during the call, beyond what they held before."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call(seed)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def _time(call, seed, repeats):
    """Return the seconds that one of ``repeats`` calls took, and the output of the last."""
    begin = time.perf_counter()
    for _ in range(repeats):
        output = call(seed)
    elapsed = time.perf_counter() - begin
    return max(elapsed / repeats, 1e-9), output


def _count_rounds(runners, effort, at_least):
    each = sum(r.round_seconds for r in runners if r.runs)
    affordable = int(effort.seconds / each) if each > 0 else effort.fewest_rounds
    return max(at_least, min(effort.most_rounds, max(effort.fewest_rounds, affordable)))


def _run_round(runners, metrics, problem, seed, number):
    first = number % len(runners)
    for runner in runners[first:] + runners[:first]:
        if not runner.runs:
            continue
        gc.disable()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                seconds, output = _time(runner.call, seed, runner.repeats)
                runner.measurement.seconds.append(seconds)
                if runner.contender.randomised:
                    _collect_metrics(runner, metrics, problem, output)
                del output
        except Exception as error:  # as above
            runner.fail(error)
        finally:
            gc.enable()


def _collect_metrics(runner, metrics, problem, output):
    for metric in metrics:
        value = float(metric.compute(problem, output))
        runner.samples.setdefault(metric.name, []).append(value)


def _summarise(runner, reference, metrics):
    """Turn samples into the figures of the table."""
    measurement = runner.measurement
    if not runner.runs:
        measurement.seconds = []
        measurement.median_seconds = measurement.peak_memory = math.nan
        return
    measurement.median_seconds = float(np.median(measurement.seconds))
    if reference is not None and reference.runs:
        ratios = np.divide(measurement.seconds, reference.measurement.seconds)
        measurement.time_ratio = float(np.median(ratios))
        measurement.time_ratio_range = (float(ratios.min()), float(ratios.max()))
    for metric in metrics:
        samples = np.array(runner.samples[metric.name])
        value = np.median(samples) if metric.aggregate == "median" else samples.mean()
        measurement.metrics[metric.name] = float(value)
