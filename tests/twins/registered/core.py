"""Signatures of the CUDA kernels that all twins share."""

CASES = {}
DEVICE_ONLY = {}
SIGNATURES = {
    "sparsesci._core.cuda": {
        "copy_elements": ["void(float32[:, :], float64[::1])", "void(complex128[:, :, :], complex128[::1])"],
        "scatter_rows": [
            f"void({t}[::1], {i}[::1], {i}[::1], {t}[:, ::1])" for t, i in (("float64", "int32"), ("float32", "int64"))
        ],
        "find_not_finite": ["void(float64[::1], int8[::1])", "void(float32[::1], int8[::1])"],
        "fill_zero": ["void(float64[::1])", "void(float32[::1])"],
        "add_slots": ["void(float64[:, :, ::1], float64[:, ::1])", "void(float32[:, :, ::1], float32[:, ::1])"],
    },
}
