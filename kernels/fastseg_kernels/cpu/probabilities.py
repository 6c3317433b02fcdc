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
#: voxels that are added at once where all are equal, as most of a background are
GROUP = 32

_LOW_MASK = (1 << LOW_BITS) - 1
_TOP = LOWER_BINS + ((HALF - 1) >> LOW_BITS)


@kernel(
    read(f32, 1),  # probabilities
    read(u8, 1),  # labels
    read(i64, 1),  # class_of_label: 256 entries
    read(u16, 1),  # split: of each bin, the low bits from which on it is another one
    read(i32, 1),  # beyond: the number of that one
    write(f32, 1),  # folded: a block of probabilities, or of 1 - p
    write(u32, 1),  # folded_bits: the same memory
    write(u32, 2),  # places: bin and low bits of a block
    write(u64, 3),  # table: class, bin, (count and sum of low bits, sum of their squares)
)
def probability_moments(
    probabilities, labels, class_of_label, split, beyond, folded, folded_bits, places, table
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
        largest = np.uint32(0)
        for j in range(block):
            bits = folded_bits[j]
            largest = max(largest, bits)
            upper = np.uint32(probabilities[start + j] >= half)
            bits = np.uint32(bits - (upper & np.uint32(bits != np.uint32(0))))
            row = np.uint32(bits >> np.uint32(LOW_BITS))
            mirrored = min(np.uint32(np.uint32(_TOP) - row), np.uint32(BINS - 1))
            places[0, j] = mirrored if upper != 0 else row
            places[1, j] = bits & np.uint32(_LOW_MASK)
        j = np.uint64(0)
        while j < block:
            group = min(np.uint64(GROUP), block - j)
            own = labels[start + j]
            bits = folded_bits[j]
            row = np.uint64(places[0, j])
            if largest > np.uint32(HALF) and bits > np.uint32(HALF):
                wrong += class_of_label[np.uint64(own)] < 2
                j += np.uint64(1)
                continue
            differ = np.uint32(0)
            if largest > np.uint32(HALF):
                group = np.uint64(1)
            elif group == np.uint64(GROUP):
                for k in range(j, j + np.uint64(GROUP)):
                    differ |= (folded_bits[k] ^ bits) | (places[0, k] ^ np.uint32(row))
                    differ |= np.uint32(labels[start + k] ^ own)
            else:
                differ = np.uint32(1)
            if differ == np.uint32(0):
                low = np.uint64(places[1, j])
                if low >= np.uint64(split[row]):
                    row = np.uint64(beyond[row])
                kind = np.uint64(class_of_label[np.uint64(own)])
                joined = (np.uint64(1) << np.uint64(COUNT_SHIFT)) | low
                table[kind, row, np.uint64(0)] += group * joined
                table[kind, row, np.uint64(1)] += group * (low * low)
            else:
                for k in range(j, j + group):
                    row = np.uint64(places[0, k])
                    low = np.uint64(places[1, k])
                    if low >= np.uint64(split[row]):
                        row = np.uint64(beyond[row])
                    kind = np.uint64(class_of_label[np.uint64(labels[start + k])])
                    joined = (np.uint64(1) << np.uint64(COUNT_SHIFT)) | low
                    table[kind, row, np.uint64(0)] += joined
                    table[kind, row, np.uint64(1)] += low * low
            j += group
        start += block
    return wrong
