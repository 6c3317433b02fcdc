"""Figures as small SVG texts that stand in a page: text is text, black is the colour of the page, bytes are the same."""

from __future__ import annotations

import hashlib
import html
import io
import re
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

_NUMBER = re.compile(r"-?\d+\.\d+")
_GEOMETRY = re.compile(r' (d|x|y|width|height|transform|points)="([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(?:href="#|url\(#)([^")]+)')


def figure_svg(figure: FigureBase, description: str = "") -> str:
    """Write a figure as SVG, to stand in a page of HTML.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        As in ``ax.figure``.
    description : str
        What a screen reader says of it, and a browser where the pointer rests on it.

    Returns
    -------
    str
        One ``<svg>`` without any date: the same figure gives the same bytes. Text is text in the font of the page, and
        what is black has the page's own colour, ``currentColor``. No ids but those that are referred to, which two
        different figures of a page do not share.
    """
    import matplotlib

    held = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": "fastseg", "path.simplify": True}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # a browser has fonts for names that matplotlib's has no letters for
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(held, format="svg", transparent=True, metadata=metadata)  # type: ignore[attr-defined]
    text = held.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.S)
    text = _GEOMETRY.sub(_rounded, text)
    text = re.sub(r"font: ([^;'\"]*?)(\d[\d.]*px) [^;\"]*", r"font: \1\2 sans-serif", text)
    text = text.replace("#000000", "currentColor")
    text = re.sub(r"\n\s*", "\n", text)
    text = _with_own_ids(text)
    return _with_head(text.strip(), description)


def _rounded(found: re.Match[str]) -> str:
    """Write lengths to a hundredth of a point."""
    name, value = found.groups()
    if name == "transform" and "scale" in value:
        return found[0]
    short = _NUMBER.sub(lambda one: f"{float(one[0]):.2f}".rstrip("0").rstrip("."), value)
    return f' {name}="{" ".join(short.split())}"'


def _with_own_ids(text: str) -> str:
    """Leave out ids that nothing refers to, and give the others names that other figures do not have."""
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    needed = {name: f"f{own}-{number}" for number, name in enumerate(_REFERENCE.findall(text))}
    text = _ID.sub(lambda one: f' id="{needed[one[1]]}"' if one[1] in needed else "", text)
    return _REFERENCE.sub(lambda one: one[0].replace(one[1], needed[one[1]]), text)


def _with_head(text: str, description: str) -> str:
    """Write the first tag anew: its size, how lines end, the colour of the page, and what it shows."""
    box = re.search(r'viewBox="([^"]*)"', text)
    assert box is not None
    _, _, width, height = box[1].split()
    told = html.escape(description)
    label = f' role="img" aria-label="{told}"' if told else ' aria-hidden="true"'
    title = f"<title>{told}</title>\n" if told else ""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box[1]}" '
        f'width="{float(width):.0f}" height="{float(height):.0f}" fill="currentColor" '
        f'style="stroke-linejoin:round;stroke-linecap:butt;max-width:100%;height:auto"{label}>'
    )
    return head + title + text[text.index(">") + 1 :]
