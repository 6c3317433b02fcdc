"""Thinning of words of 62 voxels, for the kernels that thin a mask or many; see `cpu.skeleton`."""

import numpy as np

from fastseg_kernels._intrinsics import trailing_zeros
from fastseg_kernels._jit import inlined

#: voxels of a word
VOXELS = 62
#: the bits of a word that are its own voxels
INSIDE = 0x7FFFFFFFFFFFFFFE
_CENTRE = 13
_LEFT, _RIGHT = (
    0o333333333,
    0o666666666,
)  # voxels that have one to the right of them, to the left of them
_LOW = 0o077077077  # voxels that have one behind them within their slice


@inlined
def _in_one_piece(around):
    """Tell whether voxels of a 3×3×3 block, without its centre, hang together by corners; none of them do."""
    one, three, nine = np.uint64(1), np.uint64(3), np.uint64(9)
    grown = around & (~around + one)
    while grown != around:
        before = grown
        grown |= ((grown & np.uint64(_LEFT)) << one) | ((grown & np.uint64(_RIGHT)) >> one)
        grown |= ((grown & np.uint64(_LOW)) << three) | ((grown >> three) & np.uint64(_LOW))
        grown |= (grown << nine) | (grown >> nine)
        grown &= around
        if grown == before:
            return False
    return True


@inlined
def _three(word, before):
    """Take the bits `before` to `before` + 2."""
    return (word >> before) & np.uint64(7)


@inlined
def _certain(a, b, c, d, e, f, g, h, k, face):
    """Find voxels that may go, of those of the word `e` that lack the neighbour across a face, without a look at each.

    They have the opposite neighbour and another one, and under each neighbour on the side of the face lies a voxel of
    their own layer. What they touch is then a disc: the face opposite, sides upon it and edges upright on it, so that
    the Euler characteristic is kept; and all of it hangs together by the opposite neighbour. Neither that one nor those
    under others lack the neighbour across the face, so that they are there still when it is a voxel's turn.
    """
    one = np.uint64(1)
    if face == 0:
        bare, under, rest = (a & ~b) | (d & ~e) | (g & ~h), f, a | b | c | d | g | h | k
    elif face == 1:
        bare, under, rest = (c & ~b) | (f & ~e) | (k & ~h), d, a | b | c | f | g | h | k
    elif face == 4:
        bare, under, rest = (g & ~d) | (h & ~e) | (k & ~f), b, a | c | d | f | g | h | k
    elif face == 5:
        bare, under, rest = (a & ~d) | (b & ~e) | (c & ~f), h, a | b | c | d | f | g | k
    else:
        rest = a | b | c | d | f | g | h | k
        if face == 2:
            bare = ((a >> one) & ~a) | ((b >> one) & ~b) | ((c >> one) & ~c) | ((d >> one) & ~d)
            bare |= ((f >> one) & ~f) | ((g >> one) & ~g) | ((h >> one) & ~h) | ((k >> one) & ~k)
            under = e << one
        else:
            bare = ((a << one) & ~a) | ((b << one) & ~b) | ((c << one) & ~c) | ((d << one) & ~d)
            bare |= ((f << one) & ~f) | ((g << one) & ~g) | ((h << one) & ~h) | ((k << one) & ~k)
            under = e >> one
        return under & ~bare & (rest | (rest << one) | (rest >> one))
    beside = rest | under | e
    return (
        under & ~(bare | (bare << one) | (bare >> one)) & (rest | (beside << one) | (beside >> one))
    )


@inlined
def mark_due(words, slices, slice_rows, row_words, due, rows):
    """Find the voxels that lack a neighbour across a face, and the rows that have such voxels.

    Parameters
    ----------
    words : uint64
        Flat, with an empty row and an empty slice around all of them.
    slices, slice_rows, row_words : uint64
        How many there are, of slices and rows those around them included.
    due : uint64
        Of zeros, as many as words.
    rows : uint8
        Of zeros, one for each row.
    """
    one = np.uint64(1)
    plane = slice_rows * row_words
    for z in range(one, slices - one):
        for y in range(one, slice_rows - one):
            line = z * slice_rows + y
            found = np.uint64(0)
            for i in range(line * row_words, line * row_words + row_words):
                word = words[i]
                if word == 0:
                    continue
                inner = words[i - plane] & words[i + plane]
                inner &= words[i - row_words] & words[i + row_words]
                inner &= (word << one) & (word >> one)
                bits = word & ~inner & np.uint64(INSIDE)
                due[i] = bits
                found |= bits
            if found != 0:
                rows[line] = 1


@inlined
def thin_words(
    words, due, rows, row_words, slice_rows, faces, lower, upper, places, candidates, certain
):
    """Take voxels away until none may go."""
    one, centre = np.uint64(1), np.uint64(1 << _CENTRE)
    row, plane = np.uint64(row_words), np.uint64(row_words * slice_rows)
    last, low_half = np.uint64(row_words - 1), np.uint64(0xFFFFFFFF)
    beside_line = np.uint64(slice_rows) + one  # to the last line that touches one
    first_line, stop_line = np.uint64(0), np.uint64(rows.size)  # that may have a voxel to look at
    changed = True
    while changed:
        changed = False
        for face in range(faces):
            n = np.uint64(0)
            from_line, to_line = first_line, stop_line
            first_line, stop_line = np.uint64(rows.size), np.uint64(0)
            for line in range(from_line, to_line):
                if rows[line] == 0:
                    continue
                any_due = np.uint64(0)
                for i in range(line * row, line * row + row):
                    asked = words[i] & due[i] & np.uint64(INSIDE)
                    if asked == 0:
                        continue
                    any_due = one
                    if face == 0:
                        beside = words[i - row]
                    elif face == 1:
                        beside = words[i + row]
                    elif face == 2:
                        beside = words[i] >> one
                    elif face == 3:
                        beside = words[i] << one
                    elif face == 4:
                        beside = words[i + plane]
                    else:
                        beside = words[i - plane]
                    asked &= ~beside
                    if asked == 0:
                        continue
                    a, b, c = words[i - plane - row], words[i - plane], words[i - plane + row]
                    d, e, f = words[i - row], words[i], words[i + row]
                    g, h, k = words[i + plane - row], words[i + plane], words[i + plane + row]
                    sure = asked & _certain(a, b, c, d, e, f, g, h, k, face)
                    may_go = sure
                    left = asked & ~sure
                    while left != 0:
                        at = np.uint64(trailing_zeros(left))
                        bit = left & (~left + one)
                        left ^= bit
                        at -= one
                        around = _three(a, at) | (_three(b, at) << np.uint64(3))
                        around |= (_three(c, at) << np.uint64(6)) | (_three(d, at) << np.uint64(9))
                        around |= (_three(e, at) << np.uint64(12)) | (
                            _three(f, at) << np.uint64(15)
                        )
                        around |= (_three(g, at) << np.uint64(18)) | (
                            _three(h, at) << np.uint64(21)
                        )
                        around |= _three(k, at) << np.uint64(24)
                        euler = lower[around & np.uint64(0o777777)] + upper[around >> np.uint64(9)]
                        if euler & 255 != 0:
                            continue
                        around ^= centre
                        if around & (around - one) == 0 and around != 0:  # the end of a line
                            continue
                        if _in_one_piece(around):
                            may_go |= bit
                    due[i] &= ~(asked & ~may_go)
                    if may_go != 0:
                        places[n] = (line << np.uint64(32)) | (i - line * row)
                        candidates[n] = may_go
                        certain[n] = sure
                        n += one
                rows[line] = any_due
                if any_due != 0:
                    first_line, stop_line = min(first_line, line), max(stop_line, line + one)
            for j in range(n):
                line, column = places[j] >> np.uint64(32), places[j] & low_half
                i, sure = line * row + column, certain[j]
                gone = sure
                left = candidates[j] ^ sure
                e = words[i]
                if left != 0:
                    a, b, c = words[i - plane - row], words[i - plane], words[i - plane + row]
                    d, f = words[i - row], words[i + row]
                    g, h, k = words[i + plane - row], words[i + plane], words[i + plane + row]
                while left != 0:
                    at = np.uint64(trailing_zeros(left))
                    bit = left & (~left + one)
                    e &= ~(sure & (bit - one))  # which come before it
                    left ^= bit
                    at -= one
                    around = _three(a, at) | (_three(b, at) << np.uint64(3))
                    around |= (_three(c, at) << np.uint64(6)) | (_three(d, at) << np.uint64(9))
                    around |= (_three(e, at) << np.uint64(12)) | (_three(f, at) << np.uint64(15))
                    around |= (_three(g, at) << np.uint64(18)) | (_three(h, at) << np.uint64(21))
                    around |= _three(k, at) << np.uint64(24)
                    if _in_one_piece(around & ~centre):
                        gone |= bit
                        e ^= bit
                if gone == 0:
                    continue
                changed = True
                words[i] = e & ~sure
                near = gone | (gone << one) | (gone >> one)
                first_line = min(first_line, line - beside_line)
                stop_line = max(stop_line, line + beside_line + one)
                for dz in range(3):
                    other = i - plane - row + np.uint64(dz) * plane
                    other_line = line - beside_line + np.uint64(dz * slice_rows)
                    for dy in range(np.uint64(3)):
                        due[other + dy * row] |= near
                        rows[other_line + dy] = 1
                if gone & np.uint64(2) != 0 and column != 0:
                    words[i - one] ^= np.uint64(1 << 63)
                    for dz in range(3):
                        other = i - one - plane - row + np.uint64(dz) * plane
                        for dy in range(np.uint64(3)):
                            due[other + dy * row] |= np.uint64(1 << 62)
                if gone & np.uint64(1 << 62) != 0 and column != last:
                    words[i + one] ^= one
                    for dz in range(3):
                        other = i + one - plane - row + np.uint64(dz) * plane
                        for dy in range(np.uint64(3)):
                            due[other + dy * row] |= np.uint64(2)
