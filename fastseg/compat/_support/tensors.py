"""What the drop-ins for torch hosts share: tensors are read once, as the bits that they are.

A one-hot channel in float32 is compared with the bits of 1.0 and packed, or counted, straight from the tensor's
memory; nothing is converted first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fastseg import dispatch, threads
from fastseg.compat._support.patching import NotCovered
from fastseg.inputs.arrays import Array, Spacing
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import Region
from fastseg.measures.surface_distances import Boundary, SurfaceDistances

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
#: dtypes that are counted: the others round sums (float16) or have a meaning of their own (complex)
COUNTED = {
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float32, torch.float64),
}
# Voxels looked at to tell probabilities from labels before all of them are counted: 16 M different values take seconds.
_SAMPLE = 4096


def as_bits(tensor: torch.Tensor) -> Array:
    """See a tensor as integers of its width, in C order; only a GPU's or a strided tensor is copied."""
    plain = tensor.detach().as_subclass(torch.Tensor).cpu().contiguous()
    bits: Array = plain.view(_INTEGERS[plain.element_size()]).numpy()
    return bits


def bits_of(value: float, dtype: torch.dtype) -> int:
    """Give the integer that :func:`as_bits` shows for a value."""
    return int(as_bits(torch.tensor([value], dtype=dtype))[0])


def surface_distances(
    reference: torch.Tensor,
    prediction: torch.Tensor,
    spacing: Spacing,
    boundary: Boundary = "voxel",
    values: tuple[float, float] = (1, 1),
) -> SurfaceDistances:
    """Between the voxels of each of two images that equal its value; distances in C order of the image.

    The images may differ in dtype. What they hold beside that value does not matter.
    """
    region = Region((bits_of(values[0], reference.dtype),), (bits_of(values[1], prediction.dtype),))
    operations = dispatch.choose("surface_distances", reference.ndim).operations
    return operations.surface_distances(
        as_bits(reference), as_bits(prediction), region, spacing, boundary
    )


def count_pairs(
    reference: torch.Tensor, prediction: torch.Tensor
) -> tuple[JointHistogram, torch.dtype]:
    """Count the pairs of values of two images of one shape, in one pass over both.

    The labels of the histogram are the bits of the values, in the dtype that is returned with it.

    Raises
    ------
    NotCovered
        For probabilities, which are no labels.
    """
    dtype = torch.promote_types(reference.dtype, prediction.dtype)
    images = []
    for image in (reference, prediction):
        sample = image.reshape(-1)[:: max(1, image.numel() // _SAMPLE)]
        if image.is_floating_point() and not torch.equal(sample, sample.round()):
            raise NotCovered("probabilities")
        images.append(as_bits(image.to(dtype)))
    operations = dispatch.choose("joint_histogram", reference.ndim).operations
    return operations.joint_histogram(*images), dtype


def _all_bits_of(value: float, dtype: torch.dtype) -> tuple[int, ...]:
    """Give all integers that :func:`as_bits` may show for a value: none if the dtype lacks it, two for a float's 0."""
    if dtype.is_floating_point:
        return tuple({bits_of(each, dtype) for each in (value, -value if value == 0 else value)})
    limits = (0, 1) if dtype == torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    return (bits_of(value, dtype),) if limits[0] <= value <= limits[1] else ()


def _values(labels: Array, dtype: torch.dtype) -> NDArray[np.float64]:
    found: NDArray[np.float64] = torch.from_numpy(labels).view(dtype).double().numpy()
    return found


def class_overlaps(
    images: tuple[torch.Tensor, torch.Tensor],
    are_maps: tuple[bool, bool],
    classes: Sequence[int],
    labels: range | None = None,
) -> list[Overlap]:
    """Count the overlap of every class of every item of a batch.

    Parameters
    ----------
    images : tensor, tensor
        Reference and prediction: (B, spatial axes) for a label map, else one-hot (B, C, spatial axes).
    are_maps : bool, bool
        Which are label maps. Two of them are counted once for all classes.
    classes : sequence of int
    labels : range, optional
        What a label map may hold; anything, if not given.

    Returns
    -------
    list of Overlap
        By item, then by class.

    Raises
    ------
    NotCovered
        Where one-hot images hold more than zeros and ones, and label maps more than `labels`.
    """
    groups = [classes] if all(are_maps) else [[label] for label in classes]

    def count(item: tuple[int, Sequence[int]]) -> list[Overlap]:
        b, group = item
        histogram, dtype = count_pairs(
            *(
                image[b] if is_map else image[b, group[0]]
                for image, is_map in zip(images, are_maps, strict=True)
            )
        )
        sides = histogram.reference_labels, histogram.prediction_labels
        for side, is_map in zip(sides, are_maps, strict=True):
            known = labels if is_map else (0, 1)
            if known is not None and not np.isin(_values(side, dtype), known).all():
                raise NotCovered(f"values other than {list(known)}")
        overlaps = []
        for label in group:
            wanted = (_all_bits_of(label if is_map else 1, dtype) for is_map in are_maps)
            counts = histogram.pair_counts(*wanted)
            overlaps.append(Overlap(counts.reference, counts.prediction, counts.tp))
        return overlaps

    found = threads.run(count, [(b, group) for b in range(len(images[0])) for group in groups])
    return [overlap for overlaps in found for overlap in overlaps]
