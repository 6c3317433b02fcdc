"""Bugs to seed into kernels and launchers: an exact and unique piece of a file, what to put there, what must notice.

`notices` names a test of `test_kernels.py` and the values of its parameters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Mutant(NamedTuple):
    bug: str
    file: str
    old: str
    new: str
    notices: tuple[Any, ...]


U8 = ("test_select_and_unpack", np.uint8)
LISTS = ("test_bits_are_counted_and_listed",)
HISTOGRAM = ("test_joint_histogram", np.uint8)
SURFACES = ("test_surfaces", 3)
CORNERS = ("test_corners_and_their_codes", 3)
NEAREST = ("test_nearest", (1.0, 1.0, 1.0), False)
EDT = ("test_distance_transform", np.float32, (1.0, 1.0, 1.0), True)

MUTANTS = (
    # barriers
    Mutant(
        "no barrier after the warps' sums",
        "masks.cu",
        "sums[threadIdx.x / 32u] = value;\n    __syncthreads();",
        "sums[threadIdx.x / 32u] = value;",
        LISTS,
    ),
    Mutant(
        "no barrier before the sums are used again",
        "masks.cu",
        "total += sums[i];\n    __syncthreads();",
        "total += sums[i];",
        LISTS,
    ),
    Mutant(
        "no barrier before the prefix sums are read",
        "masks.cu",
        "if (lane == 31u) sums[warp] = up_to;\n        __syncthreads();",
        "if (lane == 31u) sums[warp] = up_to;",
        LISTS,
    ),
    Mutant(
        "no barrier before the prefix sums are written again",
        "masks.cu",
        "base += sums[i];\n        }\n        __syncthreads();",
        "base += sums[i];\n        }",
        LISTS,
    ),
    Mutant(
        "no barrier after the table is cleared",
        "confusion.cu",
        "? 0xffffffffu : 0u;\n    }\n    __syncthreads();",
        "? 0xffffffffu : 0u;\n    }",
        HISTOGRAM,
    ),
    Mutant(
        "no barrier before the table is written out",
        "confusion.cu",
        "count_columns(reference, prediction, nx, ny, nz, block, table);\n    __syncthreads();",
        "count_columns(reference, prediction, nx, ny, nz, block, table);",
        HISTOGRAM,
    ),
    Mutant(
        "no barrier after the tile is read",
        "edt.cu",
        "= source[output.start + y * output.inner];\n    }\n    __syncthreads();",
        "= source[output.start + y * output.inner];\n    }",
        EDT,
    ),
    Mutant(
        "no barrier between levels",
        "edt.cu",
        "2u * stride * i, stride, monotone);\n        }\n        __syncthreads();",
        "2u * stride * i, stride, monotone);\n        }",
        EDT,
    ),
    # atomics
    Mutant(
        "plain add in shared memory",
        "confusion.cu",
        "atomicAdd(&block.counts[slot], run.count);",
        "block.counts[slot] += run.count;",
        HISTOGRAM,
    ),
    Mutant(
        "plain store for compare-and-swap",
        "confusion.cu",
        "const u64 found = atomicCAS(&keys[slot], FREE, key);",
        "const u64 found = keys[slot]; if (found == FREE) keys[slot] = key;",
        HISTOGRAM,
    ),
    Mutant(
        "plain maximum",
        "confusion.cu",
        "atomicMax(&box[3], run.z1);",
        "box[3] = max(box[3], run.z1);",
        HISTOGRAM,
    ),
    Mutant(
        "plain add of blocks",
        "masks.cu",
        "atomicAdd(&counts[i], (u64)total);",
        "counts[i] += (u64)total;",
        LISTS,
    ),
    Mutant("plain increment", "nearest.cu", "atomicAdd(n_open, 1ull)", "(*n_open)++", NEAREST),
    # masks and collectives
    Mutant(
        "mask without a lane",
        "masks.cu",
        "__ballot_sync(FULL_WARP, found)",
        "__ballot_sync(0x7fffffffu, found)",
        U8,
    ),
    Mutant(
        "mask of half a warp",
        "nearest.cu",
        "__shfl_xor_sync(FULL_WARP, value, step)",
        "__shfl_xor_sync(0xffffu, value, step)",
        NEAREST,
    ),
    Mutant(
        "lanes leave the loop one by one",
        "confusion.cu",
        "threadIdx.x - lane; first < columns;",
        "threadIdx.x - lane; first + lane < columns;",
        HISTOGRAM,
    ),
    Mutant(
        "the minimum leaves neighbours out",
        "nearest.cu",
        "step > 0; step >>= 1",
        "step > 1; step >>= 1",
        NEAREST,
    ),
    Mutant(
        "every lane keeps the joined run",
        "confusion.cu",
        "if (lane != 0u) run.count = 0u;",
        "",
        HISTOGRAM,
    ),
    # off by one
    Mutant(
        "prefix sum off by one",
        "masks.cu",
        "if (lane >= step) up_to",
        "if (lane > step) up_to",
        LISTS,
    ),
    Mutant(
        "a voxel beyond the row",
        "masks.cu",
        "if (x < nx) {\n            const T label",
        "if (x <= nx) {\n            const T label",
        U8,
    ),
    Mutant(
        "one row too many",
        "masks.cu",
        "if (segment.row >= (u64)nz * ny) return;",
        "if (segment.row > (u64)nz * ny) return;",
        U8,
    ),
    Mutant("box one too short", "confusion.cu", "run.z1 = z + 1u;", "run.z1 = z;", HISTOGRAM),
    Mutant(
        "one corner too many",
        "surface.cu",
        "if (index >= (u64)cz * cy * cw) return;",
        "if (index > (u64)cz * cy * cw) return;",
        CORNERS,
    ),
    Mutant("a word beyond the row", "surface.cu", "w < shape.nw;", "w <= shape.nw;", SURFACES),
    Mutant(
        "carry of the wrong bit",
        "surface.cu",
        "inside &= mask << 1 | word_at(words, shape, z, y, w - 1, 0u) >> 31;",
        "inside &= mask << 1 | word_at(words, shape, z, y, w - 1, 0u) >> 30;",
        SURFACES,
    ),
    Mutant(
        "shift by the width", "surface.cu", "if (shift != 0u) near |=", "near |=", ("test_band",)
    ),
    Mutant(
        "one query too many", "nearest.cu", "if (q >= n) return;", "if (q > n) return;", NEAREST
    ),
    Mutant(
        "a candidate beyond the line",
        "edt.cu",
        "unsigned int high = line.n - 1u;",
        "unsigned int high = line.n;",
        EDT,
    ),
    Mutant(
        "one voxel too many", "edt.cu", "if (o >= outer) return;", "if (o > outer) return;", EDT
    ),
    # shared memory
    Mutant(
        "short static shared memory",
        "confusion.cu",
        "boxes[6u * SHARED_SLOTS];",
        "boxes[6u * SHARED_SLOTS - 6u];",
        HISTOGRAM,
    ),
    Mutant(
        "short dynamic shared memory",
        "edt.py",
        "shared = lanes * line_bytes",
        "shared = lanes * line_bytes - 2",
        EDT,
    ),
    # launchers
    Mutant(
        "swapped arguments of one type",
        "masks.py",
        "np.uint64(row_step), np.uint64(slice_step)",
        "np.uint64(slice_step), np.uint64(row_step)",
        U8,
    ),
    Mutant(
        "swapped sizes",
        "confusion.py",
        "*sizes(nx, ny, nz, slots)",
        "*sizes(nx, nz, ny, slots)",
        HISTOGRAM,
    ),
    Mutant("a Python int", "masks.py", "np.int32(len(values))", "len(values)", U8),
    Mutant(
        "a grid one block short",
        "masks.py",
        "_blocks_for_rows(words),\n        *(labels",
        "_blocks_for_rows(words) - 1,\n        *(labels",
        U8,
    ),
    Mutant(
        "an argument too few",
        "nearest.py",
        "np.int32(axis), *sizes(volume.shape[axis]),",
        "np.int32(axis),",
        ("test_last_axis", np.float32),
    ),
    Mutant(
        "counts that start with anything",
        "confusion.py",
        "zeros(slots + 1, np.uint64)",
        "empty(slots + 1, np.uint64)",
        HISTOGRAM,
    ),
    Mutant(
        "larger blocks than the kernels allow",
        "_module.py",
        "THREADS = 256",
        "THREADS = 512",
        SURFACES,
    ),
)
