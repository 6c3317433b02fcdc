"""How methods, difficulties and anatomies are called in tables and figures, and in which order they stand."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from benchmarks.study import anatomies, difficulties, methods
from benchmarks.study.anatomies import Anatomy
from benchmarks.study.difficulties import Difficulty
from benchmarks.study.methods import Method

#: families of methods, by the section of the lecture that each begins with
FAMILIES = (
    ("4.1", "Intensities, regions"),
    ("4.3", "Atlases"),
    ("4.6", "Forest, LeNet, U-Nets"),
    ("6.1.4", "Context, transformers"),
)
#: metrics, of those that fastseg has, that tables and figures of this study show
SHOWN_METRICS = (
    *("dice", "precision", "recall", "volume_similarity"),
    *("hd", "hd95", "assd", "nsd", "boundary_iou", "center_distance"),
    *("betti_0_error", "hole_count_difference", "surface_area_difference"),
)
#: names for figures, where titles are too long
SHORT = {
    "atlas_affine": "Atlas, affine",
    "atlas_deformable": "Atlas, deformable",
    "multi_atlas_joint": "Multi-atlas, joint",
    "lenet_fcn": "LeNet",
    "unet_bilinear": "U-Net, bilinear",
    "unet_transposed": "U-Net, transposed",
    "unet_transformer": "U-Net, transformer",
    "dilated_aspp": "Dilated, pyramid",
    "multi_scale": "Multi-scale",
    "anisotropy": "Anisotropy",
    "bias_field": "Inhomogeneity",
    "contrast": "Contrast",
    "shape": "Shape",
}
#: of the reference
TITLES = {
    "clean": "clean",
    "rater_noise": "Another rater's truth",
    "tolerance": "Other tolerances",
    "truth": "The truth itself",
}


@functools.cache
def method(name: str) -> Method | None:
    """Find a method; what was measured may be of one that is no more."""
    return methods.method(name) if name in methods.names() else None


@functools.cache
def difficulty(name: str) -> Difficulty | None:
    """Find a difficulty."""
    return difficulties.difficulty(name) if name in difficulties.names() else None


@functools.cache
def anatomy(name: str) -> Anatomy | None:
    """Find an anatomy."""
    try:
        return anatomies.anatomy(name)
    except ModuleNotFoundError:
        return None


def title(name: str) -> str:
    """Call a method, difficulty or anatomy for people."""
    for find in (method, difficulty, anatomy):
        found = find(name)
        if found is not None:
            return found.title
    return TITLES.get(name, name.replace("_", " "))


def short(name: str) -> str:
    """Call a method or difficulty where there is little room."""
    return SHORT.get(name) or title(name)


def section(name: str) -> str:
    """Give the section of the lecture that a method or difficulty is in."""
    found = method(name) or difficulty(name)
    return found.section if found else ""


def in_order(names: Iterable[str]) -> list[str]:
    """Sort methods or difficulties as the lecture has them."""
    return sorted(names, key=lambda name: (section(name), name))


def family(name: str) -> str:
    """Give the family of a method."""
    mine = section(name)
    found = [title for first, title in FAMILIES if first <= mine]
    return found[-1] if found else "Methods"
