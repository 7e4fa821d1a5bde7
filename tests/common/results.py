"""Comparing results of any structure: arrays, numbers, words, and containers of them."""

import numbers

import joblib
import numpy as np
import scipy.sparse
from scipy.sparse.linalg import LinearOperator


def flatten(value, path="result"):
    """Return a dictionary from paths to arrays, numbers, strings, None.

    Raises
    ------
    TypeError
        For a type that nothing is known about: what is not compared must be left out knowingly.
    """
    if value is None or isinstance(value, (str, bool, numbers.Number, np.generic)):
        return {path: value}
    if isinstance(value, np.ndarray):
        return {path: value}
    if scipy.sparse.issparse(value):
        value = value.tocsr()
        return {f"{path}.{part}": getattr(value, part) for part in ("data", "indices", "indptr")}
    if isinstance(value, LinearOperator):
        return {f"{path}.todense()": value @ np.eye(value.shape[1])}
    if hasattr(value, "to_numpy"):
        return {path: value.to_numpy()}
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        raise TypeError(f"{path}: cannot compare a {type(value).__name__}")
    flat = {}
    for key, item in items:
        flat.update(flatten(item, f"{path}[{key!r}]"))
    return flat


def assert_identical(actual, expected):
    """Assert that two results agree in every bit (NaN equals NaN)."""
    actual, expected = flatten(actual), flatten(expected)
    assert actual.keys() == expected.keys()
    for path, value in expected.items():
        if isinstance(value, np.ndarray):
            assert actual[path].dtype == value.dtype, path
            np.testing.assert_array_equal(actual[path], value, err_msg=path, strict=True)
        elif isinstance(value, (numbers.Number, np.generic)):
            np.testing.assert_array_equal(actual[path], value, err_msg=path)
        else:
            assert actual[path] == value, path


def assert_close(actual, expected, tolerance, without=()):
    """Assert that two results agree up to ``tolerance`` times the largest entry of each array.

    Entries whose path contains one of ``without`` are not compared: they are about rounding itself.
    """
    actual, expected = flatten(actual), flatten(expected)
    assert actual.keys() == expected.keys()
    compared = 0
    for path, value in expected.items():
        if any(word in path for word in without):
            continue
        compared += 1
        if isinstance(value, (np.ndarray, numbers.Number, np.generic)) and np.asarray(value).dtype.kind in "iufcb":
            reference = np.asarray(value)
            finite = np.abs(reference[np.isfinite(reference)])
            scale = float(finite.max()) if finite.size else 0.0
            np.testing.assert_allclose(actual[path], reference, rtol=0, atol=tolerance * scale, err_msg=path)
        else:
            np.testing.assert_array_equal(actual[path], value, err_msg=path)
    assert compared, "nothing was compared"


def fitted_state(estimator):
    """Return a digest of everything that an estimator holds beside its parameters."""
    parameters = estimator.get_params(deep=False)
    return joblib.hash({name: value for name, value in vars(estimator).items() if name not in parameters})


def digest(value):
    """Return a digest of arrays and whatever else can be pickled."""
    return joblib.hash(value)
