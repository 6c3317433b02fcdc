"""Each voxel has the label that most of the deformed atlases give it; where votes tie, the most typical atlas decides.

With two atlases it is the first one, and with four a tie is two against two, so that the first has one of the tied.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.fusion import fused
from benchmarks.study.methods import Arrays, Method, learn_nothing
from benchmarks.study.subjects import Sample


def segment(model: None, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Vote."""
    return fused(prepared, "majority")


METHOD = Method(
    title="Multi-atlas, majority",
    section="4.5",
    library="antspyx, fastseg",
    knows_places=True,
    fit=learn_nothing,
    segment=segment,
    # tumours are left out: an atlas knows none that another subject has
    expected={
        "organs": {"liver": 0.92, "spleen": 0.87, "kidneys": 0.85, "aorta": 0.75},
        "brain": {
            "csf": 0.55,
            "grey_matter": 0.8,
            "white_matter": 0.8,
            "caudate": 0.8,
            "putamen": 0.83,
            "thalamus": 0.87,
            "hippocampus": 0.75,
        },
        "head_neck": {
            "brain": 0.93,
            "brainstem": 0.8,
            "spinal_cord": 0.5,
            "mandible": 0.8,
            "parotids": 0.6,
            "orbits": 0.75,
        },
    },
    prepare="registrations",
)
