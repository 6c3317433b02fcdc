"""Consensus of raters: STAPLE beside ITK and beside voxels, votes, SIMPLE."""

from __future__ import annotations

import math
import warnings
from typing import ClassVar

import numpy as np
import pytest

import fastseg
from fastseg.errors import InputError, InputTypeError
from fastseg.measures.vote_patterns import VotePatterns, vote_patterns
from fastseg.raters.fusion import simple
from fastseg.raters.staple import multi_label_staple, staple
from tests.raters import naive_raters as naive


def test_staple_over_patterns_is_staple_over_voxels() -> None:
    rng = np.random.default_rng(0)
    for number in range(60):
        maps = naive.noisy(rng, (6, 7), int(rng.integers(2, 7)), 2)
        weight = float(rng.choice([0.5, 1.0, 1.2]))
        most = 3 if number % 4 == 0 else 100_000
        found = staple(vote_patterns(maps).votes([1]), weight, most)
        belief, sensitivity, specificity, step = naive.staple(maps, weight, most)
        assert found.iterations == step
        np.testing.assert_allclose(found.sensitivity, sensitivity, atol=1e-12)
        np.testing.assert_allclose(found.specificity, specificity, atol=1e-12)
        image = fastseg.consensus(
            maps, "staple", probability_of=1, confidence_weight=weight, max_iterations=most
        )
        np.testing.assert_allclose(image, belief, atol=1e-12)


@pytest.mark.parametrize("value", [0, 1])
def test_staple_where_nobody_or_everybody_finds_all(value: int) -> None:
    maps = [np.full((3, 4), value, np.uint8)] * 3
    found = staple(vote_patterns(maps).votes([1]))
    assert (fastseg.consensus(maps, "staple") == value).all()
    assert (fastseg.consensus(maps, "staple", probability_of=1) == value).all()
    unknown, known = (found.sensitivity, found.specificity)[:: 1 if value == 0 else -1]
    assert np.isnan(unknown).all()
    assert (known == 1).all()


def test_multi_label_staple_over_patterns_is_that_over_voxels() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        maps = naive.noisy(rng, (6, 7, 2), int(rng.integers(2, 6)), 3)
        labels, confusion = naive.multi_label_staple(maps, undecided=0)
        found = multi_label_staple(vote_patterns(maps), undecided=0)
        np.testing.assert_allclose(found.confusion, confusion, atol=1e-9)
        clear = fastseg.consensus(maps, "staple")
        assert (
            clear != labels
        ).mean() < 0.05  # where two labels are equally probable but for a rounding


def test_counts_beyond_float32() -> None:
    """A counter of float32 stops at 2^24; the estimate must be that of the same shares."""
    rows = np.array([[0, 0, 0], [1, 1, 2], [1, 1, 1], [2, 2, 2], [2, 1, 2]], np.uint8)
    counts = np.array([50, 7, 30, 20, 3], np.int64)
    small = multi_label_staple(VotePatterns(rows, counts), 0)
    large = multi_label_staple(VotePatterns(rows, counts << 30), 0)
    np.testing.assert_allclose(large.confusion, small.confusion, rtol=1e-12)
    assert (large.consensus == small.consensus).all()


def test_majority_and_ties() -> None:
    maps = [np.array([0, 1, 1, 2, 1]), np.array([0, 1, 2, 2, 2]), np.array([0, 0, 1, 2, 0])]
    assert fastseg.consensus(maps).tolist() == [0, 1, 1, 2, 0]
    assert fastseg.consensus(maps, undecided=9).tolist() == [0, 1, 1, 2, 9]
    masks = [one == 1 for one in maps]
    assert fastseg.consensus(masks).dtype == bool
    assert fastseg.consensus(masks).tolist() == [False, True, True, False, False]


def test_simple_leaves_out_who_draws_something_else() -> None:
    good = np.zeros((12, 12), np.uint8)
    good[3:9, 3:9] = 1
    maps = [good, np.roll(good, 1, 0), np.roll(good, 1, 1), np.roll(good, 5, 0), good]
    found = simple(vote_patterns(maps), 0)
    assert found.weights[3] == 0
    assert (found.weights > 0).sum() >= 3
    np.testing.assert_array_equal(fastseg.consensus(maps, "simple"), good)
    alike = simple(vote_patterns([good] * 4), 0)
    assert alike.weights.tolist() == [1, 1, 1, 1]
    assert alike.iterations == 1
    nothing = [np.zeros(4, np.uint8)] * 3
    assert not fastseg.consensus(nothing, "simple").any()


def test_simple_over_patterns_is_simple_over_voxels() -> None:
    rng = np.random.default_rng(8)
    for _ in range(40):
        raters = int(rng.integers(3, 9))
        maps = [one == 1 for one in naive.noisy(rng, (7, 9), raters, 2)]
        kept = list(range(raters))
        truth = 2 * np.sum(maps, axis=0) > raters
        while True:
            scores = [naive.dice(one, truth) for one in maps]
            bound = np.mean([scores[i] for i in kept]) - np.std([scores[i] for i in kept])
            left = [i for i in kept if scores[i] >= bound - 1e-12]
            if len(left) < 3:
                left = kept
            votes = np.zeros(truth.shape)
            for i in left:
                votes += np.where(maps[i], scores[i], -scores[i])
            truth = votes > 1e-12
            if left == kept:
                break
            kept = left
        found = simple(vote_patterns(maps), 0)
        assert found.weights.nonzero()[0].tolist() == kept
        np.testing.assert_array_equal(fastseg.consensus(maps, "simple"), truth)


class OnDevice:
    """What says that it lies on a GPU."""

    shape = (2,)
    __cuda_array_interface__: ClassVar = {
        "shape": (2,),
        "typestr": "|u1",
        "data": (0, True),
        "version": 3,
    }


def test_a_map_on_a_gpu_is_to_be_copied() -> None:
    with pytest.raises(InputTypeError, match="rater 2: .* on a GPU; copy it"):
        fastseg.consensus([np.array([0, 1]), OnDevice()])


def test_what_is_refused() -> None:
    one = np.array([0, 1], np.uint8)
    with pytest.raises(InputError, match="at least 2"):
        fastseg.consensus([one])
    with pytest.raises(InputError, match="did you mean 'staple'"):
        fastseg.consensus([one, one], "stapel")
    with pytest.raises(InputError, match="only method='staple'"):
        fastseg.consensus([one, one], probability_of=1)
    with pytest.raises(InputError, match="rater 1 and rater 3 must have one shape"):
        fastseg.consensus([one, one, np.array([1, 0, 1])])
    with pytest.raises(InputError, match="no label of maps"):
        fastseg.consensus([one, one], undecided=300)
    with pytest.raises(InputError, match="max_iterations"):
        fastseg.consensus([one, one], "staple", max_iterations=0)
    with pytest.raises(InputTypeError, match="a list of label maps"):
        fastseg.consensus("a.nii.gz")


@pytest.mark.slow
def test_beside_itk() -> None:
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(2)
    for number in range(500):
        maps = naive.noisy(rng, (5, 6, 7), int(rng.integers(2, 8)), 2)
        maps[0][:] = maps[0] if number % 50 else 0
        votes = vote_patterns(maps).votes([1])
        weight = float(rng.choice([0.5, 1.0, 1.3]))
        ours = staple(votes, weight)
        filtered = sitk.STAPLEImageFilter()
        filtered.SetForegroundValue(1)
        filtered.SetConfidenceWeight(weight)
        image = filtered.Execute([sitk.GetImageFromArray(one) for one in maps])
        assert filtered.GetElapsedIterations() == ours.iterations
        np.testing.assert_allclose(filtered.GetSensitivity(), ours.sensitivity, atol=1e-12)
        np.testing.assert_allclose(filtered.GetSpecificity(), ours.specificity, atol=1e-12)
        probable = fastseg.consensus(maps, "staple", probability_of=1, confidence_weight=weight)
        np.testing.assert_allclose(sitk.GetArrayFromImage(image), probable, atol=1e-12)


@pytest.mark.slow
def test_label_maps_beside_itk_where_no_votes_tie() -> None:
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(4)
    compared = 0
    while compared < 150:
        maps = naive.noisy(rng, (4, 5, 6), int(rng.choice([3, 5])), 3)
        patterns = vote_patterns(maps)
        given = np.stack([(patterns.labels == one).sum(axis=1) for one in patterns.found], axis=1)
        tied = (given == given.max(axis=1, keepdims=True)).sum(axis=1) > 1
        data = np.stack(maps)
        for row in patterns.labels[tied]:  # let the first rater agree with the second
            where = (data == row[:, None, None, None]).all(axis=0)
            data[0][where] = data[1][where]
        maps = list(data)
        patterns = vote_patterns(maps)
        given = np.stack([(patterns.labels == one).sum(axis=1) for one in patterns.found], axis=1)
        if ((given == given.max(axis=1, keepdims=True)).sum(axis=1) > 1).any():
            continue
        compared += 1
        filtered = sitk.MultiLabelSTAPLEImageFilter()
        image = filtered.Execute([sitk.GetImageFromArray(one) for one in maps])
        undecided = int(data.max()) + 1
        ours = fastseg.consensus(maps, "staple", undecided=undecided)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), ours)


def test_files_are_read_on_one_grid(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    rng = np.random.default_rng(6)
    maps = naive.noisy(rng, (4, 5, 6), 3, 2)
    paths = []
    for number, one in enumerate(maps):
        paths.append(folder / f"{number}.npy")
        np.save(paths[-1], one)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fastseg.consensus(dict(zip("abc", paths, strict=True)))
    np.testing.assert_array_equal(found, fastseg.consensus(maps))
    assert math.isclose(found.mean(), fastseg.consensus(maps).mean())
