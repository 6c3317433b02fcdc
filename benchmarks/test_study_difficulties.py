"""Each difficulty is as strong as asked for, in the same direction at every level, and leaves the truth alone."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torchio")

import fastseg
from benchmarks.study.difficulties import (
    bias_field,
    contrast,
    difficulty,
    ghosting,
    noise,
    partial_volume,
)
from benchmarks.study.resolution import seen_in_blocks
from benchmarks.study.subjects import Subject, blocks, clean_image, truth_of
from benchmarks.study.torchio_arrays import on_the_grid
from benchmarks.study.truths.rater_noise import RATER_STRENGTHS, TOLERANCES_MM, redrawn

NAMES = (
    "noise",
    "partial_volume",
    "bias_field",
    "anisotropy",
    "ghosting",
    "motion",
    "spikes",
    "contrast",
)


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Two organs in a body; the grid is none that blocks of 3, 4, 5, 6, 8 fill."""
    shape = np.array([70, 62, 58])
    place = np.indices(shape, np.float32)

    def ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:
        offsets = place - np.array(centre)[:, None, None, None]
        return (offsets**2).sum(0) < radius**2

    tissues = np.zeros(shape, np.uint8)
    tissues[ball((34.5, 30.5, 28.5), 27)] = 100
    tissues[ball((26.3, 30.1, 29.4), 11)] = 1
    tissues[ball((44.2, 33.6, 25.3), 8)] = 2
    means = {1: 190.0, 2: 70.0, 100: 120.0}
    return Subject("test_00", tissues, 1.5, means, texture=3.0, seed=11)


@pytest.mark.parametrize("name", NAMES)
def test_levels_grow_and_only_the_image_changes(subject, name):
    found = difficulty(name)
    before = dataclasses.asdict(subject)
    clean = clean_image(subject)
    images = [found.image(subject, strength, 4) for strength in found.strengths]
    assert len(images) == 5
    for image in images:
        assert image.dtype == np.float32
        assert image.shape == truth_of(subject).shape
        assert np.isfinite(image).all()
    effects = [float(np.sqrt(np.mean((image - clean) ** 2))) for image in images]
    assert all(np.diff(effects) > 0), effects
    assert effects[0] > 1
    np.testing.assert_equal(dataclasses.asdict(subject), before)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(subject, name):
    found = difficulty(name)
    strength = found.strengths[2]
    first = found.image(subject, strength, 4).tobytes()
    assert found.image(subject, strength, 4).tobytes() == first
    # how many ghosts there are may be the same for two seeds; contrast draws nothing of its own
    others = {found.image(subject, strength, seed).tobytes() for seed in range(5, 11)}
    if name == "contrast":
        assert others == {first}
    else:
        assert others - {first}


@pytest.mark.parametrize("name", ["noise", "spikes", "ghosting"])
def test_levels_differ_in_strength_alone(subject, name):
    found = difficulty(name)
    clean = clean_image(subject)
    added = [found.image(subject, strength, 4) - clean for strength in found.strengths]
    for strength, difference in zip(found.strengths, added, strict=True):
        expected = added[-1] * (strength / found.strengths[-1])
        np.testing.assert_allclose(difference, expected, atol=1e-3 * np.abs(added[-1]).max())


@pytest.mark.parametrize("name", NAMES)
def test_no_strength_is_the_clean_image(subject, name):
    nothing = {"partial_volume": 2, "anisotropy": 1, "contrast": 1}.get(name, 1e-4)
    difference = difficulty(name).image(subject, nothing, 4) - clean_image(subject)
    # where voxels are measured anew, the noise is another draw of the same strength
    assert difference.std() < (3.5 if name in ("partial_volume", "anisotropy") else 0.05)


def test_all_ghosts_are_equally_bright(subject):
    ball = np.zeros((64, 64, 32), np.uint8)
    ball[30:34, 30:34, 12:20] = 1
    bright = dataclasses.replace(subject, tissues=ball, means={1: 200.0}, texture=0.0)
    clean = clean_image(bright)
    for seed in range(8):
        added = (ghosting.image(bright, 0.2, seed) - clean)[:, :, 8]
        # along the axis of phase encoding, through the ball
        lines = added[15], added[:, 15]
        line = max(lines, key=lambda values: np.count_nonzero(values < -20))
        ghosts = line[line < -20]
        # two voxels each of the ball itself and of 2 to 4 ghosts, which the image's edge may cut; and a ghost of a
        # ball of 200 is 40 below what lies beside it
        assert len(ghosts) >= 6
        assert np.ptp(ghosts) < 4
        assert np.median(line[line > -20]) - ghosts.mean() == pytest.approx(40, abs=3)


def test_noise_and_spikes_are_as_high_as_asked_for(subject):
    clean = clean_image(subject)
    assert (noise.image(subject, 35, 4) - clean).std() == pytest.approx(35, rel=0.02)
    for strength in difficulty("spikes").strengths:
        wave = difficulty("spikes").image(subject, strength, 4) - clean
        assert np.abs(wave).max() == pytest.approx(strength, rel=0.05)


def test_the_bias_field_is_a_smooth_factor_of_mean_1(subject):
    clean = clean_image(subject).astype(np.float64)
    body = blocks((subject.tissues > 0).astype(np.float32), 2) > 0.5
    for strength in difficulty("bias_field").strengths:
        field = bias_field.image(subject, strength, 4) / clean
        assert field[body].mean() == pytest.approx(1, abs=1e-4)
        ratio = field[body].max() / field[body].min()
        assert ratio == pytest.approx((1 + strength) / (1 - strength), rel=1e-3)
        along = np.abs(np.diff(np.log(field), axis=0))[body[1:] & body[:-1]]
        assert along.max() < 0.25 * np.log(ratio)


def test_contrast_keeps_noise_and_texture(subject):
    clean = clean_image(subject)
    image = contrast.image(subject, 0.25, 4)
    shifts = []
    for label in (1, 2):
        inside = blocks((subject.tissues == label).astype(np.float32), 2) == 1
        shift = (image - clean)[inside]
        # all of a tissue moves by the same
        assert shift.std() < 1e-4 * np.abs(shift).max()
        shifts.append(float(shift.mean()))
    # of the 120 between the two organs, a quarter is left
    assert shifts[1] - shifts[0] == pytest.approx(90, rel=1e-4)
    outside = blocks((subject.tissues > 0).astype(np.float32), 2) == 0
    np.testing.assert_array_equal(image[outside], clean[outside])


@pytest.mark.parametrize("size", [(3, 3, 3), (4, 4, 4), (5, 5, 5), (8, 8, 8), (2, 2, 12)])
def test_blocks_are_put_back_where_they_were(size):
    fine = np.indices((48, 48, 48), np.float32).sum(0) / 3
    counts = [48 // n for n in size]
    coarse = fine[: counts[0] * size[0], : counts[1] * size[1], : counts[2] * size[2]]
    coarse = coarse.reshape(counts[0], size[0], counts[1], size[1], counts[2], size[2]).mean(
        (1, 3, 5)
    )
    image = on_the_grid(coarse, size, (24, 24, 24), 2)
    # a ramp is the same in blocks of any size, up to the centres of the outermost
    within = np.s_[6:-6, 6:-6, 6:-6]
    np.testing.assert_allclose(image[within], blocks(fine, 2)[within], atol=1e-3)


@pytest.mark.parametrize("name", ["partial_volume", "anisotropy"])
def test_a_sphere_stays_where_it_is(subject, name):
    ball = dataclasses.replace(
        subject,
        tissues=np.where(subject.tissues == 1, np.uint8(1), np.uint8(0)),
        means={1: 200.0},
        texture=0.0,
    )

    def centroid(image: np.ndarray) -> np.ndarray:
        weights = np.where(image > 20, image, 0).astype(np.float64)
        return (
            np.array([(weights * axis).sum() for axis in np.indices(image.shape)]) / weights.sum()
        )

    clean = centroid(clean_image(ball))
    for strength in difficulty(name).strengths:
        moved = centroid(difficulty(name).image(ball, strength, 4)) - clean
        # of a block, in voxels of the image
        assert np.abs(moved).max() < 0.12, (strength, moved)


def test_what_overhangs_the_grid_is_seen_too(subject):
    # the last block of 8 along an axis of 62 holds 6 fine voxels
    image = seen_in_blocks(dataclasses.replace(subject, texture=0.0), (8, 8, 8), 4)
    whole = dataclasses.replace(subject, tissues=np.full_like(subject.tissues, 1), texture=0.0)
    assert np.abs(seen_in_blocks(whole, (8, 8, 8), 4) - 190).max() < 10
    assert np.abs(image[:2]).max() < 10
    assert partial_volume.DIFFICULTY.strengths[-1] == 8


def test_another_rater_draws_the_same_structures(subject):
    truth = truth_of(subject)
    before = truth.copy()
    np.testing.assert_array_equal(redrawn(truth, 3.0, 0.0, 1), truth)
    for strength in RATER_STRENGTHS:
        other = redrawn(truth, 3.0, strength, 1)
        assert other.dtype == np.uint8
        assert set(np.unique(other)) == set(np.unique(truth))
        np.testing.assert_array_equal(other, redrawn(truth, 3.0, strength, 1))
        assert (other != redrawn(truth, 3.0, strength, 2)).any()
    np.testing.assert_array_equal(truth, before)


def test_another_rater_is_as_far_away_as_asked_for():
    offsets = (
        np.indices((48, 48, 48), np.float32) - np.array([23.7, 23.2, 22.9])[:, None, None, None]
    )
    truth = ((offsets**2).sum(0) < 17**2).astype(np.uint8)
    for spacing in (1.0, 3.0):
        distances = []
        for strength in RATER_STRENGTHS:
            pairs = [(redrawn(truth, spacing, strength, seed), truth) for seed in (1, 2)]
            rows = [
                fastseg.evaluate(*pair, spacing=spacing, metrics=["assd"]).rows[0] for pair in pairs
            ]
            distances.append(np.mean([row.values_by_metric["assd"] for row in rows]))
            # the mean size of what is normally distributed is 0.8 of its standard deviation
            assert 0.5 * strength < distances[-1] < strength, (spacing, strength, distances)
        assert all(np.diff(distances) > 0)


def test_what_is_thin_stays_whole_for_another_rater():
    truth = np.zeros((32, 32, 32), np.uint8)
    truth[4:28, 4:28, 15] = 1
    truth[8:24, 8:24, 17:24] = 2
    other = redrawn(truth, 3.0, 0.5, 1)
    for label in (1, 2):
        same = np.count_nonzero((other == label) & (truth == label))
        assert same > 0.95 * np.count_nonzero(truth == label)


def test_a_rater_who_draws_larger():
    offsets = (
        np.indices((64, 64, 64), np.float32) - np.array([31.7, 31.2, 30.9])[:, None, None, None]
    )
    inside = (offsets**2).sum(0) < 20**2
    truth = np.where(inside, np.where(offsets[0] < 0, np.uint8(1), np.uint8(7)), np.uint8(0))
    for larger in (-3.0, -2.0, 1.0, 2.0, 3.0):
        other = redrawn(truth, 1.0, 0.0, 1, systematic_mm=larger)
        radius = (np.count_nonzero(other) * 3 / (4 * np.pi)) ** (1 / 3)
        assert radius - 20 == pytest.approx(larger, abs=0.35)
        both = inside & (other > 0)
        assert (other[both] == truth[both]).mean() > 0.99


def test_a_sheet_of_all_levels(subject, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    from benchmarks.study.figures.difficulties import draw, images_of
    from benchmarks.study.folder import Condition, Folder, write_nifti

    folder = Folder(tmp_path)
    clean = clean_image(subject)
    write_nifti(folder.image("organs", Condition("clean", 0), "test_00"), clean, 3.0)
    for name in ("noise", "anisotropy"):
        for level in (1, 3):
            image = difficulty(name).image(subject, difficulty(name).strengths[level - 1], 4)
            write_nifti(folder.image("organs", Condition(name, level), "test_00"), image, 3.0)
    images = images_of(folder, "organs", "test_00", (1, 3))
    assert {name: len(row) for name, row in images.items()} == {"noise": 3, "anisotropy": 3}
    np.testing.assert_array_equal(images["noise"][0], clean)
    path = tmp_path / "figures" / "difficulties.png"
    draw(images, path, (1, 3))
    sheet = imread(path)
    assert sheet.shape[1] == 900
    # the corners are of the page, and dark and bright voxels are both there
    assert (sheet[:5, :5] == 1).all()
    assert sheet[..., 0].min() < 0.1


def test_tolerances_are_in_order():
    assert len(TOLERANCES_MM) == len(RATER_STRENGTHS) == 5
    assert list(TOLERANCES_MM) == sorted(TOLERANCES_MM)
