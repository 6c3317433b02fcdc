"""Drop-in for skimage.metrics: scikit-image's numbers, types, warnings and errors."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest

from fastseg import compat
from fastseg.compat import skimage as ours
from tests.compat import cases
from tests.compat.parity import observed, outcome, same, same_words, warned

metrics = pytest.importorskip("skimage.metrics")

measure = pytest.importorskip("skimage.measure")
morphology = pytest.importorskip("skimage.morphology")

HOMES = {
    **dict.fromkeys(("euler_number", "label", "perimeter_crofton"), measure),
    "skeletonize": morphology,
}
theirs = {name: getattr(HOMES.get(name, metrics), name) for name in ours.__all__}
PAIRS = cases.filled_pairs() + cases.extreme_pairs()
MAPS = cases.label_maps()
SMALL = np.array([[0, 1, 1, 2], [2, 2, 0, 5]])
OTHER = np.array([[0, 1, 2, 2], [2, 2, 3, 0]])
EACH_MEASURE = pytest.mark.parametrize("name", ["adapted_rand_error", "variation_of_information"])


def check(name: str, *args: Any, ulp: int = 0, **kwargs: Any) -> Any:
    expected = outcome(theirs[name], *args, **kwargs)
    same(outcome(getattr(ours, name), *args, **kwargs), expected, ulp=ulp)
    return expected


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_hausdorff_distance(pair: cases.Pair) -> None:
    for method in ("standard", "modified"):
        check("hausdorff_distance", pair.reference, pair.prediction, method)
        check("hausdorff_distance", pair.prediction, pair.reference, method=method)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_hausdorff_pair_is_as_far_apart(pair: cases.Pair) -> None:
    masks = pair.reference, pair.prediction
    if cases.has_empty(pair):
        check("hausdorff_pair", *masks)
        assert warned(ours.hausdorff_pair, *masks) == [UserWarning]
        return
    found, expected = ours.hausdorff_pair(*masks), theirs["hausdorff_pair"](*masks)
    assert [mask[tuple(point)] for mask, point in zip(masks, found, strict=True)] == [True, True]
    assert {(point.dtype, point.shape) for point in found} == {
        (expected[0].dtype, (masks[0].ndim,))
    }
    assert np.linalg.norm(found[0] - found[1]) == np.linalg.norm(expected[0] - expected[1])
    # the farther voxel is the same; where nearest ones tie, theirs depends on a k-d tree
    assert any((mine == its).all() for mine, its in zip(found, expected, strict=True))


def test_the_direction_that_wins_a_tie_is_theirs() -> None:
    first, second = np.zeros((2, 9, 9), bool)
    first[4, 2] = first[4, 6] = second[2, 4] = second[6, 4] = True
    found, expected = ours.hausdorff_pair(first, second), theirs["hausdorff_pair"](first, second)
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize(
    "images",
    [
        ([[0, 2, 0.5]], [[np.nan, 0, 0]]),
        (np.eye(3), np.eye(4)),
        (np.eye(3), np.ones(3)),
        (np.ones((2, 2, 2, 2)), np.eye(16).reshape(4, 4, 4, 4)[:2, :2, :2, :2]),
        (np.array(["", "a"]), np.array(["b", ""])),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.array([0, 1j]), np.array([1j, 0])),
    ],
)
def test_hausdorff_takes_what_theirs_takes(images: Any) -> None:
    check("hausdorff_distance", *images)


@pytest.mark.parametrize("kind", ["matrix", "array", "list"])
@pytest.mark.parametrize(
    "options", [{}, {"ignore_labels": (0,)}, {"ignore_labels": [2, 9]}, {"normalize": True}]
)
@pytest.mark.parametrize("maps", [*MAPS, (SMALL, OTHER)], ids=lambda maps: str(maps[0].shape))
def test_contingency_table(maps: tuple[Any, Any], options: dict[str, Any], kind: str) -> None:
    expected = outcome(theirs["contingency_table"], *maps, sparse_type=kind, **options)
    found = outcome(ours.contingency_table, *maps, sparse_type=kind, **options)
    assert type(found) is type(expected)
    if kind == "list":
        assert found is expected is ValueError
        return
    for part in ("indptr", "indices", "data"):
        # theirs adds 1/N voxel by voxel
        same(
            getattr(found, part),
            getattr(expected, part),
            ulp=4 if "normalize" in options else 0,
            dtype="f4",
        )
    assert found.shape == expected.shape


@EACH_MEASURE
@pytest.mark.parametrize("ignore", [(), (0,), [1, 2], (0, 77)])
@pytest.mark.parametrize(
    "maps", [*MAPS, (SMALL, OTHER), (SMALL, SMALL)], ids=lambda maps: str(maps[0].shape)
)
def test_measures_of_label_maps(name: str, maps: tuple[Any, Any], ignore: Any) -> None:
    exact = name == "adapted_rand_error"
    expected = outcome(theirs[name], *maps, ignore_labels=ignore)
    found = getattr(ours, name)(*maps, ignore_labels=ignore)
    if exact:
        same(found, expected)
    else:
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_adapted_rand_error_alpha() -> None:
    for alpha in (0, 0.25, 1, -0.1, 1.5):
        check("adapted_rand_error", *MAPS[0], alpha=alpha)


@EACH_MEASURE
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SMALL, OTHER[:, :2]),
        (SMALL, OTHER.ravel()),
        (SMALL, None),
        (None, None),
        (SMALL.tolist(), OTHER),
        (-SMALL, OTHER),
        (SMALL * 1.0, OTHER),
        (SMALL > 0, OTHER > 0),
        (SMALL.astype(">i4"), OTHER.astype(">i2")),
        (SMALL.astype("u1"), OTHER.astype("i8")),
        (np.arange(4), np.arange(4)),
        (np.zeros((3, 0), int), np.zeros((3, 0), int)),
        (np.ones((2, 2, 2, 2), int), np.arange(16).reshape(2, 2, 2, 2)),
    ],
)
def test_measures_take_what_theirs_take(name: str, first: Any, second: Any) -> None:
    check(name, first, second, ulp=4)
    assert warned(getattr(ours, name), first, second) == warned(theirs[name], first, second)


NOTHING = np.zeros_like(SMALL)


@pytest.mark.parametrize(
    ("name", "images", "options"),
    [
        ("hausdorff_distance", (SMALL, OTHER), {"method": "unknown"}),
        ("hausdorff_distance", (SMALL, OTHER), {"method": None}),
        ("hausdorff_pair", (SMALL, NOTHING), {}),
        ("hausdorff_pair", (NOTHING, SMALL), {}),
        ("hausdorff_pair", (NOTHING, NOTHING), {}),
        ("contingency_table", (SMALL, OTHER), {"sparse_type": "unknown"}),
        ("contingency_table", (SMALL, OTHER), {"sparse_type": None, "ignore_labels": [0]}),
        ("adapted_rand_error", (SMALL, OTHER), {"alpha": -0.1}),
        ("adapted_rand_error", (SMALL, OTHER), {"alpha": 2}),
        ("adapted_rand_error", (SMALL, OTHER[:, :2]), {}),
        ("adapted_rand_error", (SMALL, OTHER[:, :2]), {"alpha": 2}),
        ("variation_of_information", (SMALL, OTHER[:, :2]), {}),
    ],
)
def test_the_words_are_theirs(name: str, images: Any, options: dict[str, Any]) -> None:
    same_words(
        observed(getattr(ours, name), *images, **options),
        observed(theirs[name], *images, **options),
    )


@EACH_MEASURE
def test_one_label_to_ignore_may_be_a_number(name: str) -> None:
    check(name, SMALL, OTHER, ignore_labels=1, ulp=4)
    check(name, SMALL, OTHER, ignore_labels=np.array([0, 1]), ulp=4)
    tables = (
        function(SMALL, OTHER, ignore_labels=1).toarray()
        for function in (ours.contingency_table, theirs["contingency_table"])
    )
    same(*tables)


@EACH_MEASURE
def test_measures_of_a_table_and_of_what_is_all_ignored(name: str) -> None:
    table = ours.contingency_table(*MAPS[0], normalize=True, sparse_type="array")
    check(name, *MAPS[0], table=table)
    check(name, SMALL, OTHER, ignore_labels=(0, 1, 2, 5))


@pytest.mark.parametrize("name", ours.__all__)
def test_signatures(name: str) -> None:
    mine, its = (inspect.signature(f).parameters for f in (getattr(ours, name), theirs[name]))
    assert [(p.name, p.kind, p.default) for p in mine.values()] == [
        (p.name, p.kind, p.default) for p in its.values()
    ]


def test_patched() -> None:
    import skimage.metrics.set_metrics

    with compat.patched("skimage"):
        for name in theirs:
            home = HOMES.get(name, metrics)
            assert getattr(home, name) is getattr(ours, name)
        assert skimage.metrics.set_metrics.hausdorff_pair is ours.hausdorff_pair
        for first, second in itertools.pairwise([SMALL, OTHER, SMALL > 0]):
            same(
                metrics.hausdorff_distance(first, second),
                theirs["hausdorff_distance"](first, second),
            )
        table = theirs["contingency_table"](SMALL, OTHER, sparse_type="array")
        same(metrics.adapted_rand_error(table=table), theirs["adapted_rand_error"](table=table))
    for name, function in theirs.items():
        assert getattr(HOMES.get(name, metrics), name) is function
    assert ours.mean_squared_error is metrics.mean_squared_error


LABEL_DTYPES = ("u1", "i4", "i8", "u2", "bool", "f4", ">i4", "u8", "i1")


@pytest.mark.parametrize("seed", range(5))
def test_regions_by_chance(seed: int) -> None:
    """All values, backgrounds and neighbourhoods; and axes of one voxel, by which scikit-image's order differs."""
    rng = np.random.default_rng(seed)
    host = theirs["label"]
    for _ in range(150):
        shape = tuple(rng.integers(1, 9, rng.integers(1, 4)))
        image = rng.integers(0, rng.choice([1, 2, 4]) + 1, shape)
        image *= rng.random(shape) < rng.choice([0.3, 0.6, 0.9])
        image = image.astype(LABEL_DTYPES[rng.integers(len(LABEL_DTYPES))])
        if rng.random() < 0.3:
            image = np.asfortranarray(image)
        image = image[::-1] if rng.random() < 0.2 else image
        for connectivity in (None, *range(len(shape) + 2)):
            background = (None, 0, 1, 2, -1, 300)[rng.integers(6)]
            options = {"background": background, "connectivity": connectivity}
            same(
                outcome(ours.label, image, return_num=True, **options),
                outcome(host, image, return_num=True, **options),
            )
            same(outcome(ours.label, image, **options), outcome(host, image, **options))


@pytest.mark.parametrize(
    ("image", "options"),
    [
        ([[1, 0]], {}),
        (np.array(3), {}),
        (np.zeros((0, 3), int), {}),
        (np.ones((2, 2, 2, 2), int), {}),
        (np.ones((2, 2, 2, 2), bool), {}),
        (np.eye(3, dtype=int), {"connectivity": 1.5}),
        (np.eye(3, dtype=int), {"connectivity": True}),
        (np.eye(3, dtype=int), {"background": 1.5}),
        (np.array([[0, 2**63]], np.uint64), {"background": -1}),
        (np.array([[1.5, -0.5, 0.2]]), {}),
    ],
)
def test_other_images_are_left_or_taken(image: Any, options: dict[str, Any]) -> None:
    host = theirs["label"]
    same(outcome(ours.label, image, **options), outcome(host, image, **options))
