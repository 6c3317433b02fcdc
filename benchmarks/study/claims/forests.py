"""Section 4.6: random forests."""

from __future__ import annotations

from benchmarks.study.claims import Found, claim
from benchmarks.study.claims.atlases import clicks
from benchmarks.study.claims.readings import (
    FOREST,
    MULTI_ATLAS,
    NETWORKS,
    THRESHOLDS,
    degradation,
    difference,
    mean,
    present,
    ratio,
    seconds,
    shown,
)
from benchmarks.study.tables import Missing, Tables


@claim(
    *("4.6.2", "An ensemble of trees is accurate."),
    "Dice of clean images, forest minus thresholds",
    shown=0.02,
    contradicted=0.0,
)
def forests_are_accurate(tables: Tables) -> Found:
    return difference(tables, "dice", FOREST, THRESHOLDS, ("forest", "thresholds"))


@claim(
    *("4.6.2", "It is robust."),
    "ROOD-MRI's degradation of Dice, mean of the difficulties, thresholds minus forest",
    shown=0.01,
    contradicted=-0.01,
)
def forests_are_robust(tables: Tables) -> Found:
    one, forest = degradation(tables, "dice", THRESHOLDS), degradation(tables, "dice", FOREST)
    return Found(one - forest, f"thresholds {one:.3f}; forest {forest:.3f}")


@claim(
    *("4.6.2", "It is computationally efficient."),
    "seconds of an image, several atlases ÷ forest, each on one core",
    shown=2.0,
    contradicted=1.0,
)
def forests_are_efficient(tables: Tables) -> Found:
    several = [seconds(tables, name) for name in present(tables, MULTI_ATLAS)]
    forest = seconds(tables, present(tables, FOREST)[0])
    return ratio(sum(several) / len(several), forest, ("several atlases", "forest"), " s")


@claim(
    *("4.6.2", "It is fully automatic."),
    "seeds that a person clicks for it",
    shown=0.0,
    contradicted=1.0,
)
def forests_are_automatic(tables: Tables) -> Found:
    return clicks(tables, FOREST)


@claim(
    *("4.6.3", "Nothing sees to it that its regions are connected."),
    "components too many or too few in clean images, forest minus several atlases",
    shown=1.0,
    contradicted=0.0,
)
def forests_do_not_connect(tables: Tables) -> Found:
    names = ("forest", "several atlases")
    return difference(tables, "betti_0_error", FOREST, MULTI_ATLAS, names)


@claim(
    *("4.6.3", "Under noise even less."),
    "components too many or too few, forest, hardest noise minus clean",
    shown=2.0,
    contradicted=0.0,
    ours=True,
)
def forests_fall_apart_under_noise(tables: Tables) -> Found:
    level = tables.hardest("noise")
    clean = mean(tables, "betti_0_error", method=FOREST, difficulty="clean")
    hard = mean(tables, "betti_0_error", method=FOREST, difficulty="noise", level=level)
    return Found(hard - clean, f"clean {shown(clean)}; hardest noise {shown(hard)}")


@claim(
    *("4.6.3", "It is shallow: what is learned in layers sees more."),
    "Dice of clean images, best network minus forest",
    shown=0.01,
    contradicted=-0.01,
)
def forests_are_shallow(tables: Tables) -> Found:
    forest = mean(tables, "dice", method=FOREST, difficulty="clean")
    deep = {
        name: mean(tables, "dice", method=name, difficulty="clean")
        for name in present(tables, NETWORKS)
    }
    if not deep:
        raise Missing("no network was run")
    best = max(deep, key=lambda name: deep[name])
    return Found(deep[best] - forest, f"{best} {deep[best]:.3f}; forest {forest:.3f}")
