"""COCO's panoptic quality, as panopticapi computes it from PNG and JSON files, or from arrays and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fastseg import dispatch
from fastseg.errors import InputError
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.panoptic_images import (
    VOID,
    Category,
    PanopticImage,
    PanopticPairs,
    opened,
)
from fastseg.results.rows import Row

_GROUPS = ("All", "Things", "Stuff")


@dataclass
class _Overlaps:
    """How many pixels each pair of segments has, by reference and then by prediction."""

    pairs: dict[tuple[int, int], int]
    reference: dict[int, int] = field(default_factory=dict)
    prediction: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, reference: PanopticImage, prediction: PanopticImage) -> _Overlaps:
        operations = dispatch.choose("joint_histogram", 2, quiet=True).operations
        found = operations.joint_histogram(
            np.ascontiguousarray(reference.ids), np.ascontiguousarray(prediction.ids)
        )
        columns = found.reference_labels, found.prediction_labels, found.counts
        overlaps = cls({(r, p): n for r, p, n in sorted(zip(*map(list, columns), strict=True))})
        overlaps.pairs = {(int(r), int(p)): int(n) for (r, p), n in overlaps.pairs.items()}
        for (r, p), n in overlaps.pairs.items():
            overlaps.reference[r] = overlaps.reference.get(r, 0) + n
            overlaps.prediction[p] = overlaps.prediction.get(p, 0) + n
        return overlaps


@dataclass
class _OfCategory:
    """What an image has of a category."""

    iou: float = 0.0
    tp: int = 0
    fp: int = 0
    fn: int = 0


def evaluate(pairs: PanopticPairs, options: Options) -> list[Row]:
    """Score images: a row for each category that one has, and one for each pair of segments that match."""
    rows: list[Row] = []
    for case, reference, prediction in pairs.pairs:
        _check(case, reference, prediction, pairs.categories)
        rows += _rows_of_image(case, reference, prediction, pairs.categories, options)
    return rows


def _check(
    case: str,
    reference: PanopticImage,
    prediction: PanopticImage,
    categories: Mapping[int, Category],
) -> None:
    """Refuse what panopticapi refuses, and categories of the reference that its list lacks."""
    name = f"image {case}" if case else "the image"
    there = set(np.unique(prediction.ids).tolist())
    unlisted = sorted(there - prediction.segments.keys() - {VOID})
    if unlisted:
        raise InputError(
            f"{name}: segment {unlisted[0]} is in the predicted map and not in segments_info"
        )
    missing = sorted(prediction.segments.keys() - there)
    if missing:
        raise InputError(
            f"{name}: segment {missing[0]} is in the prediction's segments_info and not in its map"
        )
    for image in (prediction, reference):
        for segment in image.segments.values():
            if segment.category not in categories:
                raise InputError(
                    f"{name}: segment {segment.number} has the unknown category_id {segment.category}"
                )


def _rows_of_image(
    case: str,
    reference: PanopticImage,
    prediction: PanopticImage,
    categories: Mapping[int, Category],
    options: Options,
) -> Iterator[Row]:
    if not options.quirk("unlisted-is-not-void"):
        listed = np.isin(reference.ids, list(reference.segments))
        reference = PanopticImage(np.where(listed, reference.ids, VOID), reference.segments)
    overlaps = _Overlaps.of(reference, prediction)
    found: dict[int, _OfCategory] = {}
    matches = list(_matches(reference, prediction, overlaps, options))
    for number, other, iou in matches:
        of_category = found.setdefault(reference.segments[number].category, _OfCategory())
        of_category.tp += 1
        of_category.iou += iou
        category = categories[reference.segments[number].category]
        yield _row(
            case, category, {"iou": iou}, _counts(overlaps, {number}, {other}), (number, other)
        )
    _count_unmatched(reference, prediction, overlaps, matches, found, options)
    for number in sorted(found, key=lambda number: categories[number].place):
        category, of_category = categories[number], found[number]
        sides = [
            {s.number for s in image.segments.values() if s.category == number}
            for image in (reference, prediction)
        ]
        values = {
            **_qualities(of_category.iou, of_category.tp, of_category.fp, of_category.fn),
            "iou": of_category.iou,
            "tp": of_category.tp,
            "fp": of_category.fp,
            "fn": of_category.fn,
            "isthing": category.is_thing,
            "category_order": category.place,
        }
        yield _row(case, category, values, _counts(overlaps, *sides), None)


def _matches(
    reference: PanopticImage, prediction: PanopticImage, overlaps: _Overlaps, options: Options
) -> Iterator[tuple[int, int, float]]:
    """Find the pairs of segments of one category whose IoU is above a half, leaving out what is void."""
    for (number, other), shared in overlaps.pairs.items():
        one, another = reference.segments.get(number), prediction.segments.get(other)
        if one is None or another is None or one.is_crowd or one.category != another.category:
            continue
        area = one.area if options.quirk("area-from-the-table") else None
        area = overlaps.reference[number] if area is None else area
        void = overlaps.pairs.get((VOID, other), 0)
        union = overlaps.prediction[other] + area - shared - void
        if union <= 0:
            raise InputError(
                f"reference: the area of segment {number} is {area} in segments_info, and it has {shared} pixels with "
                "a predicted one in common; expected its number of pixels"
            )
        iou = shared / union
        if iou > options["threshold"]:
            yield number, other, iou


def _count_unmatched(
    reference: PanopticImage,
    prediction: PanopticImage,
    overlaps: _Overlaps,
    matches: Sequence[tuple[int, int, float]],
    found: dict[int, _OfCategory],
    options: Options,
) -> None:
    """Count missed segments, and wrong ones that do not lie in void and crowds by more than half."""
    matched = {number for number, _, _ in matches}, {other for _, other, _ in matches}
    crowds: dict[int, list[int]] = {}
    for number, segment in reference.segments.items():
        if number in matched[0]:
            continue
        if segment.is_crowd:
            of_category = crowds.setdefault(segment.category, [])
            if options.quirk("last-crowd-only"):
                of_category.clear()
            of_category.append(number)
        else:
            found.setdefault(segment.category, _OfCategory()).fn += 1
    for other, segment in prediction.segments.items():
        if other in matched[1]:
            continue
        ignored = overlaps.pairs.get((VOID, other), 0)
        ignored += sum(
            overlaps.pairs.get((crowd, other), 0) for crowd in crowds.get(segment.category, [])
        )
        if ignored / overlaps.prediction[other] <= 0.5:
            found.setdefault(segment.category, _OfCategory()).fp += 1


def _counts(overlaps: _Overlaps, references: set[int], predictions: set[int]) -> Counts:
    """Count the pixels of some segments of either side."""
    tp = fp = fn = tn = 0
    for (number, other), shared in overlaps.pairs.items():
        if number in references:
            if other in predictions:
                tp += shared
            else:
                fn += shared
        elif other in predictions:
            fp += shared
        else:
            tn += shared
    return Counts(tp, fp, fn, tn)


def _row(
    case: str,
    category: Category,
    values: Mapping[str, float],
    counts: Counts,
    segments: tuple[int, int] | None,
) -> Row:
    first, second = (category.number,) * 2 if segments is None else segments
    return Row(
        case,
        category.number,
        category.name,
        first,
        second,
        {name: float(value) for name, value in values.items()},
        counts,
        1.0,
        counts.empty,
        "",
        "structure" if segments is None else "instance",
    )


def _qualities(iou: float, tp: float, fp: float, fn: float) -> dict[str, float]:
    total = tp + 0.5 * fp + 0.5 * fn
    return {"pq": iou / total, "sq": iou / tp if tp else 0.0, "rq": tp / total}


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Add up the images, category by category, and average the categories that have any segment."""
    sums: dict[int, dict[str, float]] = {}
    names: dict[int, str] = {}
    for row in rows:
        assert isinstance(row.label, int)
        names[row.label] = row.name
        own = sums.setdefault(row.label, {"iou": 0.0, "tp": 0, "fp": 0, "fn": 0})
        if row.level == "instance":  # one by one, as the sum is rounded there
            own["iou"] += row["iou"]
            continue
        for score in ("tp", "fp", "fn"):
            own[score] += row[score]
        own.update(isthing=row["isthing"], category_order=row["category_order"])
    made = {
        number: _qualities(own["iou"], own["tp"], own["fp"], own["fn"])
        for number, own in sorted(sums.items(), key=lambda item: item[1]["category_order"])
    }
    scores: dict[str, float] = {}
    for group in _GROUPS:
        chosen = [
            qualities
            for number, qualities in made.items()
            if group == "All" or (sums[number]["isthing"] == 1) == (group == "Things")
        ]
        for score in ("pq", "sq", "rq"):
            total = sum(qualities[score] for qualities in chosen)
            scores[f"{group}/{score}"] = total / len(chosen) if chosen else math.nan
        scores[f"{group}/n"] = len(chosen)
    for number, qualities in made.items():
        for score, value in qualities.items():
            scores[f"per_class/{names[number]}/{score}"] = value
    return scores


PANOPTICAPI = Protocol(
    name="panopticapi",
    title="COCO panoptic quality",
    source="cocodataset/panopticapi @ 7bb4655, panopticapi/evaluation.py",
    about=(
        "Segments of one category match where their IoU is above 0.5, which no two can be with a third; pixels that "
        "the reference leaves void are no part of the union. PQ is the sum of the IoU over TP + FP/2 + FN/2, category "
        "by category over all images, then averaged over those that have any segment: all, things and stuff. What "
        "is predicted in void and in a crowd of its category by more than half is not counted. Inputs are two JSON "
        "files with their folders of PNG files, or of one image mappings with map (an array of ids or of colours, or "
        "the path of a PNG file), segments_info and, of the reference, categories. Sums go image by image, as the "
        "script has them on one core. Where it divides by no category, the result is nan. The script that was run is "
        "that of commit 1ad5afa."
    ),
    scores=(
        Score("pq"),
        Score("sq"),
        Score("rq"),
        Score("iou", about="of a pair of segments; of a category, their sum"),
        Score("tp"),
        Score("fp", False),
        Score("fn", False),
        Score("isthing", None, about="1 for things, 0 for stuff"),
        Score(
            "category_order",
            None,
            about="place in the list of categories, in whose order they are added up",
        ),
    ),
    rules=Rules(
        components="segments as given",
        matching="IoU > 0.5 within a category, void left out of the union",
        penalty="none: a wrong segment counts a half, whatever its size",
        empties="categories without any segment are left out of the mean",
    ),
    options={"threshold": 0.5},
    limits={"threshold": (0, 1)},
    quirks=(
        Quirk(
            "area-from-the-table",
            "The area of a segment of the reference is what its table says, not what its map has.",
            "A segment of 4 pixels found right, whose table says 8: IoU 4/8, which is no match; without the quirk 1.",
        ),
        Quirk(
            "last-crowd-only",
            "Of several crowds of a category in an image, only the last excuses predictions.",
            "Two crowds of persons, and a predicted person inside the first: FP 1; without the quirk none.",
        ),
        Quirk(
            "unlisted-is-not-void",
            "Segments of the reference's map that its table lacks are neither void nor a segment, so that predictions "
            "there are wrong.",
            "A predicted person where the map has a segment that is not listed: FP 1; without the quirk none.",
        ),
    ),
    evaluate=evaluate,
    aggregate=aggregate,
    opens=opened,
)

PROTOCOLS = (PANOPTICAPI,)
