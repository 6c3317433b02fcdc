"""Pairs of label maps as strangers hand them over: odd ones, wrong ones, and one pair in many forms of memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _labels() -> np.ndarray:
    labels = np.zeros((7, 8, 9), np.uint8)
    labels[1:4, 1:5, 1:5] = 1
    labels[4:6, 5:7, 5:8] = 2
    labels[0, 0, 8] = 3
    return labels


A = _labels()
B = np.roll(A, 1, axis=0)
NOTHING, ALL_OF_IT = np.zeros_like(A), np.ones_like(A)
ONE = NOTHING.copy()
ONE[0, 0, 0] = 1
FAR = np.roll(ONE, 4, axis=(0, 1, 2))


class OnADevice:
    """As arrays of any library on a GPU show themselves."""

    __cuda_array_interface__ = {  # noqa: RUF012
        "shape": A.shape,
        "typestr": "|u1",
        "data": (0, False),
        "version": 3,
        "strides": None,
    }


def _line(labels: np.ndarray) -> np.ndarray:
    line: np.ndarray = labels[2, 2]
    return line


def _raised(labels: np.ndarray, by: int) -> np.ndarray:
    raised: np.ndarray = np.where(labels > 0, labels + np.uint64(by), np.uint64(0))
    return raised


ODD: dict[str, tuple[Any, Any]] = {
    "1-D": (_line(A), _line(B)),
    "2-D": (A[2], B[2]),
    "a slice": (A[2:3], B[2:3]),
    "a column": (A[:, :, 2:3], B[:, :, 2:3]),
    "a voxel": (ALL_OF_IT[:1, :1, :1], ALL_OF_IT[:1, :1, :1]),
    "bool": (A > 0, B > 0),
    "whole floats": (A.astype(np.float64), B.astype(np.float32)),
    "negative": (np.where(A == 2, -4, A).astype(np.int16), B),
    "negative predicted": (A, np.where(B == 2, -4, B).astype(np.int16)),
    "beyond 32 bits": (_raised(A, 2**33), _raised(B, 2**33)),
    "beyond 63 bits": (_raised(A, 2**63), _raised(B, 2**63)),
    "labels of nobody": (np.where(A == 2, 77, A), np.where(B == 3, 200, B)),
    "both empty": (NOTHING, NOTHING),
    "reference empty": (NOTHING, B),
    "prediction empty": (A, NOTHING),
    "both full": (ALL_OF_IT, ALL_OF_IT),
    "reference full": (ALL_OF_IT, B),
    "prediction full": (A, ALL_OF_IT),
    "the same voxel": (ONE, ONE),
    "another voxel": (ONE, FAR),
    "lists": (A.tolist(), B.tolist()),
}


WRONG: dict[str, tuple[Any, Any]] = {
    "shapes": (A, B[:-1]),
    "axes": (A, B[0]),
    "four axes": (A[None], B[None]),
    "no axis": (np.uint8(1), np.uint8(1)),
    "no voxel": (A[:0], B[:0]),
    "fractions": (A * 0.5, B),
    "nan": (np.where(A > 2, np.nan, A), B),
    "infinity": (A, np.where(B > 2, np.inf, B)),
    "text": (np.full(A.shape, "a"), B),
    "objects": (A.astype(object), B.astype(object)),
    "complex": (A.astype(complex), B),
    "nothing": (None, B),
    "no common type": (np.where(A == 2, -4, A).astype(np.int8), ODD["beyond 63 bits"][1]),
    "on a GPU": (OnADevice(), B),
    "predicted on a GPU": (A, OnADevice()),
}


def _strided(labels: np.ndarray) -> np.ndarray:
    wide = np.zeros([2 * size for size in labels.shape], labels.dtype)
    view: np.ndarray = wide[(slice(None, None, -2),) * labels.ndim]
    view[...] = labels
    return view


def _read_only(labels: np.ndarray) -> np.ndarray:
    copied = labels.copy()
    copied.flags.writeable = False
    return copied


FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Fortran": np.asfortranarray,
    "strided": _strided,
    "read-only": _read_only,
    "big-endian": lambda labels: labels.astype(">u2"),
    "int8": lambda labels: labels.astype(np.int8),
    "int64": lambda labels: labels.astype(np.int64),
    "uint64": lambda labels: labels.astype(np.uint64),
    "float32": lambda labels: labels.astype(np.float32),
}
