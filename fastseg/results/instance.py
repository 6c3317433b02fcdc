"""What a row of the level "instance" tells beside its metrics: how it was matched, and where it lies on either side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

#: starts and stops along the array's axes, half open, in voxels
Box = tuple[tuple[int, int], ...]

#: the mean position of an instance's voxels along the array's axes, in voxels
Centroid = tuple[float, ...]


class Instance(NamedTuple):
    """An instance of one side, or a pair of two that were matched.

    Attributes
    ----------
    match_score : float
        By which they were matched; nan for one that has no partner.
    confidence : float
        How sure the prediction was of it; nan where it did not say.
    reference_box, prediction_box : tuple of (start, stop), or None
        Along the array's axes, half open, in voxels; None where there is no such side.
    reference_centroid, prediction_centroid : tuple of float, or None
        Mean of the positions of its voxels along the array's axes, in voxels.
    """

    match_score: float = math.nan
    confidence: float = math.nan
    reference_box: Box | None = None
    prediction_box: Box | None = None
    reference_centroid: Centroid | None = None
    prediction_centroid: Centroid | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give its columns of the table: boxes as ``12:20 3:9``, centroids as ``15.5 5.25``.

        Examples
        --------
        >>> Instance(0.5, reference_box=((12, 20), (3, 9)), reference_centroid=(15.5, 5.25)).to_dict()["reference_box"]
        '12:20 3:9'
        """
        return {
            "match_score": self.match_score,
            "confidence": self.confidence,
            **{name: _box_text(getattr(self, name)) for name in _BOXES},
            **{name: _centroid_text(getattr(self, name)) for name in _CENTROIDS},
        }

    @classmethod
    def from_dict(cls, columns: Mapping[str, Any]) -> Instance:
        """Read what :meth:`to_dict` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            For anything else.
        """
        return cls(
            columns["match_score"],
            columns["confidence"],
            _box(columns["reference_box"]),
            _box(columns["prediction_box"]),
            _centroid(columns["reference_centroid"]),
            _centroid(columns["prediction_centroid"]),
        )


_BOXES = ("reference_box", "prediction_box")
_CENTROIDS = ("reference_centroid", "prediction_centroid")

#: the columns of the table that are of instances alone; the first two are numbers, the others texts
COLUMNS = Instance._fields
NUMBERS = COLUMNS[:2]


def _box_text(box: Box | None) -> str | None:
    return None if box is None else " ".join(f"{start}:{stop}" for start, stop in box)


def _centroid_text(centroid: Centroid | None) -> str | None:
    return None if centroid is None else " ".join(repr(float(place)) for place in centroid)


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    ends = [part.split(":") for part in text.split(" ")]
    return tuple((int(start), int(stop)) for start, stop in ends)


def _centroid(text: str | None) -> Centroid | None:
    return None if text is None else tuple(map(float, text.split(" ")))
