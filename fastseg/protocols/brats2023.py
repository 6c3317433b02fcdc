"""BraTS 2023, lesion by lesion: glioma, Africa, paediatric, meningioma and metastases differ in two numbers."""

from __future__ import annotations

from dataclasses import replace

from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Rules
from fastseg.protocols.rules.brats_quirks import ANY_SIZE, FIXED, SHARED
from fastseg.protocols.rules.brats_scores import Rule, as_header_holds, rows_of_region, scores
from fastseg.protocols.rules.lesion_wise import DILATIONS
from fastseg.protocols.rules.lesions import Lesions, Window
from fastseg.results.rows import Row


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score each region by itself."""
    rows = []
    for structure in pair.labels:
        sides = structure.reference, structure.prediction
        dilation = options["dilation"]
        window = Window.around(pair, sides, dilation)
        lesions = None
        if window is not None:
            lesions = (
                Lesions.merged(window, pair.reference, sides[0], dilation),
                Lesions.components(window, pair.prediction, sides[1]),
            )
        rule = Rule(
            options["minimum_volume"],
            options["penalty"] if options.quirk("fixed-penalty") else pair.diagonal,
            as_header_holds(pair.spacing),
            with_nsd=False,
            shared=options.quirk("shared-predictions"),
            small_false_positives=options.quirk("false-positives-any-size"),
        )
        rows += rows_of_region(pair, structure, lesions, rule)
    return rows


BRATS2023 = Protocol(
    name="brats2023",
    title="BraTS 2023, adult glioma (GLI)",
    source="rachitsaluja/BraTS-2023-Metrics @ 43c9052, metrics.py",
    about=(
        "Whole tumour, tumour core and enhancing tumour, each lesion by lesion. Components of the reference that grow "
        "together when it is dilated are one lesion; all predicted components that its dilation touches are compared "
        "with it, as a whole: Dice, and HD95 of surface elements with areas. A lesion that none touches is worth 0 and "
        "the penalty, and so is each predicted component that touches none; the mean over both is the score. Small "
        "lesions are left out, and what touches them is no false positive. Beside it stand Dice and HD95 of the region "
        "as a whole."
    ),
    labels={"WT": (1, 2, 3), "TC": (1, 3), "ET": 3},
    axes="xyz",
    scores=scores(with_nsd=False),
    rules=Rules(
        components="of both maps; those of the reference merged by dilation",
        connectivity="26 neighbours",
        dilation="18 neighbours, 3 times",
        matching="all predicted components that a dilated lesion touches",
        penalty="Dice 0, HD95 374 for lesions > 50 mm³ without a counterpart and any false positive",
        empties="no lesion and no false positive: Dice 1, HD95 0",
    ),
    options={"dilation": 3, "minimum_volume": 50.0, "penalty": 374.0},
    limits=DILATIONS,
    quirks=(ANY_SIZE, SHARED, FIXED),
    evaluate=evaluate,
)


def _of(name: str, title: str, dilation: int, minimum: float) -> Protocol:
    often = "once" if dilation == 1 else f"{dilation} times"
    return replace(
        BRATS2023,
        name=name,
        title=title,
        rules=replace(
            BRATS2023.rules,
            dilation=f"18 neighbours, {often}",
            penalty=BRATS2023.rules.penalty.replace("50", f"{minimum:g}"),
        ),
        options={"dilation": dilation, "minimum_volume": minimum, "penalty": 374.0},
    )


PROTOCOLS = (
    BRATS2023,
    _of("brats2023-gli", "BraTS 2023, adult glioma", 3, 50.0),
    _of("brats2023-ssa", "BraTS 2023, glioma in sub-Saharan Africa", 3, 50.0),
    _of("brats2023-ped", "BraTS 2023, paediatric tumours", 3, 50.0),
    _of("brats2023-men", "BraTS 2023, meningioma", 1, 50.0),
    _of("brats2023-met", "BraTS 2023, metastases", 1, 2.0),
)
