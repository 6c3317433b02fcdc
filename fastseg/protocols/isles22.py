"""ISLES 2022: Dice, volumes, and lesions as components that one voxel of the other side finds."""

from __future__ import annotations

from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.overlapping_components import overlapping_components
from fastseg.protocols.rules.voxel_volume import millilitres
from fastseg.protocols.rules.whole_map import whole_maps
from fastseg.results.rows import Row

# What a count goes through that is cast to 16 bits.
_WRAP, _MOST = 1 << 16, (1 << 15) - 1


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case."""
    millilitre = millilitres(pair.spacing, in_float32=options.quirk("voxel-volume-in-float32"))
    rows = []
    for structure, reference, prediction in whole_maps(pair, "lesion"):
        sides = overlapping_components(
            pair, reference, prediction, options["connectivity"], by_value=False
        )
        counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
        both = counts.reference + counts.prediction
        found = int(sides[0].touched.sum())
        wrong = sides[0].missed + sides[1].missed
        difference = _difference(
            len(sides[0]), len(sides[1]), in_int16=options.quirk("counts-in-int16")
        )
        values = {
            "dice": 2.0 * counts.tp / both if both else 1.0,
            "absolute_volume_difference": abs(
                counts.reference * millilitre - counts.prediction * millilitre
            ),
            "absolute_lesion_difference": difference,
            "lesion_f1_score": found / (found + wrong / 2) if found or wrong else 1.0,
        }
        rows.append(pair.row(structure, values, counts=counts))
    return rows


def _difference(reference: int, prediction: int, *, in_int16: bool) -> int:
    """Subtract two numbers of lesions, without sign; in 16 bits both, and what comes of them, wrap."""
    if not in_int16:
        return abs(reference - prediction)
    return _wrapped(abs(_wrapped(_wrapped(reference) - _wrapped(prediction))))


def _wrapped(number: int) -> int:
    number %= _WRAP
    return number - _WRAP if number > _MOST else number


ISLES_22 = Protocol(
    name="isles22",
    title="ISLES 2022, stroke lesions in MRI",
    source="ezequieldlrosa/isles22 @ 31b7c8c, utils/eval_utils.py",
    about=(
        "Dice, the difference of the volumes and of the numbers of lesions, and F1 of the lesions: one of the "
        "reference is found if it shares a voxel with the prediction, and one of the prediction is wrong if it shares "
        "none with the reference, so that one that covers several lesions finds them all and is never wrong. All "
        "labels are foreground unless labels are asked for. Scores have the names of the script's functions, without "
        "compute_; the copy that was read and run is that of commit 3954fd0, with the types that NumPy no longer has "
        "by their new names."
    ),
    axes="xyz",
    scores=(
        Score("dice"),
        Score("absolute_volume_difference", False, "ml"),
        Score("absolute_lesion_difference", False, about="how many lesions more or fewer"),
        Score("lesion_f1_score", about="F1 of the lesions"),
    ),
    rules=Rules(
        components="of both maps' foreground",
        connectivity="26 neighbours",
        dilation="none",
        matching="one common voxel",
        penalty="none: a wrong lesion counts one, whatever its size",
        empties="both empty: Dice and F1 1; one empty: 0",
    ),
    options={"connectivity": 3},
    limits={"connectivity": (1, 3)},
    quirks=(
        Quirk(
            "counts-in-int16",
            "Numbers of lesions are cast to 16 bits, so that more than 32 767 components, as noise has them, wrap to "
            "negative numbers.",
            "40 000 components against 1: a difference of 25 537; without the quirk 39 999.",
        ),
        Quirk(
            "voxel-volume-in-float32",
            "The volume of a voxel is computed in the type of a NIfTI header, with an error of up to 1e-7 of it.",
            "1000 voxels of 0.1 × 0.1 × 0.1 mm more: 0.0009999999974752427 ml; without the quirk "
            "0.0010000000000000002.",
        ),
    ),
    evaluate=evaluate,
)

PROTOCOLS = (ISLES_22,)
