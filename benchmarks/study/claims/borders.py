"""Section 6.1.6: what padding does where an image is cut into tiles."""

from __future__ import annotations

from benchmarks.study.claims import Found, claim
from benchmarks.study.claims.readings import BILINEAR, DILATED, MULTI_SCALE, UNET, present
from benchmarks.study.tables import Missing, Tables

#: those whose convolutions pad
CONVOLUTIONAL = (UNET, BILINEAR, DILATED, MULTI_SCALE)


@claim(
    *("6.1.6", "Padding spreads into the features: an image cut into tiles shows their seams."),
    "share of voxels that change when slices are cut into quarters, up to 4 voxels from a seam minus elsewhere",
    shown=0.005,
    contradicted=0.0,
)
def padding_shows_at_seams(tables: Tables) -> Found:
    seams, inside = changed(tables, "seams_zeros"), changed(tables, "inside_zeros")
    return Found(seams - inside, f"at seams {seams:.2%}; elsewhere {inside:.2%}")


@claim(
    *("6.1.6", "It matters what is padded with."),
    "share of voxels that change at seams, with zeros beyond the border minus with the border repeated",
    shown=0.005,
    contradicted=0.0,
    ours=True,
)
def zeros_are_worse_than_repeating(tables: Tables) -> Found:
    zeros, repeated = changed(tables, "seams_zeros"), changed(tables, "seams_replicate")
    return Found(zeros - repeated, f"zeros {zeros:.2%}; repeated {repeated:.2%}")


def changed(tables: Tables, name: str) -> float:
    """Average what the convolutional networks recorded under this name after their training."""
    found = []
    for method in present(tables, CONVOLUTIONAL):
        rows = tables.recorded(method)
        if name in rows.columns:
            found += rows[name].dropna().tolist()
    if not found:
        raise Missing("what tiles change at their seams")
    return float(sum(found) / len(found))
