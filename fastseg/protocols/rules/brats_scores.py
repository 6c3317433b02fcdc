"""The table of the BraTS scripts: what a region's lesions give, a row for it and one for each lesion."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from fastseg.inputs.arrays import Spacing
from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.protocol import Score
from fastseg.protocols.rules.label_number_surfaces import label_number_surfaces
from fastseg.protocols.rules.lesion_wise import (
    Contacts,
    dice,
    lesion_surfaces,
    mean_with_penalty,
    nnunet_nsd,
)
from fastseg.protocols.rules.lesions import Lesions
from fastseg.results.rows import Row

TOLERANCES = (0.5, 1.0)


@dataclass(frozen=True)
class Rule:
    """How a region is scored.

    Attributes
    ----------
    minimum : float
        Lesions of the reference with this volume or less are left out.
    penalty : float
        The HD95 of what has no counterpart.
    spacing : tuple of 3 float
    with_nsd : bool
    shared : bool
        Whether a predicted lesion may serve several lesions.
    small_false_positives : bool
        Whether false positives count that are as small as the lesions that are left out.
    false_positives : bool
        Whether they count at all.
    label_numbers : bool
        Whether voxel metrics of the whole region are made of the numbers of the lesions.
    """

    minimum: float
    penalty: float
    spacing: Spacing
    with_nsd: bool
    shared: bool
    small_false_positives: bool
    false_positives: bool = True
    label_numbers: bool = False

    def volume(self, voxels: int) -> float:
        """Multiply as the scripts do, in this order."""
        x, y, z = self.spacing
        return voxels * x * y * z


def as_header_holds(spacing: Spacing) -> Spacing:
    """Round a spacing to 32 bits, as a NIfTI header holds it, of which the scripts read it."""
    import numpy as np

    return tuple(float(np.float32(step)) for step in spacing)


def rows_of_region(
    pair: LabelPair,
    structure: Structure,
    lesions: tuple[Lesions, Lesions] | None,
    rule: Rule,
    whole: tuple[Lesions, Lesions] | None = None,
) -> list[Row]:
    """Score a region: its row, and one for each lesion of the reference.

    Parameters
    ----------
    pair : LabelPair
    structure : Structure
    lesions : pair of Lesions, or None
        Of either side; None where neither map has the structure.
    rule : Rule
    whole : pair of Lesions, optional
        Of which the scores of the region as a whole are made; the same unless given.
    """
    if lesions is None:
        counts = Counts(0, 0, 0, pair.histogram.total)
        values = {"Num_TP": 0.0, "Num_FP": 0.0, "Num_FN": 0.0}
        return [pair.row(structure, values | _of_nothing(counts, rule), counts=counts)]
    reference, prediction = lesions
    contacts = Contacts.between(reference, prediction)
    if not rule.shared:
        contacts = contacts.shared_out(reference.sizes)
    table = _Table.of(reference, prediction, contacts, rule)
    both = lesions if whole is None else whole
    counts = _counts(pair, *both)
    kept = [place for place, volume in enumerate(table.volumes) if volume > rule.minimum]
    n_false = sum(
        rule.small_false_positives or rule.volume(int(prediction.sizes[one])) > rule.minimum
        for one in prediction.ids
        if one not in contacts.used
    )
    matched = sum(bool(table.touched[place]) for place in kept)
    counted = n_false if rule.false_positives else 0
    values = {
        "Num_TP": float(matched),
        "Num_FP": float(n_false),
        "Num_FN": float(len(kept) - matched),
        **_of_voxels(*both, counts, rule),
    }

    def over(column: Sequence[float], penalty: float, nothing: float) -> float:
        return mean_with_penalty([column[place] for place in kept], counted, penalty, nothing)

    values["LesionWise_Score_Dice"] = over(table.dice, 0.0, 1.0)
    values["LesionWise_Score_HD95"] = over(table.hd95, rule.penalty, 0.0)
    if rule.with_nsd:
        for tolerance, column in zip(TOLERANCES, table.nsd, strict=True):
            values[f"LesionWise_Score_NSD @ {tolerance}"] = over(column, 0.0, 1.0)
    return [
        pair.row(structure, values, counts=counts),
        *table.rows(pair, structure, contacts, reference, prediction),
    ]


def _of_nothing(counts: Counts, rule: Rule) -> dict[str, float]:
    values = {
        "Sensitivity": 1.0,
        "Specificity": _share(counts.tn, counts.tn),
        "Legacy_Dice": 1.0,
        "Legacy_HD95": 0.0,
    }
    nsd = {f"NSD @ {tolerance}": 1.0 for tolerance in TOLERANCES} if rule.with_nsd else {}
    return {
        **values,
        **{f"Legacy {name}": value for name, value in nsd.items()},
        "GT_Complete_Volume": 0.0,
        "LesionWise_Score_Dice": 1.0,
        "LesionWise_Score_HD95": 0.0,
        **{f"LesionWise_Score_{name}": value for name, value in nsd.items()},
    }


def _share(part: float, whole: float) -> float:
    return part / (whole + sys.float_info.min)


def _counts(pair: LabelPair, reference: Lesions, prediction: Lesions) -> Counts:
    tp = int((reference.labels.reshape(-1)[prediction.places] > 0).sum())
    fp, fn = len(prediction.places) - tp, len(reference.places) - tp
    return Counts(tp, fp, fn, pair.histogram.total - tp - fp - fn)


def _of_voxels(
    reference: Lesions, prediction: Lesions, counts: Counts, rule: Rule
) -> dict[str, float]:
    """Give the metrics of the region as a whole."""
    tp, n_reference, n_prediction, tn = counts.tp, counts.reference, counts.prediction, counts.tn
    numbers = rule.label_numbers and max(reference.count, prediction.count) > 1
    if numbers:
        n_reference, n_prediction = int(reference.numbers.sum()), int(prediction.numbers.sum())
        ones = prediction.places[prediction.numbers == 1]
        tp = int((reference.labels.reshape(-1)[ones] == 1).sum())
        first = int((reference.numbers == 1).sum())
        tn = counts.tn + counts.tp + counts.fp + counts.fn - len(ones) - first + tp
    sensitivity = _share(tp, n_reference) if n_reference or n_prediction else 1.0
    values = {
        "Sensitivity": sensitivity,
        "Specificity": _share(tn, tn + n_prediction - tp),
        "Legacy_Dice": dice(counts.tp, counts.reference, counts.prediction),
        "Legacy_HD95": _hd95(reference, prediction, counts, rule, numbers),
    }
    if rule.with_nsd:
        for tolerance, value in zip(
            TOLERANCES, _nsd(reference, prediction, counts, rule), strict=True
        ):
            values[f"Legacy NSD @ {tolerance}"] = value
    values["GT_Complete_Volume"] = rule.volume(counts.reference)
    return values


def _hd95(
    reference: Lesions, prediction: Lesions, counts: Counts, rule: Rule, numbers: bool
) -> float:
    if counts.empty == "both":
        return 0.0
    window = reference.window
    if numbers:
        found = label_number_surfaces(reference, prediction, rule.spacing).hausdorff(95)
        return found if math.isfinite(found) else rule.penalty
    if counts.empty:
        return rule.penalty
    masks = reference.words, prediction.words
    return window.measure(masks, rule.spacing, "surfel", math.inf).hausdorff(95)


def _nsd(reference: Lesions, prediction: Lesions, counts: Counts, rule: Rule) -> list[float]:
    if counts.empty:
        return [float(counts.empty == "both")] * len(TOLERANCES)
    masks = reference.words, prediction.words
    surfaces = reference.window.measure(masks, rule.spacing, "voxel", max(TOLERANCES))
    return [nnunet_nsd(surfaces, tolerance) for tolerance in TOLERANCES]


@dataclass(frozen=True)
class _Table:
    """The lesions of the reference, a place each, in the order of their numbers."""

    lesions: list[int]
    touched: list[list[int]]
    volumes: list[float]
    dice: list[float]
    hd95: list[float]
    nsd: list[list[float]]

    @classmethod
    def of(cls, reference: Lesions, prediction: Lesions, contacts: Contacts, rule: Rule) -> _Table:
        lesions = list(contacts.touched)
        touched = list(contacts.touched.values())
        sizes, predicted = reference.sizes.tolist(), prediction.sizes.tolist()
        measured = lesion_surfaces(reference, prediction, contacts, rule.spacing, "surfel")
        nsd: list[list[float]] = []
        if rule.with_nsd:
            near = lesion_surfaces(
                reference, prediction, contacts, rule.spacing, "voxel", max(TOLERANCES)
            )
            nsd = [
                [nnunet_nsd(near[one], tolerance) if one in near else 0.0 for one in lesions]
                for tolerance in TOLERANCES
            ]
        return cls(
            lesions,
            touched,
            [rule.volume(sizes[one]) for one in lesions],
            [
                dice(contacts.overlap(one), sizes[one], sum(predicted[other] for other in several))
                for one, several in zip(lesions, touched, strict=True)
            ],
            [measured[one].hausdorff(95) if one in measured else rule.penalty for one in lesions],
            nsd,
        )

    def rows(
        self,
        pair: LabelPair,
        structure: Structure,
        contacts: Contacts,
        reference: Lesions,
        prediction: Lesions,
    ) -> list[Row]:
        """Make a row of each lesion."""
        rows = []
        columns = (
            "gt_lesion_vol",
            "dice_lesionwise",
            "hd95_lesionwise",
            "nsd05_lesionwise",
            "nsd10_lesionwise",
        )
        lists = self.volumes, self.dice, self.hd95, *self.nsd
        total = pair.histogram.total
        for place, lesion in enumerate(self.lesions):
            several = self.touched[place]
            values = {name: column[place] for name, column in zip(columns, lists, strict=False)}
            tp = contacts.overlap(lesion)
            fn = int(reference.sizes[lesion]) - tp
            fp = int(prediction.sizes[several].sum()) - tp
            rows.append(
                pair.row(
                    structure,
                    values,
                    counts=Counts(tp, fp, fn, total - tp - fp - fn),
                    level="instance",
                    reference_label=lesion,
                    **contacts.partner(reference, prediction, lesion, self.dice[place]),
                )
            )
        return rows


def scores(with_nsd: bool) -> tuple[Score, ...]:
    """List the columns of the scripts' tables: of regions, then of lesions."""
    kinds = ("0.5", "1.0") if with_nsd else ()
    return (
        Score(
            "Num_TP",
            None,
            about="lesions of the reference, beyond the least volume, that a predicted one touches",
        ),
        Score("Num_FP", False, about="predicted lesions that touch no lesion of the reference"),
        Score(
            "Num_FN",
            False,
            about="lesions of the reference, beyond the least volume, that none touches",
        ),
        Score("Sensitivity", about="of the region as a whole, as all that follow up to the volume"),
        Score("Specificity"),
        Score("Legacy_Dice"),
        Score("Legacy_HD95", False, "mm"),
        *(Score(f"Legacy NSD @ {kind}") for kind in kinds),
        Score("GT_Complete_Volume", None, "mm³"),
        Score(
            "LesionWise_Score_Dice",
            about="mean over lesions and false positives, which are worth 0",
        ),
        Score(
            "LesionWise_Score_HD95",
            False,
            "mm",
            "mean over lesions and false positives, which are worth the penalty",
        ),
        *(Score(f"LesionWise_Score_NSD @ {kind}") for kind in kinds),
        Score("gt_lesion_vol", None, "mm³", "of a lesion, as all that follow"),
        Score("dice_lesionwise"),
        Score("hd95_lesionwise", False, "mm"),
        *(Score(f"nsd{kind.replace('.', '')}_lesionwise") for kind in kinds),
    )
