"""What the drop-ins for torch hosts share: tensors are read once, as the bits that they are.

A one-hot channel in float32 is compared with the bits of 1.0 and packed, or counted, straight from the tensor's
memory; nothing is converted first.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import torch

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
#: Voxels of an image that kernels work on long enough for another thread to get on meanwhile (benchmarks: small calls)
WORTH_A_THREAD = 1 << 17


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


@functools.lru_cache(maxsize=4096)
def all_bits_of(value: float, dtype: torch.dtype) -> tuple[int, ...]:
    """Give all integers that :func:`as_bits` may show for a value: none if the dtype lacks it, two for a float's 0."""
    if dtype.is_floating_point:
        return tuple({bits_of(each, dtype) for each in (value, -value if value == 0 else value)})
    limits = (0, 1) if dtype == torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    return (bits_of(value, dtype),) if limits[0] <= value <= limits[1] else ()


def holds_labels(tensor: torch.Tensor) -> bool:
    """Tell from a sample whether a tensor holds whole numbers: probabilities have too many values to be counted."""
    if not tensor.is_floating_point():
        return True
    step = tensor.numel() // _SAMPLE | 1  # odd, so that it does not go down a column
    sample = tensor.detach().reshape(-1)[::step]
    return bool(torch.equal(sample, sample.round()))


def histograms(pairs: Sequence[tuple[Array, Array]]) -> list[JointHistogram]:
    """Count the pairs of labels of each of several pairs of images, all of one shape and dtype."""
    image = pairs[0][0]
    backend = dispatch.choose("joint_histogram", image.ndim)
    count = backend.operations.joint_histogram

    def count_some(slab: tuple[int, int]) -> list[JointHistogram]:
        return [count(*backend.placed(*pair)) for pair in pairs[slice(*slab)]]

    # one slab a thread, if any: a small image is counted in less time than it takes to hand it over
    found = threads.run(count_some, threads.slabs(len(pairs), image.size, WORTH_A_THREAD))
    return list(itertools.chain.from_iterable(found))


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
    if not all(map(holds_labels, images)):
        raise NotCovered("probabilities")
    dtype = torch.promote_types(images[0].dtype, images[1].dtype)
    arrays = [as_bits(image.to(dtype)) for image in images]
    known = [labels if is_map else (0, 1) for is_map in are_maps]
    known_bits = [
        None if values is None else {bits for value in values for bits in all_bits_of(value, dtype)}
        for values in known
    ]
    groups = [classes] if all(are_maps) else [[label] for label in classes]
    items = [(b, group) for b in range(len(arrays[0])) for group in groups]
    pairs = []
    for b, (label, *_) in items:
        first, second = (
            array[b] if is_map else array[b, label]
            for array, is_map in zip(arrays, are_maps, strict=True)
        )
        pairs.append((first, second))
    wanted = {
        label: [all_bits_of(label if is_map else 1, dtype) for is_map in are_maps]
        for label in classes
    }
    overlaps = []
    for (_, group), histogram in zip(items, histograms(pairs), strict=True):
        for side, bits in enumerate(known_bits):
            found = histogram.prediction_labels if side else histogram.reference_labels
            if bits is not None and not bits.issuperset(found.tolist()):
                raise NotCovered(f"values other than {known[side]}")
        for label in group:
            counts = histogram.pair_counts(*wanted[label])
            overlaps.append(Overlap(counts.reference, counts.prediction, counts.tp))
    return overlaps
