"""NumPy's .npy and .npz files, which hold an array and no grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastseg.io.replacing import replacing
from fastseg.io.writers.what import Voxels


def write_npy(path: Path, voxels: Voxels) -> None:
    """Write a .npy file."""
    with replacing(path, binary=True) as file:
        np.save(file, voxels.array, allow_pickle=False)


def write_npz(path: Path, voxels: Voxels) -> None:
    """Write a .npz file with one array, zipped."""
    with replacing(path, binary=True) as file:
        np.savez_compressed(file, voxels.array)
