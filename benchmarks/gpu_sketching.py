"""Check the CUDA kernels of ``sparsesci.sketching`` against the CPU, and time them against the memory's bandwidth.

    python benchmarks/gpu_sketching.py

prints two short tables. The first needs a GPU or Numba's simulator (NUMBA_ENABLE_CUDASIM=1, tiny sizes); the second
needs a GPU. A time is the median of repeated calls of a launcher on arrays that lie on the device, waiting included.
Its floor is the time in which the device, at the rate of a copy measured in the same run, moves the bytes that have to
be moved: the input once, for a transform the output too. The exit status is 1 if a kernel disagrees with the CPU.
"""

import argparse
import os
import statistics
import sys
import time

import numpy as np
import scipy.sparse
from numba import cuda

from sparsesci._core.device import cuda_problem
from sparsesci.sketching import (
    _fwht_cuda,
    _fwht_kernels,
    _gaussian_cuda,
    _gaussian_kernels,
    _sparse_sign_cuda,
    _sparse_sign_kernels,
    _srht_cuda,
    _srht_kernels,
)

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
KEY = np.uint64(0x243F6A8885A308D3)
COPY_BYTES = 1 << 30


def sampled_rows(n_samples, n_rows):
    population = 1 << (n_rows - 1).bit_length()
    return np.sort(np.random.default_rng(1).choice(population, n_samples, replace=False)).astype(np.int64)


# Agreement with the CPU


def largest_difference(cpu_launcher, cuda_launcher, arguments, out):
    """Return the largest difference between what two launchers write to ``out``, relative to its largest entry."""
    on_cpu, on_gpu = out.copy(), out.copy()
    cpu_launcher(*arguments, on_cpu, 1)
    cuda_launcher(*arguments, on_gpu, 1)
    return float(np.abs(on_gpu - on_cpu).max() / np.abs(on_cpu).max())


def agreement_cases(dtype, n_rows, n_columns, n_samples):
    """Yield (name, launchers, arguments, out, exact)."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((n_rows, n_columns)).astype(dtype)
    matrix = scipy.sparse.random(n_rows, n_columns, 0.2, format="csr", dtype=dtype, rng=rng)
    csr = matrix.data, matrix.indices, matrix.indptr
    rows = sampled_rows(n_samples, 2 * n_rows)
    out = np.zeros((n_samples, n_columns), dtype)
    offset = n_rows // 3

    def pair(cpu_module, cuda_module, name):
        return name, (getattr(cpu_module, name), getattr(cuda_module, name))

    yield *pair(_fwht_kernels, _fwht_cuda, "fwht_inplace"), (), rng.standard_normal((3, 1024, 5)).astype(dtype), True
    yield *pair(_fwht_kernels, _fwht_cuda, "fwht_inplace"), (), rng.standard_normal((1, 1 << 14, 1)).astype(dtype), True
    srht = _srht_kernels, _srht_cuda
    yield *pair(*srht, "srht_accumulate"), (A, KEY, rows, offset), out, False
    yield *pair(*srht, "srht_accumulate_csr"), (*csr, KEY, rows, offset), out, False
    sparse_sign = _sparse_sign_kernels, _sparse_sign_cuda
    for nnz in (1, min(8, n_samples)):
        yield *pair(*sparse_sign, "sparse_sign_accumulate"), (A, KEY, nnz, offset), out, False
        yield *pair(*sparse_sign, "sparse_sign_accumulate_csr"), (*csr, KEY, nnz, offset), out, False
    gaussian = _gaussian_kernels, _gaussian_cuda
    columns = np.zeros((20, n_samples), dtype)
    yield *pair(*gaussian, "gaussian_columns"), (KEY, offset, offset + 20), columns, True
    yield *pair(*gaussian, "gaussian_accumulate"), (A, KEY, offset), out, False


def check_agreement():
    """Print a line for every launcher and type; return whether all of them agree."""
    sizes = (60, 3, 10) if SIMULATED else (20_000, 37, 300)
    print(f"Agreement with the CPU, {sizes[0]} x {sizes[1]} to {sizes[2]} rows")
    all_agree = True
    for dtype in (np.float64, np.float32):
        for name, launchers, arguments, out, exact in agreement_cases(dtype, *sizes):
            difference = largest_difference(*launchers, arguments, out)
            limit = 0.0 if exact else 1e3 * np.finfo(dtype).eps
            agrees = difference <= limit
            all_agree &= agrees
            verdict = "agrees" if agrees else f"DISAGREES: at most {limit:.1e} expected"
            print(f"  {name:<28} {np.dtype(dtype).name:<8} difference {difference:.1e}  {verdict}")
    return all_agree


# Times


def median_seconds(call, repeats):
    call()
    cuda.synchronize()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def copy_bandwidth(repeats):
    """Return the bytes read and written per second by a copy of 1 GiB on the device."""
    source, target = (cuda.device_array(COPY_BYTES // 8, np.float64) for _ in range(2))
    return 2 * COPY_BYTES / median_seconds(lambda: target.copy_to_device(source), repeats)


def random_on_device(shape, dtype):
    A = cuda.device_array(shape, dtype)
    _gaussian_cuda.gaussian_columns(KEY, 0, shape[0], A, None)
    return A


def fwht_case(dtype, n, outer):
    # Transformed again and again the numbers overflow, which costs no time.
    x = random_on_device((outer, n), dtype).reshape(outer, n, 1)
    return lambda: _fwht_cuda.fwht_inplace(x, None), 2 * x.nbytes


def dense_case(launcher, dtype, n_rows, n_columns, n_samples, *arguments):
    A = random_on_device((n_rows, n_columns), dtype)
    out = cuda.to_device(np.zeros((n_samples, n_columns), dtype))
    return lambda: launcher(A, KEY, *arguments, 0, out, None), A.nbytes


def csr_case(n_rows, n_columns, n_samples, nnz):
    """A matrix with 20 entries in every row, on the host as the launcher takes it: its copying is part of the time."""
    rng = np.random.default_rng(0)
    indices = rng.integers(0, n_columns, 20 * n_rows).astype(np.int32)
    data, indptr = rng.standard_normal(indices.size), np.arange(0, indices.size + 1, 20)
    out = cuda.to_device(np.zeros((n_samples, n_columns)))
    launcher = _sparse_sign_cuda.sparse_sign_accumulate_csr
    return lambda: launcher(data, indices, indptr, KEY, nnz, 0, out, None), data.nbytes + indices.nbytes


def timed_cases():
    """Yield (label, function that makes the call and its bytes); sizes of 1 to 3 GB in the dense cases."""
    for dtype, name in ((np.float64, "float64"), (np.float32, "float32")):
        for log2_n in (10, 13, 20, 26):
            yield f"fwht 2^{log2_n}, batch to 2^27, {name}", lambda t=dtype, k=log2_n: fwht_case(t, 1 << k, 1 << 27 - k)
        for n, d, m in ((1 << 21, 100, 400), (1 << 20, 300, 1200)):
            rows = sampled_rows(m, n)
            label = f"{n} x {d} to {m}, {name}"
            srht, sparse_sign = _srht_cuda.srht_accumulate, _sparse_sign_cuda.sparse_sign_accumulate
            yield f"srht {label}", lambda a=(srht, dtype, n, d, m, rows): dense_case(*a)
            yield f"sparse sign 8 {label}", lambda a=(sparse_sign, dtype, n, d, m, 8): dense_case(*a)
            yield f"countsketch {label}", lambda a=(sparse_sign, dtype, n, d, m, 1): dense_case(*a)
        gaussian = _gaussian_cuda.gaussian_accumulate
        label = f"gaussian {1 << 18} x 100 to 400, {name}"
        yield label, lambda a=(gaussian, dtype, 1 << 18, 100, 400): dense_case(*a)
    yield f"sparse sign 8, CSR from the host {1 << 20} x 200 to 2400", lambda: csr_case(1 << 20, 200, 2400, 8)


def print_times(repeats):
    bandwidth = copy_bandwidth(repeats)
    name = cuda.get_current_device().name
    print(f"\nTimes on {name.decode() if isinstance(name, bytes) else name}")
    print(f"  a copy on the device moves {bandwidth / 1e9:.0f} GB/s, median of {repeats}")
    print(f"  {'':<52} {'ms':>9} {'floor ms':>9} {'ratio':>6}")
    for label, make in timed_cases():
        call, nbytes = make()
        seconds, floor = median_seconds(call, repeats), nbytes / bandwidth
        print(f"  {label:<52} {1e3 * seconds:9.3f} {1e3 * floor:9.3f} {seconds / floor:6.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=9, help="calls of which the median is taken (default 9)")
    arguments = parser.parse_args()
    problem = None if SIMULATED else cuda_problem()
    if problem:
        print(f"Nothing to run on: {' '.join(problem.split())}")
        print("NUMBA_ENABLE_CUDASIM=1 checks tiny sizes on Numba's simulator.")
        return 2
    all_agree = check_agreement()
    if SIMULATED:
        print("\nNo times: the simulator's mean nothing.")
    else:
        print_times(arguments.repeats)
    return 0 if all_agree else 1


if __name__ == "__main__":
    sys.exit(main())
