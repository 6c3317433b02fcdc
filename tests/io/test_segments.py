"""Layers of segments become one label map, whose labels are the file's where they can be."""

from __future__ import annotations

import numpy as np
import pytest

from fastseg.io.segments import Segment, merged, with_names_of_their_own
from fastseg.io.units import millimetres

ONE = Segment("one", 0, 1)


def test_layers_apart_keep_their_labels() -> None:
    layers = [np.array([[1, 0], [3, 0]], np.uint8), np.array([[0, 0], [0, 200]], np.uint8)]
    segments = [ONE, Segment("three", 0, 3), Segment("many", 1, 200), Segment("empty", 1, 9)]
    one = merged(layers, segments, "a")
    assert one.own_labels
    np.testing.assert_array_equal(one.array, [[1, 0], [3, 200]])
    assert one.array.dtype == np.uint8
    assert one.segments == {"one": (1,), "three": (3,), "many": (200,), "empty": (9,)}


def test_segments_that_share_voxels_get_labels_of_their_sets() -> None:
    layers = [np.array([[1, 1, 0, 2]]), np.array([[0, 1, 1, 0]])]
    segments = [ONE, Segment("two", 0, 2), Segment("over", 1, 1), Segment("empty", 1, 2)]
    one = merged(layers, segments, "a")
    assert not one.own_labels
    # the sets in order: {one}, {one, over}, {two}, {over}
    np.testing.assert_array_equal(one.array, [[1, 2, 4, 3]])
    assert one.segments == {"one": (1, 2), "two": (3,), "over": (2, 4), "empty": (5,)}


def test_the_same_label_in_two_layers_is_two_segments() -> None:
    layers = [np.array([[1, 0, 0]]), np.array([[0, 0, 1]])]
    one = merged(layers, [ONE, Segment("other", 1, 1)], "a")
    assert not one.own_labels
    np.testing.assert_array_equal(one.array, [[1, 0, 2]])
    assert one.segments == {"one": (1,), "other": (2,)}


def test_a_label_that_no_segment_has_is_not_lost() -> None:
    layers = [np.array([[1, 7, 0]]), np.array([[0, 1, 1]])]
    one = merged(layers, [ONE, Segment("over", 1, 1)], "a")
    assert one.segments == {"one": (1,), "over": (2, 3), "label 7 of layer 0": (3,)}
    np.testing.assert_array_equal(one.array, [[1, 3, 2]])


def test_two_names_of_one_label() -> None:
    one = merged([np.array([[1, 0]])], [ONE, Segment("uno", 0, 1)], "a")
    assert one.own_labels
    assert one.segments == {"one": (1,), "uno": (1,)}


def test_nothing_at_all() -> None:
    empty = np.zeros((2, 3), np.uint8)
    one = merged([empty, empty], [ONE, Segment("two", 1, 2)], "a")
    assert one.array.shape == (2, 3)
    assert not one.array.any()
    assert one.segments == {"one": (1,), "two": (2,)}


def test_labels_that_are_not_whole_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a: expected whole numbers .* found 0\.5"):
        merged([np.array([[0.5]]), np.array([[1.0]])], [ONE], "a")


@pytest.mark.parametrize("seed", range(30))
def test_every_segment_keeps_its_voxels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 5))
    density = rng.uniform(0.02, 0.9)
    layers = [
        np.asfortranarray(rng.integers(0, 4, (5, 6, 7)) * (rng.random((5, 6, 7)) < density))
        for _ in range(count)
    ]
    segments = [Segment(f"{i} {v}", i, v) for i in range(count) for v in (1, 2, 3)]
    order = rng.permutation(len(segments))
    one = merged(iter(layers), [segments[i] for i in order], "a")
    for segment in segments:
        mask = np.isin(one.array, one.segments[segment.name])
        np.testing.assert_array_equal(mask, layers[segment.layer] == segment.value)
    np.testing.assert_array_equal(one.array > 0, np.any([layer > 0 for layer in layers], axis=0))
    assert one.array.max() <= 4**count


def test_names_given_twice_are_numbered() -> None:
    names = ["a", "b", "a", "a (2)", "a", "b"]
    unique, doubled = with_names_of_their_own([Segment(name, 0, 1) for name in names])
    assert [segment.name for segment in unique] == ["a", "b", "a (3)", "a (2)", "a (4)", "b (2)"]
    assert doubled == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        ("mm", 1),
        ("MM", 1),
        ("millimeters", 1),
        ("µm", 1e-3),
        ("μm", 1e-3),
        ("um", 1e-3),
        ("\\u00B5m", 1e-3),
        ("microns", 1e-3),
        ("nm", 1e-6),
        ("cm", 10),
        ("m", 1000),
        ("inches", 25.4),
        ("Å", 1e-7),
        (" metres ", 1000),
        ("pixel", None),
        ("", None),
        ("s", None),
    ],
)
def test_units(unit: str, size: float | None) -> None:
    assert millimetres(unit) == size
