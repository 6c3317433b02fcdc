"""Heads of eleven patients, as an oncologist outlined their organs on CT; the images are made.

What is real is the shape and the place of the named structures, and of the spinal canal, resampled from slices of
2.5 mm; two of the scans end within the brain. What is not: every intensity (there is no CT beside the outlines), the
skull (a shell around the brain), the vertebrae (a ring around the canal) and the rest of the head (one tissue in a
smooth hull around what was outlined). Tissues that look alike on CT are given intensities as far apart as thresholds
need, and only clean images are made.

Each name of a subject stands for one patient, whatever the seed and the variability. The data lies beside the project,
in ``shared/data/head_neck`` of one of the folders above; without it this anatomy is left out.
"""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.study.anatomies import Anatomy
from benchmarks.study.anatomies.deformations import along_axes, axes_of, spline, stream
from benchmarks.study.settings import Settings
from benchmarks.study.subjects import FINE, Subject

LABELS = {
    "brain": 1,
    "brainstem": 2,
    "spinal_cord": 3,
    "mandible": 4,
    "parotids": 5,
    "orbits": 6,
}
BRAIN, BRAINSTEM, SPINAL_CORD, MANDIBLE, PAROTIDS, ORBITS = LABELS.values()
SOFT, CANAL, BONE = 100, 101, 102

#: what each tissue is joined of, as ``labels.json`` calls it; later ones are painted over earlier ones
PARTS = {
    CANAL: ("Spinal-Canal",),
    BRAIN: ("Brain",),
    BRAINSTEM: ("Brainstem",),
    SPINAL_CORD: ("Spinal-Cord",),
    MANDIBLE: ("Mandible",),
    PAROTIDS: ("Parotid-Lt", "Parotid-Rt"),
    ORBITS: ("Orbit-Lt", "Orbit-Rt"),
}
MEANS = {
    0: 0.0,
    BRAIN: 125.0,
    BRAINSTEM: 145.0,
    SPINAL_CORD: 165.0,
    MANDIBLE: 215.0,
    PAROTIDS: 65.0,
    ORBITS: 105.0,
    SOFT: 85.0,
    CANAL: 45.0,
    BONE: 245.0,
}

#: millimetres of the box that is imaged: as wide as a head, and from above the brain down to the neck
EXTENT = (180.0, 216.0, 216.0)
ABOVE = 12.0
PATIENTS = {
    "train": ("0522c0014", "0522c0017", "0522c0057", "0522c0161", "0522c0226", "0522c0248"),
    "val": ("0522c0251", "0522c0331"),
    "test": ("0522c0416", "0522c0419", "TCGA-CV-A6JO"),
}


def data() -> Path | None:
    """Find the label maps beside the project, or None."""
    beside = (folder / "shared/data/head_neck" for folder in Path(__file__).resolve().parents)
    return next((folder for folder in beside if folder.is_dir()), None)


def patient(name: str) -> str:
    """Give the patient that a subject's name stands for."""
    group, _, number = name.partition("_")
    for key, patients in PATIENTS.items():
        if group.startswith(key) and int(number) < len(patients):
            return patients[int(number)]
    raise ValueError(f"No patient is kept for {name!r}.")


def _shares(folder: Path, name: str, axes: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Resample each tissue of `PARTS` as a share of the fine voxels, in a box that hangs from the brain's top."""
    image = nibabel.as_closest_canonical(
        nibabel.load(folder / "oncologist" / f"{patient(name)}.nii.gz")
    )
    labels = np.asarray(image.dataobj, np.uint8)
    numbers = json.loads((folder / "labels.json").read_text())
    spacing = np.asarray(image.header.get_zooms(), float)
    boxes = ndimage.find_objects(labels)
    brain, jaw = (boxes[numbers[part] - 1] for part in ("Brain", "Mandible"))
    middle = (brain[0].start + brain[0].stop) / 2 * spacing[0]
    back, front = brain[1].start * spacing[1], max(brain[1].stop, jaw[1].stop) * spacing[1]
    top = brain[2].stop * spacing[2] + ABOVE
    corner = np.asarray((middle, (back + front) / 2, top)) - np.asarray(EXTENT) * (0.5, 0.5, 1)

    # a cut with a voxel to spare on all sides, so that the splines end outside the box
    start = np.floor(corner / spacing).astype(int) - 1
    stop = np.ceil((corner + EXTENT) / spacing).astype(int) + 1
    within = zip(np.maximum(start, 0), np.minimum(stop, labels.shape), strict=True)
    cut = labels[tuple(slice(low, high) for low, high in within)]
    cut = np.pad(cut, np.stack([np.maximum(-start, 0), np.maximum(stop - labels.shape, 0)], 1))
    matrices = [
        spline((start[k] + np.arange(cut.shape[k]) + 0.5) * spacing[k], corner[k] + axes[k], 1)
        for k in range(3)
    ]
    parts = [np.isin(cut, [numbers[part] for part in joined]) for joined in PARTS.values()]
    return along_axes(np.stack(parts).astype(np.float32), matrices)


def _far(mask: NDArray[np.bool_], spacing: float) -> NDArray[np.float32]:
    return np.asarray(ndimage.distance_transform_edt(~mask, spacing), np.float32)


def _head(inside: NDArray[np.bool_], spacing: float) -> NDArray[np.bool_]:
    """Wrap what was outlined in a smooth hull: 48 mm outwards and 36 mm back."""
    # what reaches the box's faces goes on beyond them
    room = round(48 / spacing) + 1
    wide = np.pad(inside, room, mode="edge")
    grown = _far(wide, spacing) < 48
    hull = _far(~grown, spacing) > 36
    return np.asarray(hull[room:-room, room:-room, room:-room])


def subject(settings: Settings, name: str, seed: int, variability: float) -> Subject:
    """Paint the patient's structures into a made head; `variability` has no meaning here."""
    del variability
    folder = data()
    assert folder is not None, missing()
    spacing = settings.spacing / FINE
    shares = _shares(folder, name, axes_of(EXTENT, spacing))
    # skull, vertebrae and hull need no fine grid
    step = 3 * spacing
    coarse = np.asarray(shares[:, ::3, ::3, ::3] > 0.5)
    size = np.asarray(shares.shape[1:])
    back = [spline(np.arange(0, n, 3.0), np.arange(n, dtype=float), 1) for n in size]
    brain, canal = coarse[list(PARTS).index(BRAIN)], coarse[list(PARTS).index(CANAL)]
    stem = coarse[list(PARTS).index(BRAINSTEM)]
    head = _head(np.asarray(coarse.any(0)), step).astype(np.float32)
    fields = np.stack([head, _far(brain | stem, step), _far(canal, step)])
    hull, from_brain, from_canal = along_axes(fields, back)

    tissues = np.where(hull > 0.5, SOFT, 0).astype(np.uint8)
    bone = (from_brain < 8) | ((from_canal < 11) & (from_brain > 12))
    tissues[(tissues == SOFT) & bone] = BONE
    for tissue, share in zip(PARTS, shares, strict=True):
        tissues[share > 0.5] = tissue
    jitter = stream(seed, 0).uniform(-3, 3, len(MEANS))
    means = {
        tissue: mean + (jitter[k] if tissue else 0.0)
        for k, (tissue, mean) in enumerate(MEANS.items())
    }
    return Subject(name, tissues, spacing, means, 3.0, seed)


def missing() -> str:
    """Say that the data is not beside the project."""
    return "" if data() is not None else "There is no shared/data/head_neck beside the project."


ANATOMY = Anatomy(
    title="Head and neck (real outlines, made images)",
    labels=LABELS,
    targets={"organs": LABELS},
    whole="organs",
    tolerances=dict.fromkeys(LABELS, 3.0),
    subject=subject,
    sources=(
        "Outlines of eleven CTs by an oncologist, merged into label maps, from google-deepmind/tcia-ct-scan-dataset "
        "(4 MB, CC BY 4.0); not part of the project.",
    ),
    missing=missing,
    difficulties=False,
    at_most={role: len(patients) for role, patients in PATIENTS.items()},
)
