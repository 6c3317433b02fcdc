"""Figures as small SVG texts that stand in a page: text is text, black is the colour of the page."""

from __future__ import annotations

import hashlib
import html
import io
import re
import warnings
from typing import TYPE_CHECKING, Any

from fastseg.errors import InputTypeError
from fastseg.results.files import encodable

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

_TAG = re.compile(r"<[^>]*>")
_ATTRIBUTE = re.compile(r' ([\w:-]+)="([^"]*)"')
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_LETTER = re.compile(r" *([A-Za-z]) *")
_REFERENCE = re.compile(r'(?:href="#|url\(#)([^")]+)')
_FONTS = re.compile(r"(font-family: |font: [^;]*?px )[^;]*")
#: what matplotlib writes and a page has no use for: its style of lines' ends would hold for the whole page
_LEFT_OUT = re.compile(
    r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->"
    r'|<path d="[^"]*" style="fill: none"/>',
    flags=re.DOTALL,
)
_GEOMETRY = frozenset(("d", "x", "y", "width", "height"))


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

    if not hasattr(figure, "savefig"):
        raise InputTypeError(
            f"figure_svg: expected a figure of matplotlib, got {type(figure).__name__}"
        )
    held = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "fastseg", "path.simplify": True}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # a browser has fonts for names that matplotlib's has no letters for
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(held, format="svg", transparent=True, metadata=metadata)
    text = held.getvalue()
    text = _LEFT_OUT.sub("", text[text.index("<svg") :])
    text = _TAG.sub(lambda tag: _ATTRIBUTE.sub(_shorter, tag[0]), text)
    text = _with_own_ids(text)
    head = text.index(">") + 1
    body = _with_shared_styles(_without_idle_groups(text[head:]))
    return _head(text[:head], description) + body


def _shorter(attribute: re.Match[str]) -> str:
    """Write an attribute of a tag in fewer letters: lengths to a hundredth of a point, the font and ink of the page."""
    name, value = attribute.groups()
    if name in _GEOMETRY:
        value = _NUMBER.sub(lambda one: f"{float(one[0]):.2f}".rstrip("0").rstrip("."), value)
        value = _LETTER.sub(r"\1", " ".join(value.split()))
    elif name == "style":
        value = _FONTS.sub(r"\1sans-serif", value).replace("#000000", "currentColor")
        value = value.replace(": ", ":").replace("; ", ";")
    elif name == "transform" and value.startswith("rotate(-0 "):
        return ""
    return f' {name.removeprefix("xlink:")}="{value}"'


def _with_own_ids(text: str) -> str:
    """Leave out ids that nothing refers to, and give the others names that other figures do not have."""
    own = hashlib.sha256(text.encode()).hexdigest()[:6]
    used = dict.fromkeys(name for tag in _TAG.findall(text) for name in _REFERENCE.findall(tag))
    names = {name: f"f{own}-{number}" for number, name in enumerate(used)}

    def named(attribute: re.Match[str]) -> str:
        if attribute[1] != "id":
            return _REFERENCE.sub(lambda one: one[0].replace(one[1], names[one[1]]), attribute[0])
        return f' id="{names[attribute[2]]}"' if attribute[2] in names else ""

    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(named, tag[0]), text)


def _without_idle_groups(text: str) -> str:
    """Leave out groups that say nothing, now that they have no ids."""
    kept: list[str] = []
    idle: list[bool] = []
    at = 0
    for tag in _TAG.finditer(text):
        between = text[at : tag.start()]
        kept.append(between if between.strip() else "")
        at = tag.end()
        written = tag[0]
        if written.startswith("<g") and written.endswith("/>"):  # a group of nothing
            written = ""
        elif written.startswith("<g"):
            idle.append(written == "<g>")
            written = "" if idle[-1] else written
        elif written == "</g>":
            written = "" if idle.pop() else written
        kept.append(written)
    return "".join(kept)


def _with_shared_styles(text: str) -> str:
    """Say the style of many signs of one kind once."""

    def shared(found: re.Match[str]) -> str:
        return f'<g style="{found[2]}">{found[0].replace(found[1], "")}</g>'

    use = r'<use href="[^"]*" x="[^"]*" y="[^"]*"'
    return re.sub(rf'{use}( style="([^"]*)")/>(?:{use}\1/>)+', shared, text)


def _head(first: str, description: str) -> str:
    """Write the first tag anew: its size, how lines end, the colour of the page, and what it shows."""
    box = re.search(r'viewBox="([^"]*)"', first)
    assert box is not None
    _, _, width, height = box[1].split()
    told = html.escape(encodable(description))
    # the box is in points, of which there are 72 an inch, and a page has 96 pixels an inch
    label = f' role="img" aria-label="{told}"' if told else ' aria-hidden="true"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box[1]}" width="{float(width) * 4 / 3:.0f}" '
        f'height="{float(height) * 4 / 3:.0f}" fill="currentColor" '
        f'style="stroke-linejoin:round;stroke-linecap:butt;max-width:100%;height:auto"{label}>'
    )
    return head + (f"<title>{told}</title>" if told else "")
