"""What a comparison is made of, and what comes out of one. Nothing here computes or draws."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

OURS, PEER, FLOOR = "ours", "peer", "floor"
OK, NOT_INSTALLED, FAILED = "ok", "not installed", "failed"


@dataclass(frozen=True)
class Contender:
    """One way of solving the problem of a case.

    Attributes
    ----------
    name : str
    package : str
        Top-level module that must be installed.
    prepare : callable
        ``prepare(problem, n_jobs)`` does what is not to be timed (imports, most of all) and returns
        ``call(seed) -> output``, which is.
    role : {"ours", "peer", "floor"}
        A floor is not a competitor but the least time that any method needs, as a plain copy of the input.
    randomised : bool
        Whether the output depends on the seed; if so errors are computed for every round.
    note : str
        A caveat that belongs beside the figures.
    """

    name: str
    package: str
    prepare: Callable
    role: str = PEER
    randomised: bool = False
    note: str = ""

    @property
    def is_ours(self):
        return self.role == OURS


@dataclass(frozen=True)
class Metric:
    """A figure of merit: ``compute(problem, output)`` returns a float, NaN where it does not apply.

    Over rounds with different seeds, ``aggregate`` ("median" or "mean") makes one figure of it. ``log`` says how it is
    to be drawn.
    """

    name: str
    description: str
    compute: Callable
    aggregate: str = "median"
    log: bool = True


@dataclass(frozen=True)
class Case:
    """One problem and those who solve it.

    ``make(seed)`` builds the problem; ``parameters`` describes it in plain values. ``rounds`` asks for at least so many
    rounds, for metrics that are averages over draws.
    """

    title: str
    make: Callable
    contenders: tuple
    metrics: tuple
    parameters: dict = field(default_factory=dict)
    rounds: int = 0


@dataclass(frozen=True)
class Comparison:
    """A method of the package against what a user would pick instead.

    ``cases(size)`` returns the cases for size "quick" or "full"; ``published`` says what figures the paper gives.
    """

    method: str
    title: str
    question: str
    published: str
    cases: Callable


@dataclass
class Measurement:
    """What was measured of one contender in one case.

    ``seconds`` holds one time for each round; ``time_ratio`` is the median over rounds of this contender's time divided
    by that of the reference (the first of ours), ``time_ratio_range`` its extremes. ``peak_memory`` is in bytes.
    """

    contender: str
    package: str
    version: str | None
    role: str
    note: str = ""
    status: str = OK
    message: str = ""
    seconds: list = field(default_factory=list)
    median_seconds: float = math.nan
    time_ratio: float = math.nan
    time_ratio_range: tuple = (math.nan, math.nan)
    peak_memory: float = math.nan
    metrics: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)

    @property
    def is_ours(self):
        return self.role == OURS


@dataclass
class Table:
    """All measurements of one case."""

    method: str
    case: str
    parameters: dict
    metrics: list
    reference: str | None
    n_rounds: int
    measurements: list
