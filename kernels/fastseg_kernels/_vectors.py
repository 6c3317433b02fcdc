"""Explicit vectors for kernels: 64 bytes of floats or unsigned integers that stay in registers.

LLVM does not keep small lane arrays in registers across a loop, since they may alias each other. A numba type whose
data model is an LLVM vector does stay there: the inner loop of the distance transform becomes one broadcast, and an
addition from memory and a minimum for each vector. Where the processor's vectors are narrower LLVM splits them.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic, models, register_model

BYTES = 64

#: bytes of neighbouring lines that go through a pass of the distance transform together: four vectors
TILE_BYTES = 4 * BYTES

if config.DISABLE_JIT:

    def lanes_of(array):
        """How many elements of an array make a vector."""
        return np.uint64(BYTES // array.itemsize)

    def load(array, index):
        """Take a vector from a one-dimensional array, starting at an index."""
        start = int(index)
        return array[start : start + BYTES // array.itemsize].copy()

    def store(array, index, vector):
        """Put a vector into a one-dimensional array, starting at an index."""
        start = int(index)
        array[start : start + len(vector)] = vector

    def splat(value):
        """Fill a vector with a number, of its type."""
        return np.full(BYTES // value.itemsize, value)

    def insert(vector, lane, value):
        """Put a number into one lane."""
        vector = vector.copy()
        vector[lane] = value
        return vector

    def unequal(first, second):
        """Compare two vectors: bit i of the word says whether lanes i differ."""
        return np.uint64(sum(1 << i for i in np.flatnonzero(first != second).tolist()))

    def add(first, second):
        """Add two vectors."""
        return first + second

    def minimum(first, second):
        """Take the smaller of each pair of lanes, the second where they are equal."""
        return np.where(first < second, first, second)

    def maximum(first, second):
        """Take the larger of each pair of lanes, the second where they are equal."""
        return np.where(first > second, first, second)

    def select_less(first, second, then, otherwise):
        """Take `then` in the lanes where `first` is less than `second`, else `otherwise`."""
        return np.where(first < second, then, otherwise)

    def square_root(vector):
        """Take the square root of each lane."""
        return np.sqrt(vector)

    def least(vector):
        """Find the smallest lane."""
        return vector.min()

    def greatest(vector):
        """Find the largest lane."""
        return vector.max()

else:

    class Vector(types.Type):
        """A vector of numbers of one type."""

        def __init__(self, dtype):
            self.dtype = dtype
            super().__init__(f"Vector({dtype})")

    def _vector(dtype):
        floats = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
        element = floats.get(dtype) or ir.IntType(dtype.bitwidth)
        return ir.VectorType(element, BYTES * 8 // dtype.bitwidth)

    def _lanes(*numbers):
        return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))

    @register_model(Vector)
    class _VectorModel(models.PrimitiveModel):
        def __init__(self, manager, vector):
            super().__init__(manager, vector, _vector(vector.dtype))

    def _pointer(context, builder, array_type, array, index):
        data = context.make_array(array_type)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [index]), _vector(array_type.dtype).as_pointer())

    @intrinsic
    def lanes_of(typingctx, array):
        """How many elements of an array make a vector: a constant, where `array.itemsize` would be read and divided."""

        def codegen(context, builder, signature, args):
            return context.get_constant(types.uint64, BYTES * 8 // array.dtype.bitwidth)

        return types.uint64(array), codegen

    @intrinsic
    def load(typingctx, array, index):
        """Take a vector from a one-dimensional array, starting at an index."""

        def codegen(context, builder, signature, args):
            pointer = _pointer(context, builder, array, *args)
            return builder.load(pointer, align=array.dtype.bitwidth // 8)

        return Vector(array.dtype)(array, types.uint64), codegen

    @intrinsic
    def store(typingctx, array, index, vector):
        """Put a vector into a one-dimensional array, starting at an index."""

        def codegen(context, builder, signature, args):
            pointer = _pointer(context, builder, array, args[0], args[1])
            builder.store(args[2], pointer, align=array.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.void(array, types.uint64, vector), codegen

    @intrinsic
    def splat(typingctx, value):
        """Fill a vector with a number, of its type."""

        def codegen(context, builder, signature, args):
            kind = _vector(value)
            undefined = ir.Constant(kind, ir.Undefined)
            one = builder.insert_element(undefined, args[0], ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(one, undefined, _lanes(*[0] * kind.count))

        return Vector(value)(value), codegen

    @intrinsic
    def insert(typingctx, vector, lane, value):
        """Put a number into one lane."""

        def codegen(context, builder, signature, args):
            return builder.insert_element(args[0], args[2], args[1])

        return vector(vector, types.uint64, vector.dtype), codegen

    @intrinsic
    def unequal(typingctx, first, second):
        """Compare two vectors of integers: bit i of the word says whether lanes i differ."""

        def codegen(context, builder, signature, args):
            flags = builder.icmp_unsigned("!=", *args)
            bits = builder.bitcast(flags, ir.IntType(flags.type.count))
            word = ir.IntType(64)
            return bits if bits.type == word else builder.zext(bits, word)

        return types.uint64(first, second), codegen

    @intrinsic
    def add(typingctx, first, second):
        """Add two vectors."""

        def codegen(context, builder, signature, args):
            return builder.fadd(*args)

        return first(first, second), codegen

    def _choose(builder, relation, first, second):
        is_float = isinstance(first.type.element, (ir.FloatType, ir.DoubleType))
        compare = builder.fcmp_ordered if is_float else builder.icmp_signed
        return builder.select(compare(relation, first, second), first, second)

    @intrinsic
    def minimum(typingctx, first, second):
        """Take the smaller of each pair of lanes, the second where they are equal."""

        def codegen(context, builder, signature, args):
            return _choose(builder, "<", *args)

        return first(first, second), codegen

    @intrinsic
    def maximum(typingctx, first, second):
        """Take the larger of each pair of lanes, the second where they are equal."""

        def codegen(context, builder, signature, args):
            return _choose(builder, ">", *args)

        return first(first, second), codegen

    @intrinsic
    def select_less(typingctx, first, second, then, otherwise):
        """Take `then` in the lanes where `first` is less than `second`, else `otherwise`."""

        def codegen(context, builder, signature, args):
            return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

        return then(first, second, then, otherwise), codegen

    @intrinsic
    def square_root(typingctx, vector):
        """Take the square root of each lane."""

        def codegen(context, builder, signature, args):
            kind = _vector(vector.dtype)
            # llvmlite has no name for the vector form of an intrinsic
            name = f"llvm.sqrt.v{kind.count}f{vector.dtype.bitwidth}"
            function = builder.module.globals.get(name)
            if function is None:
                function = ir.Function(builder.module, ir.FunctionType(kind, [kind]), name)
            return builder.call(function, args)

        return vector(vector), codegen

    def _reduce(builder, relation, vector, count):
        """Halve the vector until one lane is left."""
        while count > 1:
            count //= 2
            low = builder.shuffle_vector(vector, vector, _lanes(*range(count)))
            high = builder.shuffle_vector(vector, vector, _lanes(*range(count, 2 * count)))
            vector = _choose(builder, relation, low, high)
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    @intrinsic
    def least(typingctx, vector):
        """Find the smallest lane."""

        def codegen(context, builder, signature, args):
            return _reduce(builder, "<", args[0], _vector(vector.dtype).count)

        return vector.dtype(vector), codegen

    @intrinsic
    def greatest(typingctx, vector):
        """Find the largest lane."""

        def codegen(context, builder, signature, args):
            return _reduce(builder, ">", args[0], _vector(vector.dtype).count)

        return vector.dtype(vector), codegen
