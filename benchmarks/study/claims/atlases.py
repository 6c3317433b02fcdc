"""Sections 4.3 to 4.5: atlases, registration, label propagation of several of them."""

from __future__ import annotations

from benchmarks.study import methods
from benchmarks.study.claims import Found, claim
from benchmarks.study.claims.readings import (
    AFFINE,
    ATLAS,
    FOREST,
    MULTI_ATLAS,
    NETWORKS,
    THRESHOLDS,
    degradation,
    difference,
    falls_more,
    mean,
    present,
    seconds_beside,
    shown,
    structure_like,
)
from benchmarks.study.tables import Missing, Tables

FUSED_BESIDE_ONE = ("several atlases", "one atlas")


@claim(
    *("4.3", "An atlas is prior knowledge by which others can be segmented."),
    "Dice of clean images, one atlas laid over by an affine transform",
    shown=0.5,
    contradicted=0.2,
)
def an_atlas_is_a_prior(tables: Tables) -> Found:
    found = mean(tables, "dice", method=AFFINE, difficulty="clean")
    return Found(found, f"mean Dice {found:.3f}")


@claim(
    *("4.4", "Deforming the atlas to the image gives it the form of what is sought."),
    "Dice of clean images, deformable minus affine registration of one atlas",
    shown=0.02,
    contradicted=0.0,
    ours=True,
)
def deforming_helps(tables: Tables) -> Found:
    return difference(tables, "dice", ATLAS, AFFINE, ("deformable", "affine"))


@claim(
    *("4.5", "How labels are fused is a choice: weights by likeness beat votes."),
    "Dice of clean images, joint label fusion minus majority",
    shown=0.005,
    contradicted=-0.005,
    ours=True,
)
def weighted_fusion_beats_votes(tables: Tables) -> Found:
    return difference(tables, "dice", MULTI_ATLAS[-1], MULTI_ATLAS[0], ("joint", "majority"))


@claim(
    *(
        "4.5",
        "What was contended between atlases can be kept, and tells where the fusion is unsure.",
    ),
    "share of wrong voxels of clean images where not all atlases agree, divided by that where all do",
    shown=3.0,
    contradicted=1.0,
)
def contention_tells_of_errors(tables: Tables) -> Found:
    counts = tables.contention
    if counts.empty or counts["agree"].nunique() < 2:
        raise Missing("votes of several atlases")
    clean = counts[counts["condition"] == "clean-0"]
    alike = clean["agree"] == clean["agree"].max()
    wrong = [clean[rows]["wrong"].sum() / clean[rows]["voxels"].sum() for rows in (~alike, alike)]
    if not wrong[1] > 0:
        raise Missing("errors where all atlases agree")
    told = f"where atlases disagree {wrong[0]:.1%} are wrong; where all agree {wrong[1]:.1%}"
    return Found(float(wrong[0] / wrong[1]), told)


@claim(
    *("4.5.1", "Like an ensemble, several atlases are more accurate than one."),
    "Dice of clean images, several atlases minus one",
    shown=0.01,
    contradicted=0.0,
)
def several_atlases_are_accurate(tables: Tables) -> Found:
    return difference(tables, "dice", MULTI_ATLAS, ATLAS, FUSED_BESIDE_ONE)


@claim(
    *("4.5.1", "They are more robust than one."),
    "ROOD-MRI's degradation of Dice, mean of the difficulties, one atlas minus several",
    shown=0.005,
    contradicted=-0.005,
)
def several_atlases_are_robust(tables: Tables) -> Found:
    one, several = degradation(tables, "dice", ATLAS), degradation(tables, "dice", MULTI_ATLAS)
    return Found(one - several, f"one atlas {one:.3f}; several atlases {several:.3f}")


@claim(
    *("4.5.1", "They are robust beside methods that go by intensity."),
    "ROOD-MRI's degradation of Dice, mean of the difficulties, thresholds minus several atlases",
    shown=0.02,
    contradicted=0.0,
    ours=True,
)
def several_atlases_are_more_robust_than_thresholds(tables: Tables) -> Found:
    one = degradation(tables, "dice", THRESHOLDS)
    several = degradation(tables, "dice", MULTI_ATLAS)
    return Found(one - several, f"thresholds {one:.3f}; several atlases {several:.3f}")


@claim(
    *("4.5.1", "Their segmentations are plausible: parts are neither lost nor strewn about."),
    "components too many or too few of all images, several atlases ÷ forest",
    shown=0.5,
    contradicted=1.0,
)
def several_atlases_are_plausible(tables: Tables) -> Found:
    wanted = ["clean", *tables.difficulties]
    several = mean(tables, "betti_0_error", method=MULTI_ATLAS, difficulty=wanted)
    forest = mean(tables, "betti_0_error", method=FOREST, difficulty=wanted)
    if not forest:
        raise Missing("the forest makes no component too many")
    return Found(several / forest, f"several atlases {shown(several)}; forest {shown(forest)}")


@claim(
    *("4.5.1", "They are fully automatic."),
    "seeds that a person clicks for them",
    shown=0.0,
    contradicted=1.0,
)
def several_atlases_are_automatic(tables: Tables) -> Found:
    return clicks(tables, MULTI_ATLAS)


def clicks(tables: Tables, names: str | tuple[str, ...]) -> Found:
    """Count the methods that look at seeds."""
    run = present(tables, names)
    known = [name for name in run if name in methods.names()]
    if not known:
        raise Missing("nobody knows whether they look at seeds")
    asking = sum(methods.method(name).uses_seeds for name in known)
    return Found(float(asking), f"{asking} of {len(known)} look at seeds")


@claim(
    *("4.5.2", "They are computationally expensive."),
    "seconds of an image, several atlases ÷ median of the other methods",
    shown=5.0,
    contradicted=1.0,
)
def several_atlases_are_expensive(tables: Tables) -> Found:
    found = seconds_beside(tables, MULTI_ATLAS, ("several atlases", "others"))
    return Found(1 / found.number if found.number else float("inf"), found.told)


@claim(
    *("4.5.2", "They do not deal well with abnormal bodies."),
    "by how much more they lose in Dice than thresholds do, in the most unusual bodies",
    shown=0.02,
    contradicted=0.0,
)
def several_atlases_mind_unusual_bodies(tables: Tables) -> Found:
    names = ("several atlases", "thresholds")
    return falls_more(tables, "dice", "shape", MULTI_ATLAS, THRESHOLDS, names)


@claim(
    *("4.5.2", "They are not suited to tumours."),
    "Dice of the tumour in clean images, several atlases minus the best of forest and networks",
    shown=-0.1,
    contradicted=0.0,
)
def several_atlases_miss_tumours(tables: Tables) -> Found:
    tumour = structure_like(tables, "tumour", "tumor", "lesion", "metasta")
    wanted = {"structure": tumour, "difficulty": "clean"}
    several = mean(tables, "dice", tables.scores, method=MULTI_ATLAS, **wanted)
    learned = {
        name: mean(tables, "dice", tables.scores, method=name, **wanted)
        for name in present(tables, (FOREST, *NETWORKS))
    }
    best = max(learned, key=lambda name: learned[name])
    told = f"{tumour}: several atlases {several:.3f}; {best} {learned[best]:.3f}"
    return Found(several - learned[best], told)
