"""The labels of the most typical training subject, moved onto the image affinely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.methods import Arrays, Method, learn_nothing
from benchmarks.study.subjects import Sample


def segment(model: None, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Take the atlas's labels after the affine stage."""
    return np.asarray(prepared["affine"])


METHOD = Method(
    title="Atlas, affine registration",
    section="4.3",
    library="antspyx",
    knows_places=True,
    fit=learn_nothing,
    segment=segment,
    # tumours are left out: an atlas knows none that another subject has
    expected={
        "organs": {"liver": 0.75, "spleen": 0.65, "kidneys": 0.6, "aorta": 0.5},
        "brain": {
            "grey_matter": 0.6,
            "white_matter": 0.6,
            "caudate": 0.5,
            "putamen": 0.5,
            "thalamus": 0.65,
            "hippocampus": 0.35,
        },
        "head_neck": {
            "brain": 0.75,
            "brainstem": 0.6,
            "mandible": 0.5,
            "orbits": 0.5,
        },
    },
    prepare="registrations",
)
