"""Explicit vectors for kernels in which the compiler's loop vectoriser gives up.

A loop that touches eight rows of one array needs more run-time alias checks than LLVM is willing to make, so it stays
scalar. Here a kernel says what it wants: ``load(x, i)`` reads ``lanes(x)`` neighbouring elements of the 1-d array x as
one vector, ``store(x, i, v)`` writes them, ``splat(x, value)`` repeats a scalar, and ``+``, ``-``, ``*`` work element
by element. A vector is 32 bytes: four float64 or int64, or eight float32. LLVM splits it where the registers of the
machine are narrower. No bounds are checked.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload

_VECTOR_BYTES = 32
_ELEMENTS = (types.float32, types.float64, types.int64)


class VectorType(types.Type):
    """The Numba type of a vector of float32, float64 or int64."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.count = _VECTOR_BYTES // (dtype.bitwidth // 8)
        super().__init__(name=f"vector({dtype}, {self.count})")


@register_default(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        scalar = manager.lookup(fe_type.dtype).get_value_type()
        super().__init__(manager, fe_type, ir.VectorType(scalar, fe_type.count))


def _vector_of(x):
    if not (isinstance(x, types.Array) and x.ndim == 1 and x.layout == "C"):
        raise TypingError(f"vectors are read from 1-d contiguous arrays, not from {x}")
    if x.dtype not in _ELEMENTS:
        raise TypingError(f"vectors hold float32, float64 or int64, not {x.dtype}")
    return VectorType(x.dtype)


def _pointer(context, builder, array_type, array, i):
    data = context.make_array(array_type)(context, builder, array).data
    pointer = builder.gep(data, [i])
    return builder.bitcast(pointer, context.get_value_type(VectorType(array_type.dtype)).as_pointer())


@intrinsic
def load(typingctx, x, i):
    """Return the vector that begins at ``x[i]``."""
    vector = _vector_of(x)

    def codegen(context, builder, signature, args):
        loaded = builder.load(_pointer(context, builder, x, *args))
        loaded.align = x.dtype.bitwidth // 8
        return loaded

    return vector(x, types.intp), codegen


@intrinsic
def store(typingctx, x, i, v):
    """Write the vector ``v`` from ``x[i]`` on."""
    if v != _vector_of(x):
        raise TypingError(f"cannot store {v} in {x}")

    def codegen(context, builder, signature, args):
        stored = builder.store(args[2], _pointer(context, builder, x, *args[:2]))
        stored.align = x.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(x, types.intp, v), codegen


@intrinsic
def prefetch(typingctx, x, i):
    """Ask for the cache line of ``x[i]`` ahead of its use; ``i`` may lie beyond the end."""
    _vector_of(x)

    def codegen(context, builder, signature, args):
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0i8")
        pointer = builder.bitcast(_pointer(context, builder, x, *args), byte)
        # For reading, into the second-level cache, data.
        builder.call(function, [pointer, word(0), word(2), word(1)])
        return context.get_dummy_value()

    return types.void(x, types.intp), codegen


@intrinsic
def splat(typingctx, x, value):
    """Return the vector, of the element type of array ``x``, whose elements all are ``value``."""
    vector = _vector_of(x)

    def codegen(context, builder, signature, args):
        vector_type = context.get_value_type(vector)
        undefined = ir.Constant(vector_type, ir.Undefined)
        single = builder.insert_element(undefined, args[1], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(single, undefined, _mask([0] * vector.count))

    return vector(x, x.dtype), codegen


def _mask(positions):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(positions)), positions)


@intrinsic
def hadamard_lanes(typingctx, v):
    """Return the Walsh-Hadamard transform of the elements of one vector, in natural order."""
    if not isinstance(v, VectorType):
        raise TypingError(f"expected a vector, got {v}")
    integer = isinstance(v.dtype, types.Integer)

    def codegen(context, builder, signature, args):
        (value,) = args
        vector_type = context.get_value_type(v)
        add = builder.add if integer else builder.fadd
        multiply = builder.mul if integer else builder.fmul
        bit = 1
        while bit < v.count:
            positions = range(v.count)
            low = builder.shuffle_vector(value, value, _mask([i & ~bit for i in positions]))
            high = builder.shuffle_vector(value, value, _mask([i | bit for i in positions]))
            signs = ir.Constant(vector_type, [-1 if i & bit else 1 for i in positions])
            value = add(low, multiply(signs, high))
            bit *= 2
        return value

    return v(v), codegen


@intrinsic
def _lanes(typingctx, x):
    count = _vector_of(x).count
    word = ir.IntType(types.intp.bitwidth)
    return types.intp(x), lambda context, builder, signature, args: ir.Constant(word, count)


def lanes(x):
    """Return the number of elements of a vector of the element type of ``x``."""
    return _VECTOR_BYTES // x.itemsize


@overload(lanes, inline="always")
def _overload_lanes(x):
    return lambda x: _lanes(x)


def _arithmetic(float_instruction, integer_instruction):
    @intrinsic
    def apply(typingctx, a, b):
        name = integer_instruction if isinstance(a.dtype, types.Integer) else float_instruction

        def codegen(context, builder, signature, args):
            return getattr(builder, name)(*args)

        return a(a, b), codegen

    return apply


def _register(operation, apply):
    @overload(operation, inline="always")
    def vector_operation(a, b):
        if isinstance(a, VectorType) and a == b:
            return lambda a, b: apply(a, b)


_register(operator.add, _arithmetic("fadd", "add"))
_register(operator.sub, _arithmetic("fsub", "sub"))
_register(operator.mul, _arithmetic("fmul", "mul"))
