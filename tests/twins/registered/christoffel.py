"""Cases and signatures of the CUDA twin of product bases."""

import numpy as np

from tests.twins.calls import Case


def basis_arrays(families, scaled=False, **options):
    """Return the arrays that describe a basis to kernels."""
    from sparsesci.sampling import OrthogonalPolynomials

    basis = OrthogonalPolynomials(families, **options)
    names = ("families", "degrees", "starts", "recurrence")
    offsets, positions = basis._scaled_factors if scaled else basis._factors
    tables = dict(zip(names, basis._tables()))
    return {"shift": basis._shift, "scale": basis._scale, **tables, "offsets": offsets, "positions": positions}, basis


def values(families, n, dtype=np.float64, scaled=False, **options):
    arrays, basis = basis_arrays(families, scaled, **options)
    X = basis.sample_measure(n, random_state=0).astype(dtype)
    return {"X": X, **arrays, "scaled": scaled, "out": np.zeros((n, len(basis)), dtype), "n_jobs": 1}


def squares(families, n, dtype=np.float64, **options):
    arrays, basis = basis_arrays(families, **options)
    X = basis.sample_measure(n, random_state=0).astype(dtype)
    return {"X": X, **arrays, "out": np.zeros(n, dtype), "n_jobs": 1}


MIXED = ("legendre", "hermite", "fourier")
VALUES = (
    Case("mixed", lambda: values(MIXED, 9, total_degree=2), 1e-13),
    Case("scaled", lambda: values(("hermite", "chebyshev"), 5, scaled=True, total_degree=3), 1e-13),
    Case("high degree", lambda: values("hermite", 3, scaled=True, index_set=[[0], [40]]), 1e-13),
    Case("float32", lambda: values("legendre", 7, np.float32, max_degree=4), 1e-6),
)
SQUARES = (
    Case("mixed", lambda: squares(MIXED, 9, total_degree=2), 1e-13),
    Case("float32", lambda: squares("chebyshev", 7, np.float32, max_degree=4), 1e-6),
)

CASES = {"sparsesci.sampling._polynomials_cuda": {"basis_values": VALUES, "christoffel_values": SQUARES}}
DEVICE_ONLY = {}

_INDICES = "int64[::1]"
SIGNATURES = {
    "sparsesci.sampling._polynomials_cuda": {
        "coordinate_tables": [
            f"void({t}[:, ::1], float64[::1], float64[::1], {_INDICES}, {_INDICES}, {_INDICES}, float64[:, :, ::1], "
            "boolean, float64[:, ::1])"
            for t in ("float64", "float32")
        ],
        "table_products": [
            f"void(float64[:, ::1], {_INDICES}, {_INDICES}, {t}[:, ::1])" for t in ("float64", "float32")
        ],
        "table_squares": [f"void(float64[:, ::1], {_INDICES}, {_INDICES}, {t}[::1])" for t in ("float64", "float32")],
    },
}
