"""How figures are written, the same in the terminal and in the report."""

import math

from sparsesci.compare._model import FAILED, NOT_INSTALLED, OK

MISSING = "–"


def seconds(value):
    """Return a time with three digits and a unit: "1.23 ms"."""
    return _scaled(value, ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")))


def memory(value):
    """Return a number of bytes with three digits and a unit: "12.3 MiB"."""
    return _scaled(value, ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")))


def _scaled(value, units):
    if not math.isfinite(value):
        return MISSING
    for factor, unit in units:
        if abs(value) >= factor:
            return f"{_digits(value / factor)} {unit}"
    factor, unit = units[-1]
    return f"{_digits(value / factor)} {unit}"


def _digits(value):
    """Return three significant digits without an exponent for values in [0.01, 1000)."""
    return f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"


def ratio(value):
    """Return a time ratio: "3.21×"."""
    return f"{_digits(value)}×" if math.isfinite(value) else MISSING


def ratio_range(low, high):
    """Return the extremes of a time ratio: "2.90–3.50"."""
    return f"{_digits(low)}–{_digits(high)}" if math.isfinite(low) and math.isfinite(high) else MISSING


def metric(value, log=True):
    """Return a figure of merit, in scientific notation where it is drawn on a logarithmic scale."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞"
    if value == 0 or (1e-2 <= abs(value) < 1e3) or not log:
        return f"{value:.3g}"
    return f"{value:.1e}"


def status(measurement):
    """Return what to say of a contender without figures, "" for one that has some."""
    if measurement.status == OK:
        return ""
    if measurement.status == NOT_INSTALLED:
        return "not installed"
    assert measurement.status == FAILED
    return f"failed: {measurement.message}"


def package(measurement):
    """Return the package with its version."""
    return f"{measurement.package} {measurement.version}" if measurement.version else measurement.package
