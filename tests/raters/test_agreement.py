"""Agreement of raters beside definitions written again, and beside the packages that people know."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastseg.measures.vote_patterns import vote_patterns
from fastseg.raters.agreement import (
    Level,
    agreed_dice,
    cohen_kappa,
    dice_of_pairs,
    energy_distance,
    fleiss_kappa,
    iou_of_pairs,
    krippendorff_alpha,
    thresholded_dice,
)
from tests.raters import naive_raters as naive

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")


def test_kappas_and_alpha_are_their_definitions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        raters, labels = int(rng.integers(2, 7)), int(rng.integers(2, 6))
        maps = naive.noisy(rng, (int(rng.integers(2, 60)),), raters, labels)
        patterns = vote_patterns(maps)
        assert fleiss_kappa(patterns) == pytest.approx(
            naive.fleiss(maps), rel=1e-12, abs=1e-13, nan_ok=True
        )
        assert cohen_kappa(patterns, 0, 1) == pytest.approx(
            naive.cohen(*maps[:2]), rel=1e-12, abs=1e-13, nan_ok=True
        )
        for level in LEVELS:
            assert krippendorff_alpha(patterns, level) == pytest.approx(
                naive.alpha(maps, level), rel=1e-12, abs=1e-13, nan_ok=True
            )


def test_published_example_of_fleiss() -> None:
    """Fleiss 1971 as Wikipedia works it out: fourteen raters, ten subjects, five categories, 0.210."""
    given = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    rows = [np.repeat(np.arange(5), row) for row in given]
    maps = list(np.stack(rows, axis=1).astype(np.uint8))
    assert fleiss_kappa(vote_patterns(maps)) == pytest.approx(0.2099, abs=5e-5)


def test_published_example_of_cohen() -> None:
    """20, 5, 10 and 15 proposals: 0.4."""
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    assert cohen_kappa(vote_patterns([first, second]), 0, 1) == pytest.approx(0.4)


@pytest.mark.parametrize("value", [0, 1])
def test_one_label_alone_says_nothing(value: int) -> None:
    patterns = vote_patterns([np.full(5, value, np.uint8)] * 3)
    assert math.isnan(fleiss_kappa(patterns))
    assert math.isnan(cohen_kappa(patterns, 0, 2))
    assert all(math.isnan(krippendorff_alpha(patterns, level)) for level in LEVELS)


def test_all_alike_agree_fully() -> None:
    patterns = vote_patterns([np.array([0, 1, 2, 1], np.uint8)] * 3)
    assert fleiss_kappa(patterns) == cohen_kappa(patterns, 0, 1) == 1
    assert all(krippendorff_alpha(patterns, level) == 1 for level in LEVELS)


def test_overlap_and_energy_of_pairs() -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        labels = int(rng.integers(2, 5))
        maps = naive.noisy(rng, (4, 5), int(rng.integers(3, 7)), labels)
        patterns = vote_patterns(maps)
        wanted = list(range(1, labels + 1))  # the last one is nowhere
        pairs = [patterns.votes([one]).intersections for one in wanted]
        masks = [one == 1 for one in maps]
        for i, first in enumerate(masks):
            for j, second in enumerate(masks):
                assert np.nan_to_num(iou_of_pairs(pairs[0]), nan=1.0)[i, j] == naive.iou(
                    first, second
                )
                assert dice_of_pairs(pairs[0])[i, j] == pytest.approx(
                    naive.dice(first, second), nan_ok=True
                )
        split = len(maps) - int(rng.integers(1, 3))
        found = energy_distance(pairs, range(split), range(split, len(maps)))
        assert found == pytest.approx(naive.energy(maps[:split], maps[split:], wanted), abs=1e-13)


def test_dice_beside_shares_of_raters() -> None:
    rng = np.random.default_rng(2)
    thresholds = [i / 10 for i in range(1, 10)]
    for _ in range(40):
        *maps, prediction = [one == 1 for one in naive.noisy(rng, (30,), 5, 2)]
        together = vote_patterns([*maps, prediction]).votes([1])
        votes = type(together)(together.votes[:, :-1], together.counts)
        predicted = together.votes[:, -1]
        share = np.mean(maps, axis=0)
        for above in (False, True):
            scores = [
                naive.dice(share > t if above else share >= t, prediction) for t in thresholds
            ]
            expected = np.nan_to_num(scores, nan=1.0).mean()
            assert thresholded_dice(votes, predicted, thresholds, above=above) == pytest.approx(
                expected
            )
        same = (share == 0) | (share == 1)
        expected = naive.dice(share[same] == 1, prediction[same])
        assert agreed_dice(votes, predicted) == pytest.approx(
            1 if math.isnan(expected) else expected
        )


@pytest.mark.slow
def test_beside_krippendorff_and_statsmodels() -> None:
    krippendorff = pytest.importorskip("krippendorff")
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    rng = np.random.default_rng(3)
    for _ in range(500):
        maps = naive.noisy(rng, (40,), int(rng.integers(2, 8)), int(rng.integers(2, 6)))
        patterns = vote_patterns(maps)
        data = np.stack(maps).astype(float)
        for level in LEVELS:
            theirs = krippendorff.alpha(reliability_data=data, level_of_measurement=level)
            assert krippendorff_alpha(patterns, level) == pytest.approx(theirs, abs=1e-12)
        given, _ = inter_rater.aggregate_raters(data.T.astype(int))
        assert fleiss_kappa(patterns) == pytest.approx(inter_rater.fleiss_kappa(given), abs=1e-12)
