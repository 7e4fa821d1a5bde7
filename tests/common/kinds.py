"""Kinds of parameters, and what each must refuse.

A kind lists bad values as ``Bad(label, make, exceptions, said)``: ``make`` turns the valid value of the call into the
bad one, and ``said``, where it is given, must occur in the message beside the parameter's name.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse

NOT_A_NUMBER = (TypeError, ValueError)


@dataclass(frozen=True)
class Bad:
    """One bad value of a parameter."""

    label: str
    make: Callable
    exceptions: type | tuple
    said: str | None = None


def bad_scalar(label, value, exceptions):
    """Return a bad value that the message must show, as it is or converted to float."""
    said = repr(value) if isinstance(value, str) else str(value)
    return Bad(label, lambda valid: value, exceptions, said)


class Kind:
    """Base class: a parameter for which nothing is known to be bad."""

    def bad_values(self):
        """Return the list of bad values."""
        return []


@dataclass(frozen=True)
class Free(Kind):
    """A parameter with bad values of its own, as (label, value, exceptions)."""

    bad: tuple = ()

    def bad_values(self):
        return [Bad(label, lambda valid, value=value: value, exceptions) for label, value, exceptions in self.bad]


@dataclass(frozen=True)
class Integer(Kind):
    """An integer from ``minimum`` on; ``too_large`` is one that this call cannot take."""

    minimum: int | None = 1
    too_large: int | None = None
    none: bool = False
    words: bool = False

    def bad_values(self):
        bad = [
            ("a fraction", 2.5, TypeError),
            ("a float", 3.0, TypeError),
            ("NaN", float("nan"), TypeError),
            ("a boolean", True, TypeError),
            ("a list", [3], TypeError),
            ("text", "three", NOT_A_NUMBER if self.words else TypeError),
        ]
        if self.minimum is not None:
            bad.append(("too small", self.minimum - 1, ValueError))
            bad.append(("very negative", -(10**12), ValueError))
        if self.too_large is not None:
            bad.append(("too large", self.too_large, ValueError))
        if not self.none:
            bad.append(("None", None, TypeError))
        return [bad_scalar(*one) for one in bad]


@dataclass(frozen=True)
class Real(Kind):
    """A finite real number; ``outside`` are values beyond its range."""

    outside: tuple = (-1.0,)
    none: bool = False

    def bad_values(self):
        bad = [
            ("NaN", float("nan"), ValueError),
            ("infinity", float("inf"), ValueError),
            ("text", "small", TypeError),
            ("complex", 1j, TypeError),
            ("a boolean", True, TypeError),
            ("a list", [0.5], TypeError),
            *((f"{value} is outside", value, ValueError) for value in self.outside),
        ]
        if not self.none:
            bad.append(("None", None, TypeError))
        return [bad_scalar(*one) for one in bad]


@dataclass(frozen=True)
class Option(Kind):
    """One of a few words."""

    none: bool = False

    def bad_values(self):
        bad = [("an unknown word", "nonsense", ValueError), ("a number", 3, ValueError), ("a list", ["a"], ValueError)]
        if not self.none:
            bad.append(("None", None, ValueError))
        return [bad_scalar(*one) for one in bad]


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    def bad_values(self):
        return [
            bad_scalar("a word", "yes", TypeError),
            bad_scalar("None", None, TypeError),
            bad_scalar("a number", 2, TypeError),
        ]


@dataclass(frozen=True)
class RandomState(Kind):
    """What scikit-learn takes as random_state."""

    def bad_values(self):
        return [
            bad_scalar("text", "seed", ValueError),
            bad_scalar("negative", -1, ValueError),
            bad_scalar("a fraction", 2.5, ValueError),
            bad_scalar("too large", 2**40, ValueError),
        ]


@dataclass(frozen=True)
class Jobs(Kind):
    """A number of threads in joblib's meaning."""

    def bad_values(self):
        return [
            bad_scalar("zero", 0, ValueError),
            bad_scalar("a fraction", 1.5, TypeError),
            bad_scalar("text", "two", TypeError),
            bad_scalar("a boolean", True, TypeError),
        ]


@dataclass(frozen=True)
class Device(Kind):
    """ "cpu", "cuda" or "auto"."""

    def bad_values(self):
        return [bad_scalar("unknown", "gpu", ValueError), bad_scalar("a number", 0, ValueError)]


@dataclass(frozen=True)
class Dtype(Kind):
    """The type of floating-point numbers."""

    def bad_values(self):
        return [
            bad_scalar("unknown", "nonsense", TypeError),
            Bad("integer", lambda valid: np.int32, ValueError),
            Bad("complex", lambda valid: np.complex128, ValueError),
            Bad("object", lambda valid: object, ValueError),
        ]


def _with_entry(value, place=(0, 0)):
    def spoil(valid):
        spoiled = np.array(valid, dtype=np.result_type(valid, np.float32))
        spoiled[place[: spoiled.ndim]] = value
        return spoiled

    return spoil


def _as_csr(valid):
    valid = np.asarray(valid)
    return scipy.sparse.csr_array(valid.reshape(len(valid), -1))


def _object_array(valid, value):
    spoiled = np.array(valid, dtype=object)
    spoiled.flat[0] = value
    return spoiled


_NOT_FINITE = [
    Bad("NaN", _with_entry(np.nan), ValueError),
    Bad("NaN at the end", _with_entry(np.nan, (-1, -1)), ValueError),
    Bad("infinity", _with_entry(np.inf), ValueError),
    Bad("minus infinity", _with_entry(-np.inf, (-1, 0)), ValueError),
    Bad("float32 NaN", lambda valid: _with_entry(np.nan)(np.asarray(valid, np.float32)), ValueError),
]
_NOT_NUMERIC = [
    Bad("None", lambda valid: None, NOT_A_NUMBER),
    Bad("a word", lambda valid: "text", NOT_A_NUMBER),
    Bad("an array of words", lambda valid: np.full(np.shape(valid), "text"), NOT_A_NUMBER),
    Bad("an array of bytes", lambda valid: np.full(np.shape(valid), b"text"), NOT_A_NUMBER),
    Bad("an array of objects", lambda valid: _object_array(valid, object()), NOT_A_NUMBER),
    Bad("a dictionary in it", lambda valid: _object_array(valid, {"a": 1}), NOT_A_NUMBER),
    Bad("a dictionary", lambda valid: {"a": 1}, NOT_A_NUMBER),
    Bad("a set", lambda valid: {1, 2}, NOT_A_NUMBER),
    Bad("a ragged list", lambda valid: [[1.0, 2.0], [3.0]], NOT_A_NUMBER),
    Bad("date objects", lambda valid: _object_array(valid, datetime.date(2020, 1, 1)), NOT_A_NUMBER),
    Bad("records", lambda valid: np.zeros(np.shape(valid), dtype=[("a", "f8"), ("b", "i4")]), NOT_A_NUMBER),
]
_DATES = Bad("dates", lambda valid: np.full(np.shape(valid), np.datetime64("2020-01-01")), NOT_A_NUMBER)
_SHAPES = {
    0: Bad("0-d", lambda valid: np.float64(1.0), NOT_A_NUMBER),
    1: Bad("1-d", lambda valid: np.array(valid, dtype=float).reshape(-1), ValueError),
    2: Bad("2-d", lambda valid: np.array(valid, dtype=float).reshape(-1, 1), ValueError),
    3: Bad("3-d", lambda valid: np.array(valid, dtype=float).reshape(-1, 1, 1), ValueError),
}


@dataclass(frozen=True)
class Array(Kind):
    """An array of numbers.

    ``ndims`` are the numbers of dimensions that are allowed, None for all from one on; ``finite`` says whether NaN and
    infinity are refused, ``empty`` whether an array without rows is taken, ``dates`` whether datetime64 counts as
    numeric, as it does in scikit-learn, ``none`` whether None is taken; ``extra`` are further bad values as ``Bad``.
    """

    ndims: tuple | None = (2,)
    finite: bool = True
    empty: bool = False
    complex: bool = False
    sparse: bool = False
    dates: bool = False
    none: bool = False
    extra: tuple = field(default=())

    def bad_values(self):
        bad = [case for case in _NOT_NUMERIC if not (self.none and case.label == "None")] + list(self.extra)
        if not self.empty:
            bad.append(Bad("no rows", lambda valid: np.array(valid)[:0], ValueError))
        if self.ndims == (2,):
            bad.append(Bad("no columns", lambda valid: np.array(valid)[:, :0], ValueError))
        allowed = (1, 2, 3) if self.ndims is None else self.ndims
        bad += [shape for ndim, shape in _SHAPES.items() if ndim not in allowed]
        if self.finite:
            bad += _NOT_FINITE
        if not self.dates:
            bad.append(_DATES)
        if not self.complex:
            bad.append(Bad("complex", lambda valid: np.asarray(valid) + 1j, NOT_A_NUMBER))
        if not self.sparse:
            bad.append(Bad("sparse", _as_csr, NOT_A_NUMBER))
        elif self.finite:
            bad.append(Bad("sparse NaN", lambda valid: _as_csr(_with_entry(np.nan)(valid)), ValueError))
        return bad


def of_length(name, change):
    """Return the bad value of an array that has ``change`` rows more than the others."""

    def make(valid):
        valid = np.asarray(valid)
        return valid[:change] if change < 0 else np.concatenate([valid, valid[:change]])

    return Bad(f"{abs(change)} rows too {'few' if change < 0 else 'many'} for {name}", make, ValueError)
