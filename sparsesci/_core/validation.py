"""Checks of parameters and arrays, with messages that name the parameter, the value and what was expected."""

import numbers
import re
from contextlib import contextmanager

import numpy as np


@contextmanager
def naming(name):
    """Make the TypeErrors and ValueErrors of the block name the parameter that they are about.

    Most messages of NumPy and scikit-learn do not say which array they mean.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if re.search(rf"\b{re.escape(name)}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} cannot be used: {error}") from error


def check_option(name, value, options):
    """Return ``value`` if it is one of ``options`` (strings or None), otherwise raise ValueError."""
    if not isinstance(value, (str, type(None))) or value not in options:
        expected = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} must be one of {expected}; got {value!r}")
    return value


def check_integer(name, value, *, minimum=None, maximum=None):
    """Return ``value`` as an int; TypeError if it is no integer, ValueError if it is out of range."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    value = int(value)
    _check_range(name, value, minimum, maximum)
    return value


def check_real(name, value, *, minimum=None, maximum=None, exclusive=False):
    """Return ``value`` as a float; TypeError if it is no real number, ValueError if not finite or out of range.

    With ``exclusive`` the bounds themselves are refused.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number; got {value!r}")
    value = float(value)
    if not np.isfinite(value):
        raise ValueError(f"{name} must be finite; got {value!r}")
    _check_range(name, value, minimum, maximum, exclusive)
    return value


def _check_range(name, value, minimum, maximum, exclusive=False):
    below, above = ("greater than", "less than") if exclusive else ("at least", "at most")
    if minimum is not None and (value <= minimum if exclusive else value < minimum):
        raise ValueError(f"{name} must be {below} {minimum}; got {value!r}")
    if maximum is not None and (value >= maximum if exclusive else value > maximum):
        raise ValueError(f"{name} must be {above} {maximum}; got {value!r}")


def check_flag(name, value):
    """Return ``value`` as a bool; TypeError if it is no boolean."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; got {value!r}")
    return bool(value)
