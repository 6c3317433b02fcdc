"""COCO's panoptic quality beside a twin that counts pixel by pixel, from arrays and from files."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg

CATEGORIES = [
    {"id": 5, "name": "person", "isthing": 1},
    {"id": 2, "name": "sky", "isthing": 0},
    {"id": 9, "name": "car", "isthing": 1},
    {"id": 7, "name": "never", "isthing": 0},
]
Images = list[tuple[dict[str, Any], dict[str, Any]]]


def images(rng: np.random.Generator) -> Images:
    """Images with void, crowds, segments that a table lacks, areas that are wrong, and missed and wrong segments."""
    made = []
    for _ in range(rng.integers(1, 5)):
        numbers = np.unique(rng.integers(1, 2**24 - 1, rng.integers(1, 7)))
        blocks = np.concatenate([[0], numbers])[rng.integers(0, len(numbers) + 1, (4, 5))]
        first = blocks.repeat(3, 0).repeat(3, 1)
        kind = rng.integers(4)
        second = np.roll(first, 1, 0)
        if kind < 2:
            second = np.where(rng.random(first.shape) < rng.choice([0.6, 0.9]), first, 0)
        elif kind == 3:
            noise = rng.integers(1, 5, first.shape)
            second = np.where(rng.random(first.shape) < 0.1, noise, second)
        tables: tuple[list[dict[str, Any]], ...] = ([], [])
        category = {int(n): int(rng.choice([5, 2, 9])) for n in np.union1d(first, second)}
        for number in np.unique(first[first > 0]).tolist():
            if rng.random() < 0.1:
                continue
            area = int((first == number).sum()) + 10 * int(rng.random() < 0.05)
            crowd = int(rng.random() < 0.25)
            line = {"id": number, "category_id": category[number], "iscrowd": crowd, "area": area}
            tables[0].append(line)
        if rng.random() < 0.2:
            tables[0].append({"id": 7, "category_id": 5, "iscrowd": 0, "area": 5})
        for number in np.unique(second[second > 0]).tolist():
            right = rng.random() < 0.85
            tables[1].append({"id": number, "category_id": category[number] if right else 5})
        for table in tables:
            rng.shuffle(table)
        sides = [
            {"map": labels, "segments_info": table}
            for labels, table in zip((first, second), tables, strict=True)
        ]
        made.append((sides[0], sides[1]))
    return made


def twin(pairs: Images, quirks: bool = True) -> dict[str, float]:
    """Sums over all images, one match after the other, and the means of the categories that occur."""
    iou = dict.fromkeys((int(str(one["id"])) for one in CATEGORIES), 0.0)
    tp, fp, fn = Counter[int](), Counter[int](), Counter[int]()
    for first, second in pairs:
        of_first = {line["id"]: line for line in first["segments_info"]}
        of_second = {line["id"]: line for line in second["segments_info"]}
        pixels: Counter[tuple[int, int]] = Counter()
        sizes: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
        for r, p in zip(first["map"].reshape(-1), second["map"].reshape(-1), strict=True):
            number = int(r)
            if not quirks and number not in of_first:
                number = 0
            pixels[number, int(p)] += 1
            sizes[0][number] += 1
            sizes[1][int(p)] += 1
        matched: tuple[set[int], set[int]] = (set(), set())
        for (r, p), shared in sorted(pixels.items()):
            if r not in of_first or p not in of_second or of_first[r]["iscrowd"]:
                continue
            category = of_first[r]["category_id"]
            if category != of_second[p]["category_id"]:
                continue
            area = of_first[r]["area"] if quirks else sizes[0][r]
            value = shared / (sizes[1][p] + area - shared - pixels[0, p])
            if value > 0.5:
                tp[category] += 1
                iou[category] += value
                matched[0].add(r)
                matched[1].add(p)
        crowds: dict[int, list[int]] = {}
        for r, line in of_first.items():
            if r not in matched[0] and line["iscrowd"]:
                crowds.setdefault(line["category_id"], []).append(r)
            elif r not in matched[0]:
                fn[line["category_id"]] += 1
        for p, line in of_second.items():
            if p in matched[1]:
                continue
            own = crowds.get(line["category_id"], [])
            excused = pixels[0, p] + sum(pixels[r, p] for r in (own[-1:] if quirks else own))
            fp[line["category_id"]] += excused / sizes[1][p] <= 0.5
    return means(iou, tp, fp, fn)


def means(
    iou: dict[int, float], tp: Counter[int], fp: Counter[int], fn: Counter[int]
) -> dict[str, float]:
    found = {}
    for group, wanted in (("All", (0, 1)), ("Things", (1,)), ("Stuff", (0,))):
        n, sums = 0, [0.0, 0.0, 0.0]
        for line in CATEGORIES:
            c = int(str(line["id"]))
            if tp[c] + fp[c] + fn[c] and line["isthing"] in wanted:
                n += 1
                total = tp[c] + 0.5 * fp[c] + 0.5 * fn[c]
                sums[0] += iou[c] / total
                sums[1] += iou[c] / tp[c] if tp[c] else 0
                sums[2] += tp[c] / total
        for name, value in zip(("pq", "sq", "rq"), sums, strict=True):
            found[f"{group}/{name}"] = value / n if n else math.nan
        found[f"{group}/n"] = n
    return found


def scored(pairs: Images, **options: Any) -> dict[str, float]:
    evaluations = [
        fastseg.evaluate_protocol(
            "panopticapi", {**first, "categories": CATEGORIES}, second, case=str(i), **options
        )
        for i, (first, second) in enumerate(pairs)
    ]
    return fastseg.protocol_scores(fastseg.Evaluation.joined(evaluations))


@pytest.mark.parametrize("quirks", [True, False])
def test_images_equal_the_twin_to_the_bit(quirks: bool) -> None:
    rng = np.random.default_rng(4)
    n = 0
    for _ in range(120):
        pairs = images(rng)
        n += len(pairs)
        found, expected = scored(pairs, quirks=quirks), twin(pairs, quirks)
        np.testing.assert_array_equal([found[name] for name in expected], list(expected.values()))
    assert n > 250


def _colours(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels % 256, labels // 256 % 256, labels // 65536], -1).astype(np.uint8)


def test_files_are_read_as_arrays_are(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    from PIL import Image

    rng = np.random.default_rng(1)
    pairs = images(rng) + images(rng)
    tables: list[list[dict[str, Any]]] = [[], []]
    for side, folder in enumerate(("reference", "prediction")):
        (tmp_path / folder).mkdir()
        for i, pair in enumerate(pairs):
            name = f"{i}.png"
            Image.fromarray(_colours(pair[side]["map"])).save(tmp_path / folder / name)
            line = {"image_id": i, "file_name": name, "segments_info": pair[side]["segments_info"]}
            tables[side].append(line)
        text = json.dumps({"annotations": tables[side][:: 1 - 2 * side], "categories": CATEGORIES})
        (tmp_path / f"{folder}.json").write_text(text)
    paths = tmp_path / "reference.json", tmp_path / "prediction.json"
    found = fastseg.evaluate_protocol("panopticapi", *paths)
    assert found.cases == tuple(map(str, range(len(pairs))))
    assert fastseg.protocol_scores(found) == scored(pairs)
    coloured = [tuple({**side, "map": _colours(side["map"])} for side in pair) for pair in pairs]
    assert scored(coloured) == scored(pairs)  # type: ignore[arg-type]
    (tmp_path / "prediction" / "0.png").unlink()
    with pytest.raises(fastseg.InputError, match=r"0\.png: cannot be read"):
        fastseg.evaluate_protocol("panopticapi", *paths)


def _one(
    reference: Any, first: list[tuple[int, int, int]], prediction: Any, second: list[int]
) -> Images:
    """An image of persons: number, whether it is a crowd, area by the table; and numbers of the prediction."""
    lines = [
        {"id": n, "category_id": 5, "iscrowd": crowd, "area": area} for n, crowd, area in first
    ]
    others = [{"id": n, "category_id": 5} for n in second]
    return [
        (
            {"map": np.array(reference), "segments_info": lines},
            {"map": np.array(prediction), "segments_info": others},
        )
    ]


def _person(pairs: Images, quirk: str, holds: bool) -> Any:
    first, second = pairs[0]
    return fastseg.evaluate_protocol(
        "panopticapi", {**first, "categories": CATEGORIES}, second, quirks={quirk: holds}
    )


def test_quirk_area_from_the_table() -> None:
    pairs = _one([[1, 1], [1, 1]], [(1, 0, 8)], [[3, 3], [3, 3]], [3])
    assert _person(pairs, "area-from-the-table", True)["person"]["tp"] == 0
    assert _person(pairs, "area-from-the-table", False)["person"]["iou"] == 1.0


def test_quirk_last_crowd_only() -> None:
    pairs = _one([[1, 1, 2, 2]], [(1, 1, 2), (2, 1, 2)], [[3, 3, 0, 0]], [3])
    assert _person(pairs, "last-crowd-only", True)["person"]["fp"] == 1
    assert not _person(pairs, "last-crowd-only", False).rows


def test_quirk_unlisted_is_not_void() -> None:
    pairs = _one([[1, 1, 0, 0]], [], [[3, 3, 0, 0]], [3])
    assert _person(pairs, "unlisted-is-not-void", True)["person"]["fp"] == 1
    assert not _person(pairs, "unlisted-is-not-void", False).rows


def test_rows_of_matches_and_of_categories() -> None:
    pairs = _one([[1, 1, 1, 2]], [(1, 0, 3), (2, 0, 1)], [[4, 4, 0, 0]], [4])
    first, second = pairs[0]
    found = fastseg.evaluate_protocol("panopticapi", first, second, case="a")
    [match] = found.instances("5")
    assert (match.reference_label, match.prediction_label, match["iou"]) == (1, 4, 2 / 3)
    assert tuple(match.counts) == (2, 0, 1, 1)
    row = found["5"]
    assert (row["tp"], row["fp"], row["fn"], row["pq"]) == (1, 0, 1, 2 / 3 / 1.5)
    missing = fastseg.evaluate_protocol("panopticapi", first, None)
    assert missing["5"]["fn"] == 2


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (({}, {}), "reference: has no 'map'"),
        (("a.json", {}), "prediction: expected the path of a JSON file"),
        (("nowhere.json", "a.json"), "nowhere.json: cannot be read"),
        ((3, {}), "expected the path of a COCO panoptic JSON file"),
        (({"map": np.ones((2, 2), int)}, {}), "reference: has no 'segments_info'"),
        (({"map": np.ones((2, 2, 2, 2), int), "segments_info": []}, {}), "too many|axes"),
    ],
)
def test_wrong_inputs_are_refused(sides: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        fastseg.evaluate_protocol("panopticapi", *sides)


def test_segments_must_be_in_map_and_table() -> None:
    extra = _one([[1, 1]], [(1, 0, 2)], [[3, 4]], [3])
    with pytest.raises(fastseg.InputError, match="segment 4 is in the predicted map and not in"):
        scored(extra)
    missing = _one([[1, 1]], [(1, 0, 2)], [[3, 3]], [3, 8])
    with pytest.raises(fastseg.InputError, match="segment 8 is in the prediction's segments_info"):
        scored(missing)
    extra[0][1]["segments_info"] = [{"id": 3, "category_id": 77}, {"id": 4, "category_id": 5}]
    with pytest.raises(fastseg.InputError, match="segment 3 has the unknown category_id 77"):
        scored(extra)
