"""Section 4.1: thresholds; what their regions look like."""

from __future__ import annotations

import numpy as np

from benchmarks.study.claims import Found, claim
from benchmarks.study.claims.readings import (
    ATLAS,
    LEARNED,
    MULTI_ATLAS,
    OTSU,
    THRESHOLDS,
    difference,
    ends,
    fall,
    falls_more,
    mean,
    present,
    ratio,
    seconds_beside,
    shown,
)
from benchmarks.study.tables import Missing, Tables

BY_PLACE = (ATLAS, *MULTI_ATLAS)
BESIDE = ("thresholds", "atlases")
#: volume similarity from which on surfaces are compared: what is much smaller has less surface, however rough
ABOUT_RIGHT = 0.8


@claim(
    *("4.1.1", "Thresholds are simple and fast."),
    "seconds of an image, median of the other methods ÷ learned thresholds",
    shown=5.0,
    contradicted=1.0,
)
def thresholds_are_fast(tables: Tables) -> Found:
    return seconds_beside(tables, LEARNED, ("thresholds", "others"))


@claim(
    *("4.1.1", "So are those that are found in each image."),
    "seconds of an image, median of the other methods ÷ Otsu's thresholds",
    shown=5.0,
    contradicted=1.0,
    ours=True,
)
def otsus_thresholds_are_fast(tables: Tables) -> Found:
    return seconds_beside(tables, OTSU, ("Otsu's", "others"))


@claim(
    *("4.1.2", "Regions have to be homogeneous."),
    "Dice of thresholds, clean minus strongest bias field",
    shown=0.05,
    contradicted=0.0,
)
def thresholds_need_homogeneous_regions(tables: Tables) -> Found:
    return fall(tables, "dice", "bias_field", THRESHOLDS)


@claim(
    *("4.1.2", "Regions have to be distinct."),
    "Dice of thresholds, clean minus least contrast",
    shown=0.1,
    contradicted=0.0,
)
def thresholds_need_distinct_regions(tables: Tables) -> Found:
    return fall(tables, "dice", "contrast", THRESHOLDS)


@claim(
    *("4.1.2", "Thresholds that are right for one image are wrong for the next."),
    "by how much more learned thresholds lose in Dice than those found in each image, mean of bias field and contrast",
    shown=0.02,
    contradicted=-0.02,
)
def thresholds_do_not_carry_over(tables: Tables) -> Found:
    names = ("learned", "of each image")
    found = [
        falls_more(tables, "dice", difficulty, LEARNED, OTSU, names)
        for difficulty in ("bias_field", "contrast")
    ]
    told = "; ".join(one.told for one in found)
    return Found(sum(one.number for one in found) / len(found), told)


@claim(
    *("4.1.2", "Leakages are likely."),
    "precision of thresholds minus that of atlases, at the least contrast",
    shown=-0.05,
    contradicted=0.0,
)
def thresholds_leak(tables: Tables) -> Found:
    level = tables.hardest("contrast")
    return difference(
        *(tables, "precision", THRESHOLDS, BY_PLACE, BESIDE), difficulty="contrast", level=level
    )


@claim(
    *("4.1.2", "Isolated voxels are likely."),
    "components too many or too few, thresholds minus atlases, under the hardest noise",
    shown=10.0,
    contradicted=0.0,
)
def thresholds_leave_isolated_voxels(tables: Tables) -> Found:
    level = tables.hardest("noise")
    return difference(
        *(tables, "betti_0_error", THRESHOLDS, BY_PLACE, BESIDE), difficulty="noise", level=level
    )


@claim(
    *("4.1.2", "Distances between surfaces see isolated voxels, the largest one most."),
    "hd ÷ hd95 of thresholds, under the hardest noise",
    shown=1.3,
    contradicted=1.05,
    ours=True,
)
def isolated_voxels_are_seen_by_hd(tables: Tables) -> Found:
    _, hd = ends(tables, "hd", "noise", THRESHOLDS)
    _, hd95 = ends(tables, "hd95", "noise", THRESHOLDS)
    _, assd = ends(tables, "assd", "noise", THRESHOLDS)
    found = ratio(hd, hd95, ("hd", "hd95"), " mm")
    rows = tables.rows(tables.common, method=THRESHOLDS, difficulty="noise")
    values = rows[rows["level"] == rows["level"].max()]["hd"]
    told = f"{found.told}; assd {shown(assd)} mm"
    lost = int(np.isinf(values).sum())
    return Found(
        found.number, told + (f"; without {lost} of {len(values)} that are lost" if lost else "")
    )


@claim(
    *("4.1.2", "Boundaries are rough."),
    "surface too large under noise, thresholds minus atlases, in 1000 mm² a structure of about the right volume",
    shown=1.0,
    contradicted=0.0,
)
def thresholds_make_rough_boundaries(tables: Tables) -> Found:
    return rougher(tables, THRESHOLDS, "thresholds")


def rougher(tables: Tables, methods: str | tuple[str, ...], name: str) -> Found:
    """Tell how much more surface a method makes than atlases do under noise, where the volume is about right."""
    rows = tables.rows(tables.common, difficulty="noise")
    if "volume_similarity" not in rows:
        raise Missing("volume_similarity was not measured")
    rows = rows[rows["volume_similarity"] >= ABOUT_RIGHT]
    if not {*present(tables, methods)} & {*rows["method"]}:
        raise Missing(f"no volume of {name} is about right under noise")
    areas = [
        mean(tables, "surface_area_difference", rows, method=one) / 1000
        for one in (methods, BY_PLACE)
    ]
    told = f"{name} {areas[0]:+.2f}; atlases {areas[1]:+.2f}"
    return Found(areas[0] - areas[1], told)


@claim(
    *("4.1.2", "Overlap alone does not tell of any of this."),
    "components too many or too few in the upper half of Dice of thresholds, median",
    shown=2.0,
    contradicted=0.5,
    ours=True,
)
def dice_does_not_see_isolated_voxels(tables: Tables) -> Found:
    rows = tables.rows(tables.common, method=[*THRESHOLDS], difficulty=[*tables.difficulties])
    if "betti_0_error" not in rows:
        raise Missing("betti_0_error was not measured")
    upper = rows[rows["dice"] >= rows["dice"].median()]
    found = float(upper["betti_0_error"].median())
    told = f"{len(upper)} rows of Dice {upper['dice'].min():.2f} and better"
    return Found(found, f"median {shown(found)}, of {told}")
