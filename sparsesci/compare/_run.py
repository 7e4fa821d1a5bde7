"""The registry of comparisons, and the function that runs them."""

import dataclasses
import json
import math
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from sparsesci._core.info import system_info
from sparsesci._core.progress import progress_bar
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_option, naming
from sparsesci.compare import (
    _calibration,
    _decomposition,
    _least_squares,
    _sampling_christoffel,
    _sampling_dpp,
    _sampling_regression,
    _sampling_scores,
    _sbl,
    _sketching,
    _streaming,
    _transport_entropic,
    _transport_flow,
    _transport_sliced,
    _unmixing,
)
from sparsesci.compare._measure import EFFORTS, measure_case, n_steps
from sparsesci.compare._model import FAILED

_MODULES = (
    _sketching,
    _least_squares,
    _calibration,
    _decomposition,
    _sampling_christoffel,
    _sampling_dpp,
    _sampling_regression,
    _sampling_scores,
    _sbl,
    _streaming,
    _transport_entropic,
    _transport_flow,
    _transport_sliced,
    _unmixing,
)

_COMPARISONS = {comparison.method: comparison for module in _MODULES for comparison in module.COMPARISONS}
MEASURED_HOW = (
    "All contenders of a case get the same input in the same process, with BLAS and OpenMP held to n_jobs threads. "
    "Times are medians of interleaved rounds after a warm-up; a time ratio is the median over rounds of a contender's "
    "time divided by that of the reference, the first of ours. Memory is the peak of what Python's allocators "
    "(NumPy's arrays among them) held during one call beyond what they held before, by tracemalloc: it does not see "
    "the work space of compiled code (LAPACK, C and C++ extensions, arrays made inside Numba kernels). Errors of "
    "randomised methods are medians, or where it says so means, over rounds with different seeds."
)


@dataclass
class ComparisonResult:
    """What :func:`run` returns: one Table for each case, and under which conditions they were measured.

    Attributes
    ----------
    tables : list of Table
        In the order in which they were measured; each has the fields ``method``, ``case``, ``parameters``, ``metrics``,
        ``reference``, ``n_rounds`` and ``measurements``.
    comparisons : list of Comparison
        The registered comparisons that were run.
    size, seed, n_jobs : str, int, int
    seconds : dict
        How long each method's comparison took.
    environment : dict
        See :func:`sparsesci.show_versions`.
    created : str
        Date and time in ISO 8601.
    """

    tables: list
    comparisons: list
    size: str
    seed: int
    n_jobs: int
    seconds: dict
    environment: dict
    created: str

    @property
    def failures(self):
        """Measurements of contenders of ours that raised an error."""
        return [m for t in self.tables for m in t.measurements if m.is_ours and m.status == FAILED]

    def to_dict(self):
        """Return everything as plain dictionaries, lists, numbers and strings; NaN becomes None."""
        methods = {
            c.method: {"title": c.title, "question": c.question, "published": c.published} for c in self.comparisons
        }
        content = {
            "format": 1,
            "created": self.created,
            "size": self.size,
            "seed": self.seed,
            "n_jobs": self.n_jobs,
            "seconds": self.seconds,
            "measured_how": MEASURED_HOW,
            "environment": self.environment,
            "methods": methods,
            "tables": [dataclasses.asdict(table) for table in self.tables],
        }
        return _without_nan(content)

    def to_json(self, path=None):
        """Return the result as JSON text, and write it to ``path`` if one is given."""
        return _write(json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", path)

    def to_html(self, path=None):
        """Return the result as a self-contained HTML page with plots, and write it to ``path`` if one is given."""
        from sparsesci.compare._report import html_report

        return _write(html_report(self), path)

    def table(self):
        """Return the tables as one object that :mod:`rich` can print to a terminal."""
        from sparsesci.compare._table import terminal_tables

        return terminal_tables(self)


def _write(text, path):
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def list_methods():
    """Return the names of the methods that have a comparison.

    Returns
    -------
    methods : list of str

    Examples
    --------
    >>> from sparsesci.compare import list_methods
    >>> "sketched_lstsq" in list_methods()
    True
    """
    return list(_COMPARISONS)


def run(methods=None, size="quick", random_state=0, *, n_jobs=1, verbose=0):
    """Measure methods of this package against what one would use instead, on the same input.

    Parameters
    ----------
    methods : str, sequence of str or None, default=None
        Names from :func:`list_methods`; None for all.
    size : {"quick", "full"}, default="quick"
        "quick" takes at most about 20 seconds for each method on two cores; "full" takes the problem sizes for which
        our speed figures are given, and minutes.
    random_state : int, RandomState instance, Generator or None, default=0
        Determines the problems and the sketches.
    n_jobs : int or None, default=1
        Number of threads: given to our methods, and to BLAS and OpenMP for all.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    result : ComparisonResult
        With ``to_json(path=None)``, ``to_html(path=None)``, ``table()`` for a terminal, ``tables`` and ``failures``.
        Packages that are not installed, and contenders that raise, are listed as such in each of them.

    Raises
    ------
    ValueError
        If a method or the size is unknown.

    Notes
    -----
    How it is measured: interleaved rounds on a warm process, medians of ratios within rounds, peak memory by
    ``tracemalloc``, which does not see the work space of compiled code.

    Examples
    --------
    >>> from sparsesci.compare import run
    >>> result = run("fwht")  # doctest: +SKIP
    >>> page = result.to_html("report.html")  # doctest: +SKIP
    """
    comparisons = [_COMPARISONS[name] for name in check_methods(methods)]
    check_option("size", size, tuple(EFFORTS))
    n_jobs = effective_n_jobs(n_jobs)
    seed = random_state if isinstance(random_state, int) else int(key_from_random_state(random_state) >> 33)
    key_from_random_state(seed)
    plan = [(comparison, comparison.cases(size)) for comparison in comparisons]
    tables, seconds = [], {}
    total = sum(n_steps(case) for _, cases in plan for case in cases)
    with progress_bar(total=total, verbose=verbose) as bar:

        def step(description):
            bar.set_description(description)
            bar.update(1)

        for comparison, cases in plan:
            begin = time.perf_counter()
            effort = dataclasses.replace(EFFORTS[size], seconds=EFFORTS[size].seconds / len(cases))
            for case in cases:
                tables.append(measure_case(comparison.method, case, effort=effort, seed=seed, n_jobs=n_jobs, step=step))
            seconds[comparison.method] = time.perf_counter() - begin
    return ComparisonResult(
        tables=tables,
        comparisons=comparisons,
        size=size,
        seed=seed,
        n_jobs=n_jobs,
        seconds=seconds,
        environment=system_info(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def check_methods(methods):
    """Return ``methods`` as a list of known names without repetitions; ValueError names those that are known."""
    if methods is None:
        return list_methods()
    with naming("methods"):
        names = [methods] if isinstance(methods, str) else list(methods)
    unknown = [name for name in names if name not in _COMPARISONS]
    if unknown or not names:
        given = ", ".join(repr(name) for name in unknown) or "none"
        raise ValueError(f"methods must be among {', '.join(_COMPARISONS)}; got {given}")
    return list(dict.fromkeys(names))
