"""An abdomen of bodies that are known analytically: ellipsoids, tubes and spheres in a slab of fat, muscle and bone.

Each subject moves them by up to 6 mm on each axis, stretches them by up to 12 %, turns them by up to 7 degrees,
roughens their surfaces by 1 mm and deforms the whole smoothly by 2.5 mm (standard deviations). Variability multiplies
all of it, and what is above 1 is abnormal as well:

* the aorta bulges by 5 mm for each unit above 1: an aneurysm of about 38 mm at variability 3;
* the first tumour is wider by half its usual width for each unit above 1;
* from variability 3 on the left kidney is missing.

The axes are those of NIfTI: x from the left to the right, y to the front, z to the head.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.anatomies import Anatomy
from benchmarks.study.anatomies.deformations import axes_of, deformation, held, smooth_noise, stream
from benchmarks.study.settings import Settings
from benchmarks.study.subjects import FINE, Subject

LABELS = {"liver": 1, "spleen": 2, "kidneys": 3, "aorta": 4, "tumour": 5}
LIVER, SPLEEN, KIDNEYS, AORTA, TUMOUR = LABELS.values()
FAT, MUSCLE, BONE, STOMACH, BOWEL = 100, 101, 102, 103, 104

#: CT-like, and one for each tissue, so that thresholds can tell all of them apart where voxels hold one tissue alone
MEANS = {
    0: 0.0,
    LIVER: 130.0,
    SPLEEN: 160.0,
    KIDNEYS: 190.0,
    AORTA: 220.0,
    TUMOUR: 105.0,
    FAT: 40.0,
    MUSCLE: 85.0,
    BONE: 250.0,
    STOMACH: 65.0,
    BOWEL: 75.0,
}

#: millimetres of the box that is imaged
EXTENT = (240.0, 192.0, 156.0)
MISSING_KIDNEY = 3.0


@dataclasses.dataclass(frozen=True)
class Ellipsoid:
    """A body with half axes `radii`, turned by `angle` in the axial plane; all in millimetres and radians."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    angle: float = 0.0

    def depth(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give about how many millimetres inside a point is; exactly 0 on the surface."""
        x, y, z = (points[axis] - np.float32(self.centre[axis]) for axis in range(3))
        cosine, sine = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        a, b, c = (np.float32(radius) for radius in self.radii)
        scaled = np.sqrt(
            ((cosine * x + sine * y) / a) ** 2 + ((cosine * y - sine * x) / b) ** 2 + (z / c) ** 2
        )
        return np.asarray((1 - scaled) * np.float32(min(self.radii)), np.float32)


USUAL = {
    "liver": Ellipsoid((170.0, 104.0, 92.0), (46.0, 58.0, 50.0), 0.1),
    "left lobe": Ellipsoid((124.0, 128.0, 108.0), (48.0, 24.0, 28.0), -0.2),
    "spleen": Ellipsoid((46.0, 76.0, 108.0), (21.0, 34.0, 36.0), -0.4),
    "right kidney": Ellipsoid((166.0, 66.0, 62.0), (17.0, 21.0, 38.0), 0.5),
    "left kidney": Ellipsoid((76.0, 66.0, 70.0), (17.0, 21.0, 38.0), -0.5),
    "stomach": Ellipsoid((80.0, 120.0, 104.0), (26.0, 28.0, 36.0), 0.3),
}


def bodies(seed: int, variability: float) -> dict[str, Ellipsoid]:
    """Move, stretch and turn the usual bodies; the same draws at every variability."""
    draws = stream(seed, 0).uniform(-1, 1, (len(USUAL), 7)) * variability
    moved = {}
    for (name, usual), draw in zip(USUAL.items(), draws, strict=True):
        x, y, z = np.asarray(usual.centre) + 6 * draw[:3]
        a, b, c = np.asarray(usual.radii) * np.exp(0.12 * draw[3:6])
        moved[name] = Ellipsoid((x, y, z), (a, b, c), usual.angle + 0.12 * draw[6])
    return moved


def tumours(seed: int, variability: float, liver: Ellipsoid) -> list[Ellipsoid]:
    """Place one to three spheres in the liver's right lobe, the first the largest; they may touch."""
    rng = stream(seed, 1)
    count = int(rng.integers(1, 4))
    diameters = [rng.uniform(18, 25), rng.uniform(8, 18), rng.uniform(8, 18)]
    directions, depths = rng.standard_normal((3, 3)), rng.uniform(0.2, 0.9, 3)
    diameters[0] *= 1 + 0.5 * max(0.0, variability - 1)
    found = []
    for diameter, direction, depth in zip(diameters, directions, depths, strict=True):
        radius = diameter / 2
        room = np.maximum(np.asarray(liver.radii) - radius - 4, 0)
        x, y, z = np.asarray(liver.centre) + depth * room * direction / np.linalg.norm(direction)
        found.append(Ellipsoid((x, y, z), (radius, radius, radius)))
    return found[:count]


def aorta(seed: int, variability: float, points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Fill a curved tube before the spine that parts in two; above variability 1 it bulges."""
    draw = stream(seed, 2).uniform(-1, 1, 5)
    x, y, z = points
    bend = 4 * draw[0] * variability
    parting = np.float32(48 + 4 * draw[1])
    wide = np.float32(9 * np.exp(0.08 * draw[2] * variability))
    bulge = np.float32(5 * max(0.0, variability - 1))
    bulge_at = np.float32(92 + 10 * draw[3])
    # the tube's axis at each height, and how far the branches are from it below the parting
    middle = np.float32(116) + np.float32(bend) * np.sin(z / np.float32(30))
    front = np.float32(68) + np.float32(3) * np.sin(z / np.float32(40) + np.float32(draw[4]))
    apart = np.maximum(parting - z, 0) * np.float32(0.55)
    aneurysm = bulge * np.exp(-0.5 * ((z - bulge_at) / np.float32(16)) ** 2)
    trunk = np.hypot(x - middle, y - front - aneurysm / 2) < wide + aneurysm
    # a branch leaves aslant, so its cut by an axial plane is wider than the branch
    branches = (
        np.hypot(
            (np.abs(x - middle) - apart) * np.float32(0.876), y - front - np.float32(0.3) * apart
        )
        < np.float32(0.62) * wide
    )
    return np.asarray(np.where(z > parting, trunk, branches), bool)


def subject(settings: Settings, name: str, seed: int, variability: float) -> Subject:
    """Paint the tissues one over the other."""
    spacing = settings.spacing / FINE
    axes = axes_of(EXTENT, spacing)
    moved = bodies(seed, variability)
    points = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    points = held(stream(seed, 6), points, EXTENT, 2)
    points += deformation(stream(seed, 3), EXTENT, 24.0, 2.5 * variability, axes)
    bumps = variability * smooth_noise(stream(seed, 4), EXTENT, 8.0, axes, 1)[0]
    tissues = np.zeros(points.shape[1:], np.uint8)

    x, y = points[0] - np.float32(120), points[1] - np.float32(96)
    wall = 1 - ((np.abs(x) / 112) ** 2.4 + (np.abs(y) / 86) ** 2.4) ** (1 / 2.4)
    cavity = wall > np.float32(0.19)
    tissues[wall > 0] = FAT
    tissues[wall > np.float32(0.1)] = MUSCLE
    tissues[cavity] = FAT
    # loops of bowel fill the front, below the stomach
    loops = smooth_noise(stream(seed, 7), EXTENT, 14.0, axes, 1)[0] > np.float32(0.3)
    low_front = (points[1] > 84) & (points[2] < 84)
    tissues[loops & low_front & (wall > np.float32(0.24))] = BOWEL
    depths = {part: body.depth(points) + bumps for part, body in moved.items()}
    tissues[(depths["stomach"] > 0) & cavity] = STOMACH
    liver = np.maximum(depths["liver"], depths["left lobe"]) > 0
    tissues[liver & cavity] = LIVER
    tissues[(depths["spleen"] > 0) & cavity] = SPLEEN
    for sphere in tumours(seed, variability, moved["liver"]):
        tissues[(sphere.depth(points) > 0) & (tissues == LIVER)] = TUMOUR
    kidneys = depths["right kidney"] > 0
    if variability < MISSING_KIDNEY:
        kidneys |= depths["left kidney"] > 0
    tissues[kidneys & cavity] = KIDNEYS
    _back(tissues, x, y, points[2])
    tissues[aorta(seed, variability, points)] = AORTA
    jitter = stream(seed, 5).uniform(-3, 3, len(MEANS))
    means = {
        tissue: mean + (jitter[k] if tissue else 0.0)
        for k, (tissue, mean) in enumerate(MEANS.items())
    }
    return Subject(name, tissues, spacing, means, 3.0, seed)


def _back(
    tissues: NDArray[np.uint8],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    z: NDArray[np.float32],
) -> None:
    """Paint the muscles of the back and, over them, the spine with its canal and processes."""
    aside = np.abs(x)
    tissues[((aside - 24) / 11) ** 2 + ((y + 48) / 15) ** 2 < 1] = MUSCLE
    tissues[((aside - 24) / 22) ** 2 + ((y + 70) / 13) ** 2 < 1] = MUSCLE
    # discs between the vertebrae, each 36 mm
    waist = 18 + np.float32(1.5) * np.cos(z * np.float32(2 * np.pi / 36))
    body = np.hypot(x, y + 50) < waist
    tissues[body] = BONE
    tissues[(aside < 5) & (y < -68) & (y > -82)] = BONE
    tissues[np.hypot(x, y + 69) < 11] = BONE
    tissues[np.hypot(x, y + 69) < 7] = MUSCLE


ANATOMY = Anatomy(
    title="Abdomen (phantom)",
    labels=LABELS,
    targets={"organs": LABELS},
    whole="organs",
    tolerances=dict.fromkeys(LABELS, 3.0),
    subject=subject,
    sources=("Ellipsoids, tubes and spheres, made here; no data.",),
)
