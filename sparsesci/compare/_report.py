"""Comparisons as one HTML page that needs nothing but itself."""

from html import escape

from sparsesci._core.info import format_info
from sparsesci.compare import _format
from sparsesci.compare._model import OK
from sparsesci.compare._plots import case_figure, svg_data_uri
from sparsesci.compare._run import MEASURED_HOW

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; margin-top: 3rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1.05rem; margin: 2rem 0 0.5rem; }
nav a { margin-right: 1rem; } .quiet { color: #555; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.75rem; text-align: right; border-bottom: 1px solid #e4e4e4; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
thead th { border-bottom: 2px solid #888; vertical-align: bottom; }
tr.ours td:first-child { font-weight: 600; color: #0072B2; } tr.floor { color: #777; }
td.status { text-align: left; color: #a33; white-space: normal; }
img { max-width: 100%; height: auto; } pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; }
"""


def html_report(result):
    """Return a ComparisonResult as the text of an HTML page."""
    links = "".join(f'<a href="#{escape(c.method)}">{escape(c.method)}</a>' for c in result.comparisons)
    sections = "\n".join(_section(result, comparison) for comparison in result.comparisons)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sparsesci: comparison with other packages</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>sparsesci: comparison with other packages</h1>
<p class="quiet">{escape(result.created)} · size {escape(result.size)} · seed {result.seed} ·
{result.n_jobs} thread(s)</p>
<nav>{links}</nav>
<p>{escape(MEASURED_HOW)}</p>
{sections}
<h2>Environment</h2>
<pre>{escape(format_info(result.environment))}</pre>
</body>
</html>
"""


def _section(result, comparison):
    tables = "\n".join(_case(table) for table in result.tables if table.method == comparison.method)
    return f"""<section id="{escape(comparison.method)}">
<h2>{escape(comparison.method)}: {escape(comparison.title)}</h2>
<p>{escape(comparison.question)}</p>
<p class="quiet">Published figures: {escape(comparison.published)}. Measured in
{result.seconds[comparison.method]:.0f} s.</p>
{tables}
</section>"""


def _case(table):
    parameters = ", ".join(f"{name} = {value}" for name, value in table.parameters.items())
    reference = f"ratios refer to {table.reference}" if table.reference else "no ratios: none of ours ran"
    heads = "".join(
        f'<th title="{escape(metric["description"])}">{escape(metric["name"])}</th>' for metric in table.metrics
    )
    rows = "\n".join(_row(table, measurement) for measurement in table.measurements)
    definitions = "".join(
        f"<li><b>{escape(m['name'])}</b>: {escape(m['description'])}"
        f"{', mean over rounds' if m['aggregate'] == 'mean' else ''}</li>"
        for m in table.metrics
    )
    notes = "".join(f"<li>{escape(m.contender)}: {escape(note)}</li>" for m in table.measurements for note in _notes(m))
    picture = svg_data_uri(case_figure(table))
    return f"""<h3>{escape(table.case)}</h3>
<p class="quiet">{escape(parameters)}; {table.n_rounds} rounds; {escape(reference)}</p>
<div class="scroll"><table>
<thead><tr><th>contender</th><th>package</th><th>time</th><th>time ratio</th><th>range</th><th>peak memory</th>{heads}
</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<img src="{picture}" alt="Time, memory and errors of all contenders: {escape(table.case)}">
<ul class="quiet">{definitions}{notes}</ul>"""


def _notes(measurement):
    return ([measurement.note] if measurement.note else []) + [f"warned: {w}" for w in measurement.warnings]


def _row(table, measurement):
    start = f"<td>{escape(measurement.contender)}</td><td>{escape(_format.package(measurement))}</td>"
    if measurement.status != OK:
        span = 4 + len(table.metrics)
        cells = f'<td class="status" colspan="{span}">{escape(_format.status(measurement))}</td>'
    else:
        figures = [
            _format.seconds(measurement.median_seconds),
            _format.ratio(measurement.time_ratio),
            _format.ratio_range(*measurement.time_ratio_range),
            _format.memory(measurement.peak_memory),
            *(_format.metric(measurement.metrics[m["name"]], m["log"]) for m in table.metrics),
        ]
        cells = "".join(f"<td>{escape(figure)}</td>" for figure in figures)
    return f'<tr class="{escape(measurement.role)}">{start}{cells}</tr>'
