"""Drop-in for SimpleITK's overlap measures and Hausdorff distance: the values and errors of its filters."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from fastseg import compat
from tests.compat import cases
from tests.compat.parity import outcome

sitk = pytest.importorskip("SimpleITK")

from fastseg.compat import simpleitk as ours  # noqa: E402 - derives from its classes

theirs = {name: getattr(sitk, name) for name in ours.__all__}
OVERLAP, HAUSDORFF = "LabelOverlapMeasuresImageFilter", "HausdorffDistanceImageFilter"
MEASURES = sorted(
    name
    for name in dir(theirs[OVERLAP])
    if name.startswith("Get")
    and name.endswith(("Coefficient", "Overlap", "Similarity", "Error", "Rate"))
)
Spacing = tuple[float, ...] | None
DISTANCES = ["GetHausdorffDistance", "GetAverageHausdorffDistance"]
PAIRS = cases.filled_pairs()
MAPS = cases.label_maps()


def image(array: Any, spacing: Spacing = None, **about: Any) -> Any:
    made = sitk.GetImageFromArray(np.ascontiguousarray(array))
    if spacing is not None:
        made.SetSpacing(spacing[::-1])
    for name, value in about.items():
        getattr(made, f"Set{name}")(value)
    return made


def measured(name: str, host: bool, first: Any, second: Any, labels: Sequence[int] = ()) -> Any:
    """What a filter's getters give, or the exception of its Execute."""
    it = (theirs if host else vars(ours))[name]()
    done = outcome(it.Execute, first, second)
    if done is not None:
        return done
    if name == HAUSDORFF:
        return {(getter,): getattr(it, getter)() for getter in DISTANCES}
    return {
        (getter, *label): getattr(it, getter)(*label)
        for getter in MEASURES
        for label in ((), *((label,) for label in labels))
    }


def both(name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    return measured(name, False, *args, **kwargs), measured(name, True, *args, **kwargs)


def test_every_getter_is_there() -> None:
    assert len(MEASURES) == 8
    for name in (OVERLAP, HAUSDORFF):
        mine, its = vars(ours)[name], theirs[name]
        assert issubclass(mine, its)
        assert (
            inspect.signature(mine.Execute).parameters.keys()
            == inspect.signature(its.Execute).parameters.keys()
        )
    assert all(getter in vars(ours.LabelOverlapMeasuresImageFilter) for getter in MEASURES)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
def test_overlap_measures_are_equal_to_the_bit(dtype: str) -> None:
    for first, second in MAPS:
        images = image(first.astype(dtype)), image(second.astype(dtype))
        found, expected = both(OVERLAP, *images, labels=[0, 1, 2, 3, 4])
        assert found == expected
        assert len(found) == 48


@pytest.mark.parametrize("pair", PAIRS + cases.extreme_pairs(), ids=lambda pair: pair.name)
def test_overlap_of_masks(pair: cases.Pair) -> None:
    images = [image(mask.astype("u1")) for mask in (pair.reference, pair.prediction)]
    found, expected = both(OVERLAP, *images)
    assert found == expected


def test_negative_labels() -> None:
    found, expected = both(
        OVERLAP, *(image(m.astype("i2") - 2) for m in MAPS[1]), labels=[-2, -1, 2]
    )
    assert found == expected


@pytest.mark.parametrize("pair", PAIRS[:4] + cases.extreme_pairs(), ids=lambda pair: pair.name)
def test_labels_that_one_image_lacks_and_that_fill_both(pair: cases.Pair) -> None:
    """ITK 5.4's false positive error: the largest double where the source lacks a label, nan where all is the label."""
    first = pair.prediction.astype("u1")
    for second in (pair.reference * np.uint8(2), pair.reference.astype("u1")):
        labels = [int(label) for label in np.union1d(first, second)]
        found, expected = both(OVERLAP, image(first), image(second), labels=labels)
        np.testing.assert_equal(found, expected)


def test_the_false_positive_error_is_the_installed_itks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ITK's main branch, which has repaired it, fastseg's formula gives 0 for a label that the source lacks."""
    source, target = np.zeros((4, 5), "u1"), np.zeros((4, 5), "u1")
    source[1], target[2] = 1, 2
    images = image(source), image(target)
    found = [measured(OVERLAP, host, *images, labels=[2]) for host in (False, True)]
    assert found[0] == found[1]
    monkeypatch.setattr(ours, "_asks_for_the_source", lambda: False)
    assert measured(OVERLAP, False, *images, labels=[2])["GetFalsePositiveError", 2] == 0
    monkeypatch.setattr(ours, "_asks_for_the_source", lambda: True)
    error = measured(OVERLAP, False, *images, labels=[2])["GetFalsePositiveError", 2]
    assert error == sys.float_info.max
    whole = measured(OVERLAP, False, image(source * 0), image(source * 0), labels=[0])
    assert math.isnan(whole["GetFalsePositiveError", 0])
    assert whole["GetFalsePositiveError",] == sys.float_info.max


@pytest.mark.parametrize("getter", MEASURES)
def test_what_is_no_label_is_refused(getter: str) -> None:
    """Two labels were once taken together, and text for a label without an overlap."""
    for wrong in ((1.0,), ("1",), (None,), (1, 2), (1 << 70,), ([1],)):
        for host in (False, True):
            it = (theirs if host else vars(ours))[OVERLAP]()
            it.Execute(*map(image, MAPS[0]))
            with pytest.raises(TypeError, match="Wrong number or type of arguments"):
                getattr(it, getter)(*wrong)
    mine: Any = vars(ours)[OVERLAP]()
    mine.Execute(*map(image, MAPS[0]))
    assert getattr(mine, getter)(np.uint8(1)) == getattr(mine, getter)(1)


def test_a_label_that_is_not_there_has_no_overlap() -> None:
    it: Any = vars(ours)[OVERLAP]()
    it.Execute(*map(image, MAPS[0]))
    assert {getattr(it, getter)(99) for getter in MEASURES} == {0.0}


@pytest.mark.parametrize(("pair", "spacing"), cases.with_spacings(PAIRS), ids=str)
def test_hausdorff_distances(pair: cases.Pair, spacing: Spacing) -> None:
    images = [image(mask.astype("u1"), spacing) for mask in (pair.reference, pair.prediction)]
    found, expected = both(HAUSDORFF, *images)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["i1", "i8", "f4", "f8"])
def test_anything_but_0_is_inside(dtype: str) -> None:
    images = [image((mask * np.array(-2)).astype(dtype)) for mask in PAIRS[0][1:]]
    expected = measured(HAUSDORFF, True, *(image(mask.astype("u1")) for mask in PAIRS[0][1:]))
    found, its = both(HAUSDORFF, *images)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-6)
    np.testing.assert_allclose(list(found.values()), list(its.values()), rtol=1e-6)


A = MAPS[1][0]


@pytest.mark.parametrize("name", [OVERLAP, HAUSDORFF])
@pytest.mark.parametrize(
    "images",
    [
        (image(A), image(A.astype("i2"))),
        (image(A), image(A[:, :4])),
        (image(A), image(A[0])),
        (image(A), image(A, (1.0, 1.0, 2.0))),
        (image(A), image(A, Origin=(0.0, 5.0, 0.0))),
        (image(A), image(A, Origin=(0.0, 1e-9, 0.0))),
        (image(A), image(A, Direction=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0))),
        (image(A.astype("f4")), image(A.astype("f4"))),
        (image(A.astype("c8")), image(A.astype("c8"))),
        (image(np.stack([A] * 4)), image(np.stack([A] * 4))),
        (image(A * 0), image(A)),
        (image(A), image(A * 0)),
        (image(A * 0), image(A * 0)),
        (image(A * 0 + 1), image(A)),
        (A, A),
        (None, None),
        (image(A), None),
    ],
    ids=range(17),
)
def test_what_itk_refuses_is_refused(name: str, images: tuple[Any, Any]) -> None:
    found, expected = both(name, *images)
    assert type(found) is type(expected)
    if isinstance(expected, type):
        assert found is expected
    else:
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-6)


def test_before_and_after_execute() -> None:
    overlap, distance = (vars(ours)[name]() for name in (OVERLAP, HAUSDORFF))
    assert overlap.GetDiceCoefficient() == theirs[OVERLAP]().GetDiceCoefficient()
    assert outcome(overlap.GetDiceCoefficient, 1) is RuntimeError
    assert distance.GetHausdorffDistance() == 0
    distance.Execute(*(image(mask.astype("u1")) for mask in PAIRS[0][1:]))
    assert distance.GetHausdorffDistance() > 0
    with pytest.raises(RuntimeError):
        distance.Execute(image(A * 0), image(A))
    assert distance.GetHausdorffDistance() == 0  # nothing is left of the pair before


def test_patched() -> None:
    with compat.patched("simpleitk"):
        assert sitk.LabelOverlapMeasuresImageFilter is ours.LabelOverlapMeasuresImageFilter
        assert sitk.SimpleITK.HausdorffDistanceImageFilter is ours.HausdorffDistanceImageFilter
        assert measured(OVERLAP, False, *map(image, MAPS[0]))
    assert {name: getattr(sitk, name) for name in theirs} == theirs
    assert ours.ReadImage is sitk.ReadImage
