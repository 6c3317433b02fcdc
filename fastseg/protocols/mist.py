"""MIST's evaluation: lesion-wise scores after BraTS, with a penalty by the image, beside those of whole structures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastseg.inputs.structures import Structure
from fastseg.measures.distributions import SurfaceReductions
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.lesion_wise import DILATIONS, Contacts, dice, lesion_surfaces
from fastseg.protocols.rules.lesions import Lesions, Window
from fastseg.protocols.rules.surfels import Surfels
from fastseg.results.rows import Row

_LESION_WISE = ("lesion_wise_dice", "lesion_wise_haus95", "lesion_wise_surf_dice")
# what is worth 0 at best; the diagonal at worst
_DISTANCES = ("haus95", "avg_surf", "lesion_wise_haus95")
_ALL = ("dice", "haus95", "surf_dice", "avg_surf", *_LESION_WISE, "lesion_wise_f1")


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score each structure."""
    return [row for structure in pair.labels for row in _rows(pair, structure, options)]


def _rows(pair: LabelPair, structure: Structure, options: Options) -> list[Row]:
    counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
    whole = _diagonal(pair.shape, pair.spacing)
    if counts.empty:
        at_best = counts.empty == "both"
        values = {
            name: (0.0 if at_best else whole) if name in _DISTANCES else float(at_best)
            for name in _ALL
        }
        return [pair.row(structure, values, counts=counts)]
    lesions = _Lesions.of(pair, structure, options)
    values = {"dice": dice(counts.tp, counts.reference, counts.prediction)}
    values |= _of_surfaces(lesions.whole_surfaces, options["tolerance"])
    values["avg_surf"] = lesions.whole_surfaces.assd()
    values |= lesions.scores(whole)
    return [
        pair.row(structure, {name: values[name] for name in _ALL}, counts=counts),
        *lesions.rows(structure),
    ]


def _of_surfaces(surfaces: SurfaceReductions, tolerance: float) -> dict[str, float]:
    within = Surfels.of(surfaces).surface_dice(tolerance)
    return {"haus95": surfaces.hausdorff(95), "surf_dice": within}


def _diagonal(shape: tuple[int, ...], spacing: tuple[float, ...]) -> float:
    # to the bit: NumPy's norm is a dot product
    return float(np.linalg.norm(np.array(shape) * np.array(spacing)))


@dataclass(frozen=True)
class _Lesions:
    """The lesions of a structure that both maps have, and what was found of those of the reference that are large."""

    reference: Lesions
    prediction: Lesions
    contacts: Contacts
    options: Options
    found: dict[int, dict[str, float]]
    penalty: float

    @classmethod
    def of(cls, pair: LabelPair, structure: Structure, options: Options) -> _Lesions:
        sides = structure.reference, structure.prediction
        consolidation = options["consolidation"]
        window = Window.around(
            pair, sides, 0
        )  # as the script crops both, so that numbers are its own
        assert window is not None
        box = pair.histogram.box(*sides)
        assert box is not None
        if consolidation:
            reference = Lesions.merged(window, pair.reference, sides[0], consolidation, 2)
        else:
            reference = Lesions.components(window, pair.reference, sides[0], "z", 2)
        prediction = Lesions.components(window, pair.prediction, sides[1], "z", 2)
        contacts = Contacts.one_by_one(reference, prediction, options["dilation"])
        if not options.quirk("shared-predictions"):
            contacts = contacts.shared_out(reference.sizes)
        shape = pair.shape
        if options.quirk("penalty-of-the-cropped-box"):
            shape = tuple(part.stop - part.start for part in box)
        penalty = _diagonal(shape, pair.spacing)
        surfaces = lesion_surfaces(reference, prediction, contacts, pair.spacing, "surfel")
        voxel = float(np.prod(pair.spacing))
        found: dict[int, dict[str, float]] = {}
        for lesion, several in contacts.touched.items():
            volume = float(reference.sizes[lesion] * voxel)
            if volume < options["minimum_volume"]:
                continue
            values = [0.0, penalty, 0.0]
            if several:
                overlap, predicted = contacts.overlap(lesion), int(prediction.sizes[several].sum())
                values = [
                    dice(overlap, int(reference.sizes[lesion]), predicted),
                    *_of_surfaces(surfaces[lesion], options["tolerance"]).values(),
                ]
            found[lesion] = {
                "gt_volume_mm3": volume,
                **dict(zip(_LESION_WISE, values, strict=True)),
            }
        return cls(reference, prediction, contacts, options, found, penalty)

    @property
    def whole_surfaces(self) -> SurfaceReductions:
        """What lies between the surfaces of the structure as a whole."""
        window = self.reference.window
        masks = self.reference.words, self.prediction.words
        return window.measure(masks, window.pair.spacing, "surfel", np.inf)

    def _false_positives(self) -> int:
        options, voxel = self.options, float(np.prod(self.reference.window.pair.spacing))
        looked_at = list(self.found)
        if not options.quirk("small-lesions-make-false-positives"):
            looked_at = list(self.contacts.touched)
        used = {predicted for lesion in looked_at for predicted in self.contacts.touched[lesion]}
        least = -1.0 if options.quirk("false-positives-any-size") else options["minimum_volume"]
        return sum(
            float(self.prediction.sizes[one] * voxel) >= least
            for one in self.prediction.ids
            if one not in used
        )

    def scores(self, whole_diagonal: float) -> dict[str, float]:
        """Average over lesions and false positives."""
        n_false = self._false_positives()
        n = len(self.found) + n_false
        if not n:
            return dict(zip((*_LESION_WISE, "lesion_wise_f1"), (1.0, 0.0, 1.0, 1.0), strict=True))
        penalties = 0.0, n_false * self.penalty, 0.0
        values = {
            name: (sum(of_lesion[name] for of_lesion in self.found.values()) + extra) / n
            for name, extra in zip(_LESION_WISE, penalties, strict=True)
        }
        tp = sum(bool(self.contacts.touched[lesion]) for lesion in self.found)
        values["lesion_wise_f1"] = 2 * tp / (2 * tp + n_false + len(self.found) - tp)
        return values

    def rows(self, structure: Structure) -> list[Row]:
        """Make a row of each lesion."""
        pair, total = self.reference.window.pair, self.reference.window.pair.histogram.total
        rows = []
        for lesion, values in self.found.items():
            several, tp = self.contacts.touched[lesion], self.contacts.overlap(lesion)
            fn = int(self.reference.sizes[lesion]) - tp
            fp = int(self.prediction.sizes[several].sum()) - tp
            rows.append(
                pair.row(
                    structure,
                    values,
                    counts=Counts(tp, fp, fn, total - tp - fp - fn),
                    level="instance",
                    reference_label=lesion,
                    **self.contacts.partner(
                        self.reference, self.prediction, lesion, values["lesion_wise_dice"]
                    ),
                )
            )
        return rows


PROTOCOLS = (
    Protocol(
        name="mist",
        title="MIST, the lesion-wise evaluation of its Evaluator",
        source="mist-medical/MIST @ f727791, mist/metrics/lesion_wise_metrics.py (mist-medical 2.3.0)",
        about=(
            "Each lesion of the reference that is large enough is compared with all predicted components that it "
            "touches once dilated, as a whole: Dice, HD95 and surface Dice of surface elements with areas. One that "
            "touches none, and each predicted component that is touched by none, is worth 0 or a diagonal; the mean "
            "over both is the score. Beside them stand Dice, HD95, surface Dice and average surface distance of the "
            "whole structure, and F1 of the detection."
        ),
        axes="xyz",
        scores=(
            Score("dice"),
            Score("haus95", False, "mm"),
            Score("surf_dice"),
            Score("avg_surf", False, "mm"),
            Score(
                "lesion_wise_dice",
                about="mean over lesions and false positives; of a lesion, its own",
            ),
            Score("lesion_wise_haus95", False, "mm"),
            Score("lesion_wise_surf_dice"),
            Score("lesion_wise_f1"),
            Score("gt_volume_mm3", None, "mm³", "of a lesion"),
        ),
        rules=Rules(
            components="of both maps; those of the reference merged by dilation if asked for",
            connectivity="18 neighbours",
            dilation="18 neighbours, 3 times, for matching alone",
            matching="all predicted components that a dilated lesion touches",
            penalty="0, HD95 the diagonal of the structure's box, for lesions ≥ 10 mm³ and any false positive",
            empties="both 1, HD95 0; one of them 0, HD95 the diagonal of the image",
        ),
        options={"minimum_volume": 10.0, "dilation": 3, "consolidation": 0, "tolerance": 1.0},
        limits=DILATIONS,
        quirks=(
            Quirk(
                "penalty-of-the-cropped-box",
                "What has no counterpart costs the diagonal of the box of both masks, to which they were cropped: the "
                "wider apart they lie, the more.",
                "A lesion of 5 x 5 x 5 voxels found exactly, and a second one, missed, behind it after a gap of 5, in "
                "40 x 40 x 40 voxels: lesion_wise_haus95 8.29; without the quirk 34.64.",
            ),
            Quirk(
                "small-lesions-make-false-positives",
                "A lesion below the least volume is left out, and what was predicted there is a false positive.",
                "A lesion of 125 voxels and one of 8, both found exactly: lesion_wise_dice 0.5; without the quirk 1.",
            ),
            Quirk(
                "false-positives-any-size",
                "A false positive counts however small it is.",
                "A lesion of 125 voxels found exactly, and a stray voxel: lesion_wise_dice 0.5; without the quirk 1.",
            ),
            Quirk(
                "shared-predictions",
                "One predicted component may serve several lesions, and is compared with each as a whole.",
                "Two lesions of 64 voxels, and one prediction of 832 voxels that covers both: lesion_wise_dice 0.1429; "
                "without the quirk it is given to one of them: 0.0714.",
            ),
        ),
        evaluate=evaluate,
    ),
)
