"""Drop-in for ``edt``: multi-label Euclidean distance transforms in float32.

A voxel's distance goes to the nearest voxel of another label, the background included; with ``black_border`` also to
what lies around the image. Where squared distances are exact in float32, as with whole numbers for anisotropy, they are
edt's to the bit. Elsewhere both round: here the error stays below two units in the last place of float32, edt's grows
with the image (11 units at 256³ with anisotropy (2.5, 0.7, 0.7)), which bounds how well they agree.

``parallel`` is checked and has no effect: see ``fastseg.set_num_threads``. What differs on purpose: edt gives zeros for
float16 labels and for arrays in foreign byte order, and its ``sdf`` fails on lists; here all of them are transformed.

Left to edt: ``voxel_graph``, NaN labels, complex and other dtypes, an anisotropy that is not finite and positive, and
all other names (``each``, ``runs`` …).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastseg import dispatch, threads
from fastseg.compat._support.patching import Host, NotCovered, Patch, falls_back_to, rest_of
from fastseg.inputs.arrays import Array, Spacing, as_spacing

__all__ = ["edt", "edtsq", "sdf", "sdfsq"]

__getattr__ = rest_of("edt")

Anisotropy = float | Sequence[float] | None
Distances = NDArray[np.float32]


@falls_back_to("edt", "edt")
def edt(
    data: ArrayLike,
    anisotropy: Anisotropy = None,
    black_border: bool = False,
    parallel: int = 1,
    voxel_graph: Any = None,
    order: Any = None,
) -> Distances:
    """Distance of each voxel to the nearest voxel of another label, as ``edt.edt``.

    Parameters
    ----------
    data : array_like
        Labels of any numeric type, 1-D to 3-D; 0 is background.
    anisotropy : float or sequence of float, optional
        Voxel size: a number for one axis, else one for each axis. Default 1.
    black_border : bool
        Whether what lies around the image is background.
    parallel : int
        Has no effect.
    voxel_graph : ndarray, optional
        Left to edt.
    order : object
        Has no effect, as in edt.

    Returns
    -------
    float32 ndarray
        In the memory order of the input; 0 on the background, inf where there is nothing but one label.

    Raises
    ------
    TypeError, IndexError
        For more than three axes, and an anisotropy that is no number or has too few.

    Examples
    --------
    >>> from fastseg.compat.edt import edt
    >>> edt([0, 7, 7, 7, 7, 4, 4], anisotropy=0.5)
    array([0. , 0.5, 1. , 1. , 0.5, 0.5, 1. ], dtype=float32)
    """
    labels, steps = _checked(data, anisotropy, parallel, voxel_graph)
    return _transform(labels, steps, bool(black_border), squared=False)


@falls_back_to("edt", "edtsq")
def edtsq(
    data: ArrayLike,
    anisotropy: Anisotropy = None,
    black_border: bool = False,
    parallel: int = 1,
    voxel_graph: Any = None,
    order: Any = None,
) -> Distances:
    """Squares of :func:`edt`, as ``edt.edtsq``.

    Examples
    --------
    >>> from fastseg.compat.edt import edtsq
    >>> edtsq([1, 1, 1, 0])
    array([9., 4., 1., 0.], dtype=float32)
    """
    labels, steps = _checked(data, anisotropy, parallel, voxel_graph)
    return _transform(labels, steps, bool(black_border), squared=True)


@falls_back_to("edt", "sdf")
def sdf(
    data: ArrayLike,
    anisotropy: Anisotropy = None,
    black_border: bool = False,
    parallel: int = 1,
    voxel_graph: Any = None,
    order: Any = None,
) -> Distances:
    """Signed distances, as ``edt.sdf``: :func:`edt`, and on the background minus the distance to the nearest label.

    Examples
    --------
    >>> from fastseg.compat.edt import sdf
    >>> sdf([0, 0, 1, 1])
    array([-2., -1.,  1.,  2.], dtype=float32)
    """
    labels, steps = _checked(data, anisotropy, parallel, voxel_graph)
    return _signed(labels, steps, bool(black_border), squared=False)


@falls_back_to("edt", "sdfsq")
def sdfsq(
    data: ArrayLike,
    anisotropy: Anisotropy = None,
    black_border: bool = False,
    parallel: int = 1,
    voxel_graph: Any = None,
) -> Distances:
    """Signed squares, as ``edt.sdfsq``.

    Examples
    --------
    >>> from fastseg.compat.edt import sdfsq
    >>> sdfsq([0, 0, 1, 1])
    array([-4., -1.,  1.,  4.], dtype=float32)
    """
    labels, steps = _checked(data, anisotropy, parallel, voxel_graph)
    return _signed(labels, steps, bool(black_border), squared=True)


def _checked(
    data: ArrayLike, anisotropy: Anisotropy, parallel: int, voxel_graph: Any
) -> tuple[Array, Spacing]:
    if voxel_graph is not None:
        raise NotCovered("voxel_graph")
    if not isinstance(data, (np.ndarray, list)):
        raise NotCovered(f"labels of type {type(data).__name__}")
    labels = np.asarray(data)
    if not labels.size or labels.dtype.kind not in "biuf":
        raise NotCovered(f"labels of dtype {labels.dtype} and shape {labels.shape}")
    if not 1 <= labels.ndim <= 3:
        raise TypeError(
            f"Multi-Label EDT library only supports up to 3 dimensions got {labels.ndim}. "
            f"Expected labels of 1 to 3 axes, their shape is {labels.shape}"
        )
    if not isinstance(parallel, (int, float, np.number)):
        raise TypeError(f"an integer is required for parallel, got {parallel!r}")
    if not (labels.flags.c_contiguous or labels.flags.f_contiguous):
        labels = np.ascontiguousarray(labels)
    return _as_integers(labels), _steps(anisotropy, labels.ndim)


def _as_integers(labels: Array) -> Array:
    """Floats by their bits, which tell labels apart as well; -0.0 is 0."""
    if not labels.dtype.isnative:
        labels = labels.astype(labels.dtype.newbyteorder("="))
    if labels.dtype.kind != "f":
        return labels
    if np.isnan(labels).any():
        raise NotCovered("NaN labels")
    return np.asarray(labels + labels.dtype.type(0)).view(f"u{labels.dtype.itemsize}")


def _steps(anisotropy: Anisotropy, ndim: int) -> Spacing:
    """As edt takes it: a bare number for one axis only, surplus numbers ignored, all rounded to float32."""
    if anisotropy is None:
        return (1.0,) * ndim
    sizes: Any = [anisotropy] if ndim == 1 else anisotropy
    given = [sizes[axis] for axis in range(ndim)]
    for size in given:
        if size is None or isinstance(size, (str, bytes)):
            raise TypeError(f"must be real number, not {type(size).__name__}")
    steps = [float(np.float32(1.0 * size)) for size in given]
    try:
        return as_spacing(steps, ndim)
    except ValueError as error:
        raise NotCovered(f"anisotropy={anisotropy!r}") from error


def _signed(labels: Array, steps: Spacing, black_border: bool, squared: bool) -> Distances:
    distances = _transform(labels, steps, black_border, squared)
    distances -= _transform(labels == 0, steps, black_border, squared)
    return distances


def _transform(labels: Array, steps: Spacing, black_border: bool, squared: bool) -> Distances:
    """One binary transform for each label, in its box and a voxel around it.

    Nothing is nearer beyond: a voxel of another label that lies farther out has one between it and the box.
    """
    if labels.dtype == np.bool_:
        return _binary(labels, steps, black_border, squared)
    backend = dispatch.choose("joint_histogram", labels.ndim)
    histogram = backend.operations.joint_histogram(labels, labels)
    found = [label for label in histogram.labels if label]
    if len(found) == 1:
        return _binary(labels != 0, steps, black_border, squared)
    out = np.zeros_like(labels, np.float32)  # in the memory order of the labels

    def fill(label: int) -> None:
        inside = histogram.box([label])
        assert inside is not None  # it was found
        box = tuple(
            slice(max(part.start - 1, 0), min(part.stop + 1, size))
            for part, size in zip(inside, labels.shape, strict=True)
        )
        mask = labels[box] == label
        np.copyto(out[box], _binary(mask, steps, black_border, squared), where=mask)

    threads.run(fill, found)
    return out


def _binary(
    mask: NDArray[np.bool_], steps: Spacing, black_border: bool, squared: bool
) -> Distances:
    """Transform one label."""
    backend = dispatch.choose("distance_transform_edt", mask.ndim)
    padded = np.pad(mask, 1) if black_border else mask
    whole = _squares_are_small_integers(padded.shape, steps)
    dtype = np.float64 if squared and not whole else np.float32
    distances: Array = backend.operations.distance_transform_edt(padded, steps, False, dtype)[0]
    if black_border:
        inner = distances[(slice(1, -1),) * mask.ndim]
        distances = np.empty_like(mask, dtype)  # in the memory order of the mask
        distances[...] = inner
    if not squared:
        return distances
    out = distances if whole else np.empty_like(mask, np.float32)
    np.multiply(distances, distances, out=out, casting="same_kind")
    return np.rint(out, out=out) if whole else out


def _squares_are_small_integers(shape: tuple[int, ...], steps: Spacing) -> bool:
    """Whether the square of a distance in float32 is nearest to the integer that it was.

    The root and its square are off by 1.8e-7 of it at most, which is less than a half up to 2**21.
    """
    diagonal = sum(((size - 1) * step) ** 2 for size, step in zip(shape, steps, strict=True))
    return all(step.is_integer() for step in steps) and diagonal < 1 << 21


PATCHES = Host(
    distribution="edt",
    since="3.0",
    until="3.2",
    rows=(
        Patch("edt", "edt", edt),
        Patch("edt", "edtsq", edtsq),
        Patch("edt", "sdf", sdf),
        Patch("edt", "sdfsq", sdfsq),
    ),
)
