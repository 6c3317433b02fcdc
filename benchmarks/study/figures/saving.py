"""Figures as files: SVG where there are few marks, and else PNG with few colours, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.study.folder import whole
from fastseg.plots import figure_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save(figure: Figure, path: Path, description: str, dots: int = 110) -> Path:
    """Write a figure by the ending of its name; the same figure gives the same bytes."""
    if path.suffix == ".svg":
        # in a picture nobody says what the page's own colour is: black, as the theme lays pictures on white
        text = figure_svg(figure, description).replace("currentColor", "#000000")
        with whole(path) as part:
            part.write_text(text, encoding="utf-8")
        return path
    held = io.BytesIO()
    figure.savefig(held, dpi=dots, format="png")
    held.seek(0)
    with_few_colours(held, path)
    return path


def with_few_colours(source: Path | io.BytesIO, path: Path) -> None:
    """Write a picture as a PNG with a palette, a third as large."""
    from PIL import Image

    with Image.open(source) as image, whole(path) as part:
        few = image.convert("RGB").quantize(256, kmeans=1, dither=Image.Dither.NONE)
        few.save(part, "PNG", optimize=True)
