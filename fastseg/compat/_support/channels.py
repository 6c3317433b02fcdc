"""The channels of a batch as the structures of one pair of volumes, which a backend measures in one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import torch

from fastseg import dispatch, threads
from fastseg.compat._support.tensors import (
    WORTH_A_THREAD,
    all_bits_of,
    as_bits,
    histograms,
    holds_labels,
)
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import SurfaceReductions
from fastseg.measures.joint_histogram import Empty
from fastseg.measures.regions import Region, Request
from fastseg.measures.surface_distances import Boundary, SurfaceDistances

_Result = TypeVar("_Result")


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
        if reference.dtype != prediction.dtype or not (
            holds_labels(reference) and holds_labels(prediction)
        ):
            reference, prediction = reference == 1, prediction == 1
        images = as_bits(reference), as_bits(prediction)
        n_items, n_channels, length, *others = images[0].shape
        self.shape = n_items, n_channels - first
        self._length = length
        self.ndim = 1 + len(others)
        self._volumes = images[0].reshape(-1, *others), images[1].reshape(-1, *others)
        inside = all_bits_of(1, reference.dtype)
        places = [
            (item, channel) for item in range(n_items) for channel in range(first, n_channels)
        ]
        counted = histograms([(images[0][place], images[1][place]) for place in places])
        self.all: list[Channel] = []
        for (item, channel), histogram in zip(places, counted, strict=True):
            box = histogram.box(inside)
            if box is not None:
                start = (item * n_channels + channel) * length
                box = (slice(box[0].start + start, box[0].stop + start), *box[1:])
            empty = histogram.pair_counts(inside).empty
            self.all.append(Channel((item, channel - first), empty, Region(inside, inside, box)))

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
        backend = dispatch.choose("surface_distributions", self.ndim)
        first, second = backend.placed(*self._volumes)
        found: dict[tuple[int, int], SurfaceReductions] = {}
        for spacing in dict.fromkeys(spacings[channel.at[0]] for channel in channels):
            alike = [channel for channel in channels if spacings[channel.at[0]] == spacing]
            request = Request(frozenset(("surface_distributions",)), spacing)
            regions = [channel.region for channel in alike]
            measured = backend.operations.measure(first, second, regions, request)
            for channel, each in zip(alike, measured, strict=True):
                found[channel.at] = each["surface_distributions"]
        return [found[channel.at] for channel in channels]

    def distances(
        self,
        channels: Sequence[Channel],
        spacings: Sequence[Spacing],
        reduce: Callable[[Channel, SurfaceDistances], _Result],
        boundary: Boundary = "voxel",
    ) -> list[_Result]:
        """Reduce the distances between both surfaces of each of some channels, in C order of its image."""
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
