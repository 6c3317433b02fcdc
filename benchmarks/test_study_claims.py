"""Verdicts of the study's claims: they follow their rules, flip with the numbers, and say what they lack."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

for package in ("pandas", "matplotlib", "nibabel", "sklearn"):
    pytest.importorskip(package)

import pandas

from benchmarks.study import claims, tables
from benchmarks.study.claims import readings

EVERY = (
    *readings.THRESHOLDS,
    readings.GROWING,
    readings.AFFINE,
    readings.ATLAS,
    *readings.MULTI_ATLAS,
    readings.FOREST,
    *readings.NETWORKS,
)
DIFFICULTIES = (
    *("noise", "partial_volume", "bias_field", "anisotropy"),
    *("ghosting", "motion", "spikes", "contrast", "shape"),
)
#: from the least to the most that fabricated values are
SPANS = {
    "betti_0_error": (0.0, 40.0),
    "surface_area_difference": (-3000.0, 3000.0),
    "relative_volume_difference": (-2.0, 4.0),
    "volume_similarity": (0.85, 1.0),
    **dict.fromkeys(("hd", "hd95", "assd"), (1.0, 30.0)),
}
FABRICATED = (
    *("dice", "nsd", "boundary_iou", "precision", "recall"),
    *SPANS,
)
#: what networks record of tiles
SEAMS = ("seams_zeros", "inside_zeros", "seams_replicate", "inside_replicate")
#: what nobody measures, as the method's interface says it
BY_DEFINITION = ("several_atlases_are_automatic", "forests_are_automatic")


class Values:
    """Where fabricated numbers come from: drawn, all of them the least, or all the most; mirrored, the other way."""

    def __init__(self, seed: int, mirrored: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.mirrored = mirrored
        self.all = {0: 0.0, 1: 1.0}.get(seed)
        # what falls with the level, what rises, and whether the best are the most robust
        self.sign = (-1, 1)[seed % 2]
        self.tied = seed % 4 < 2
        self.drawn: dict[object, float] = {}

    def share(self, method: str, level: int, metric: str, difficulty: str) -> float:
        """Give a share between the least and the most, as a method is, and as it minds the level."""
        if self.all is not None:
            return 1 - self.all if self.mirrored else self.all
        good = self.once((method, metric))
        mind = good if self.tied else self.once((method, metric, difficulty))
        found = 0.2 + 0.6 * good + 0.2 * self.sign * level / 5 * mind
        return 1 - found if self.mirrored else found

    def once(self, key: object) -> float:
        """Draw a share once for a key."""
        return self.drawn.setdefault(key, float(self.rng.uniform()) ** 2)

    def of(
        self, low: float, high: float, method: str, level: int, metric: str, difficulty: str = ""
    ) -> float:
        """Give a number in a span."""
        return low + (high - low) * self.share(method, level, metric, difficulty)


def fabricated(seed: int, mirrored: bool = False) -> tables.Tables:
    """Make up what was measured; mirrored, what was large is small."""
    values = Values(seed, mirrored)
    conditions = [("clean", 0), *((name, 5) for name in DIFFICULTIES)]
    rows = [(method, difficulty, level) for method in EVERY for difficulty, level in conditions] + [
        (tables.TRUTH, "rater_noise", 5)
    ]
    scores = pandas.DataFrame(rows, columns=["method", "difficulty", "level"])
    for name in FABRICATED:
        span = SPANS.get(name, (0.0, 1.0))
        scores[name] = [
            values.of(*span, method, level, name, difficulty) for method, difficulty, level in rows
        ]
    same = {"anatomy": "organs", "target": "tissues", "structure": "tumour"}
    scores = scores.assign(**same, subject="test_00", flags="")
    shared = sorted({one for name in EVERY if (one := readings.prepared_by(name))})
    times = [
        {"stage": stage, "method": name, "seconds": 10 ** values.of(-2.0, 2.0, name, 0, stage)}
        for stage, names in (("segment", EVERY), ("prepare", shared))
        for name in names
    ]
    learning = [
        {"anatomy": "organs", "method": name, "step": step, "dice": learned(values, name, step)}
        for name in readings.NETWORKS
        for step in (1, 2, 4, 8)
    ]
    # what is recorded once, after training
    learning += [
        {"anatomy": "organs", "method": name}
        | {one: values.share(name, 0, one, "") for one in SEAMS}
        for name in readings.NETWORKS
    ]
    larger = dict.fromkeys(FABRICATED, True) | dict.fromkeys(SPANS, False)
    frames = (pandas.DataFrame(rows) for rows in (times, learning))
    contention = [
        {"condition": "clean-0", "agree": agree, "voxels": 1000}
        | {"wrong": 1000 * values.share(f"{agree} agree", 0, "wrong", "") ** 2}
        for agree in (2, 4)
    ]
    return tables.Tables({}, scores, larger, *frames, contention=pandas.DataFrame(contention))


def learned(values: Values, name: str, step: int) -> float:
    """Rise to 1, some methods from the first step on, and some not before the last."""
    return float(min(1.0, step / 8 * 16 ** values.share(name, 0, "dice", "")))


#: of which the reverse is no mirror image: shares, ranks, steps, the best of several, nearness
NOT_MIRRORED = (
    *("robustness_is_no_accuracy", "performance_falls_with_level", "transformers_learn_slower"),
    *("forests_are_shallow", "several_atlases_miss_tumours", "pyramids_stand_beside_unets"),
    *("transformers_fit_into_unets", "raters_disagree", "dice_does_not_see_isolated_voxels"),
    *(
        "thresholds_are_fast",
        "otsus_thresholds_are_fast",
        "partial_volume_spares_the_core",
        "region_growing_is_fast",
    ),
    "contention_tells_of_errors",
    *("an_atlas_is_a_prior", "lenet_segments", "isolated_voxels_are_seen_by_hd"),
)
DECISIVE = (claims.SHOWN, claims.CONTRADICTED)
TABLES: dict[tuple[int, bool], tables.Tables] = {}


def made_up(seed: int, mirrored: bool = False) -> tables.Tables:
    """Make tables up once."""
    key = (seed, mirrored)
    if key not in TABLES:
        TABLES[key] = fabricated(seed, mirrored)
    return TABLES[key]


@pytest.mark.parametrize(
    "one", [one for one in claims.registry() if one.name not in BY_DEFINITION], ids=lambda x: x.name
)
def test_a_verdict_flips_with_the_numbers(one: claims.Claim) -> None:
    """Both verdicts come out of some numbers, and what is shown by some is not shown by their reverse."""
    seen = set()
    for seed in range(40):
        verdict = claims.judge(one, made_up(seed)).verdict
        reverse = claims.judge(one, made_up(seed, mirrored=True)).verdict
        if seed > 1:  # where all is the same, nothing can be reversed
            assert {verdict, reverse} <= {*DECISIVE, claims.NOT_DECIDED}
            if one.name not in NOT_MIRRORED:
                assert (verdict, reverse) not in [(each, each) for each in DECISIVE], seed
        seen |= {verdict, reverse}
        if set(DECISIVE) <= seen:
            return
    pytest.fail(f"only {seen} in all numbers")


@pytest.mark.parametrize("one", claims.registry(), ids=lambda one: one.name)
def test_a_claim_says_what_it_lacks(one: claims.Claim) -> None:
    found = made_up(0)
    other = found.scores.assign(method="somebody_elses", difficulty="clean", level=0)
    bare = dataclasses.replace(
        found,
        scores=other,
        times=pandas.DataFrame(),
        learning=pandas.DataFrame(),
        contention=pandas.DataFrame(),
    )
    verdict = claims.judge(one, bare)
    assert verdict.verdict == claims.NOT_MEASURED
    assert verdict.told
    assert math.isnan(verdict.number)


def test_limits_are_applied_in_both_directions() -> None:
    more = claims.Claim("a", "1", "", "", 0.1, 0.0, lambda found: None)  # type: ignore[arg-type]
    less = dataclasses.replace(more, shown=-0.1)
    given = (0.1, 0.05, 0.0, -0.1)
    told = [claims.decided(more, number) for number in given]
    assert told == [claims.SHOWN, claims.NOT_DECIDED, claims.CONTRADICTED, claims.CONTRADICTED]
    assert [claims.decided(less, -number) for number in given] == told
    assert more.rule == "shown ≥ 0.1, contradicted ≤ 0"


def test_every_section_has_its_sentences() -> None:
    found = {one.section for one in claims.registry()}
    wanted = {*(f"2.{number}" for number in range(1, 8)), "3.3.3"}
    wanted |= {"4.1.1", "4.1.2", "4.2.1", "4.2.2", "4.3", "4.4", "4.5.1", "4.5.2"}
    wanted |= {"4.6.2", "4.6.3", "5.1.1", "6.1.3", "6.1.4", "6.1.6", "6.1.7", "6.2"}
    assert wanted <= found
    for one in claims.registry():
        assert one.shown != one.contradicted, one.name
        assert one.sentence.endswith((".", "?")), one.name
