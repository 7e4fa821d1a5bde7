"""Cases and signatures of the CUDA twins of sparsesci.sketching."""

import numpy as np

from tests.twins.calls import KEY, Case, DeviceOnly, csr_parts, integers


def sampled_rows(n_padded, size):
    return np.sort(np.random.default_rng(7).choice(n_padded, size, replace=False)).astype(np.int64)


def fwht_cases():
    calls = (
        (np.float64, (2, 16, 3)),
        (np.float64, (3, 16, 1)),
        (np.float64, (1, 1, 5)),
        (np.float64, (1, 8192, 1)),  # longer than a tile
        (np.float32, (1, 32, 4)),
        (np.int64, (2, 8, 9)),
    )
    return tuple(
        Case(f"{np.dtype(dtype).name} {shape}", lambda s=shape, t=dtype: {"x": integers(s, t), "n_jobs": 1})
        for dtype, shape in calls
    )


def accumulate_cases(extra, *, csr=False, tolerance=None):
    """Return cases of an accumulating launcher: two types, rows in the middle, and ``out`` not empty at first."""

    def arguments(dtype, row_offset, shape):
        given = csr_parts(shape, dtype) if csr else {"A": integers(shape, dtype)}
        out = integers((12, shape[1]), dtype, seed=5)
        return {**given, "key": KEY, **extra(row_offset), "row_offset": row_offset, "out": out, "n_jobs": 1}

    return tuple(
        Case(
            f"{np.dtype(dtype).name} {shape} from row {row_offset}",
            lambda t=dtype, r=row_offset, s=shape: arguments(t, r, s),
            0.0 if tolerance is None else tolerance[np.dtype(dtype).name],
        )
        for dtype, row_offset, shape in (
            (np.float64, 0, (40, 3)),
            (np.float64, 1000, (70, 5)),
            (np.float32, 37, (40, 1)),
        )
    )


GAUSSIAN_TOLERANCE = {"float64": 1e-13, "float32": 1e-5}
SRHT = {"rows": sampled_rows(2048, 12)}


def gaussian_columns(dtype, start, stop):
    return {"key": KEY, "start": start, "stop": stop, "out": np.zeros((stop - start, 10), dtype), "n_jobs": 1}


CASES = {
    "sparsesci.sketching._fwht_cuda": {"fwht_inplace": fwht_cases()},
    "sparsesci.sketching._srht_cuda": {
        "srht_accumulate": accumulate_cases(lambda offset: SRHT),
        "srht_accumulate_csr": accumulate_cases(lambda offset: SRHT, csr=True),
    },
    "sparsesci.sketching._sparse_sign_cuda": {
        "sparse_sign_accumulate": accumulate_cases(lambda offset: {"nnz_per_column": 3}),
        "sparse_sign_accumulate_csr": accumulate_cases(lambda offset: {"nnz_per_column": 3}, csr=True),
        "sparse_sign_pattern": tuple(
            Case(
                f"{nnz} of {m} from {start}",
                lambda nnz=nnz, m=m, start=start: {
                    "key": KEY,
                    "nnz_per_column": nnz,
                    "n_components": m,
                    "start": start,
                    "stop": start + 30,
                },
            )
            for nnz, m, start in ((1, 5, 0), (3, 12, 1000), (8, 8, 2**33))
        ),
    },
    "sparsesci.sketching._gaussian_cuda": {
        "gaussian_columns": (
            Case("float64", lambda: gaussian_columns(np.float64, 0, 7)),
            Case("float32", lambda: gaussian_columns(np.float32, 2**33, 2**33 + 5)),
        ),
        "gaussian_accumulate": accumulate_cases(lambda offset: {}, tolerance=GAUSSIAN_TOLERANCE),
    },
}


def fwht_on_the_cpu(x, axis, norm, order, overwrite_x):
    from sparsesci.sketching import fwht

    return fwht(x, axis, norm=norm, order=order)


def device_fwht(dtype, **options):
    arguments = {"axis": 2, "norm": None, "order": "natural", "overwrite_x": False, **options}
    return Case(f"{np.dtype(dtype).name} {options}", lambda: {"x": integers((2, 8, 4), dtype), **arguments})


DEVICE_ONLY = {
    "sparsesci.sketching._fwht_cuda": {
        "fwht_device_array": DeviceOnly(
            fwht_on_the_cpu,
            (
                device_fwht(np.float64),
                device_fwht(np.float32, axis=1, order="sequency"),
                device_fwht(np.int32, axis=0),
                device_fwht(np.complex128, axis=1, norm="ortho"),
                device_fwht(np.int64, norm="ortho", overwrite_x=True),
            ),
        )
    }
}

SIGNATURES = {
    "sparsesci.sketching._fwht_cuda": {
        "fwht_contiguous": [f"void({t}[::1], int64, int64, int64)" for t in ("float64", "float32", "int64")],
        "fwht_strided": [f"void({t}[::1], int64, int64, int64)" for t in ("float64", "float32", "int64")],
        "scale_elements": ["void(float64[::1], float64)", "void(float32[::1], float32)"],
        "take_rows": [f"void({t}[::1], int64[::1], int64, {t}[::1])" for t in ("float64", "float32", "int64")],
    },
    "sparsesci.sketching._srht_cuda": {
        "srht_tiles": [
            f"void({t}[:, ::1], uint64, int64[::1], int64, int64, int64, int64, {t}[:, :, ::1])"
            for t in ("float64", "float32")
        ],
    },
    "sparsesci.sketching._sparse_sign_cuda": {
        "draw_pattern": [f"void(uint64, int64, int64, {t}[:, ::1], int8[:, ::1])" for t in ("int32", "int64")],
        "sort_tiles": ["void(int32[:, ::1], int8[:, ::1], int64, int32[:, ::1], int16[:, ::1])"],
        "gather_tiles": [
            f"void({t}[:, ::1], int32[:, ::1], int16[:, ::1], int64, int64, {t}[:, :, ::1])"
            for t in ("float64", "float32")
        ],
        "gather_tiles_csr": [
            f"void({t}[::1], {i}[::1], {i}[::1], int32[:, ::1], int16[:, ::1], int64, {t}[:, :, ::1])"
            for t, i in (("float64", "int32"), ("float32", "int64"))
        ],
    },
    "sparsesci.sketching._gaussian_cuda": {
        "gaussian_blocks": [f"void(uint64, int64, {t}[:, ::1])" for t in ("float64", "float32")],
        "add_products": [f"void({t}[:, ::1], {t}[:, ::1], {t}[:, :, ::1])" for t in ("float64", "float32")],
    },
}
