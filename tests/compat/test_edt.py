"""Drop-in for edt: multi-label transforms with edt's numbers, types and errors."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg import compat
from fastseg.compat import edt as ours
from tests.compat import cases
from tests.compat.parity import observed, outcome, same, same_words

Array = NDArray[Any]

edt = pytest.importorskip("edt")

theirs = {name: getattr(edt, name) for name in ("edt", "edtsq", "sdf", "sdfsq")}
BINARY = [
    (pair.name, mask)
    for pair in cases.filled_pairs() + cases.extreme_pairs()
    for mask in (pair.reference, ~pair.prediction)
]
MAPS = [*itertools.chain(*cases.label_maps()), np.array([0, 3, 3, 3, 7, 7, 0, 0, 3])]


def close(name: str, labels: Any, **options: Any) -> Array:
    """Within a unit or two of float32, since edt rounds at every step; squares within three."""
    expected = theirs[name](labels, **options)
    found = getattr(ours, name)(labels, **options)
    same(found, expected, ulp=3 if name.endswith("sq") else 2, dtype=np.float32)
    for order in ("c_contiguous", "f_contiguous"):
        assert getattr(found.flags, order) == getattr(expected.flags, order)
    return np.asarray(found)


@pytest.mark.parametrize("black_border", [False, True])
@pytest.mark.parametrize(("name", "mask"), BINARY, ids=lambda value: str(value)[:25])
def test_masks(name: str, mask: cases.Mask, black_border: bool) -> None:
    for spacing in cases.SPACINGS[mask.ndim]:
        close("edt", mask, anisotropy=spacing, black_border=black_border)


@pytest.mark.parametrize("black_border", [False, True])
@pytest.mark.parametrize("name", list(theirs))
@pytest.mark.parametrize("labels", MAPS, ids=lambda labels: str(labels.shape))
def test_label_maps(name: str, labels: Any, black_border: bool) -> None:
    spacings = cases.SPACINGS.get(labels.ndim, (None, 2, 0.7))
    for array, spacing in itertools.product((labels, np.asfortranarray(labels)), spacings):
        close(name, array, anisotropy=spacing, black_border=black_border)


def test_whole_squares_are_equal_to_the_bit() -> None:
    labels = MAPS[2]
    for anisotropy in (None, (1, 2, 3)):
        for name in theirs:
            same(getattr(ours, name)(labels, anisotropy), theirs[name](labels, anisotropy), ulp=0)


def test_small_integers_survive_their_root() -> None:
    """By which squares are made from float32 distances."""
    numbers = np.arange(1 << 21, dtype=np.float32)
    roots = np.sqrt(numbers)
    np.testing.assert_array_equal(np.rint(roots * roots), numbers)
    assert ours._squares_are_small_integers((256, 256, 256), (1.0, 2.0, 3.0))
    assert not ours._squares_are_small_integers((256, 256, 256), (1.0, 2.0, 0.5))
    assert not ours._squares_are_small_integers((1450,), (1.0,))
    far = np.ones(3000, np.uint8)
    far[0] = 0
    same(ours.edtsq(far), theirs["edtsq"](far))


def test_a_map_is_transformed_label_by_label() -> None:
    """Against the definition: each label's own transform, with all the rest as its background."""
    for labels in MAPS:
        expected = np.zeros(labels.shape, np.float32)
        for label in np.unique(labels[labels != 0]):
            alone = theirs["edt"](labels == label)
            expected[labels == label] = alone[labels == label]
        np.testing.assert_array_equal(ours.edt(labels), expected)


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_every_dtype(dtype: str) -> None:
    labels = MAPS[2].astype(dtype)
    same(ours.edt(labels), theirs["edt"](labels))


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 1],
        [[0, 1, 1], [2, 2, 2]],
        np.array([-1, -1, 1, 0, -3], np.int8),
        np.array([0.5, 0.5, 1.5, -0.0, 0.0, 2]),
        np.array([0, np.nan, 1, 1, np.nan, 2.0]),
        np.array([1 << 60, 1 << 60, (1 << 60) + 1, 5]),
        np.ones((1, 5, 1), np.uint8),
        np.zeros((3, 0, 2), np.uint8),
        np.arange(24).reshape(2, 3, 4)[:, ::2, ::-1],
        np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
        np.ones(3, complex),
        3,
        None,
        np.ones((2, 2, 2, 2)),
    ],
    ids=lambda labels: repr(labels)[:40],
)
def test_what_edt_takes_is_taken_and_what_it_refuses_is_refused(labels: Any) -> None:
    same(outcome(ours.edt, labels), outcome(theirs["edt"], labels))
    if not isinstance(labels, list):  # which edt's sdf trips over
        same(outcome(ours.sdf, labels), outcome(theirs["sdf"], labels))


@pytest.mark.parametrize("options", [
    {"anisotropy": 2}, {"anisotropy": (1, 2)}, {"anisotropy": (1, 2, 3, 4)}, {"anisotropy": "abc"},
    {"anisotropy": np.array([1, 2, 3])}, {"anisotropy": (1, 0, 1)}, {"anisotropy": (1, None, 1)},
    {"parallel": 0}, {"parallel": "x"}, {"order": "C"}, {"no_such": 1},
    {"voxel_graph": np.full((12, 15, 18), 0x3F, np.uint32)},
], ids=lambda options: str(options)[:40])  # fmt: skip
def test_options(options: dict[str, Any]) -> None:
    same(outcome(ours.edt, MAPS[2], **options), outcome(theirs["edt"], MAPS[2], **options))


@pytest.mark.parametrize("name", theirs)
@pytest.mark.parametrize(
    ("labels", "options"),
    [
        (np.ones((1, 1, 2, 2), np.uint8), {}),
        (np.array(5), {}),
        (np.ones((2, 2), np.uint8), {"anisotropy": "ab"}),
        (np.ones((2, 2), np.uint8), {"anisotropy": (1, None)}),
        (np.ones((2, 2), np.uint8), {"parallel": "one"}),
    ],
)
def test_the_words_are_edts(name: str, labels: Any, options: dict[str, Any]) -> None:
    same_words(
        observed(getattr(ours, name), labels, **options), observed(theirs[name], labels, **options)
    )


def test_a_number_of_threads_may_be_a_float() -> None:
    labels = np.ones((3, 4), np.uint8)
    same(ours.edt(labels, parallel=1.5), theirs["edt"](labels, parallel=1.5))  # type: ignore[arg-type]


def test_one_axis_takes_a_number() -> None:
    labels = np.array([1, 1, 0, 2], np.uint8)
    for anisotropy in (2, (2,), (2, 3)):
        same(outcome(ours.edt, labels, anisotropy), outcome(theirs["edt"], labels, anisotropy))


@pytest.mark.parametrize("labels", [MAPS[2].astype("f2"), MAPS[2].astype(">i4")], ids=["f2", ">i4"])
def test_labels_that_edt_takes_for_nothing(labels: Any) -> None:
    assert not theirs["edt"](labels).any()
    same(ours.edt(labels), theirs["edt"](MAPS[2]))


def test_many_labels_on_several_threads(many_slabs: None) -> None:
    labels = np.arange(1, 9 * 8 * 7 + 1, dtype=np.uint32).reshape(9, 8, 7).repeat(3, 1)
    same(ours.edt(labels, (1, 2, 3), True), theirs["edt"](labels, (1, 2, 3), True))


def test_signatures_and_other_names() -> None:
    for name, host in theirs.items():
        mine = inspect.signature(getattr(ours, name)).parameters.values()
        its = inspect.signature(host).parameters.values()
        assert [(p.name, p.default) for p in mine] == [(p.name, p.default) for p in its]
    assert ours.each is edt.each


def test_patched() -> None:
    with compat.patched("edt"):
        for name in theirs:
            assert getattr(edt, name) is getattr(ours, name)
        graph = np.full((3, 3), 0x3F, np.uint8)
        same(edt.edt(np.eye(3), voxel_graph=graph), theirs["edt"](np.eye(3), voxel_graph=graph))
    assert {name: getattr(edt, name) for name in theirs} == theirs
