"""Section 2: what makes images hard, and 3: what makes truths and robustness."""

from __future__ import annotations

from benchmarks.study.claims import Found, claim
from benchmarks.study.claims.readings import (
    ATLAS,
    GROWING,
    MULTI_ATLAS,
    NETWORKS,
    THRESHOLDS,
    degradation,
    ends,
    fall,
    falls_more,
    leaks,
    mean,
    present,
    shown,
)
from benchmarks.study.tables import TRUTH, Missing, Tables

BY_PLACE = (ATLAS, *MULTI_ATLAS)
BESIDE = ("thresholds", "atlases")


@claim(
    *("2.1", "Variation from pixel to pixel hides what is sought."),
    "mean Dice of all methods, clean minus hardest noise",
    shown=0.05,
    contradicted=0.0,
)
def noise_hurts(tables: Tables) -> Found:
    return fall(tables, "dice", "noise")


@claim(
    *("2.1", "It is in the way of methods that look at single voxels most."),
    "by how much more thresholds lose in Dice than atlases do, under the hardest noise",
    shown=0.05,
    contradicted=0.0,
    ours=True,
)
def noise_hurts_thresholds_most(tables: Tables) -> Found:
    return falls_more(tables, "dice", "noise", THRESHOLDS, BY_PLACE, BESIDE)


@claim(
    *("2.2", "Voxels at a boundary hold two objects, so that nobody knows where one ends."),
    "mean boundary IoU of all methods, clean minus coarsest sampling",
    shown=0.05,
    contradicted=0.0,
)
def partial_volume_moves_boundaries(tables: Tables) -> Found:
    return fall(tables, "boundary_iou", "partial_volume")


@claim(
    *("2.2", "The boundary is what suffers, not the whole object."),
    "share of its clean value lost under the coarsest sampling, boundary IoU minus Dice",
    shown=0.03,
    contradicted=0.0,
    ours=True,
)
def partial_volume_spares_the_core(tables: Tables) -> Found:
    lost = {}
    for metric in ("boundary_iou", "dice"):
        clean, hard = ends(tables, metric, "partial_volume")
        if clean <= 0:
            raise Missing(f"{metric} of clean images is 0")
        lost[metric] = (clean - hard) / clean
    told = f"boundary IoU loses {lost['boundary_iou']:.0%}; Dice {lost['dice']:.0%}"
    return Found(lost["boundary_iou"] - lost["dice"], told)


@claim(
    *("2.3", "One tissue has different intensities in different places."),
    "Dice of thresholds, clean minus strongest bias field",
    shown=0.05,
    contradicted=0.0,
)
def bias_hurts_thresholds(tables: Tables) -> Found:
    return fall(tables, "dice", "bias_field", THRESHOLDS)


@claim(
    *("2.3", "What knows where things are does not mind as much."),
    "by how much more thresholds lose in Dice than atlases do, under the strongest bias field",
    shown=0.03,
    contradicted=0.0,
    ours=True,
)
def bias_spares_atlases(tables: Tables) -> Found:
    return falls_more(tables, "dice", "bias_field", THRESHOLDS, BY_PLACE, BESIDE)


@claim(
    *("2.4", "Thick slices leave less to be seen along one axis."),
    "mean NSD of all methods, clean minus thickest slices",
    shown=0.05,
    contradicted=0.0,
)
def thick_slices_hurt(tables: Tables) -> Found:
    return fall(tables, "nsd", "anisotropy")


@claim(
    *("2.5", "Artefacts of acquisition, ghosts, make images harder."),
    "mean Dice of all methods, clean minus strongest ghosts",
    shown=0.02,
    contradicted=0.0,
)
def ghosts_hurt(tables: Tables) -> Found:
    return fall(tables, "dice", "ghosting")


@claim(
    *("2.5", "So does motion."),
    "mean Dice of all methods, clean minus most motion",
    shown=0.02,
    contradicted=0.0,
)
def motion_hurts(tables: Tables) -> Found:
    return fall(tables, "dice", "motion")


@claim(
    *("2.5", "So do spikes in k-space."),
    "mean Dice of all methods, clean minus strongest spikes",
    shown=0.02,
    contradicted=0.0,
)
def spikes_hurt(tables: Tables) -> Found:
    return fall(tables, "dice", "spikes")


@claim(
    *("2.6", "Where tissues look alike, methods that go by intensity alone are prone to fail."),
    "by how much more thresholds lose in Dice than atlases do, at the least contrast",
    shown=0.05,
    contradicted=0.0,
)
def contrast_fails_thresholds(tables: Tables) -> Found:
    return falls_more(tables, "dice", "contrast", THRESHOLDS, BY_PLACE, BESIDE)


@claim(
    *("2.6", "They leak into what is beside."),
    "by how many of its true volumes the structure that leaks most is too large by thresholds and region growing, "
    "least contrast minus clean",
    shown=0.5,
    contradicted=0.0,
)
def contrast_makes_regions_leak(tables: Tables) -> Found:
    return leaks(tables, (*THRESHOLDS, GROWING), "contrast")


@claim(
    *("2.7", "Bodies differ, which makes prior knowledge of shape hard to use."),
    "by how much more atlases lose in Dice than thresholds do, in the most unusual bodies",
    shown=0.02,
    contradicted=0.0,
)
def unusual_bodies_hurt_atlases(tables: Tables) -> Found:
    return falls_more(tables, "dice", "shape", BY_PLACE, THRESHOLDS, BESIDE[::-1])


@claim(
    *("2.7", "Networks that learned from usual bodies lose as well."),
    "Dice of networks, clean minus most unusual bodies",
    shown=0.02,
    contradicted=0.0,
    ours=True,
)
def unusual_bodies_hurt_networks(tables: Tables) -> Found:
    return fall(tables, "dice", "shape", present(tables, NETWORKS))


@claim(
    *("3.2", "Observers disagree, and so nobody can reach the gold standard of one of them."),
    "1 minus Dice of the truth itself, measured against the most deviating rater",
    shown=0.05,
    contradicted=0.01,
)
def raters_disagree(tables: Tables) -> Found:
    rated = tables.rows(method=TRUTH, difficulty="rater_noise")
    levels = sorted(rated["level"].unique())
    dice = [mean(tables, "dice", rated, level=level) for level in levels]
    told = "; ".join(
        f"level {level}: {value:.3f}" for level, value in zip(levels, dice, strict=True)
    )
    return Found(1 - dice[-1], f"Dice of a method without a fault: {told}")


@claim(
    *("3.3.3", "Performance falls as noise or artefacts grow."),
    "share of pairs of a method and a difficulty of images in which ROOD-MRI's degradation of Dice is above 0",
    shown=0.8,
    contradicted=0.5,
)
def performance_falls_with_level(tables: Tables) -> Found:
    falling = []
    for method in tables.methods:
        for difficulty in tables.difficulties:
            try:
                curve = tables.curve("dice", difficulty, method=method)
            except Missing:
                continue  # a method of an anatomy without difficulties
            falling.append(curve.degradation > 0)
    if not falling:
        raise Missing("no curves")
    share = sum(falling) / len(falling)
    return Found(share, f"{sum(falling)} of {len(falling)}")


@claim(
    *("3.3.3", "How robust a method is, is something else than how good it is."),
    "Spearman's correlation over methods of Dice of clean images with its degradation",
    shown=0.5,
    contradicted=0.9,
    ours=True,
)
def robustness_is_no_accuracy(tables: Tables) -> Found:
    from scipy.stats import spearmanr

    clean, falling = [], []
    for method in tables.methods:
        try:
            falling.append(degradation(tables, "dice", method))
        except Missing:
            continue
        clean.append(mean(tables, "dice", method=method, difficulty="clean"))
    if len(clean) < 3:
        raise Missing("fewer than three methods")
    if len(set(clean)) == 1 or len(set(falling)) == 1:
        raise Missing("all methods are alike")
    found = float(abs(spearmanr(clean, falling).statistic))
    return Found(found, f"|ρ| = {shown(found)}, of {len(clean)} methods")
