"""Pairs of small masks as a picture in SVG: what both have, what was missed, what is too much, and both outlines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

# Colours that people who do not tell red from green tell apart, on white in light and dark pages alike.
PARTS = (
    ("in both", (True, True), "#9fb6cd"),
    ("missed", (True, False), "#f0b13c"),
    ("too much", (False, True), "#c8452f"),
)
WIDTH, GAP, TOP, BOTTOM = 200, 24, 30, 34
_TEXT = "font-family='sans-serif' font-size='13' fill='#222'"


def picture(
    pairs: Sequence[tuple[str, NDArray[np.generic], NDArray[np.generic]]], about: str
) -> str:
    """Draw pairs of masks side by side, each with its title.

    Parameters
    ----------
    pairs : sequence of (str, ndarray (height, width), ndarray (height, width))
        Titles, references and predictions, as wide as high.
    about : str
        What a reader who does not see the picture is told.
    """
    width = len(pairs) * (WIDTH + GAP) + GAP
    height = TOP + WIDTH + BOTTOM
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"role='img' aria-label='{escape(about, quote=True)}'>",
        f"<rect width='{width}' height='{height}' rx='6' fill='#fff'/>",
    ]
    for place, (title, reference, prediction) in enumerate(pairs):
        left = GAP + place * (WIDTH + GAP)
        lines.append(f"<text x='{left}' y='20' {_TEXT}>{escape(title)}</text>")
        side = len(reference)
        scale = WIDTH / side
        lines.append(f"<g transform='translate({left} {TOP}) scale({scale:g})'>")
        lines.append(f"<rect width='{side}' height='{side}' fill='#f1f1f1'/>")
        first, second = reference != 0, prediction != 0
        for _, (in_first, in_second), colour in PARTS:
            path = _runs((first == in_first) & (second == in_second))
            if path:
                lines.append(f"<path fill='{colour}' d='{path}'/>")
        for mask, style in ((second, f"stroke-dasharray='{4 / scale:g}'"), (first, "")):
            path = _outline(mask)
            if path:
                stroke = f"stroke='#222' stroke-width='{1.6 / scale:g}'"
                lines.append(f"<path fill='none' {stroke} {style} d='{path}'/>".replace("  ", " "))
        lines.append("</g>")
    lines += [*_legend(height), "</svg>"]
    return "\n".join(lines) + "\n"


def _legend(height: int) -> Iterator[str]:
    left = GAP
    for name, _, colour in PARTS:
        yield f"<rect x='{left}' y='{height - 22}' width='12' height='12' fill='{colour}'/>"
        yield f"<text x='{left + 17}' y='{height - 11}' {_TEXT.replace('13', '12')}>{name}</text>"
        left += 25 + 6 * len(name)


def _runs(mask: NDArray[np.bool_]) -> str:
    """Draw rectangles of a pixel's height."""
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    rows, edges = np.diff(padded, axis=1).nonzero()
    begins, ends = edges[::2].tolist(), edges[1::2].tolist()
    return "".join(
        f"M{begin} {row}h{end - begin}v1h{begin - end}z"
        for row, begin, end in zip(rows[::2].tolist(), begins, ends, strict=True)
    )


def _outline(mask: NDArray[np.bool_]) -> str:
    """Draw the edges between a mask and what is not of it, those in one line as one."""
    parts = []
    for command, one in (("h", mask), ("v", mask.T)):
        edges = np.diff(np.pad(one, ((1, 1), (1, 1))).astype(np.int8), axis=0) != 0
        rows, ends = np.diff(edges.astype(np.int8), axis=1).nonzero()
        for row, begin, end in zip(
            rows[::2].tolist(), ends[::2].tolist(), ends[1::2].tolist(), strict=True
        ):
            start = f"{begin} {row}" if command == "h" else f"{row} {begin}"
            parts.append(f"M{start}{command}{end - begin}")
    return "".join(parts)
