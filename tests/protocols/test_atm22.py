"""ATM'22 and AIIB'23 beside twins that relabel voxels as the scripts do, and each quirk by its example."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from tests.oracle.lesion_cases import row
from tests.oracle.trees import trees

Mask = NDArray[np.bool_]
Labels = NDArray[np.int64]
CORNERS = np.ones((3, 3, 3))


class Fails(Exception):  # noqa: N818 - the script would
    """Where the script ends in an error."""


def _nth_largest(mask: Mask, place: int = 0) -> Mask:
    labels, count = ndimage.label(mask)
    if count <= place:
        raise Fails
    sizes = [int((labels == number).sum()) for number in range(1, count + 1)]
    order = sorted(range(count), key=sizes.__getitem__)
    found: Mask = labels == order[-1 - place] + 1
    return found


def _skeleton(mask: Mask) -> Mask:
    return fastseg.skeletonize(mask)


def _regions(skeleton: Mask, mask: Mask) -> tuple[Labels, int]:
    """Branches of a skeleton, and the nearest of each voxel of the mask; the border mirrors."""
    crowd = ndimage.correlate(skeleton.astype(int), CORNERS.astype(int), mode="reflect")
    pieces, count = ndimage.label(skeleton & (crowd <= 3), CORNERS)
    for number in range(1, count + 1):
        if (pieces == number).sum() < 5:
            pieces[pieces == number] = 0
    pieces, count = ndimage.label(pieces > 0, CORNERS)
    if not count:
        return np.zeros(mask.shape, np.int64), 0
    _, nearest = ndimage.distance_transform_edt(pieces == 0, return_indices=True)
    return np.where(mask, pieces[tuple(nearest)], 0).astype(np.int64), count


def _family(regions: Labels, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who is a parent of whom: [child, parent], and [parent, child] without the root, which is its own parent."""
    sizes = [int((regions == number).sum()) for number in range(1, count + 1)]
    if not count or not all(sizes):
        raise Fails
    touching = np.zeros((count, count), bool)
    for number in range(1, count + 1):
        own = regions == number
        others = regions[ndimage.binary_dilation(own) & ~own]
        if others.max(initial=0) > count:
            raise Fails
        touching[number - 1, others[others > 0] - 1] = True
    root = max(range(count), key=lambda one: (sizes[one], one))
    parents, children = np.zeros((2, count, count), np.int64)
    parents[root, root] = 1
    generation = np.zeros(count, int)
    current = [root]
    while current:
        following = []
        while current:
            branch = current.pop()
            for other in np.flatnonzero(touching[branch]):
                if not parents[other].any():
                    generation[other] = generation[branch] + 1
                    following.append(int(other))
                if generation[branch] + 1 == generation[other]:
                    parents[other, branch] = children[branch, other] = 1
        current = following
    return parents, children


def _join(regions: Labels, parents: NDArray[np.int64], children: NDArray[np.int64]) -> list[int]:
    """Relabel voxels, and list the branches that are gone."""
    gone: list[int] = []
    only = np.flatnonzero(children.sum(axis=1) == 1)
    for branch in np.flatnonzero(parents.sum(axis=1) > 1):
        first, *rest = np.flatnonzero(parents[branch])
        for other in rest:
            regions[regions == other + 1] = first + 1
            gone.append(int(other))
    for branch in only:
        child = int(np.flatnonzero(children[branch])[0])
        if branch not in gone and child not in gone:
            regions[regions == child + 1] = branch + 1
            gone.append(child)
    return sorted(set(gone))


def _refined(regions: Labels, count: int) -> Labels:
    while True:
        family = _family(regions, count)
        if not _join(regions, *family):
            return regions
        gone = _join(regions, *family)
        for branch in range(count):
            if branch not in gone:
                regions[regions == branch + 1] = branch + 1 - sum(one < branch for one in gone)
        count -= len(gone)


def _detected(branches: Labels, inside: Mask, count: int) -> int:
    detected = 0
    for number in range(1, count + 1):
        own = branches == number
        detected += bool(own.any()) and (own & inside).sum() / own.sum() >= 0.8
    return detected


def _atm(reference: Mask, prediction: Mask) -> dict[str, float]:
    tp, fp = int((reference & prediction).sum()), int((prediction & ~reference).sum())
    n_reference, n_prediction = int(reference.sum()), int(prediction.sum())
    outside = reference.size - n_reference
    fnr = float(np.round(100 * (n_reference - tp + 1e-5) / (n_reference + 1e-5), 3))
    fpr = float(np.round(100 * (fp + 1e-5) / (outside + 1e-5), 3))
    scores = {
        "DSC": np.round((2 * tp + 1e-5) / (n_reference + n_prediction + 1e-5) * 100, 2),
        "Precision": np.round((tp + 1e-5) * 100 / (n_prediction + 1e-5), 3),
        "Sensitivity": np.round(100 - fnr, 3),
        "Specificity": np.round(100 - fpr, 3),
        "FNR": fnr,
        "FPR": fpr,
    }
    scores |= dict.fromkeys(("TD", "BD", "total_branch_num", "detected_branch_num"), math.nan)
    try:
        mask = ndimage.binary_fill_holes(_nth_largest(reference))
        inside = _nth_largest(prediction) if prediction.any() else prediction
        skeleton = _skeleton(mask)
        held = int((skeleton & inside).sum())
        scores["TD"] = np.round((held + 1e-5) / (int(skeleton.sum()) + 1e-5) * 100, 2)
        branches = np.where(skeleton, _refined(*_regions(skeleton, mask)), 0)
    except Fails:
        return scores
    count = int(branches.max())
    detected = _detected(branches, inside, count)
    scores["BD"] = round(detected * 100 / count, 2)
    scores["total_branch_num"], scores["detected_branch_num"] = count, detected
    return scores


def _aiib(reference: Mask, prediction: Mask) -> dict[str, float]:
    names = ("iou", "DLR", "DBR", "precision", "leakages")
    try:
        mask = ndimage.binary_fill_holes(_nth_largest(reference))
        largest = _nth_largest(prediction)
        if _iou(reference, largest) < 0.1:
            largest = _nth_largest(prediction, 1)
            if _iou(reference, largest) < 0.1:
                raise Fails
    except Fails:
        return dict.fromkeys(names, math.nan)
    both = int((reference & largest).sum())
    skeleton = _skeleton(reference)
    regions, count = _regions(_skeleton(mask), mask)
    length, held = int(skeleton.sum()), int((skeleton & largest).sum())
    detected = _detected(np.where(skeleton, regions, 0), largest, count)
    return {
        "iou": _iou(reference, largest),
        "DLR": held / length if length else math.nan,
        "DBR": detected / count if count else math.nan,
        "precision": both / int(largest.sum()),
        "leakages": int((largest & ~reference).sum()) / int(reference.sum()),
    }


def _iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def _scores(protocol: str, *maps: NDArray[Any], **options: Any) -> dict[str, float]:
    [found] = fastseg.evaluate_protocol(protocol, *maps, **options).rows
    return dict(found.values_by_metric)


def _as_labels(reference: Mask, prediction: Mask, order: Any) -> list[NDArray[np.uint8]]:
    return [np.array(one, np.uint8, order=order) for one in (reference, prediction)]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1, 6))]
)
@pytest.mark.parametrize(("protocol", "twin"), [("atm22", _atm), ("aiib23", _aiib)])
def test_equals_the_twin(seed: int, protocol: str, twin: Any) -> None:
    n = 100 if seed else 24
    for i, (reference, prediction) in enumerate(trees(n, seed, axes=(3,), largest=34)):
        if i % 31 == 30:
            prediction[...] = False
        if i % 37 == 36:
            reference[...] = False
        maps = _as_labels(reference, prediction, "CF"[i % 2])
        found, expected = _scores(protocol, *maps), twin(reference, prediction)
        assert found == pytest.approx(expected, rel=0, abs=0, nan_ok=True), i


@pytest.mark.parametrize("protocol", ["atm22", "aiib23"])
def test_backends_and_orders_agree(protocol: str) -> None:
    for reference, prediction in trees(8, 50, axes=(3,)):
        expected = _scores(protocol, reference, prediction, backend="scipy")
        for order in "CF":
            found = _scores(protocol, *_as_labels(reference, prediction, order), backend="numba")
            assert found == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


def _comb(n: int) -> Mask:
    """A line with teeth, away from the border."""
    mask = np.zeros((12, 12, 8 * n + 4), bool)
    mask[5, 5, 2 : 8 * n] = True
    for tooth in range(n):
        mask[5, 6:11, 8 * tooth + 4] = True
    return mask


def test_branches_are_joined_unless_told_not_to() -> None:
    tree = np.zeros((44, 44, 7), bool)
    tree[2:42, 20, 3] = True  # a trunk, with arms and a branch of an arm
    tree[12, 21:42, 3] = tree[30, 2:20, 3] = True
    tree[13:28, 32, 3] = True
    as_they_are = _scores("atm22", tree, tree, refine=False)
    joined = _scores("atm22", tree, tree)
    assert as_they_are["total_branch_num"] == 7
    assert joined["total_branch_num"] == 5
    assert joined == _atm(tree, tree)
    free = fastseg.evaluate(tree, tree, metrics="branches_detected")[1]
    assert free["branches_detected"] == 1


def test_the_predictions_largest_component() -> None:
    reference = np.zeros((3, 3, 20), bool)
    reference[1, 1, 1:19] = True
    prediction = reference.copy()
    prediction[1, 1, 11] = False
    found = _scores("atm22", reference, prediction)
    assert found["TD"] == 55.56  # ten of eighteen
    assert found["BD"] == 0
    assert found["DSC"] == 97.14
    found = _scores("atm22", reference, prediction, largest_component=False)
    assert found["TD"] == 94.44
    assert found["BD"] == 100


def test_smoothed() -> None:
    two, others = row(1, 1, 0, 0), row(0, 0, 1, 1)
    assert _scores("atm22", two, others)["DSC"] == 0
    unrounded = _scores("atm22", two, others, quirks={"rounded": False})["DSC"]
    assert unrounded == pytest.approx(0.00025, rel=1e-5)
    nothing = row(0, 0, 0, 0)
    assert _scores("atm22", nothing, nothing)["DSC"] == 100
    off = _scores("atm22", nothing, nothing, quirks={"smoothed": False})
    assert math.isnan(off["DSC"])
    assert off["FPR"] == 0


def test_rounded() -> None:
    three, two = row(1, 1, 1, 0), row(1, 1, 0, 0)
    found = _scores("atm22", three, two)
    assert (found["FNR"], found["Sensitivity"]) == (33.334, 66.666)
    found = _scores("atm22", three, two, quirks={"rounded": False})
    assert found["FNR"] == pytest.approx(33.33355555, rel=1e-9)
    exact = _scores("atm22", three, two, quirks=False)["Sensitivity"]
    assert exact == pytest.approx(200 / 3, rel=1e-14)


@pytest.mark.parametrize(
    ("protocol", "score", "all_of_them"), [("atm22", "BD", 100), ("aiib23", "DBR", 1)]
)
def test_mirrored_border(protocol: str, score: str, all_of_them: float) -> None:
    line = np.zeros((5, 5, 9), bool)
    line[0, 2, 1:8] = True
    assert math.isnan(_scores(protocol, line, line)[score])
    assert _scores(protocol, line, line, quirks={"mirrored-border": False})[score] == all_of_them


def test_second_component() -> None:
    airway, prediction = np.zeros((2, 9, 9, 24), bool)
    airway[4, 4, 1:11] = True
    prediction[4, 4, 1:11], prediction[2:7, 2:7, 13:22] = True, True
    found = _scores("aiib23", airway, prediction)
    assert found == {"iou": 1, "DLR": 1, "DBR": 1, "precision": 1, "leakages": 0}
    lungs = _scores("aiib23", airway, prediction, quirks={"second-component": False})
    assert 0 <= lungs["iou"] < 1e-30
    assert lungs["leakages"] == 22.5
    prediction[4, 4] = False
    assert all(map(math.isnan, _scores("aiib23", airway, prediction).values()))


@pytest.mark.parametrize("protocol", ["atm22", "aiib23"])
def test_labels_planes_and_images(protocol: str) -> None:
    with pytest.raises(
        fastseg.InputError, match=f"{protocol}: expected label maps of three axes, got 2"
    ):
        fastseg.evaluate_protocol(protocol, np.ones((3, 3), int), np.ones((3, 3), int))
    comb = _comb(2)
    maps = comb.astype(np.uint8) * 3
    maps[0, 0, 0] = 7
    [found] = fastseg.evaluate_protocol(protocol, maps, maps, labels={"tree": 3}).rows
    assert found.name == "tree"
    assert dict(found.values_by_metric) == _scores(protocol, comb, comb)
    sitk = pytest.importorskip("SimpleITK")
    [(reference, prediction)] = trees(1, 8, axes=(3,))
    images = [sitk.GetImageFromArray(one.astype(np.uint8).T) for one in (reference, prediction)]
    assert _scores(protocol, *images) == _scores(protocol, reference, prediction)


def test_beside_scikit_image() -> None:
    """The skeletons are those that the script has, voxel for voxel."""
    morphology = pytest.importorskip("skimage.morphology")
    for reference, prediction in trees(40, 21, axes=(3,)):
        for mask in (reference, prediction):
            np.testing.assert_array_equal(_skeleton(mask), morphology.skeletonize(mask))
