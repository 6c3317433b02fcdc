"""How the probabilities of voxels are distributed in and outside a structure: counts and moments of fine bins.

Idea: the bits of a positive float are in the order of its value, so that their upper ones number bins whose width is
in proportion to the value: 2¹¹ bins an octave. Above one half the same is done with 1 - p, which is exact there, so
that bins are as fine near 1 as near 0. The lower twelve bits are whole numbers, of which sums and sums of squares are
kept: within a bin the probability is a linear function of them. The count and the sum share a word. A few bins, those
that an edge of a reliability table goes through, are split in two.

Cost: one read of both maps, three look-ups and two additions to one line of the cache a voxel.

Exactness: whole numbers alone, which do not depend on the order of voxels. Whether all voxels of a bin have one value
follows from them.
"""

import numpy as np

from fastseg_kernels._jit import f32, i32, i64, kernel, read, u8, u16, u32, u64, write

#: bits of a float that a bin does not tell apart
LOW_BITS = 12

#: the bits of 0.5: below it the bins of p, from it on those of 1 - p
HALF = 0x3F000000
LOWER_BINS = HALF >> LOW_BITS
#: bins of 1 - p, whose smallest value but 0 is 2⁻²⁴, and one for p = 1
UPPER_BINS = ((HALF - 1) >> LOW_BITS) - ((0x33800000 - 1) >> LOW_BITS) + 2
BINS = LOWER_BINS + UPPER_BINS

#: the count lies above this bit of a word, the sum of the low bits below it
COUNT_SHIFT = 36
#: voxels whose low bits have room there
MOST_VOXELS = 1 << (COUNT_SHIFT - LOW_BITS)

#: voxels that are folded at once
BLOCK = 2048

_LOW_MASK = (1 << LOW_BITS) - 1
_TOP = LOWER_BINS + ((HALF - 1) >> LOW_BITS)


@kernel(
    read(f32, 1),  # probabilities
    read(u8, 1),  # labels
    read(i64, 1),  # class_of_label: 256 entries
    read(u16, 1),  # split: of each bin, the low bits from which on it is another one
    read(i32, 1),  # beyond: the number of that one
    write(f32, 1),  # folded
    write(u32, 1),  # folded_bits: the same memory
    write(u64, 3),  # table: class, bin, (count and sum of low bits, sum of their squares)
)
def probability_moments(
    probabilities, labels, class_of_label, split, beyond, folded, folded_bits, table
):
    """Add voxels to a table, and return how many that count are no probabilities: these are in no bin.

    At most `MOST_VOXELS` may come into one table.
    """
    wrong = np.int64(0)
    half = np.float32(0.5)
    one = np.float32(1)
    zero = np.float32(0)
    size = np.uint64(probabilities.size)
    start = np.uint64(0)
    while start < size:
        block = min(np.uint64(BLOCK), size - start)
        for j in range(block):
            p = probabilities[start + j]
            q = one - p
            folded[j] = (q if p >= half else p) + zero  # a zero with a sign loses it
        for j in range(block):
            bits = np.uint64(folded_bits[j])
            own = np.uint64(class_of_label[np.uint64(labels[start + j])])
            if bits > np.uint64(HALF):
                wrong += own < np.uint64(2)
                continue
            if probabilities[start + j] < half:
                row = bits >> np.uint64(LOW_BITS)
                low = bits & np.uint64(_LOW_MASK)
            else:
                bits -= np.uint64(bits != np.uint64(0))
                row = min(np.uint64(_TOP) - (bits >> np.uint64(LOW_BITS)), np.uint64(BINS - 1))
                low = bits & np.uint64(_LOW_MASK)
            if low >= np.uint64(split[row]):
                row = np.uint64(beyond[row])
            table[own, row, np.uint64(0)] += (np.uint64(1) << np.uint64(COUNT_SHIFT)) | low
            table[own, row, np.uint64(1)] += low * low
        start += block
    return wrong
