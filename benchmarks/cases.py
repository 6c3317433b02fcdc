"""The table of cases that `versus.py`, the asv suites and the pytest benchmarks all take theirs from.

A case is named by its kind and its size: ``near-256`` is 256³, ``near-2d-64`` 64². `load` gives its
arrays. Real label maps are those that lie beside the project, in `DATA`; without them, their cases do
not exist.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import volumes
from benchmarks.programs import Pair

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIDES = (16, 32, 64, 128, 256, 384, 512, 768)
ANISOTROPIC = (2.5, 0.9766, 0.9766)
THIN = ((3_000_000, 2), (2_000_000, 2, 2), (6_000_000, 3))

Array = NDArray[Any]
Maker = Callable[[tuple[int, ...]], tuple[Array, Array]]


@dataclass(frozen=True)
class Case:
    """One case: how to make it, or which files hold it.

    `slow` ones are kept on disk once they were made; `order` is the memory order of the arrays.
    """

    name: str
    about: str
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    make: Maker | None = None
    files: tuple[Path, Path] | None = None
    order: str = "C"
    slow: bool = False

    @property
    def voxels(self) -> int:
        return int(np.prod(self.shape))

    @property
    def size(self) -> str:
        """The shape for people: 256³, 64², 300×512×512."""
        if len(set(self.shape)) == 1:
            return f"{self.shape[0]}{'⁰¹²³'[len(self.shape)]}"
        return "×".join(map(str, self.shape))


# kind: (what it is, how it is made)
MASKS: dict[str, tuple[str, Maker]] = {
    "near": ("near agreement and a distant false positive", volumes.near),
    "shift": ("shifted by a tenth of the side", volumes.shift),
    "tiny": ("tiny inside huge", volumes.tiny),
    "far": ("two blobs in opposite corners", volumes.far),
    "noise": ("50 % noise", volumes.noise),
    "checkerboard": ("checkerboard and its complement", volumes.checkerboard),
    "empty-full": ("empty against full", volumes.empty_full),
    "sparse": ("one voxel in ten thousand", volumes.sparse),
}
LABELS: dict[str, tuple[str, Maker]] = {
    "organs": ("100 organs, uint8", volumes.organs),
    "organs21": ("21 organs, uint8", volumes.organs_21),
    "cells2500": ("2500 small cells, uint16", volumes.cells_2500),
    "dense100": ("100 labels without gaps, uint16", volumes.dense_100),
    "dense2500": ("2500 labels without gaps, uint16", volumes.dense_2500),
    "dense2500-ids64": ("2500 labels, sparse 64-bit ids", volumes.dense_2500_sparse_ids),
}
# what only versus.py takes
PLACED: dict[str, tuple[str, Maker]] = {
    "near-middle": (f"{MASKS['near'][0]} in the middle slices", volumes.near_middle),
    "near-last": (f"{MASKS['near'][0]} in the last slices", volumes.near_last),
}
STRUCTURES = ("separate structures of 27 to 500 voxels, uint16", volumes.structures_10000)
# of which components are found, beside the above
CONNECTED: dict[str, tuple[str, Maker]] = {
    "lesions": ("3000 lesions", volumes.lesions),
    "vessels": ("60 vessels", volumes.vessels),
    "sponge": ("sponge", volumes.sponge),
}
# name: (what it is, reference, prediction, shape, spacing in mm), as in the files' headers
REAL = {
    "headneck-0522c0727a": (
        "head and neck CT, 21 organs, two human raters",
        "head_neck/oncologist/0522c0727a.nii.gz",
        "head_neck/radiographer/0522c0727a.nii.gz",
        (512, 512, 437),
        (0.9766, 0.9766, 2.5),
    ),
    "atlas": (
        "brain atlas, 166 and 116 regions",
        "pairs/aal_vs_aal3/ref_aal3.nii.gz",
        "pairs/aal_vs_aal3/pred_aal.nii.gz",
        (181, 217, 181),
        (1.0, 1.0, 1.0),
    ),
    "head-mr": (
        "head, 52 tissues",
        "pairs/synthseg_02/ref.nii.gz",
        "pairs/synthseg_02/pred_perturbed.nii.gz",
        (256, 256, 256),
        (1.0, 1.0, 1.0),
    ),
    "kidney": (
        "abdomen CT, kidney, tumour and cyst",
        "pairs/kits_v23_v19_00151/ref_kits23.nii.gz",
        "pairs/kits_v23_v19_00151/pred_kits19.nii.gz",
        (1059, 512, 512),
        (0.5, 0.8105, 0.8105),
    ),
}


def thin_case(shape: tuple[int, ...]) -> str:
    """The name of the case of a long thin array."""
    return f"noise-{'x'.join(map(str, shape))}"


def _table() -> dict[str, Case]:
    found = []
    for side in SIDES:
        cube, plane = (side,) * 3, (side,) * 2
        for kind, (about, make) in MASKS.items():
            found.append(Case(f"{kind}-{side}", about, cube, (1.0,) * 3, make))
            found.append(Case(f"{kind}-2d-{side}", about, plane, (1.0,) * 2, make))
        about, make = MASKS["near"]
        name = f"near-anisotropic-{side}"
        found.append(Case(name, f"{about}, anisotropic", cube, ANISOTROPIC, make))
        name = f"near-fortran-{side}"
        found.append(Case(name, f"{about}, Fortran order", cube, (1.0,) * 3, make, order="F"))
        for kind, (about, make) in PLACED.items():
            found.append(Case(f"{kind}-{side}", about, cube, (1.0,) * 3, make))
        about, make = STRUCTURES
        found.append(Case(f"structures-{side}", about, cube, (1.0,) * 3, make, slow=True))
        for kind, (about, make) in CONNECTED.items():
            found.append(Case(f"{kind}-{side}", about, cube, (1.0,) * 3, make, slow=True))
        for kind, (about, make) in LABELS.items():
            shape = (side * 300 // 512, side, side) if kind == "organs" else cube
            found.append(Case(f"{kind}-{side}", about, shape, (1.0,) * 3, make, slow=True))
    about, make = MASKS["noise"]
    found += [
        Case(thin_case(shape), f"{about}, long and thin", shape, (1.0,) * len(shape), make)
        for shape in THIN
    ]
    for name, (about, reference, prediction, shape, spacing) in REAL.items():
        files = DATA / reference, DATA / prediction
        if all(file.is_file() for file in files):
            found.append(Case(name, about, shape, spacing, files=files, slow=True))
    return {case.name: case for case in found}


CASES = _table()


def load(name: str) -> Pair:
    """The arrays of a case: made, read from files, or taken from the folder of those made before."""
    case = CASES[name]
    reference, prediction = _kept(case) if case.slow else _made(case)
    return Pair(reference, prediction, case.spacing, case.files)


def _made(case: Case) -> tuple[Array, Array]:
    if case.files:
        import fastseg

        reference, prediction = (fastseg.read_image(file).array for file in case.files)
    else:
        assert case.make is not None
        reference, prediction = case.make(case.shape)
    if case.order == "F":
        reference, prediction = np.asfortranarray(reference), np.asfortranarray(prediction)
    return reference, prediction


def _kept(case: Case) -> tuple[Array, Array]:
    makers = "".join(Path(file).read_text("utf-8") for file in (volumes.__file__, __file__))
    state = [file.stat().st_mtime_ns for file in case.files or ()]
    digest = hashlib.sha256(f"{makers}{state}".encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / "fastseg-benchmarks"
    files = [folder / f"{case.name}-{digest}-{half}.npy" for half in ("reference", "prediction")]
    if not all(file.exists() for file in files):
        folder.mkdir(exist_ok=True)
        for outdated in folder.glob(f"{case.name}-{'?' * 12}-*.npy"):
            outdated.unlink(missing_ok=True)
        for file, array in zip(files, _made(case), strict=True):
            part = file.with_suffix(f".{os.getpid()}.npy")
            np.save(part, array)
            part.replace(file)
    return np.load(files[0]), np.load(files[1])


# --------------------------------------------------------------- what asv and pytest go through


def suite(side: int) -> dict[str, tuple[str, ...]]:
    """Names of the cases of one size, for each family of benchmarks."""
    kinds = (*MASKS, "near-anisotropic", "near-fortran")
    return {
        "masks": tuple(f"{kind}-{side}" for kind in kinds),
        "labels": tuple(f"{kind}-{side}" for kind in LABELS),
        "small": ("near-2d-64", "near-32", "near-2d-256"),  # of any size
        "real": tuple(name for name in REAL if name in CASES),
    }


def side_from_environment(default: int) -> int:
    """The side of the cases: FASTSEG_BENCH_SIDE, or the default."""
    side = int(os.environ.get("FASTSEG_BENCH_SIDE", default))
    if side not in SIDES:
        raise ValueError(f"FASTSEG_BENCH_SIDE: expected one of {SIDES}, got {side}")
    return side
