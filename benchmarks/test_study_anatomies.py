"""The study's bodies: analytic ones are as large as they say, deformations fold nothing, levels differ in strength."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("nibabel")

import nibabel
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.study.anatomies import Anatomy, anatomy, brain, deformations, head_neck, organs
from benchmarks.study.difficulties import shape
from benchmarks.study.plan import ROLES, plan, subject_of
from benchmarks.study.settings import FULL, QUICK, Settings
from benchmarks.study.subjects import FINE, Subject, clean_image, truth_of

needs_templates = pytest.mark.skipif(bool(brain.missing()), reason=brain.missing())
needs_outlines = pytest.mark.skipif(bool(head_neck.missing()), reason=head_neck.missing())
MADE = ["organs", pytest.param("brain", marks=needs_templates)]
BOX = (120.0, 96.0, 108.0)


def names(settings: Settings, anatomy: str) -> list[str]:
    planned = plan(settings)
    return [subject for role in ROLES for subject in planned.subjects(anatomy, role)]


def milliliters(subject: Subject, label: int) -> float:
    return float((subject.tissues == label).sum() * subject.spacing**3 / 1000)


def determinants(displacement: NDArray[np.float32], spacing: float) -> NDArray[np.float64]:
    """How much each voxel is stretched; 0 or less where space is folded."""
    rows = [np.gradient(one.astype(float), spacing) for one in displacement]
    matrix = np.moveaxis(np.asarray(rows), (0, 1), (-2, -1)) + np.eye(3)
    return np.asarray(np.linalg.det(matrix))


def deformed(size: float, spacing: float = 3.0, seed: int = 4) -> NDArray[np.float32]:
    axes = deformations.axes_of(BOX, spacing)
    return deformations.deformation(deformations.stream(seed, 0), BOX, 18.0, size, axes)


def agreement(one: Subject, other: Subject) -> float:
    """Share of the named voxels that hold the same in both."""
    named = (one.tissues > 0) | (other.tissues > 0)
    return float((one.tissues == other.tissues)[named].mean())


def test_noise_has_the_same_deviation_everywhere() -> None:
    axes = deformations.axes_of(BOX, 6.0)
    noise = deformations.smooth_noise(deformations.stream(1, 2), BOX, 8.0, axes, 600)
    deviations = noise.std(0)
    assert deviations.min() > 0.85
    assert deviations.max() < 1.15
    # neighbours are alike, and what is far away is not
    assert np.corrcoef(noise[:, 5, 5, 5], noise[:, 6, 5, 5])[0, 1] > 0.8
    assert abs(np.corrcoef(noise[:, 5, 5, 5], noise[:, 14, 5, 5])[0, 1]) < 0.2


@pytest.mark.parametrize("size", [2.5, 2.5 * max(shape.DIFFICULTY.strengths)])
def test_deformations_fold_nothing(size: float) -> None:
    for seed in range(3):
        assert determinants(deformed(size, seed=seed), 3.0).min() > 0.05


def test_displacements_that_are_merely_scaled_would_fold() -> None:
    small = deformed(0.1)
    assert determinants(150 * small, 3.0).min() < 0
    assert determinants(deformed(15), 3.0).min() > 0


def test_a_deformation_is_the_same_draw_at_any_strength_and_resolution() -> None:
    np.testing.assert_allclose(deformed(0.02), 2 * deformed(0.01), atol=1e-4)
    fine = deformed(5, 3.0)
    axes = [axis[1::3] for axis in deformations.axes_of(BOX, 3.0)]
    coarse = deformations.deformation(deformations.stream(4, 0), BOX, 18.0, 5, axes)
    np.testing.assert_allclose(coarse, fine[:, 1::3, 1::3, 1::3], atol=1e-4)


def test_ellipsoids_are_as_large_as_they_say() -> None:
    axes = deformations.axes_of(BOX, 1.0)
    points = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    body = organs.Ellipsoid((60.2, 48.1, 54.3), (30.0, 17.0, 22.0), 0.4)
    depth = body.depth(points)
    assert (depth > 0).sum() == pytest.approx(4 / 3 * np.pi * 30 * 17 * 22, rel=2e-3)
    # turned in the axial plane: the longest axis lies at 0.4 radians from x
    across, along = np.nonzero((depth > 0).any(2))
    slope = np.polyfit(across, along, 1)[0]
    assert 0 < slope < np.tan(0.4)
    assert depth.max() == pytest.approx(17, abs=1)


def test_tumours_have_the_volume_of_their_spheres() -> None:
    """Without variability nothing is roughened or deformed, only held and shrunk in the scanner."""
    seed = next(
        seed
        for seed in range(99)
        if len(organs.tumours(seed, 0, organs.bodies(seed, 0)["liver"])) == 1
    )
    (sphere,) = organs.tumours(seed, 0, organs.bodies(seed, 0)["liver"])
    subject = organs.subject(FULL, "test_00", seed, 0)
    corners = np.stack([np.zeros(3), *np.eye(3)]).T[:, :, None, None].astype(np.float32)
    held = deformations.held(deformations.stream(seed, 6), corners, organs.EXTENT, 2)[:, :, 0, 0]
    shrunk = np.linalg.det(held[:, 1:] - held[:, :1])
    assert 1 <= shrunk < 1.26
    volume = 4 / 3 * np.pi * sphere.radii[0] ** 3 / 1000 / shrunk
    assert milliliters(subject, organs.TUMOUR) == pytest.approx(volume, rel=0.03)
    # the voxels of the image are a discretisation of it
    truth = truth_of(subject)
    assert (truth == organs.TUMOUR).sum() * FULL.spacing**3 / 1000 == pytest.approx(volume, rel=0.1)


@pytest.mark.parametrize("name", MADE)
def test_every_structure_is_in_every_subject(name: str) -> None:
    labels = set(anatomy(name).labels.values())
    for subject in names(QUICK, name):
        truth = truth_of(subject_of(QUICK, name, subject))
        found, counts = np.unique(truth, return_counts=True)
        assert set(found) - {0} == labels, subject
        assert counts.min() >= 10, subject


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_every_structure_is_in_every_subject_of_the_full_run(name: str) -> None:
    labels = set(anatomy(name).labels.values())
    for subject in names(FULL, name):
        for variability in (1.0, 3.5) if subject == "test_00" else (1.0,):
            truth = truth_of(subject_of(FULL, name, subject, variability))
            found, counts = np.unique(truth, return_counts=True)
            assert set(found) - {0} == labels, subject
            assert counts.min() >= 80, subject


@pytest.mark.parametrize("name", MADE)
def test_subjects_are_the_same_however_often_and_finely_they_are_made(name: str) -> None:
    made: Anatomy = anatomy(name)
    one = made.subject(QUICK, "test_00", 5, 1.0)
    again = made.subject(QUICK, "test_00", 5, 1.0)
    assert (one.tissues == again.tissues).all()
    assert one.means == again.means
    fine = made.subject(FULL, "test_00", 5, 1.0)
    assert fine.tissues.shape == tuple(FINE * n for n in one.tissues.shape)
    assert all(n % FINE == 0 for n in one.tissues.shape)
    for label in made.labels.values():
        assert milliliters(one, label) == pytest.approx(milliliters(fine, label), rel=0.1)
    other = made.subject(QUICK, "test_01", 6, 1.0)
    assert agreement(one, other) < 0.95


@pytest.mark.parametrize("name", MADE)
def test_levels_of_shape_differ_in_strength_alone(name: str) -> None:
    made: Anatomy = anatomy(name)
    usual = made.subject(QUICK, "test_00", 5, 1.0)
    levels = [made.subject(QUICK, "test_00", 5, v) for v in shape.DIFFICULTY.strengths]
    assert all(level.means == usual.means for level in levels)
    found = [agreement(usual, level) for level in levels]
    assert found == sorted(found, reverse=True)
    assert agreement(usual, made.subject(QUICK, "test_00", 5, 1.001)) > 0.99
    np.testing.assert_array_equal(shape.image(levels[2], 2.5, 9), clean_image(levels[2]))


@pytest.mark.parametrize("name", MADE)
def test_thresholds_can_tell_the_measured_tissues_apart(name: str) -> None:
    """Structures of the target that all methods are measured on differ by more than noise and texture."""
    made: Anatomy = anatomy(name)
    means = {"organs": organs, "brain": brain}[name].MEANS
    target = made.targets[made.whole]
    first = [label if isinstance(label, int) else label[0] for label in target.values()]
    sorted_means = sorted(means[label] for label in first)
    assert np.diff(sorted_means).min() >= 25
    joined = {label for parts in target.values() for label in np.atleast_1d(parts).tolist()}
    assert joined == set(made.labels.values())


def test_abnormal_abdomens() -> None:
    kidneys, aortas, tumours = [], [], []
    for variability in (1.0, 2.5, 3.0):
        subject = organs.subject(QUICK, "test_00", 5, variability)
        sizes = np.bincount(ndimage.label(subject.tissues == organs.KIDNEYS)[0].ravel())[1:]
        kidneys.append(int((sizes > 20).sum()))
        aortas.append(int((subject.tissues == organs.AORTA).sum((0, 1)).max()))
        tumours.append(milliliters(subject, organs.TUMOUR))
    assert kidneys == [2, 2, 1]
    assert aortas[0] < aortas[1] < aortas[2]
    assert tumours[2] > 3 * tumours[0]


@needs_templates
def test_abnormal_brains() -> None:
    made = {v: brain.subject(QUICK, "test_00", 5, v) for v in (1.0, 2.0, 2.5, 3.5)}
    masses = {v: milliliters(subject, brain.MASS) for v, subject in made.items()}
    assert masses[1.0] == masses[2.0] == 0
    # the sphere, which the smooth deformation changes
    for v in (2.5, 3.5):
        assert masses[v] == pytest.approx(4 / 3 * np.pi * (v - 2) ** 3, rel=0.6)
    assert milliliters(made[3.5], brain.CSF) > 1.1 * milliliters(made[1.0], brain.CSF)


@needs_templates
def test_a_mass_pushes_the_brain_aside_as_if_it_could_not_be_pressed() -> None:
    centre = brain.mass_centre(3)
    axes = [np.arange(-30.0, 31.0) + middle for middle in centre]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    flat = points.reshape(3, -1)
    before, inside = brain.around_mass(flat, centre, 12.0)
    stretch = determinants((before - flat).reshape(points.shape), 1.0)
    outside = np.linalg.norm(points - centre[:, None, None, None], axis=0) > 16
    np.testing.assert_allclose(stretch[1:-1, 1:-1, 1:-1][outside[1:-1, 1:-1, 1:-1]], 1, atol=0.03)
    assert inside.sum() == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.02)
    # the mass grew from a point: what touches it was there
    away, was = (np.linalg.norm(one - centre[:, None], axis=0) for one in (flat, before))
    np.testing.assert_allclose(was[~inside] ** 3, away[~inside] ** 3 - 12**3, rtol=1e-3, atol=1)
    same, none = brain.around_mass(flat, centre, 0.0)
    assert (same == flat).all()
    assert not none.any()


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brain, "FILES", (("no_such_package", "atlas.nii"),))
    assert (
        brain.missing() == "There are no templates of the brain without no_such_package/atlas.nii."
    )
    monkeypatch.setattr(head_neck, "data", lambda: None)
    assert "shared/data/head_neck" in head_neck.missing()


def test_each_name_stands_for_one_patient() -> None:
    patients = [head_neck.patient(name) for name in names(FULL, "head_neck")]
    assert len(set(patients)) == len(patients) == 11
    with pytest.raises(ValueError, match="test_03"):
        head_neck.patient("test_03")


@needs_outlines
@pytest.mark.data
def test_heads_are_those_of_the_outlines() -> None:
    subject = subject_of(QUICK, "head_neck", "train_01")
    folder = head_neck.data()
    assert folder is not None
    image = nibabel.load(folder / "oncologist" / f"{head_neck.patient('train_01')}.nii.gz")
    numbers = json.loads((folder / "labels.json").read_text())
    counts = np.bincount(np.asarray(image.dataobj).ravel())
    volume = float(np.prod(image.header.get_zooms())) / 1000
    for label, parts in (("brainstem", ["Brainstem"]), ("orbits", ["Orbit-Lt", "Orbit-Rt"])):
        true = sum(counts[numbers[part]] for part in parts) * volume
        assert milliliters(subject, head_neck.LABELS[label]) == pytest.approx(true, rel=0.1)
    assert set(np.unique(truth_of(subject))) == {0, *head_neck.LABELS.values()}
    # the right eye is on the side where x is larger, and both lie before the brainstem
    x, y, _ = np.nonzero(subject.tissues == head_neck.ORBITS)
    assert x.min() < subject.tissues.shape[0] / 2 < x.max()
    assert y.mean() > np.nonzero(subject.tissues == head_neck.BRAINSTEM)[1].mean()
