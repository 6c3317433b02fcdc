"""What the drop-ins for torch hosts share: tensors are read once, as the bits that they are.

A one-hot channel in float32 is compared with the bits of 1.0 and packed, or counted, straight from the tensor's
memory; nothing is converted first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fastseg import dispatch, threads
from fastseg.arrays import Array, Spacing
from fastseg.compat._patching import NotCovered
from fastseg.distances import Boundary, SurfaceDistances

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
#: dtypes that are counted: the others round sums (float16) or have a meaning of their own (complex)
COUNTED = {
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float32, torch.float64),
}
# Voxels looked at to tell probabilities from labels before all of them are counted: 16 M different values take seconds.
_SAMPLE = 4096


def as_bits(tensor: torch.Tensor) -> Array:
    """The memory of a tensor as integers of its width, in C order; a copy only from a GPU or of a strided tensor."""
    plain = tensor.detach().as_subclass(torch.Tensor).cpu().contiguous()
    bits: Array = plain.view(_INTEGERS[plain.element_size()]).numpy()
    return bits


def bits_of(value: float, dtype: torch.dtype) -> int:
    """The integer that :func:`as_bits` shows for a value."""
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
    backend = dispatch.choose("surface_distances", reference.ndim)
    packed = [
        backend.select(as_bits(image), (bits_of(value, image.dtype),))
        for image, value in zip((reference, prediction), values, strict=True)
    ]
    distances: SurfaceDistances = backend.surface_distances(
        packed.pop(0), packed.pop(), spacing, boundary
    )
    return distances


class Pairs(NamedTuple):
    """How often each value of a reference meets each value of a prediction."""

    reference: NDArray[np.float64]
    prediction: NDArray[np.float64]
    counts: NDArray[np.int64]

    def overlap(self, values: tuple[float, float]) -> Overlap:
        """Voxels of a value of the reference and of a value of the prediction."""
        in_reference, in_prediction = self.reference == values[0], self.prediction == values[1]
        return Overlap(
            int(self.counts[in_reference & in_prediction].sum()),
            int(self.counts[in_prediction].sum()),
            int(self.counts[in_reference].sum()),
        )


class Overlap(NamedTuple):
    """Voxels in both masks, in the prediction and in the reference."""

    both: int
    prediction: int
    reference: int


def count_pairs(reference: torch.Tensor, prediction: torch.Tensor) -> Pairs:
    """Count the pairs of values of two images of one shape, in one pass over both.

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
    backend = dispatch.choose("joint_histogram", reference.ndim)
    found = backend.joint_histogram(*images)
    values = [
        torch.from_numpy(labels).view(dtype).double().numpy()
        for labels in (found.reference_labels, found.prediction_labels)
    ]
    return Pairs(values[0], values[1], found.counts)


def class_overlaps(
    images: tuple[torch.Tensor, torch.Tensor],
    are_maps: tuple[bool, bool],
    classes: Sequence[int],
    labels: range | None = None,
) -> list[Overlap]:
    """The overlap of every class of every item of a batch.

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
        pairs = count_pairs(
            *(
                image[b] if is_map else image[b, group[0]]
                for image, is_map in zip(images, are_maps, strict=True)
            )
        )
        for values, is_map in zip((pairs.reference, pairs.prediction), are_maps, strict=True):
            known = labels if is_map else (0, 1)
            if known is not None and not np.isin(values, known).all():
                raise NotCovered(f"values other than {list(known)}")
        return [
            pairs.overlap((label if are_maps[0] else 1, label if are_maps[1] else 1))
            for label in group
        ]

    found = threads.run(count, [(b, group) for b in range(len(images[0])) for group in groups])
    return [overlap for overlaps in found for overlap in overlaps]
