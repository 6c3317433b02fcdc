"""BraTS 2026: panoptica's instances, region by region, and for metastases small and large lesions apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.panoptica import ORDER, VOXELS, instance_rows, spacing_of
from fastseg.protocols.rules.panoptic_case import PanopticCase
from fastseg.results.rows import Row

_METRICS = ("DSC", "NSD", "HD95")

FOUND_ONLY = Quirk(
    "found-lesions-only",
    "Lesion-wise means are over the lesions that were found: missed ones and false positives cost nothing there, and "
    "everything where none was found.",
    "A lesion found exactly and one missed: lesionwise_dsc_mean 1; without the quirk 0.5.",
)
ANY_SIZE = Quirk(
    "false-positives-any-size",
    "Each false positive counts among the small lesions and among the large ones, whatever its size.",
    "A small lesion found exactly and a false positive of 1000 voxels: small_instance_f1 0.6667; without the quirk 1.",
)


@dataclass
class _Lesions:
    """What is known of the lesions of one size: how many were found and missed, and each one's metrics."""

    tp: int = 0
    fn: int = 0
    metrics: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _METRICS})

    @property
    def any(self) -> bool:
        """Whether there are lesions of the size."""
        return self.tp + self.fn > 0

    def add(self, values: Mapping[str, float]) -> None:
        """Take the metrics of a lesion."""
        for name, value in values.items():
            self.metrics[name].append(value)


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score each region, and list its lesions."""
    rows = []
    spacing = spacing_of(pair, options)
    for structure in pair.labels:
        case = PanopticCase.of(
            pair,
            structure,
            _METRICS,
            spacing,
            connectivity=pair.ndim,
            by_label=False,
            rule="optimal",
            score="dice",
            threshold=options["matching_threshold"],
        )
        values = {
            "all_instance_tp": case.tp,
            "all_instance_fp": case.fp,
            "all_instance_fn": case.fn,
            "all_instance_prec": case.precision,
            "all_instance_rec": case.recall,
            "all_instance_f1": case.rq,
        }
        by_size = "volume_threshold" in options.values
        values.update(_by_size(case, options) if by_size else _found(case, options))
        steps = None if options.quirk(VOXELS.name) else spacing
        for name in _METRICS:
            value = case.of_all(name, steps)
            values[f"global_{name.lower()}"] = options["penalty"] if math.isinf(value) else value
        rows += [pair.row(structure, values, counts=case.counts), *instance_rows(case)]
    return rows


def _worst(penalty: float) -> dict[str, float]:
    """What a lesion without a counterpart is worth."""
    return {"DSC": 0.0, "NSD": 0.0, "HD95": penalty}


def _found(case: PanopticCase, options: Options) -> dict[str, float]:
    """Average over the lesions that were found; or over all, and the false positives."""
    if options.quirk(FOUND_ONLY.name):
        values = {}
        for name in ("DSC", "NSD", "HD95"):
            values[f"lesionwise_{name.lower()}_mean"] = case.mean(name)
            values[f"lesionwise_{name.lower()}_std"] = case.deviation(name)
        return values
    lost = _worst(options["penalty"])
    return _means(
        {name: [*case.values[name], *[lost[name]] * (case.fn + case.fp)] for name in _METRICS}
    )


def _means(metrics: Mapping[str, Sequence[float]]) -> dict[str, float]:
    values = {}
    for name in _METRICS:
        found = metrics[name]
        values[f"lesionwise_{name.lower()}_mean"] = float(np.mean(found)) if found else math.nan
        values[f"lesionwise_{name.lower()}_std"] = float(np.std(found)) if found else math.nan
    return values


def _by_size(case: PanopticCase, options: Options) -> dict[str, float]:
    """Tell small lesions, which are to be found, from large ones, which are to be outlined as well."""
    least, overlap, penalty = (
        options[name] for name in ("volume_threshold", "overlap_threshold", "penalty")
    )
    voxel = float(np.prod(case.spacing))
    small, large = _Lesions(), _Lesions()
    sizes = case.matches.voxels[1].tolist()
    for place, size in enumerate(sizes):
        lesions = large if size * voxel >= least else small
        lesions.add({name: case.values[name][place] for name in _METRICS})
        if case.values["DSC"][place] >= overlap:
            lesions.tp += 1
        else:
            lesions.fn += 1
    for size in case.table.reference.sizes[case.matches.missed].tolist():
        lesions = large if size * voxel >= least else small
        lesions.add(_worst(penalty))
        lesions.fn += 1
    false_positives = _false_positives(case, voxel, least, options.quirk(ANY_SIZE.name))
    for _ in range(false_positives[1]):
        large.add(_worst(penalty))
    return {
        **_detected("large", large, false_positives[1]),
        **(_means(large.metrics) if large.any else _means(dict.fromkeys(_METRICS, ()))),
        **_detected("small", small, false_positives[0]),
    }


def _false_positives(
    case: PanopticCase, voxel: float, least: float, any_size: bool
) -> tuple[int, int]:
    """Count those that are charged to small lesions and to large ones."""
    if any_size:
        return case.fp, case.fp
    free = np.ones(len(case.table.prediction), bool)
    free[[row for rows in case.matches.predictions for row in rows]] = False
    large = int(np.count_nonzero(case.table.prediction.sizes[free] * voxel >= least))
    return case.fp - large, large


def _detected(size: str, lesions: _Lesions, fp: int) -> dict[str, float]:
    """Count how many lesions of a size were found; nan where there are none of it."""
    names = ("tp", "fp", "fn", "prec", "rec", "f1")
    if not lesions.any:
        return {f"{size}_instance_{name}": math.nan for name in names}
    tp, fn = lesions.tp, lesions.fn
    values = (
        *(tp, fp, fn),
        tp / (tp + fp) if tp + fp else 0.0,
        tp / (tp + fn) if tp + fn else 0.0,
        2 * tp / (2 * tp + fp + fn) if 2 * tp + fp + fn else 0.0,
    )
    return {f"{size}_instance_{name}": value for name, value in zip(names, values, strict=True)}


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average each column of the organisers' table over the cases in which it is a number."""
    columns: dict[str, list[float]] = {}
    for row in rows:
        if row.level == "structure":
            for name, value in row.values_by_metric.items():
                columns.setdefault(f"{name}_{row.name}", []).append(value)
    means = {}
    for name, values in columns.items():
        known = [value for value in values if not math.isnan(value)]
        # pandas adds zeros for what is no number, and NumPy's sum depends on how many terms there are
        total = float(np.nansum(values))
        means[name] = total / len(known) if known else math.nan
    return means


def _detection(prefix: str) -> tuple[Score, ...]:
    return (
        Score(f"{prefix}_instance_tp"),
        Score(f"{prefix}_instance_fp", False),
        Score(f"{prefix}_instance_fn", False),
        *(Score(f"{prefix}_instance_{name}") for name in ("prec", "rec", "f1")),
    )


def _of_distances(prefix: str, suffixes: Sequence[str]) -> tuple[Score, ...]:
    scores = []
    for name in ("dsc", "nsd", "hd95"):
        for suffix in suffixes:
            larger = None if suffix == "_std" else name != "hd95"
            scores.append(Score(f"{prefix}_{name}{suffix}", larger, "mm" if name == "hd95" else ""))
    return tuple(scores)


_OF_INSTANCES = (
    Score("sq_dsc", about="Dice of a lesion"),
    Score("sq_nsd", about="normalised surface Dice of a lesion, at the least spacing"),
    Score("sq_hd95", False, "mm"),
    Score("voxel_count", None),
    Score("volume", None, "mm³"),
    Score("is_matched"),
)

_LESION_WISE = _of_distances("lesionwise", ("_mean", "_std"))

GLI = Protocol(
    name="brats2026",
    title="BraTS 2026, adult glioma (GLI)",
    source="BraTS/BraTS_evaluation 0.0.10, config_gli.yaml and parse_seg_results",
    about=(
        "Each region is one mask whose components of 26 neighbours are lesions. The assignment with the largest sum of "
        "Dice matches them one to one, however little they overlap. Lesions found give F1, and the mean Dice, HD95 and "
        "normalised surface Dice of those found are the lesion-wise scores; beside them stand those of the region as a "
        "whole."
    ),
    labels={
        "et": 3,
        "snfh": 2,
        "rc": 4,
        "netc": 1,
        "tc": (1, 3),
        "wt": (1, 2, 3),
    },
    axes="zyx",
    scores=(*_detection("all"), *_LESION_WISE, *_of_distances("global", ("",)), *_OF_INSTANCES),
    rules=Rules(
        components="of both maps",
        connectivity="26 neighbours",
        dilation="none",
        matching="one to one, the largest sum of Dice, from a millionth on",
        penalty="HD95 373 in place of infinity for the region as a whole; none lesion by lesion",
        empties="no lesion: nan; none found: Dice 0, NSD 0, HD95 inf",
    ),
    options={"matching_threshold": 1e-6, "penalty": 373.0},
    limits={"matching_threshold": (0, 1), "overlap_threshold": (0, 1)},
    quirks=(FOUND_ONLY, VOXELS, ORDER),
    evaluate=evaluate,
    aggregate=aggregate,
)

METS = replace(
    GLI,
    name="brats2026-mets",
    title="BraTS 2026, metastases",
    source="BraTS/BraTS_evaluation 0.0.10, config_mets.yaml and parse_mets_results",
    about=(
        "Lesions and matches as for gliomas. Lesions below 20 mm³ are to be found: F1 of those with a Dice of 0.1 or "
        "more. Those above are outlined as well: a missed one and a false positive of any size have Dice 0, NSD 0 and "
        "HD95 373 in their means."
    ),
    labels={"et": 3, "rc": 4, "tc": (1, 3), "wt": (1, 2, 3)},
    scores=(
        *_detection("all"),
        *_detection("large"),
        *_LESION_WISE,
        *_detection("small"),
        *_of_distances("global", ("",)),
        *_OF_INSTANCES,
    ),
    rules=replace(
        GLI.rules,
        penalty="Dice 0, NSD 0, HD95 373 for each large lesion missed and any false positive",
        empties="no large lesion: nan; no small one: nan for its counts",
    ),
    options={**GLI.options, "volume_threshold": 20.0, "overlap_threshold": 0.1},
    quirks=(ANY_SIZE, VOXELS, ORDER),
)


def _of(name: str, title: str, labels: Mapping[str, object], config: str) -> Protocol:
    source = GLI.source.replace("config_gli", f"config_{config}")
    return replace(GLI, name=name, title=title, labels=labels, source=source)


PROTOCOLS = (
    GLI,
    replace(GLI, name="brats2026-gli"),
    METS,
    _of(
        "brats2026-ped",
        "BraTS 2026, paediatric tumours",
        {"et": 1, "netc": 2, "cc": 3, "ed": 4, "tc": (1, 2, 3), "wt": (1, 2, 3, 4)},
        "ped",
    ),
    _of("brats2026-menrt", "BraTS 2026, meningioma for radiotherapy", {"gtv": 1}, "MenRT"),
    _of(
        "brats2026-menpre",
        "BraTS 2026, meningioma before surgery",
        {"et": 3, "tc": (1, 3), "wt": (1, 2, 3)},
        "MenPre",
    ),
    _of(
        "brats2026-goat",
        "BraTS 2026, across tumours (GoAT)",
        {"et": 3, "tc": (1, 3), "wt": (1, 2, 3)},
        "GoAT",
    ),
)
