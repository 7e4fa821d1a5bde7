"""Comparisons as tables for a terminal."""

from rich.console import Group
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from sparsesci.compare import _format
from sparsesci.compare._model import FLOOR, OK, OURS

_STYLES = {OURS: "bold cyan", FLOOR: "dim"}


def terminal_tables(result):
    """Return all tables of a ComparisonResult, with a heading for each method, as one rich renderable."""
    parts = []
    for comparison in result.comparisons:
        parts.append(Text(f"{comparison.method}: {comparison.title}", style="bold"))
        parts.append(Text(f"{comparison.question}\nPublished figures: {comparison.published}", style="dim"))
        for table in result.tables:
            if table.method == comparison.method:
                parts.append(Padding(_rich_table(table), (0, 0, 1, 0)))
    parts.append(Text(_footer(result), style="dim"))
    return Group(*parts)


def _footer(result):
    cores = result.environment["cores"]["usable"]
    return (
        f"size {result.size}, seed {result.seed}, {result.n_jobs} thread(s) on {cores} cores. Ratio: time divided by "
        "that of the first of ours, median over interleaved rounds [lowest to highest]. Memory: tracemalloc's peak, "
        "without the work space of compiled code."
    )


def _rich_table(table):
    figure = RichTable(title=f"{table.case}  ({table.n_rounds} rounds)", title_justify="left", title_style="")
    figure.add_column("contender (package)", overflow="fold", min_width=20)
    for name in ("time", "ratio", "range", "memory"):
        figure.add_column(name, justify="right", no_wrap=True)
    for metric in table.metrics:
        figure.add_column(metric["name"], justify="right", max_width=11)
    for measurement in table.measurements:
        figure.add_row(*_row(table, measurement), style=_STYLES.get(measurement.role))
    notes = [f"{m.contender}: {m.note}" for m in table.measurements if m.note]
    failures = [f"{m.contender}: {_format.status(m)}" for m in table.measurements if m.status != OK]
    if notes or failures:
        figure.caption = Text("\n".join(notes + failures))
        figure.caption_justify = "left"
    return figure


def _row(table, measurement):
    # Text, not str: rich would read square brackets in names and messages as markup.
    package = "" if measurement.is_ours else f" ({measurement.package})"
    name = Text(f"{measurement.contender}{package}")
    if measurement.status != OK:
        blanks = [""] * (3 + len(table.metrics))
        return [name, Text(measurement.status), *blanks]
    return [
        name,
        _format.seconds(measurement.median_seconds),
        _format.ratio(measurement.time_ratio),
        Text(_format.ratio_range(*measurement.time_ratio_range)),
        _format.memory(measurement.peak_memory),
        *(_format.metric(measurement.metrics[m["name"]], m["log"]) for m in table.metrics),
    ]
