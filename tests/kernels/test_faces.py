"""The erosion surface of packed masks, against the definition and against SciPy."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numba.core import config
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg_kernels.cpu.surface import faces as face_kernels
from tests.kernels import packed
from tests.oracle import hard_cases, naive

Mask = NDArray[np.bool_]

CONNECTIVITIES = [(ndim, c) for ndim in (1, 2, 3) for c in range(1, ndim + 1)]


def surface(
    mask: Mask, connectivity: int, edge: str, slices: tuple[int, int] | None = None
) -> NDArray[np.uint64]:
    words = packed.pack(mask)
    out = np.full_like(words, 0xDEADBEEFDEADBEEF)
    outside = packed.ALL if edge == "ignore" else packed.NONE
    face_kernels.erosion_surface(
        words,
        *(slices or (0, len(words))),
        mask.ndim,
        connectivity,
        packed.last_bits(mask.shape[-1]),
        outside,
        out,
    )
    if connectivity == 1 and edge == "background":  # the kernel for this case alone agrees
        part = packed.whole(words)
        faces, counts = np.full_like(words, 0xDEADBEEFDEADBEEF), np.full(len(words) + 6, -1)
        slab = slices or (0, len(words))
        apart = int(mask.shape[-1] % 64 != 0)
        face_kernels.face_surface(words, part, *slab, mask.ndim, apart, faces, counts[: len(words)])
        assert_array_equal(faces, out)
        check_counts(counts, out, *slab)
        within = np.pad(np.zeros_like(words), ((3, 3), (2, 2), (0, 2)))
        first, stop = slices or (0, len(words))
        margin = within[3 + first : 3 + stop]  # what the kernel clears
        margin[:, 2:-2, -2:] = margin[:, :2] = margin[:, -2:] = 0xDEADBEEF
        counts[:] = -1
        face_kernels.face_surface(words, part, first, stop, mask.ndim, apart, within, counts)
        check_counts(counts[3:], out, first, stop)
        expected = np.zeros_like(words)
        expected[first:stop] = out[first:stop]
        assert_array_equal(within, np.pad(expected, ((3, 3), (2, 2), (0, 2))))
        around, part = packed.amid_others(words)
        again = np.full_like(words, 0xDEADBEEFDEADBEEF)
        face_kernels.face_surface(around, part, first, stop, mask.ndim, 0, again, counts)
        assert_array_equal(again, out)
        around, part = packed.amid_nothing(words)  # as wide as the padded surface
        within = np.full((len(words), words.shape[1], words.shape[2] + 1), 0xDEADBEEF, np.uint64)
        face_kernels.face_surface(around, part, first, stop, mask.ndim, 1, within, counts)
        assert_array_equal(within[first:stop, :, :-1], out[first:stop])
        assert not within[first:stop, :, -1].any()
    return out


def check_counts(
    counts: NDArray[np.int64], words: NDArray[np.uint64], first: int, stop: int
) -> None:
    """Of the slices that were written, and of no others."""
    set_bits = [sum(int(word).bit_count() for word in part.ravel()) for part in words[first:stop]]
    assert counts[first:stop].tolist() == set_bits
    assert set(np.delete(counts, np.s_[first:stop]).tolist()) <= {-1}


def by_scipy(mask: Mask, connectivity: int, edge: str) -> Mask:
    structure = ndimage.generate_binary_structure(mask.ndim, connectivity)
    eroded: Mask = ndimage.binary_erosion(mask, structure, border_value=int(edge == "ignore"))
    return mask ^ eroded


@pytest.mark.parametrize("edge", ["background", "ignore"])
@pytest.mark.parametrize(("ndim", "connectivity"), CONNECTIVITIES)
def test_hard_masks(ndim: int, connectivity: int, edge: str) -> None:
    for name, *masks in hard_cases.hard_pairs(ndim):
        for mask in masks:
            found = packed.unpack(surface(mask, connectivity, edge), mask.shape[-1])
            expected = by_scipy(mask, connectivity, edge)
            assert_array_equal(found.reshape(mask.shape), expected, err_msg=name)
            if mask.size < 300:
                assert_array_equal(expected, naive.surface(mask, connectivity, edge))


@pytest.mark.parametrize("edge", ["background", "ignore"])
def test_every_small_mask(edge: str) -> None:
    lines = [np.array(bits, bool) for bits in itertools.product((0, 1), repeat=7)]
    squares = [np.array(bits, bool).reshape(3, 3) for bits in itertools.product((0, 1), repeat=9)]
    for mask in lines + squares:
        for connectivity in range(1, mask.ndim + 1):
            found = packed.unpack(surface(mask, connectivity, edge), mask.shape[-1])
            expected = naive.surface(mask, connectivity, edge)
            assert_array_equal(found.reshape(mask.shape), expected)


@pytest.mark.parametrize("x", [0, 1, 62, 63, 64, 65, 127, 128, 139])
@pytest.mark.parametrize("connectivity", [1, 2, 3])
def test_one_hole_at_a_word_border(x: int, connectivity: int) -> None:
    mask = np.ones((5, 5, 140), bool)
    mask[2, 2, x] = False
    found = packed.unpack(surface(mask, connectivity, "ignore"), 140)
    assert_array_equal(found, by_scipy(mask, connectivity, "ignore"))
    neighbours = {1: 6, 2: 18, 3: 26}[connectivity]
    lost = {1: 1, 2: 5, 3: 9}[connectivity] if x in (0, 139) else 0
    assert found.sum() == neighbours - lost


@pytest.mark.parametrize("edge", ["background", "ignore"])
@pytest.mark.parametrize("width", [1, 2, *hard_cases.ROW_LENGTHS])
def test_full_rows(width: int, edge: str) -> None:
    """With the edge ignored a full image has no surface; bits beyond a row must not make one."""
    mask = np.ones((3, 3, width), bool)
    for connectivity in (1, 2, 3):
        found = packed.unpack(surface(mask, connectivity, edge), width)
        assert_array_equal(found, by_scipy(mask, connectivity, edge))
        assert found.any() == (edge == "background")


def test_an_axis_of_size_one_is_an_axis() -> None:
    """A slice of a volume is all surface; the same slice as an image is not."""
    image = np.ones((5, 70), bool)
    assert packed.unpack(surface(image[None], 1, "background"), 70).all()
    assert not packed.unpack(surface(image, 1, "background"), 70)[0, 1:-1, 1:-1].any()


def test_only_the_slices_asked_for() -> None:
    rng = np.random.default_rng(2)
    mask = rng.random((6, 4, 66)) < 0.8
    whole = surface(mask, 1, "background")
    part = surface(mask, 1, "background", slices=(2, 4))
    assert_array_equal(part[2:4], whole[2:4])  # neighbours outside the slab are seen
    assert (part[[0, 1, 4, 5]] == 0xDEADBEEFDEADBEEF).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("ndim", "connectivity"), CONNECTIVITIES)
def test_backends_on_a_medium_volume(
    ndim: int, connectivity: int, order: Literal["C", "F"], medium: int
) -> None:
    shape = (medium + 3, medium, medium - 5)[-ndim:]
    for mask in hard_cases.blob_pair(shape, 5):
        laid_out = np.asarray(mask, order=order)
        for edge in ("background", "ignore"):
            assert_array_equal(
                numba_backend.surface(laid_out, connectivity, edge),
                scipy_backend.surface(laid_out, connectivity, edge),
            )


VECTOR_LOOP = """
import re
from fastseg_kernels.cpu.surface import corners, faces

for kernel in (faces.face_surface, corners.corner_surface):
    kernel.compile()
    dispatcher = kernel.dispatcher
    code = dispatcher.inspect_asm(dispatcher.signatures[0])
    blocks = [block for block in re.split(r"\\n(?=\\.LBB)", code) if "call" not in block]
    print(max(len(re.findall("REGISTER", block)) for block in blocks), len(re.findall("gather", code)))
"""


@pytest.mark.slow
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="there is no machine code without numba")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="how x86-64 processors name vectors")
@pytest.mark.parametrize(("cpu", "register"), [("haswell", "%ymm"), ("znver4", "%zmm")])
def test_inner_rows_become_vectors(
    cpu: str, register: str, run_python: Callable[..., str], tmp_path: Path
) -> None:
    """A loop of whole vectors: an alias that is feared would leave none, an index that may wrap around gathers."""
    script = VECTOR_LOOP.replace("REGISTER", register)
    cache = str(tmp_path / "cache")
    out = run_python(script, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES="", NUMBA_CACHE_DIR=cache)
    for line in out.splitlines():
        vectors, gathers = map(int, line.split())
        assert vectors > 40
        assert not gathers
