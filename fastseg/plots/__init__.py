"""Figures: each a function of scores, rankings or evaluations that draws on matplotlib's axes."""

from fastseg.plots.agreement import bland_altman
from fastseg.plots.blobs import stability
from fastseg.plots.boxes import box
from fastseg.plots.calibration import reliability
from fastseg.plots.heat_map import heat
from fastseg.plots.lines import rank_lines
from fastseg.plots.noise_curves import degradation
from fastseg.plots.podiums import podium
from fastseg.plots.style import PALETTE, detached
from fastseg.plots.svg import figure_svg
from fastseg.plots.tested_pairs import significance

__all__ = [
    "PALETTE",
    "bland_altman",
    "box",
    "degradation",
    "detached",
    "figure_svg",
    "heat",
    "podium",
    "rank_lines",
    "reliability",
    "significance",
    "stability",
]
