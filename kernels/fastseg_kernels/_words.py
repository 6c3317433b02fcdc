"""64-bit words: their bit counts, as the single instructions that every processor has for them, and their margins."""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import config
from numba.extending import intrinsic

if config.DISABLE_JIT:

    def popcount(word):
        """Count the set bits of a word."""
        return np.int64(int(word).bit_count())

    def trailing_zeros(word):
        """Index of the lowest set bit of a word that is not 0."""
        return np.int64((int(word) & -int(word)).bit_length() - 1)

    def leading_zeros(word):
        """Count the zeros above the highest set bit of a word that is not 0."""
        return np.int64(64 - int(word).bit_length())

else:

    def _call(builder, name, word, *flags):
        word_type, flag_type = ir.IntType(64), ir.IntType(1)
        function_type = ir.FunctionType(word_type, [word_type] + [flag_type] * len(flags))
        function = builder.module.declare_intrinsic(name, fnty=function_type)
        return builder.call(function, [word, *(flag_type(flag) for flag in flags)])

    @intrinsic
    def popcount(typingctx, word):
        """Count the set bits of a word."""

        def codegen(context, builder, signature, args):
            return _call(builder, "llvm.ctpop.i64", args[0])

        return types.int64(types.uint64), codegen

    @intrinsic
    def trailing_zeros(typingctx, word):
        """Index of the lowest set bit of a word that is not 0."""

        def codegen(context, builder, signature, args):
            return _call(builder, "llvm.cttz.i64", args[0], 1)  # 1: the result for 0 is not defined

        return types.int64(types.uint64), codegen

    @intrinsic
    def leading_zeros(typingctx, word):
        """Count the zeros above the highest set bit of a word that is not 0."""

        def codegen(context, builder, signature, args):
            return _call(builder, "llvm.ctlz.i64", args[0], 1)

        return types.int64(types.uint64), codegen


@njit(nogil=True)
def clear_rows(words, z, margin):
    """Make the first and the last rows of a slice 0, so many at either end."""
    for y in range(np.uint64(margin)):
        for w in range(np.uint64(words.shape[2])):
            words[np.uint64(z), y, w] = 0
            words[np.uint64(z), np.uint64(words.shape[1] - 1) - y, w] = 0
