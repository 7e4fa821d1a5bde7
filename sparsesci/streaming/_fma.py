"""Fused multiply-add, on numbers and on the vectors of ``sparsesci._core.simd``.

A fused multiply-add is rounded once, whatever the width of the vector that it is part of. Sums built of it in a fixed
order therefore have the same bits whether the compiler handles one element at a time or eight, and whether a row comes
alone or among others: that is what the exact chunk invariance of the streaming methods rests on.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from sparsesci._core.simd import VectorType


def _is_double(a):
    return a == types.float64 or (isinstance(a, VectorType) and a.dtype == types.float64)


@intrinsic
def fma(typingctx, a, b, c):
    """Return ``a * b + c``, rounded once, for float64 or for vectors of them."""
    if not (_is_double(a) and a == b == c):
        raise TypingError(f"fma takes three float64 or three vectors of them, not {a}, {b}, {c}")

    def codegen(context, builder, signature, args):
        kind = context.get_value_type(a)
        name = "llvm.fma.f64" if a == types.float64 else f"llvm.fma.v{a.count}f64"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
        return builder.call(function, args)

    return a(a, b, c), codegen


@intrinsic
def lane_sum(typingctx, v):
    """Return the sum of the elements of a vector of four float64, as (v0 + v1) + (v2 + v3)."""
    if not (isinstance(v, VectorType) and v.dtype == types.float64 and v.count == 4):
        raise TypingError(f"lane_sum takes a vector of four float64, not {v}")

    def codegen(context, builder, signature, args):
        lanes = [builder.extract_element(args[0], ir.Constant(ir.IntType(32), i)) for i in range(4)]
        return builder.fadd(builder.fadd(lanes[0], lanes[1]), builder.fadd(lanes[2], lanes[3]))

    return types.float64(v), codegen
