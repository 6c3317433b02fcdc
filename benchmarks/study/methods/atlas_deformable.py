"""The labels of the most typical training subject, moved onto the image affinely and then by SyN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.methods import Arrays, Method, learn_nothing
from benchmarks.study.subjects import Sample


def segment(model: None, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Take the first atlas's labels after the deformable stage."""
    return np.asarray(prepared["deformed"][0])


METHOD = Method(
    title="Atlas, deformable registration",
    section="4.4",
    library="antspyx",
    knows_places=True,
    fit=learn_nothing,
    segment=segment,
    # tumours are left out: an atlas knows none that another subject has
    expected={
        "organs": {"liver": 0.9, "spleen": 0.8, "kidneys": 0.8, "aorta": 0.7},
        "brain": {
            "csf": 0.5,
            "grey_matter": 0.75,
            "white_matter": 0.75,
            "caudate": 0.75,
            "putamen": 0.8,
            "thalamus": 0.85,
            "hippocampus": 0.7,
        },
        "head_neck": {
            "brain": 0.8,
            "brainstem": 0.75,
            "spinal_cord": 0.5,
            "mandible": 0.7,
            "parotids": 0.55,
            "orbits": 0.7,
        },
    },
    prepare="registrations",
)
