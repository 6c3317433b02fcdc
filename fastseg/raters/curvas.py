"""The scores of the challenges CURVAS: probabilities beside several raters, their consensus and their volumes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import io
from fastseg._version import __version__
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array
from fastseg.inputs.choices import unknown
from fastseg.inputs.source import ArraySource
from fastseg.inputs.structures import Labels, Structure, as_structures
from fastseg.measures.vote_patterns import BinaryVotes, VotePatterns, painted, vote_patterns
from fastseg.probabilities.maps import Maps as ProbabilityMaps
from fastseg.raters.agreement import agreed_dice
from fastseg.raters.case import CURVAS
from fastseg.raters.curvas_scores import (
    MARGIN,
    calibration_error,
    dice_above_shares,
    dice_of_rows,
    smoothed_dice,
    volume_crps,
)
from fastseg.raters.maps import Maps, as_maps
from fastseg.raters.results import ALL, CONSENSUS, PREDICTION, RaterEvaluation, RaterScore
from fastseg.raters.staple import staple

YEARS = (2024, 2025)


def curvas_scores(
    maps: Any,
    prediction: Any,
    probabilities: Any,
    *,
    year: Literal[2024, 2025],
    labels: Labels | None = None,
    spacing: float | Sequence[float] | None = None,
) -> RaterEvaluation:
    """Score probabilities beside several raters as the challenges CURVAS 2024 and 2025 do.

    Parameters
    ----------
    maps : list of label maps, or mapping of raters' names to label maps
        At least two, as in :func:`evaluate_raters`.
    prediction : array_like, path or image
        The label map.
    probabilities : array_like, path or image, or sequence of paths
        One map, or a channel (first axis) for each label, in the order of the labels; with one channel more the first
        is the background's, and is not looked at.
    year : {2024, 2025}
        2024: ``consensus_dice``, ``ece`` with each rater and their mean, ``volume_crps``. 2025: ``thresholded_dice``,
        ``staple_dice``, ``ece`` around the raters' structures, ``volume_crps``.
    labels : iterable of int, or mapping of names to labels, optional
        Default: every label but 0 that a rater has.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default: the first image's own, and 1 for plain arrays.

    Returns
    -------
    RaterEvaluation
        A row for each number; ``ece`` is of all labels together.

    Raises
    ------
    TypeError, ValueError
        For what :func:`evaluate_raters` refuses, and as many channels as there are no labels.

    Notes
    -----
    Written from what the challenge's repository (SYCAI-Technologies/curvas-challenge) defines. 2024's script gives its
    Dice to MONAI without axes of cases and channels, so that slices are cases and rows channels:
    ``consensus_dice_of_rows`` is that number, for array axes (x, y, z), and ``consensus_dice`` the one that is meant.
    It crops to the body in the CT before ``ece``, which is left to the caller. 2025's box of ``ece``, 20 voxels around
    all structures, ends at the image's edges, where the script's begins anew from the other side; the Wasserstein
    distances of vascular involvement are not here. ``ece`` sums in float64, the scripts in float32; ``volume_crps`` is
    integrated exactly, by the scripts numerically.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> one = np.zeros((8, 8, 8), np.uint8); one[2:6, 2:6, 2:6] = 1
    >>> maps = [one, np.roll(one, 1, axis=0), np.roll(one, 1, axis=1)]
    >>> found = fastseg.curvas_scores(maps, one, np.float32(0.9) * one, year=2025)
    >>> round(found.value(1, "thresholded_dice", "prediction"), 3)
    0.871
    """
    if year not in YEARS:
        raise unknown("year", year, [str(one) for one in YEARS])
    wanted = None if labels is None else as_structures(labels, None)
    given = as_maps(maps, spacing, prediction)
    patterns = vote_patterns(given.arrays)
    many = len(given.arrays) - 1
    if wanted is None:
        raters = patterns.of(range(many))
        wanted = tuple(Structure.of(str(one), one) for one in raters.found if one)
    first = ArraySource(given.arrays[0], given.spacing, given.grid, given.names[0])
    probable = ProbabilityMaps.of(probabilities, first, io.GridRules(), "first", False)
    case = _Case(given, patterns, wanted, _channels(probable, wanted), probable.order)
    scores = tuple(_of_2024(case) if year == 2024 else _of_2025(case))
    settings = {
        "raters": given.names[:many],
        "spacing": given.spacing,
        "protocol": f"curvas{year}",
        "version": __version__,
    }
    return RaterEvaluation(scores, settings)


class _Case(NamedTuple):
    """What is scored: raters and then the prediction, and the probabilities of each structure."""

    maps: Maps
    patterns: VotePatterns
    structures: tuple[Structure, ...]
    probabilities: list[NDArray[Any]]
    order: Literal["C", "F"]

    @property
    def raters(self) -> list[str]:
        return self.maps.names[:-1]

    def votes(self, structure: Structure) -> tuple[BinaryVotes, NDArray[np.bool_]]:
        """Tell who of the raters finds a structure, and by the same patterns whether the prediction does."""
        held = self.patterns.holds(structure.reference)
        held[:, -1] = self.patterns.holds(structure.prediction)[:, -1]
        return BinaryVotes(held[:, :-1], self.patterns.counts), held[:, -1]

    def image(self, values: NDArray[Any]) -> Array:
        """Make an image of what each pattern has."""
        return painted(
            self.maps.arrays, lambda rows: values[self.patterns.rows_of(rows)], values.dtype
        )

    def classes(self, rater: int) -> Array:
        """Give the label map of a rater, with the structures' places for labels."""
        values = np.zeros(len(self.patterns.counts), np.int16)
        for place, one in enumerate(self.structures, 1):
            values[self.patterns.holds(one.reference)[:, rater]] = place
        return self.image(values)


def _channels(maps: ProbabilityMaps, wanted: Sequence[Structure]) -> list[NDArray[Any]]:
    """Choose the channel of each structure."""
    many = maps.channels or 1
    if many - len(wanted) not in (0, 1) or not wanted:
        raise InputError(
            f"probabilities: {many} channel{'s' * (many != 1)} for {len(wanted)} labels "
            f"({', '.join(one.name for one in wanted)}); give one for each, and at most the background's before them"
        )
    found = [maps.of_channels((place + many - len(wanted),)) for place in range(len(wanted))]
    for one, structure in zip(found, wanted, strict=True):
        wrong = ~((one >= 0) & (one <= 1))
        if wrong.any():
            raise InputError(
                f"probabilities: expected numbers from 0 to 1, got {one[wrong][0]:g} of {structure.name}"
            )
    return found


def _of_2024(case: _Case) -> Iterator[RaterScore]:
    for one, probability in zip(case.structures, case.probabilities, strict=True):
        votes, predicted = case.votes(one)
        yield _score(one, "consensus_dice", agreed_dice(votes, predicted))
        found = votes.votes.sum(axis=1)
        truth, agreed = found == votes.raters, (found == 0) | (found == votes.raters)
        if len(case.maps.arrays[0].shape) == 3:
            rows = dice_of_rows(case.image(truth), case.image(predicted & agreed))
            yield _score(one, "consensus_dice_of_rows", rows)
        yield _score(one, "volume_crps", _volume_crps(case, votes, probability))
    labels = [case.classes(rater) for rater in range(len(case.raters))]
    yield from _calibration(case, [one.ravel(case.order) for one in labels], case.probabilities)


def _of_2025(case: _Case) -> Iterator[RaterScore]:
    for one, probability in zip(case.structures, case.probabilities, strict=True):
        votes, predicted = case.votes(one)
        found = case.image(votes.votes.sum(axis=1).astype(np.int16)).ravel(case.order)
        value = dice_above_shares(found, votes.raters, probability, CURVAS)
        yield _score(one, "thresholded_dice", value)
        truth = staple(votes).probabilities > 0.5
        both = int(votes.counts[truth & predicted].sum())
        sizes = int(votes.counts[truth].sum()) + int(votes.counts[predicted].sum())
        yield RaterScore(
            one.label, one.name, "staple_dice", PREDICTION, CONSENSUS, smoothed_dice(both, sizes)
        )
        yield _score(one, "volume_crps", _volume_crps(case, votes, probability))
    maps = [case.classes(rater) for rater in range(len(case.raters))]
    box = _box(maps)
    shape = case.maps.arrays[0].shape
    inside = [
        one.reshape(shape, order=case.order)[box].ravel(case.order) for one in case.probabilities
    ]
    yield from _calibration(case, [one[box].ravel(case.order) for one in maps], inside, True)


def _score(structure: Structure, measure: str, value: float) -> RaterScore:
    return RaterScore(structure.label, structure.name, measure, PREDICTION, ALL, value)


def _volume_crps(case: _Case, votes: BinaryVotes, probability: NDArray[Any]) -> float:
    size = math.prod(case.maps.spacing)
    volumes = [size * int(votes.counts[held].sum()) for held in votes.votes.T]
    return volume_crps(volumes, size * float(probability.sum(dtype=np.float64)))


def _calibration(
    case: _Case,
    labels: Sequence[NDArray[Any]],
    probabilities: list[NDArray[Any]],
    clamped: bool = False,
) -> Iterator[RaterScore]:
    values = [calibration_error(one, probabilities, clamped=clamped) for one in labels]
    yield RaterScore(None, "all labels", "ece", PREDICTION, ALL, sum(values) / len(values))
    for rater, value in zip(case.raters, values, strict=True):
        yield RaterScore(None, "all labels", "ece", PREDICTION, rater, value)


def _box(maps: Sequence[Array]) -> tuple[slice, ...]:
    """Find the box of all structures of all raters, and a margin around it as far as the image goes."""
    found: NDArray[np.bool_] = maps[0] != 0
    for one in maps[1:]:
        found |= one != 0
    if not found.any():
        return (slice(None),) * found.ndim
    box = []
    for axis in range(found.ndim):
        others = tuple(other for other in range(found.ndim) if other != axis)
        places = np.flatnonzero(found.any(axis=others))
        box.append(slice(max(0, int(places[0]) - MARGIN), int(places[-1]) + MARGIN))
    return tuple(box)
