"""The channels of a batch as the structures of one pair of volumes, which a backend measures in one call."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fastseg import dispatch, threads
from fastseg.compat._support.tensors import (
    WORTH_A_THREAD,
    all_bits_of,
    as_bits,
    histograms,
    holds_labels,
)
from fastseg.inputs.arrays import Array, Box, Spacing
from fastseg.measures.distributions import SurfaceReductions
from fastseg.measures.joint_histogram import Empty
from fastseg.measures.regions import Region, Request
from fastseg.measures.surface_distances import Boundary, SurfaceDistances

_Result = TypeVar("_Result")

# Voxels up to which an image is measured whole: to find the box of a mask takes longer than to go through what is
# outside, packed into bits (benchmarks: batch).
_SMALL_IMAGE = 1 << 18
# Voxels of an image that are looked at for one that is inside, before all of them are.
_SAMPLE = 256
_SIDES: dict[tuple[bool, bool], Empty] = {
    (True, True): "",
    (False, True): "reference",
    (True, False): "prediction",
    (False, False): "both",
}


class Channel(NamedTuple):
    """One channel of one item of both batches.

    Attributes
    ----------
    at : tuple of 2 int
        Item, and channel among those that are measured.
    empty : {"", "reference", "prediction", "both"}
        Which side has no voxel that equals 1.
    region : Region
        These voxels, in the volumes of all channels.
    """

    at: tuple[int, int]
    empty: Empty
    region: Region


class Channels:
    """The channels of two one-hot batches, a voxel of which is inside where it equals 1.

    A batch in C order is a volume in which the channels lie one behind another along the first axis, and each channel
    is a structure with a box of its own.
    """

    def __init__(self, reference: torch.Tensor, prediction: torch.Tensor, first: int) -> None:
        """Find the voxels that are inside; whatever else there is does not matter.

        Parameters
        ----------
        reference, prediction : tensor (B, C, spatial axes)
        first : int
            The first channel to measure.
        """
        self.device = prediction.device
        size = math.prod(reference.shape[2:])
        self._are_small = size <= _SMALL_IMAGE
        if reference.dtype != prediction.dtype or not (
            self._are_small or (holds_labels(reference) and holds_labels(prediction))
        ):
            reference, prediction = reference == 1, prediction == 1
        images = as_bits(reference), as_bits(prediction)
        n_items, n_channels, length, *others = images[0].shape
        self.shape = n_items, n_channels - first
        self._length = length
        self.ndim = 1 + len(others)
        self._volumes = images[0].reshape(-1, *others), images[1].reshape(-1, *others)
        inside = all_bits_of(1, reference.dtype)
        places = list(itertools.product(range(n_items), range(first, n_channels)))
        found = self._whole if self._are_small else self._counted
        self.all: list[Channel] = []
        for (item, channel), (empty, box) in zip(
            places, found(images, places, inside), strict=True
        ):
            if box is not None:
                start = (item * n_channels + channel) * length
                box = (slice(box[0].start + start, box[0].stop + start), *box[1:])
            region = Region(inside, inside, box)
            self.all.append(Channel((item, channel - first), empty, region))

    def _whole(
        self,
        images: tuple[Array, Array],
        places: Sequence[tuple[int, int]],
        inside: tuple[int, ...],
    ) -> Iterator[tuple[Empty, Box]]:
        """Tell which side of some channels is empty, and give the box of the whole image."""
        sides = [_has_any(image, places, inside) for image in images]
        box = tuple(slice(0, size) for size in images[0].shape[2:])
        for sides_have in zip(*sides, strict=True):
            yield _SIDES[sides_have], box

    def _counted(
        self,
        images: tuple[Array, Array],
        places: Sequence[tuple[int, int]],
        inside: tuple[int, ...],
    ) -> Iterator[tuple[Empty, Box | None]]:
        """Tell which side of some channels is empty, and find the box that holds both."""
        for histogram in histograms([(images[0][place], images[1][place]) for place in places]):
            yield histogram.pair_counts(inside).empty, histogram.box(inside)

    def distributions(
        self, channels: Sequence[Channel], spacings: Sequence[Spacing]
    ) -> list[SurfaceReductions]:
        """Count the distances between both surfaces of some channels that have both.

        Parameters
        ----------
        channels : sequence of Channel
        spacings : sequence of tuple of float
            Of each item.
        """
        found: list[SurfaceReductions] = self._measured("surface_distributions", channels, spacings)
        return found

    def distances(
        self,
        channels: Sequence[Channel],
        spacings: Sequence[Spacing],
        reduce: Callable[[Channel, SurfaceDistances], _Result],
        boundary: Boundary = "voxel",
        one_way: bool = False,
    ) -> list[_Result]:
        """Reduce the distances between both surfaces of each of some channels, in C order of its image.

        One way, those from the reference may be left out.
        """
        if self._are_small and boundary == "voxel":
            return list(
                map(
                    reduce,
                    channels,
                    self._measured("surface_distances", channels, spacings, one_way),
                )
            )
        backend = dispatch.choose("surface_distances", self.ndim)
        first, second = backend.placed(*self._volumes)

        def measure(channel: Channel) -> _Result:
            found = backend.operations.surface_distances(
                first, second, channel.region, spacings[channel.at[0]], boundary
            )
            return reduce(channel, found)

        # what one thread does of a small image beside its kernels, another would wait for
        if self._length * math.prod(first.shape[1:]) < WORTH_A_THREAD:
            return list(map(measure, channels))
        return threads.run_from_both_ends(measure, channels)

    def _measured(
        self,
        measurement: str,
        channels: Sequence[Channel],
        spacings: Sequence[Spacing],
        one_way: bool = False,
    ) -> list[Any]:
        """Measure some channels, those of one spacing together."""
        backend = dispatch.choose(measurement, self.ndim)
        first, second = backend.placed(*self._volumes)
        found: dict[tuple[int, int], Any] = {}
        for spacing in dict.fromkeys(spacings[channel.at[0]] for channel in channels):
            alike = [channel for channel in channels if spacings[channel.at[0]] == spacing]
            request = Request(frozenset((measurement,)), spacing, one_way=one_way)
            regions = [channel.region for channel in alike]
            measured = backend.operations.measure(first, second, regions, request)
            for channel, each in zip(alike, measured, strict=True):
                found[channel.at] = each[measurement]
        return [found[channel.at] for channel in channels]


def _has_any(
    image: Array, places: Sequence[tuple[int, int]], inside: tuple[int, ...]
) -> list[bool]:
    """Tell which channels of a batch have a voxel that is inside: mostly, a few of its voxels tell."""
    voxels = image.reshape(*image.shape[:2], -1)
    step = voxels.shape[2] // _SAMPLE | 1  # odd, so that it does not go down a column
    seen: NDArray[np.bool_] = (voxels[:, :, ::step] == inside[0]).any(axis=2)
    return [bool(seen[place] or (voxels[place] == inside[0]).any()) for place in places]
