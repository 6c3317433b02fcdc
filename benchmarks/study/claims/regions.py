"""Section 4.2: region growing."""

from __future__ import annotations

from benchmarks.study import methods
from benchmarks.study.claims import Found, claim
from benchmarks.study.claims.readings import (
    GROWING,
    THRESHOLDS,
    difference,
    fall,
    leaks,
    mean,
    present,
    seconds_beside,
    shown,
)
from benchmarks.study.claims.thresholds import rougher
from benchmarks.study.tables import Missing, Tables


@claim(
    *("4.2.1", "Region growing is relatively fast."),
    "seconds of an image, median of the other methods ÷ region growing",
    shown=2.0,
    contradicted=1.0,
)
def region_growing_is_fast(tables: Tables) -> Found:
    return seconds_beside(tables, GROWING, ("region growing", "others"))


@claim(
    *("4.2.1", "Its regions are connected."),
    "components too many or too few under the hardest noise, region growing ÷ thresholds",
    shown=0.2,
    contradicted=1.0,
)
def grown_regions_are_connected(tables: Tables) -> Found:
    wanted = {"difficulty": "noise", "level": tables.hardest("noise")}
    one = mean(tables, "betti_0_error", method=GROWING, **wanted)
    other = mean(tables, "betti_0_error", method=THRESHOLDS, **wanted)
    if not other:
        raise Missing("thresholds make no component too many")
    return Found(one / other, f"region growing {shown(one)}; thresholds {shown(other)}")


@claim(
    *("4.2.2", "Regions have to be homogeneous."),
    "Dice of region growing, clean minus strongest bias field",
    shown=0.05,
    contradicted=0.0,
)
def region_growing_needs_homogeneous_regions(tables: Tables) -> Found:
    return fall(tables, "dice", "bias_field", GROWING)


@claim(
    *("4.2.2", "Leakages are likely."),
    "by how many of its true volumes the structure that leaks most is too large, least contrast minus clean",
    shown=0.5,
    contradicted=0.0,
)
def region_growing_leaks(tables: Tables) -> Found:
    return leaks(tables, GROWING, "contrast")


@claim(
    *("4.2.2", "Noise stops it as well: what was one region is not homogeneous any more."),
    "recall of region growing, clean minus hardest noise",
    shown=0.1,
    contradicted=0.0,
    ours=True,
)
def noise_stops_region_growing(tables: Tables) -> Found:
    return fall(tables, "recall", "noise", GROWING)


@claim(
    *("4.2.2", "Boundaries are rough."),
    "surface too large under noise, region growing minus atlases, in 1000 mm² a structure of about the right volume",
    shown=1.0,
    contradicted=0.0,
)
def region_growing_makes_rough_boundaries(tables: Tables) -> Found:
    return rougher(tables, GROWING, "region growing")


@claim(
    *("4.2.2", "A person has to click seeds: what a person adds is where things are."),
    "precision of clean images, region growing with its seeds minus thresholds without",
    shown=0.02,
    contradicted=-0.02,
)
def seeds_are_knowledge_of_places(tables: Tables) -> Found:
    name = present(tables, GROWING)[0]
    if name in methods.names() and not methods.method(name).uses_seeds:
        raise Missing("region growing looked at no seeds")
    names = ("region growing", "thresholds")
    return difference(tables, "precision", GROWING, THRESHOLDS, names)
