"""How often each (distance, code) occurs: what a sort of many equal elements comes down to.

Idea: between two surfaces of a hundred thousand elements there are some hundreds of different distances, and as many
codes of surface elements as a cube has, so counting the different pairs in a hash table and sorting these is a sort
of all.

Cost: one look-up an element, which takes a twentieth of sorting the elements by two keys (benchmarks:
surface_distances surfel/near-256).

Exactness: integers; distances are compared by their bits, so that no two different ones are ever joined.
"""

import numpy as np

from fastseg_kernels._jit import i32, i64, kernel, read, u8, u64, write


@kernel(
    read(u64, 1),  # bits of the distances
    read(u8, 1),  # codes
    write(u64, 1),  # unique_bits
    write(u8, 1),  # unique_codes
    write(i64, 1),  # counts of the unique pairs
    write(i32, 1),  # table: unique pair or -1
)
def tally(bits, codes, unique_bits, unique_codes, counts, table):
    """Count how often each pair of `bits` and `codes` occurs, and return how many different pairs there are.

    The result is -1 if there are more than `counts` has room for. The caller fills `table` with -1; it has a power of
    two of slots, at least twice as many as `counts`.
    """
    mask = np.uint64(table.size - 1)
    n_unique = np.int64(0)
    for i in range(np.uint64(bits.size)):
        value = bits[i]
        code = codes[i]
        mixed = (value ^ np.uint64(code)) * np.uint64(0x9E3779B97F4A7C15)
        slot = (mixed >> np.uint64(40)) & mask
        while True:
            entry = np.int64(table[slot])
            if entry < 0:
                if n_unique == counts.size:
                    return np.int64(-1)
                entry = n_unique
                n_unique += 1
                table[slot] = entry
                unique_bits[entry] = value
                unique_codes[entry] = code
                counts[entry] = 1
                break
            if unique_bits[np.uint64(entry)] == value and unique_codes[np.uint64(entry)] == code:
                counts[np.uint64(entry)] += 1
                break
            slot = (slot + np.uint64(1)) & mask
    return n_unique
