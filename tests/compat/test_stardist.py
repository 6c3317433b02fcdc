"""Drop-in for stardist.matching: stardist's statistics, their types and the order of their rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg import compat
from fastseg.compat import stardist as ours
from tests.compat.parity import observed, same_error

theirs = pytest.importorskip("stardist.matching")
matching, matching_dataset = theirs.matching, theirs.matching_dataset

Labels = NDArray[Any]
THRESHOLDS: tuple[Any, ...] = (0.5, (0.1, 1 / 3, 0.5, 0.75, 0.9), 0, None, 1.0, -1, float("nan"))


def same(mine: Any, its: Any) -> None:
    """Named tuples, in tuples where there are several thresholds, of equal fields, values and types."""
    if isinstance(its, tuple) and not hasattr(its, "_fields"):
        assert len(mine) == len(its)
        for one, other in zip(mine, its, strict=True):
            same(one, other)
        return
    assert (type(mine).__name__, mine._fields) == (type(its).__name__, its._fields)
    for name, one, other in zip(its._fields, mine, its, strict=True):
        assert type(one) is type(other), name
        if isinstance(other, tuple):
            assert [type(each) for each in one] == [type(each) for each in other], name
        assert one == other or (one != one and other != other), name


def pair(rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Two label images: by chance, disturbed, shifted, renumbered, or empty."""
    shapes = ((7,), (6, 9), (4, 5, 6), (12, 12), (1, 1), (2, 2, 3, 2))
    shape = shapes[rng.integers(len(shapes))]
    dtype = (np.uint8, np.int32, np.int64, np.uint16, np.uint64)[rng.integers(5)]
    k = rng.integers(1, 9)
    first = rng.integers(0, k + 1, shape)
    kind = rng.integers(5)
    if kind == 0:
        second = rng.integers(0, rng.integers(1, 9) + 1, shape)
    elif kind == 1:
        second = np.where(rng.random(shape) < 0.8, first, rng.integers(0, k + 1, shape))
    elif kind == 2:
        first = np.kron(rng.integers(0, 4, shape), np.ones([3] * len(shape), int))
        second = np.roll(first, 1, 0)
    elif kind == 3:
        second = np.where(rng.random(shape) < 0.5, first, first + 4 * (first > 0))
    else:
        first = first * (rng.random() < 0.7)
        second = first * (rng.random() < 0.5)
    if rng.random() < 0.2:
        first = np.asfortranarray(first)
    return (first * rng.integers(1, 5)).astype(dtype), second.astype(dtype)


@pytest.mark.parametrize("criterion", ["iou", "iot", "iop"])
@pytest.mark.parametrize("seed", range(4))
def test_pairs_by_chance(criterion: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        first, second = pair(rng)
        for threshold in THRESHOLDS:
            for report in (False, True):
                args = first, second, threshold, criterion, report
                same(ours.matching(*args), matching(*args))


def test_many_touching_cells() -> None:
    rng = np.random.default_rng(3)
    first = np.kron(rng.permutation(30 * 31).reshape(30, 31), np.ones((5, 6), int))
    second = np.roll(first, (1, 2), (0, 1))
    second[rng.random(second.shape) < 0.1] = 0
    for criterion in ("iou", "iot", "iop"):
        same(
            ours.matching(first, second, (0.05, 0.3, 0.5, 0.7), criterion),
            matching(first, second, (0.05, 0.3, 0.5, 0.7), criterion),
        )
    same(
        ours.matching(first, second, report_matches=True),
        matching(first, second, report_matches=True),
    )


@pytest.mark.parametrize("by_image", [False, True])
@pytest.mark.parametrize("threshold", [0.5, (0.3, 0.6), [0.0]])
def test_data_sets(by_image: bool, threshold: Any) -> None:
    rng = np.random.default_rng(7)
    for n in (1, 2, 7):
        pairs = [pair(rng) for _ in range(n)]
        images = [one for one, _ in pairs], [other for _, other in pairs]
        options = {"thresh": threshold, "by_image": by_image, "show_progress": False}
        expected = matching_dataset(*images, **options)
        same(ours.matching_dataset(*images, **options), expected)
        same(ours.matching_dataset(*images, **options, parallel=True), expected)
        same(ours.matching_dataset_lazy(iter(pairs), **options), expected)


IMAGE = np.array([[0, 1, 1], [2, 2, 0]])


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((IMAGE, IMAGE.astype(float)), {}),
        ((IMAGE > 0, IMAGE), {}),
        ((IMAGE.tolist(), IMAGE), {}),
        ((IMAGE - 1, IMAGE), {}),
        ((IMAGE, -IMAGE), {}),
        ((IMAGE, IMAGE[:1]), {}),
        ((IMAGE, IMAGE), {"criterion": "dice"}),
        ((IMAGE[:0], IMAGE[:0]), {}),
        ((IMAGE[:, :0], IMAGE[:, :0]), {}),
        ((IMAGE, IMAGE), {"thresh": "half"}),
    ],
)
def test_wrong_input_is_refused_in_their_words(args: Any, options: Any) -> None:
    same_error(
        observed(ours.matching, *args, **options)._replace(warned=[]),
        observed(matching, *args, **options)._replace(warned=[]),
    )


def test_wrong_data_sets_are_refused() -> None:
    args: tuple[Any, Any]
    for args in (([IMAGE], []), ([], [])):
        mine = observed(ours.matching_dataset, *args, show_progress=False)
        same_error(mine, observed(matching_dataset, *args, show_progress=False))


def test_labels_that_have_no_room_there() -> None:
    huge = IMAGE.astype(np.uint64) * np.uint64(2**61)
    found = ours.matching(huge, huge, report_matches=True)
    assert (found.tp, found.matched_pairs) == (2, ((2**61, 2**61), (2**62, 2**62)))


def test_progress_is_shown_as_there(capsys: pytest.CaptureFixture[str]) -> None:
    ours.matching_dataset([IMAGE], [IMAGE])
    assert "1/1" in capsys.readouterr().err
    ours.matching_dataset_lazy(iter([(IMAGE, IMAGE)]), show_progress=2)
    assert "1/2" in capsys.readouterr().err


def test_their_own_code_runs_on_it_while_patched() -> None:
    stack = np.stack([IMAGE, np.roll(IMAGE, 1, 1), IMAGE])
    expected = theirs.group_matching_labels(stack)
    with compat.patched("stardist"):
        assert theirs.matching is ours.matching
        np.testing.assert_array_equal(theirs.group_matching_labels(stack), expected)
    assert ours.group_matching_labels is theirs.group_matching_labels
