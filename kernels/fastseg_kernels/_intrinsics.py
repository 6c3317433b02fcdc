"""Instructions that numba does not offer: bit counts of 64-bit words, and explicit vectors.

A vector is 64 bytes of floats or unsigned integers that stay in registers.

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

    def popcount(word):
        """Count the set bits of a word."""
        return np.int64(int(word).bit_count())

    def trailing_zeros(word):
        """Find the index of the lowest set bit of a word that is not 0."""
        return np.int64((int(word) & -int(word)).bit_length() - 1)

    def leading_zeros(word):
        """Count the zeros above the highest set bit of a word that is not 0."""
        return np.int64(64 - int(word).bit_length())

    def lanes_of(array):
        """Count the elements of an array that make a vector."""
        return np.uint64(BYTES // array.itemsize)

    flattened = np.ravel

    def load(array, index, beside=()):
        """Take a vector from a one-dimensional array, starting at an index, or as many elements as another has."""
        start = int(index)
        return array[start : start + (len(beside) or BYTES // array.itemsize)].copy()

    def load_bytes(array, index, vector):
        """Take a vector of another one's type from a one-dimensional array of bytes, starting at an index."""
        start = int(index)
        return array[start : start + BYTES].view(vector.dtype)

    def store(array, index, vector):
        """Put a vector into a one-dimensional array, starting at an index."""
        start = int(index)
        array[start : start + len(vector)] = vector

    load_beside = load

    def transpose(source, start, stride, target, target_start, target_stride, vector):
        """Copy a square of as many rows and columns as a vector has lanes, rows becoming columns."""
        lanes = np.arange(len(vector))
        rows, columns = lanes[:, None], lanes
        square = source[int(start) + rows * int(stride) + columns]
        target[int(target_start) + columns * int(target_stride) + rows] = square

    def splat(value):
        """Fill a vector with a number, of its type."""
        return np.full(BYTES // value.itemsize, value)

    def splat_row(value):
        """Fill a vector of `TILE_BYTES` with a number, of its type."""
        return np.full(TILE_BYTES // value.itemsize, value)

    def splat_beside(value, vector):
        """Fill a vector of as many lanes as another one has."""
        return np.full(len(vector), value)

    def insert(vector, lane, value):
        """Put a number into one lane."""
        vector = vector.copy()
        vector[lane] = value
        return vector

    def unequal(first, second):
        """Compare two vectors: bit i of the word says whether lanes i differ."""
        octets = np.packbits(first != second, bitorder="little")
        return np.uint64(int.from_bytes(octets.tobytes(), "little"))

    def either_unequal(first, second, third, fourth):
        """Compare two pairs of vectors: bit i of the word says whether lanes i of either differ."""
        octets = np.packbits((first != second) | (third != fourth), bitorder="little")
        return np.uint64(int.from_bytes(octets.tobytes(), "little"))

    def add(first, second):
        """Add two vectors."""
        return first + second

    def multiply(first, second):
        """Multiply two vectors of floats."""
        return first * second

    def whole(vector):
        """Turn floats that are whole numbers into int32."""
        return vector.astype(np.int32)

    def as_floats(vector, floats):
        """Turn int32 into floats of the type of another vector."""
        return vector.astype(floats.dtype)

    def shift_left(vector, bits):
        """Shift each lane of int32 to the left by the same lane's number of bits."""
        return vector << bits

    def shift_right(vector, bits):
        """Shift each lane of int32, none less than 0, to the right by the same lane's number of bits."""
        return vector >> bits

    def bitwise_and(first, second):
        """Keep the bits that two vectors of int32 have in common."""
        return first & second

    def minimum(first, second):
        """Take the smaller of each pair of lanes, the second where they are equal."""
        return np.where(first < second, first, second)

    def maximum(first, second):
        """Take the larger of each pair of lanes, the second where they are equal."""
        return np.where(first > second, first, second)

    def select_less(first, second, then, otherwise):
        """Take `then` in the lanes where `first` is less than `second`, else `otherwise`."""
        return np.where(first < second, then, otherwise)

    def select_bits(bits, then, otherwise):
        """Take `then` in the lanes whose bit is set, lane i by bit i of the word, else `otherwise`."""
        lanes = np.arange(len(then), dtype=np.uint64)
        return np.where((np.uint64(bits) >> lanes) & np.uint64(1), then, otherwise)

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

    def _count(builder, name, word, *flags):
        word_type, flag_type = ir.IntType(64), ir.IntType(1)
        function_type = ir.FunctionType(word_type, [word_type] + [flag_type] * len(flags))
        function = builder.module.declare_intrinsic(name, fnty=function_type)
        return builder.call(function, [word, *(flag_type(flag) for flag in flags)])

    @intrinsic
    def popcount(typingctx, word):
        """Count the set bits of a word."""

        def codegen(context, builder, signature, args):
            return _count(builder, "llvm.ctpop.i64", args[0])

        return types.int64(types.uint64), codegen

    @intrinsic
    def trailing_zeros(typingctx, word):
        """Find the index of the lowest set bit of a word that is not 0."""

        def codegen(context, builder, signature, args):
            return _count(
                builder, "llvm.cttz.i64", args[0], 1
            )  # 1: the result for 0 is not defined

        return types.int64(types.uint64), codegen

    @intrinsic
    def leading_zeros(typingctx, word):
        """Count the zeros above the highest set bit of a word that is not 0."""

        def codegen(context, builder, signature, args):
            return _count(builder, "llvm.ctlz.i64", args[0], 1)

        return types.int64(types.uint64), codegen

    class Vector(types.Type):
        """A vector of numbers of one type, 64 bytes unless their count is given."""

        def __init__(self, dtype, count=None):
            self.dtype = dtype
            self.count = count or BYTES * 8 // dtype.bitwidth
            super().__init__(f"Vector({dtype} x {self.count})")

    def _llvm(vector):
        floats = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
        element = floats.get(vector.dtype) or ir.IntType(vector.dtype.bitwidth)
        return ir.VectorType(element, vector.count)

    def _lanes(*numbers):
        return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))

    @register_model(Vector)
    class _VectorModel(models.PrimitiveModel):
        def __init__(self, manager, vector):
            super().__init__(manager, vector, _llvm(vector))

    def _pointer(context, builder, vector, array_type, array, index):
        data = context.make_array(array_type)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [index]), _llvm(vector).as_pointer())

    @intrinsic
    def lanes_of(typingctx, array):
        """Count the elements of an array that make a vector, as a constant: `array.itemsize` is read and divided."""

        def codegen(context, builder, signature, args):
            return context.get_constant(types.uint64, BYTES * 8 // array.dtype.bitwidth)

        return types.uint64(array), codegen

    @intrinsic
    def flattened(typingctx, array):
        """See a C-contiguous array as one of a single axis: `reshape` compiles what other arrays need, too."""

        def codegen(context, builder, signature, args):
            from numba.core.imputils import impl_ret_borrowed
            from numba.np.arrayobj import (
                populate_array,
            )  # which compiling imports, and nothing else

            source = context.make_array(array)(context, builder, args[0])
            line = context.make_array(signature.return_type)(context, builder)
            populate_array(
                line,
                data=source.data,
                shape=[source.nitems],
                strides=[source.itemsize],
                itemsize=source.itemsize,
                meminfo=source.meminfo,
            )
            return impl_ret_borrowed(context, builder, signature.return_type, line._getvalue())

        return array.copy(ndim=1)(array), codegen

    def _load(vector):
        def codegen(context, builder, signature, args):
            array = signature.args[0]
            pointer = _pointer(context, builder, vector, array, *args[:2])
            return builder.load(pointer, align=array.dtype.bitwidth // 8)

        return codegen

    @intrinsic
    def load(typingctx, array, index):
        """Take a vector from a one-dimensional array, starting at an index."""
        vector = Vector(array.dtype)
        return vector(array, types.uint64), _load(vector)

    @intrinsic
    def load_beside(typingctx, array, index, vector):
        """Take as many elements as another vector has lanes, whatever their size."""
        loaded = Vector(array.dtype, vector.count)
        return loaded(array, types.uint64, vector), _load(loaded)

    @intrinsic
    def load_bytes(typingctx, array, index, vector):
        """Take a vector of another one's type from a one-dimensional array of bytes, starting at an index."""
        return vector(array, types.uint64, vector), _load(vector)

    @intrinsic
    def store(typingctx, array, index, vector):
        """Put a vector into a one-dimensional array, starting at an index."""

        def codegen(context, builder, signature, args):
            pointer = _pointer(context, builder, vector, array, args[0], args[1])
            builder.store(args[2], pointer, align=array.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.void(array, types.uint64, vector), codegen

    @intrinsic
    def transpose(typingctx, source, start, stride, target, target_start, target_stride, vector):
        """Copy a square of as many rows and columns as a vector has lanes, rows becoming columns.

        This happens in registers: a round swaps one bit of the row's number with one of the lane's. For 16 × 16 numbers
        that is 64 shuffles. One by one they would be 256 loads, each from another line of the cache, and 256 stores.
        """
        line = Vector(source.dtype, vector.count)

        def codegen(context, builder, signature, args):
            count = line.count

            def place(array_type, array, first, step, row):
                offset = builder.mul(step, ir.Constant(step.type, row))
                return _pointer(
                    context, builder, line, array_type, array, builder.add(first, offset)
                )

            align = source.dtype.bitwidth // 8
            rows = [
                builder.load(place(source, *args[:3], row), align=align) for row in range(count)
            ]
            distance = count // 2
            while distance:
                lanes = range(count)
                lower = _lanes(*[j if not j & distance else count + j - distance for j in lanes])
                upper = _lanes(*[j + distance if not j & distance else count + j for j in lanes])
                for row in (i for i in lanes if not i & distance):
                    pair = rows[row], rows[row + distance]
                    rows[row] = builder.shuffle_vector(*pair, lower)
                    rows[row + distance] = builder.shuffle_vector(*pair, upper)
                distance //= 2
            for row in range(count):
                builder.store(rows[row], place(target, *args[3:6], row), align=align)
            return context.get_dummy_value()

        word = types.uint64
        return types.void(source, word, word, target, word, word, vector), codegen

    def _splat(vector):
        def codegen(context, builder, signature, args):
            kind = _llvm(vector)
            undefined = ir.Constant(kind, ir.Undefined)
            one = builder.insert_element(undefined, args[0], ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(one, undefined, _lanes(*[0] * kind.count))

        return codegen

    @intrinsic
    def splat(typingctx, value):
        """Fill a vector with a number, of its type."""
        vector = Vector(value)
        return vector(value), _splat(vector)

    @intrinsic
    def splat_row(typingctx, value):
        """Fill a vector of `TILE_BYTES` with a number, of its type."""
        row = Vector(value, TILE_BYTES * 8 // value.bitwidth)
        return row(value), _splat(row)

    @intrinsic
    def splat_beside(typingctx, value, vector):
        """Fill a vector of as many lanes as another one has."""
        filled = Vector(value, vector.count)
        return filled(value, vector), _splat(filled)

    @intrinsic
    def insert(typingctx, vector, lane, value):
        """Put a number into one lane."""

        def codegen(context, builder, signature, args):
            return builder.insert_element(args[0], args[2], args[1])

        return vector(vector, types.uint64, vector.dtype), codegen

    def _word(builder, flags):
        bits = builder.bitcast(flags, ir.IntType(flags.type.count))
        word = ir.IntType(64)
        return bits if bits.type == word else builder.zext(bits, word)

    @intrinsic
    def unequal(typingctx, first, second):
        """Compare two vectors of integers: bit i of the word says whether lanes i differ."""

        def codegen(context, builder, signature, args):
            return _word(builder, builder.icmp_unsigned("!=", *args))

        return types.uint64(first, second), codegen

    def _has_floats(vector):
        return isinstance(vector.type.element, (ir.FloatType, ir.DoubleType))

    @intrinsic
    def either_unequal(typingctx, first, second, third, fourth):
        """Compare two pairs of vectors: bit i of the word says whether lanes i of either differ.

        They are joined before they become a word, which costs more than a comparison.
        """

        def codegen(context, builder, signature, args):
            flags = [builder.icmp_unsigned("!=", *args[i : i + 2]) for i in (0, 2)]
            return _word(builder, builder.or_(*flags))

        return types.uint64(first, second, third, fourth), codegen

    @intrinsic
    def add(typingctx, first, second):
        """Add two vectors."""

        def codegen(context, builder, signature, args):
            return builder.fadd(*args) if _has_floats(args[0]) else builder.add(*args)

        return first(first, second), codegen

    @intrinsic
    def multiply(typingctx, first, second):
        """Multiply two vectors of floats."""

        def codegen(context, builder, signature, args):
            return builder.fmul(*args)

        return first(first, second), codegen

    @intrinsic
    def whole(typingctx, vector):
        """Turn floats that are whole numbers into int32."""
        turned = Vector(types.int32, vector.count)

        def codegen(context, builder, signature, args):
            return builder.fptosi(args[0], _llvm(turned))

        return turned(vector), codegen

    @intrinsic
    def as_floats(typingctx, vector, floats):
        """Turn int32 into floats of the type of another vector."""

        def codegen(context, builder, signature, args):
            return builder.sitofp(args[0], _llvm(floats))

        return floats(vector, floats), codegen

    @intrinsic
    def shift_left(typingctx, vector, bits):
        """Shift each lane of int32 to the left by the same lane's number of bits."""

        def codegen(context, builder, signature, args):
            return builder.shl(*args)

        return vector(vector, bits), codegen

    @intrinsic
    def shift_right(typingctx, vector, bits):
        """Shift each lane of int32, none less than 0, to the right by the same lane's number of bits."""

        def codegen(context, builder, signature, args):
            return builder.lshr(*args)

        return vector(vector, bits), codegen

    @intrinsic
    def bitwise_and(typingctx, first, second):
        """Keep the bits that two vectors of int32 have in common."""

        def codegen(context, builder, signature, args):
            return builder.and_(*args)

        return first(first, second), codegen

    def _compare(builder, relation, first, second):
        compare = builder.fcmp_ordered if _has_floats(first) else builder.icmp_signed
        return compare(relation, first, second)

    def _choose(builder, relation, first, second):
        return builder.select(_compare(builder, relation, first, second), first, second)

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
            return builder.select(_compare(builder, "<", *args[:2]), *args[2:])

        return then(first, second, then, otherwise), codegen

    @intrinsic
    def select_bits(typingctx, bits, then, otherwise):
        """Take `then` in the lanes whose bit is set, lane i by bit i of the word, else `otherwise`."""

        def codegen(context, builder, signature, args):
            count = then.count
            word = args[0] if count == 64 else builder.trunc(args[0], ir.IntType(count))
            flags = builder.bitcast(word, ir.VectorType(ir.IntType(1), count))
            return builder.select(flags, args[1], args[2])

        return then(types.uint64, then, otherwise), codegen

    @intrinsic
    def square_root(typingctx, vector):
        """Take the square root of each lane."""

        def codegen(context, builder, signature, args):
            kind = _llvm(vector)
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
            return _reduce(builder, "<", args[0], vector.count)

        return vector.dtype(vector), codegen

    @intrinsic
    def greatest(typingctx, vector):
        """Find the largest lane."""

        def codegen(context, builder, signature, args):
            return _reduce(builder, ">", args[0], vector.count)

        return vector.dtype(vector), codegen
