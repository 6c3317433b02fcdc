"""BraTS 2024 and 2025, lesion by lesion, where predicted lesions are merged, too, and small ones removed."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fastseg.inputs.structures import Structure
from fastseg.protocols.brats2023 import BRATS2023
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules
from fastseg.protocols.rules.brats_quirks import (
    ANY_SIZE,
    CLEANED,
    CONTACT,
    DIAGONAL,
    FIXED,
    FREE,
    IN_VOXELS,
    NARROW,
    NUMBERS,
    SHARED,
)
from fastseg.protocols.rules.brats_scores import Rule, as_header_holds, rows_of_region, scores
from fastseg.protocols.rules.cross_tissue import merged_by_contact, merged_by_first_contact
from fastseg.protocols.rules.lesion_wise import DILATIONS
from fastseg.protocols.rules.lesions import Lesions, Window
from fastseg.results.rows import Row
from fastseg.threads import lazy

# the tissues that are merged by others, and by which, in the order of the scripts
_GLIOMA = {
    "NETC": ("ET", "RC"),
    "ET": ("NETC", "RC"),
    "RC": ("ET", "NETC"),
    "SNFH": ("ET", "RC", "NETC"),
}
_ENHANCING = {"ET": ("NETC",)}
_TISSUES = {"NETC": (1,), "SNFH": (2,), "ET": (3,), "RC": (4,)}
_WIDE = ("NETC", "RC")
_SNFH = "SNFH"


@dataclass(frozen=True)
class _Task:
    """What the scripts of the tasks differ in.

    Attributes
    ----------
    partners : dict
        By which tissues others are merged.
    merges_prediction : bool
        Whether predicted lesions are merged by dilation and cleaned of small ones.
    """

    partners: Mapping[str, tuple[str, ...]]
    merges_prediction: bool = True


class _Case:
    """The lesions of a case, each tissue's found once."""

    def __init__(self, pair: LabelPair, options: Options, task: _Task) -> None:
        self._pair, self._options, self._task = pair, options, task
        self._spacing = as_header_holds(pair.spacing)
        self._found: dict[tuple[int, str, bool], Lesions] = {}

    @lazy
    def _common_window(self) -> Window | None:
        """Where all tissues are that have to do with each other."""
        structures, partners = self._pair.labels, self._task.partners
        names = {one for each in structures for one in partners.get(each.name, ())}
        others = tuple(label for name in names for label in _TISSUES[name])
        reference = tuple(label for each in structures for label in each.reference)
        prediction = tuple(label for each in structures for label in each.prediction)
        margin = max(map(self._dilation, names | {each.name for each in structures}))
        window = Window.around(self._pair, (reference + others, prediction + others), margin)
        return None if window is None else replace(window, inner=None)

    def _window(self, structure: Structure) -> Window:
        """Tell where a structure is looked for that occurs."""
        if self._task.partners:
            window = self._common_window
        else:
            sides = structure.reference, structure.prediction
            window = Window.around(self._pair, sides, self._dilation(structure.name))
        assert window is not None
        return window

    def _dilation(self, name: str) -> int:
        options = self._options
        if "wide_dilation" not in options.values:
            return int(options["dilation"])
        is_wide = name in _WIDE or (name == _SNFH and not options.quirk("snfh-narrow"))
        return int(options["wide_dilation" if is_wide else "dilation"])

    def _minimum(self, name: str) -> float:
        options = self._options
        own = "minimum_volume_et" if name == "ET" else "minimum_volume"
        return float(options[own if own in options.values else "minimum_volume"])

    def _penalty(self) -> float:
        options, pair = self._options, self._pair
        if "penalty" in options.values:
            return float(options["penalty"]) if options.quirk("fixed-penalty") else pair.diagonal
        if options.quirk("diagonal-in-voxels"):
            return math.sqrt(sum(size**2 for size in pair.shape))
        return pair.diagonal

    def _most_voxels(self, name: str) -> float:
        """Tell up to how many voxels predicted lesions are removed."""
        minimum, options = self._minimum(name), self._options
        if options.quirks.get("prediction-threshold-in-voxels", False):
            return minimum
        x, y, z = map(np.float32, self._spacing)  # the scripts divide in 32 bits
        return float(np.float32(minimum) / (x * y * z))

    def _merged(self, window: Window, side: int, structure: Structure, cleaned: bool) -> Lesions:
        """Find the lesions of a tissue by itself."""
        name = structure.name
        key = side, name, cleaned
        if key not in self._found:
            labels = (structure.reference, structure.prediction)[side]
            given = (self._pair.reference, self._pair.prediction)[side]
            found = Lesions.merged(window, given, labels, self._dilation(name))
            if side == 1 and cleaned:
                found = found.larger_than(self._most_voxels(name))
            self._found[key] = found
        return self._found[key]

    def _lesions(
        self, window: Window, side: int, structure: Structure, cleaned: bool = True
    ) -> Lesions:
        """Find the lesions of a tissue, merged by others where the task does so."""
        own = self._merged(window, side, structure, cleaned)
        if structure.name not in self._task.partners:
            return own
        partners = [
            self._merged(window, side, self._tissue(name), cleaned)
            for name in self._task.partners[structure.name]
        ]
        if self._options.quirk("merged-by-first-contact"):
            return merged_by_first_contact(own, partners)
        return merged_by_contact(own, partners)

    def _tissue(self, name: str) -> Structure:
        """Take what was asked for under this name, or the scripts' own labels."""
        asked = [each for each in self._pair.labels if each.name == name]
        return (
            asked[0] if asked else Structure(name, _TISSUES[name], _TISSUES[name], _TISSUES[name])
        )

    def rows(self, structure: Structure) -> list[Row]:
        """Score a region."""
        pair, options = self._pair, self._options
        rule = Rule(
            self._minimum(structure.name),
            self._penalty(),
            self._spacing,
            with_nsd=True,
            shared=options.quirk("shared-predictions"),
            small_false_positives=options.quirks.get("false-positives-any-size", True),
            false_positives=not options.quirks.get("false-positives-free", False),
            label_numbers=options.quirks.get("scores-of-lesion-numbers", False),
        )
        sides = structure.reference, structure.prediction
        if pair.histogram.box(*sides) is None:
            return rows_of_region(pair, structure, None, rule)
        window = self._window(structure)
        if not self._task.merges_prediction:
            lesions = (
                self._merged(window, 0, structure, False),
                Lesions.components(window, pair.prediction, sides[1]),
            )
            return rows_of_region(pair, structure, lesions, rule)
        lesions = self._lesions(window, 0, structure), self._lesions(window, 1, structure)
        whole = None
        if not options.quirk("cleaned-legacy-scores"):
            whole = lesions[0], self._lesions(window, 1, structure, cleaned=False)
        return rows_of_region(pair, structure, lesions, rule, whole)


def _evaluate(task: _Task, pair: LabelPair, options: Options) -> list[Row]:
    """Score each region; tissues of a glioma or a metastasis also merge each other's lesions."""
    case = _Case(pair, options, task)
    return [row for structure in pair.labels for row in case.rows(structure)]


_ABOUT = (
    "Each region lesion by lesion, as BraTS 2023 has it, but components of the prediction that grow together when it "
    "is dilated are one lesion, too, and predicted lesions up to the least size are removed before anything is scored. "
    "Beside Dice and HD95 of surface elements stands the normalised surface Dice of nnU-Net's first version at 0.5 and "
    "1 mm, of surface voxels."
)
_MERGING = " Lesions of a tissue that touch the same lesion of another tissue become one: enhancing tumour by necrosis"
_SOURCE = "rachitsaluja/BraTS-2024-Metrics @ "


def _protocol(
    task: str,
    title: str,
    source: str,
    labels: Mapping[str, int | tuple[int, ...]],
    options: Mapping[str, float | int],
    quirks: tuple[Quirk, ...],
    about: str,
    dilation: str,
    how: _Task,
) -> Protocol:
    penalty = (
        f"HD95 {options['penalty']:g}" if "penalty" in options else "HD95 the diagonal in voxels"
    )
    minimum = f"{options['minimum_volume']:g} mm³"
    both = (
        "of both maps, merged by dilation" if how.merges_prediction else BRATS2023.rules.components
    )
    return Protocol(
        name=f"brats2024-{task}",
        title=f"BraTS 2024, {title}",
        source=_SOURCE + source,
        about=about,
        labels=labels,
        axes="xyz",
        scores=scores(with_nsd=True),
        rules=Rules(
            components=both,
            connectivity="26 neighbours",
            dilation=f"18 neighbours, {dilation}",
            matching="all predicted lesions that a dilated lesion touches",
            penalty=f"Dice and NSD 0, {penalty} for lesions > {minimum} without a counterpart"
            + ("" if FREE in quirks else " and any false positive"),
            empties="no lesion and no false positive: Dice and NSD 1, HD95 0",
        ),
        options=options,
        limits=DILATIONS,
        quirks=quirks,
        evaluate=functools.partial(_evaluate, how),
    )


_THREE: dict[str, int | tuple[int, ...]] = {"WT": (1, 2, 3), "TC": (1, 3), "ET": 3}
_CLEANING = (SHARED, CONTACT, NUMBERS, IN_VOXELS, CLEANED)

_2024 = (
    _protocol(
        "gli",
        "glioma after treatment",
        "9e8879a, metrics_GLI.py",
        {"WT": (1, 2, 3), "TC": (1, 3), "NETC": 1, "SNFH": 2, "ET": 3, "RC": 4},
        {
            "dilation": 3,
            "wide_dilation": 5,
            "minimum_volume": 20.0,
            "minimum_volume_et": 10.0,
            "penalty": 337.0,
        },
        (*_CLEANING, FIXED, NARROW),
        _ABOUT
        + _MERGING
        + " and cavity, these by enhancing tumour and each other, and hyperintensity by all three.",
        "3 times; necrosis and cavity 5 times",
        _Task(_GLIOMA),
    ),
    _protocol(
        "men",
        "meningioma",
        "9e8879a, metrics_MEN.py",
        _THREE,
        {"dilation": 1, "minimum_volume": 50.0, "penalty": 374.0},
        (ANY_SIZE, SHARED, FIXED),
        "As BraTS 2023 has it, with the normalised surface Dice of nnU-Net's first version at 0.5 and 1 mm beside it: "
        "the prediction is neither merged nor cleaned.",
        "once",
        _Task({}, merges_prediction=False),
    ),
    _protocol(
        "men-rt",
        "meningioma for radiotherapy",
        "9e8879a, metrics_MEN_RT.py",
        {"GTV": 1},
        {"dilation": 1, "minimum_volume": 50.0},
        (SHARED, NUMBERS, CLEANED, FREE, DIAGONAL),
        _ABOUT + " False positives cost nothing.",
        "once",
        _Task({}),
    ),
    _protocol(
        "met",
        "metastases",
        "b04e5a0, metrics_MET.py, with what is known of f1131e3: NSD, cavity and a penalty by the image's diagonal",
        _THREE | {"RC": 4},
        {"dilation": 1, "minimum_volume": 2.0},
        (*_CLEANING, DIAGONAL),
        _ABOUT
        + _MERGING
        + ". The script was run as of b04e5a0; what f1131e3 has beyond it is after its description.",
        "once",
        _Task(_ENHANCING),
    ),
    _protocol(
        "ped",
        "paediatric tumours",
        "9e8879a, metrics_PED.py",
        {"WT": (1, 2, 3, 4), "TC": (1, 2, 3), "ET": 1, "NETC": 2, "CC": 3, "ED": 4},
        {"dilation": 5, "minimum_volume": 10.0, "penalty": 374.0},
        (SHARED, NUMBERS, IN_VOXELS, CLEANED, FIXED),
        _ABOUT,
        "5 times",
        _Task({}),
    ),
    _protocol(
        "ssa",
        "glioma in sub-Saharan Africa",
        "f61f7de, metrics_SSA.py, with the NSD of the others",
        _THREE,
        {"dilation": 3, "minimum_volume": 50.0, "penalty": 374.0},
        (*_CLEANING, FIXED),
        _ABOUT
        + _MERGING
        + ". The script was run as of f61f7de; that it has NSD, too, is after its description.",
        "3 times",
        _Task(_ENHANCING),
    ),
)


def _of_2025(protocol: Protocol) -> Protocol:
    """Give the protocol of the year after, whose scripts are these: none newer was found."""
    return replace(
        protocol,
        name=protocol.name.replace("2024", "2025"),
        title=protocol.title.replace("2024", "2025"),
    )


PROTOCOLS = (*_2024, *map(_of_2025, _2024))
