"""How much of the skeletons of two masks lies in the other mask."""

from __future__ import annotations

from typing import NamedTuple


class SkeletonOverlap(NamedTuple):
    """Voxels of skeletons and of the tube around the reference's.

    Attributes
    ----------
    reference, prediction : int
        Of the skeleton of either mask.
    reference_inside : int
        Of the reference's skeleton that are in the prediction.
    prediction_inside : int
        Of the prediction's skeleton that are in the reference.
    tube : int
        Of the reference that two steps across faces lead to from its skeleton.
    tube_inside : int
        Of these that are in the prediction.
    """

    reference: int
    prediction: int
    reference_inside: int
    prediction_inside: int
    tube: int
    tube_inside: int


#: of a mask and an empty one, by which of them is empty, as far as it matters
BESIDE_NOTHING = {
    "reference": SkeletonOverlap(0, 1, 0, 0, 0, 0),
    "prediction": SkeletonOverlap(1, 0, 0, 0, 1, 0),
}
