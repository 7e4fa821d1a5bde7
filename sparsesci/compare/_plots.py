"""One figure for each case: a row for each contender, a panel for time, memory and each metric."""

import base64
import io
import math
from dataclasses import dataclass

from sparsesci.compare import _format
from sparsesci.compare._model import FLOOR, OK, OURS, PEER

# Okabe and Ito's palette, told apart by people with any kind of colour vision; shapes differ as well.
_LOOKS = {
    OURS: {"color": "#0072B2", "marker": "o", "label": "sparsesci"},
    PEER: {"color": "#D55E00", "marker": "s", "label": "others"},
    FLOOR: {"color": "#7F7F7F", "marker": "D", "label": "floor"},
}
_PANEL_WIDTH, _ROW_HEIGHT = 2.7, 0.3
_MOST_PANELS_IN_A_ROW = 4
_LEAST_DECADES = 0.8


@dataclass(frozen=True)
class _Panel:
    """What one panel shows: for each contender (value, lowest, highest), or None."""

    title: str
    log: bool
    values: list
    text: object


def case_figure(table):
    """Return a matplotlib Figure of the Table."""
    from matplotlib.figure import Figure

    panels = _panels(table)
    n_lines = -(-len(panels) // _MOST_PANELS_IN_A_ROW)
    n_columns = -(-len(panels) // n_lines)
    height = 0.5 + n_lines * (0.7 + _ROW_HEIGHT * len(table.measurements))
    figure = Figure(figsize=(2.4 + _PANEL_WIDTH * n_columns, height), layout="constrained")
    axes = figure.subplots(n_lines, n_columns, sharey=True, squeeze=False)
    for ax, panel in zip(axes.flat, panels):
        _draw_panel(ax, table.measurements, panel)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        _name_rows(ax, table.measurements)
    _add_legend(figure, table)
    return figure


def _panels(table):
    measurements = table.measurements
    times = [
        (1e3 * m.median_seconds, 1e3 * min(m.seconds), 1e3 * max(m.seconds)) if m.seconds else None
        for m in measurements
    ]
    memory = [_single(m.peak_memory / 2**20) for m in measurements]
    panels = [
        _Panel("time (ms)", True, times, lambda value: _format.seconds(value / 1e3)),
        _Panel("peak memory (MiB)", True, memory, lambda value: _format.memory(value * 2**20)),
    ]
    for metric in table.metrics:
        values = [_single(m.metrics.get(metric["name"], math.nan)) for m in measurements]
        log = metric["log"]
        panels.append(_Panel(metric["name"], log, values, lambda value, log=log: _format.metric(value, log)))
    return panels


def _single(value):
    return (value, value, value) if math.isfinite(value) else None


def _draw_panel(ax, measurements, panel):
    shown = [value for value in panel.values if value is not None]
    log = panel.log and any(value > 0 for value, _, _ in shown)
    if log:
        ax.set_xscale("log")
    low, high = _limits(shown, log)
    ax.set_xlim(low, high)
    for row, (measurement, value) in enumerate(zip(measurements, panel.values)):
        if value is not None:
            _draw_value(ax, row, _LOOKS[measurement.role], value, panel.text(value[0]))
    ax.set_xlabel(panel.title)
    ax.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=8)
    if not shown:
        ax.set_xticks([])
    elif log:
        _set_decades(ax, math.log10(high / low))
    else:
        ax.locator_params(axis="x", nbins=5)


def _limits(shown, log):
    """Return the ends of the axis: linear ones begin at zero, logarithmic ones span most of a decade at least."""
    if not log:
        high = max((value[2] for value in shown), default=1.0)
        return -0.04 * high, 1.06 * high if high > 0 else 1.0
    positive = [edge for value in shown for edge in value if edge > 0]
    low, high = math.log10(min(positive)), math.log10(max(positive))
    missing = max(0.0, _LEAST_DECADES - (high - low)) / 2
    margin = 0.06 * max(high - low, _LEAST_DECADES)
    return 10 ** (low - missing - margin), 10 ** (high + missing + margin)


def _draw_value(ax, row, look, value, text):
    """Draw a marker, the range as a line, and the figure on the side that has more room."""
    log = ax.get_xscale() == "log"
    low, high = ax.get_xlim()
    middle, least, most = (max(v, low) for v in value)
    ax.plot([least, most], [row, row], color=look["color"], linewidth=1.5, alpha=0.5)
    if value[0] >= low:  # a zero has no place on a logarithmic axis: only its label is shown, at the left end
        ax.plot([middle], [row], look["marker"], color=look["color"], markersize=6.5)
    centre = math.sqrt(low * high) if log else (low + high) / 2
    left = middle > centre
    ax.annotate(
        text,
        (least if left else most, row),
        xytext=(-7 if left else 7, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=8,
    )


def _set_decades(ax, decades):
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.xaxis.set_minor_formatter(NullFormatter())
    if decades > 2:
        ax.xaxis.set_major_locator(LogLocator(numticks=6))
    else:
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
        ax.xaxis.set_major_formatter("{x:g}")


def _name_rows(ax, measurements):
    ax.set_yticks(range(len(measurements)), [m.contender for m in measurements])
    ax.set_ylim(len(measurements) - 0.5, -0.5)
    for row, measurement in enumerate(measurements):
        if measurement.status != OK:
            ax.text(0.02, row, measurement.status, transform=ax.get_yaxis_transform(), va="center", color="#555555")


def _add_legend(figure, table):
    from matplotlib.lines import Line2D

    roles = [role for role in _LOOKS if any(m.role == role for m in table.measurements)]
    handles = [Line2D([], [], linestyle="", markersize=6.5, **_LOOKS[role]) for role in roles]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=9)


def svg_data_uri(figure):
    """Return a figure as an SVG data URI: an image of its own, whose ids cannot clash with those of others."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
