"""Atlases are brought where they belong, the same in every process, and fused as they should be."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import fastseg

with warnings.catch_warnings():
    # what ANTs imports in its turn speaks of its own deprecations
    warnings.simplefilter("ignore")
    pytest.importorskip("ants")

from benchmarks.study import registrations
from benchmarks.study.anatomies import Anatomy
from benchmarks.study.methods import Fitting, method
from benchmarks.study.settings import QUICK
from benchmarks.study.subjects import Sample

NAMES = (
    "atlas_affine",
    "atlas_deformable",
    "multi_atlas_majority",
    "multi_atlas_staple",
    "multi_atlas_joint",
)
LABELS = {"large": 1, "round": 2, "tube": 3}
SHAPE = (48, 40, 32)


def sample(seed: int, strength: float = 3.0) -> Sample:
    """Draw a slab with three structures, deformed smoothly by at most `strength` voxels along each axis."""
    rng = np.random.default_rng(seed)
    points = np.stack(np.indices(SHAPE)).astype(float)
    for axis in range(3):
        smooth = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 8)
        points[axis] += strength * smooth / np.abs(smooth).max()
    x, y, z = points
    truth = np.zeros(SHAPE, np.uint8)
    body = ((x - 24) / 21) ** 2 + ((y - 20) / 17) ** 2 < 1
    truth[((x - 15) / 9) ** 2 + ((y - 18) / 11) ** 2 + ((z - 18) / 10) ** 2 < 1] = 1
    truth[(x - 34) ** 2 + (y - 15) ** 2 + (z - 16) ** 2 < 49] = 2
    truth[(x - 28) ** 2 + (y - 28) ** 2 < 14] = 3
    means = np.array([60.0, 110.0, 160.0, 210.0])
    image = ndimage.gaussian_filter(np.where(body | (truth > 0), means[truth], 0.0), 0.5)
    image += rng.normal(0, 2, SHAPE)
    return Sample(f"s{seed}", image.astype(np.float32), truth, 3.0, {})


def atlases(*seeds: int) -> tuple[registrations.Atlas, ...]:
    drawn = [sample(seed) for seed in seeds]
    return tuple(registrations.Atlas(s.name, s.image, s.truth, s.spacing) for s in drawn)


def dice(truth: np.ndarray, labels: np.ndarray) -> list[float]:
    rows = fastseg.evaluate(truth, labels, labels=LABELS, metrics="dice", flags=False).rows
    return [row.values_by_metric["dice"] for row in rows]


@pytest.fixture(scope="module")
def target() -> Sample:
    return sample(0)


@pytest.fixture(scope="module")
def prepared(target: Sample) -> dict[str, np.ndarray]:
    return registrations.prepare(atlases(1, 2, 3, 4), dataclasses.replace(target, truth=None))


def test_deformations_are_undone(target, prepared):
    before = np.mean([np.mean(dice(target.truth, a.labels)) for a in atlases(1, 2, 3, 4)])
    after = [np.mean(dice(target.truth, labels)) for labels in prepared["deformed"]]
    assert before < 0.88
    assert min(after) > 0.93
    assert np.mean(dice(target.truth, prepared["affine"])) < min(after)


def test_images_are_moved_with_their_labels(target, prepared):
    inside = target.truth > 0
    for image in prepared["images"]:
        assert np.corrcoef(image[inside], target.image[inside])[0, 1] > 0.9


def test_what_is_prepared_is_small(prepared, tmp_path):
    np.savez_compressed(tmp_path / "prepared.npz", **prepared)
    assert (tmp_path / "prepared.npz").stat().st_size < 4 * 2 * np.prod(SHAPE)
    assert prepared["deformed"].dtype == prepared["affine"].dtype == np.uint8
    assert prepared["deformed"].shape == prepared["images"].shape == (4, *SHAPE)


def test_an_atlas_stays_on_its_own_image(target):
    own = registrations.Atlas("own", target.image, target.truth, target.spacing)
    found = registrations.prepare((own,), target)
    assert min(dice(target.truth, found["affine"])) > 0.99
    assert min(dice(target.truth, found["deformed"][0])) > 0.99
    assert (found["agreement"] == 1).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_method_gives_labels_of_the_anatomy(name, target, prepared):
    found = method(name)
    labels = found.segment(None, dataclasses.replace(target, truth=None), prepared)
    assert labels.dtype == np.uint8
    assert labels.shape == target.image.shape
    assert set(np.unique(labels)) == {0, *LABELS.values()}
    assert np.mean(dice(target.truth, labels)) > (0.8 if name == "atlas_affine" else 0.92)
    assert found.prepare == "registrations"


def test_fusing_is_better_than_one_atlas_and_weights_are_better_than_votes(target, prepared):
    one, votes, joint = (
        np.mean(dice(target.truth, method(name).segment(None, target, prepared)))
        for name in ("atlas_deformable", "multi_atlas_majority", "multi_atlas_joint")
    )
    assert one < votes < joint


def votes_of(maps: np.ndarray) -> np.ndarray:
    """Count by hand; the first map decides where two labels have most votes."""
    fused = np.zeros(maps.shape[1:], np.uint8)
    for index in np.ndindex(fused.shape):
        values, counts = np.unique(maps[(slice(None), *index)], return_counts=True)
        most = values[counts == counts.max()]
        fused[index] = most[0] if len(most) == 1 else maps[(0, *index)]
    return fused


@pytest.mark.parametrize("many", [2, 3, 4])
def test_majority_counts(many, target):
    maps = np.random.default_rng(many).integers(0, 4, (many, 6, 7, 5)).astype(np.uint8)
    fused = method("multi_atlas_majority").segment(None, target, {"deformed": maps})
    assert np.array_equal(fused, votes_of(maps))


def test_staple_overrules_a_bad_majority(target):
    # three maps of four that err alike in a corner outvote the fourth, but no map errs elsewhere
    truth = target.truth
    good = np.stack([truth, truth, truth, np.roll(truth, 9, 0)])
    fused = method("multi_atlas_staple").segment(None, target, {"deformed": good})
    assert min(dice(truth, fused)) == 1.0


def test_agreement_counts_the_atlases_that_agree(prepared):
    maps = prepared["deformed"]
    most = np.max([(maps == label).sum(0) for label in range(4)], axis=0)
    assert np.array_equal(prepared["agreement"], most)
    # contention is where structures end
    assert 0.01 < (most < 4).mean() < 0.2


def test_joint_fusion_believes_the_atlas_that_looks_like_the_image(target):
    moved = np.roll(target.truth, 4, 0)
    maps = np.stack([moved, moved, target.truth])
    images = np.stack([np.roll(target.image, 4, 0)] * 2 + [target.image]).astype(np.int16)
    agreement = np.where((maps == maps[0]).all(0), 3, 2).astype(np.uint8)
    found = {"deformed": maps, "images": images, "agreement": agreement}
    votes = method("multi_atlas_majority").segment(None, target, found)
    joint = method("multi_atlas_joint").segment(None, target, found)
    assert np.mean(dice(target.truth, votes)) < 0.8
    assert min(dice(target.truth, joint)) > 0.95
    agreed = ~ndimage.binary_dilation(agreement < 3)
    assert np.array_equal(joint[agreed], maps[0][agreed])


def test_atlases_that_agree_everywhere_need_no_fusion(target):
    found = {
        "deformed": np.stack([target.truth] * 2),
        "agreement": np.full(SHAPE, 2, np.uint8),
    }
    joint = method("multi_atlas_joint").segment(None, target, found)
    assert np.array_equal(joint, target.truth)


def digest(seed: int) -> str:
    """Hash what two atlases give on an image; called by another process, too."""
    drawn = sample(seed)
    found = registrations.prepare(atlases(1, 2), drawn)
    found["joint"] = method("multi_atlas_joint").segment(None, drawn, found)
    return hashlib.sha256(b"".join(found[key].tobytes() for key in sorted(found))).hexdigest()


def test_the_same_bytes_in_another_process(prepared):
    # this one has registered other images before
    root = Path(__file__).parents[1]
    code = "from benchmarks.test_study_registration import digest; print(digest(5))"
    environment = dict(os.environ, PYTHONPATH=f"{root}{os.pathsep}{root / 'kernels'}")
    environment.pop("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", None)
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert digest(5) == other.stdout.split()[-1]


def test_nothing_is_left_in_the_temporary_folder(target, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = registrations.prepare(atlases(1, 2), target)
    method("multi_atlas_joint").segment(None, target, found)
    assert list(tmp_path.iterdir()) == []


def test_an_image_without_contrast_leaves_the_atlas_where_it_is(caplog):
    (atlas,) = atlases(1)
    flat = Sample("flat", np.full(SHAPE, 7, np.float32), None, 3.0, {})
    with caplog.at_level(logging.WARNING):
        found = registrations.prepare((atlas, atlas), flat)
    assert "no affine registration" in caplog.text
    assert "no deformable registration" in caplog.text
    assert np.array_equal(found["affine"], atlas.labels)
    assert np.array_equal(found["deformed"], np.stack([atlas.labels] * 2))
    for name in NAMES:
        assert np.array_equal(method(name).segment(None, flat, found), atlas.labels)


def test_an_image_of_nothing_or_noise_is_segmented_somehow(target):
    for image in (np.zeros(SHAPE), np.random.default_rng(0).normal(0, 2, SHAPE)):
        other = Sample("other", image.astype(np.float32), None, 3.0, {})
        found = registrations.prepare(atlases(1, 2), other)
        for name in NAMES:
            labels = method(name).segment(None, other, found)
            assert set(np.unique(labels)) <= {0, *LABELS.values()}


def test_the_most_typical_subject_is_the_first_atlas():
    # two alike, and one that is stretched and lies elsewhere
    usual, like = sample(1, 1.0), sample(2, 1.0)
    odd = sample(3, 14.0)
    kept: list[dict[str, object]] = []
    anatomy = Anatomy("slab", LABELS, {"all": LABELS}, "all", {}, lambda *_: None, ())
    fitting = Fitting(anatomy, (odd, usual, like), (), QUICK, kept.append)
    chosen = registrations.fit(fitting)
    assert {atlas.name for atlas in chosen} == {"s1", "s2"}
    assert [record["atlas"] for record in kept] == [atlas.name for atlas in chosen]


def test_an_atlas_needs_labels():
    with pytest.raises(ValueError, match="no labels"):
        registrations._atlas(dataclasses.replace(sample(1), truth=None))
