"""Each voxel has its most probable label, while STAPLE estimates how well each deformed atlas does at each label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.fusion import fused
from benchmarks.study.methods import Arrays, Method, learn_nothing
from benchmarks.study.subjects import Sample


def segment(model: None, sample: Sample, prepared: Arrays) -> NDArray[np.uint8]:
    """Fuse by STAPLE; where two labels are equally probable, the most typical atlas decides."""
    return fused(prepared, "staple")


METHOD = Method(
    title="Multi-atlas, STAPLE",
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
