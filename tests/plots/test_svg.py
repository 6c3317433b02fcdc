"""SVG: the same bytes, text that is text, colours of the page, no ids that two figures share."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastseg import plots
from fastseg.errors import InputTypeError
from fastseg.statistics import rank
from tests.plots.conftest import scores


def every_text(svg: str) -> set[str]:
    return {text for one in ElementTree.fromstring(svg).iter() if (text := one.text)}


def test_the_same_figure_has_the_same_bytes(three: Any) -> None:
    first, again = (plots.figure_svg(plots.box(three, "dice").figure) for _ in "ab")
    assert first == again
    assert len(first) < 20_000
    assert not re.search(r"<metadata|<style|date|matplotlib|DejaVu|#000000|xlink", first)


def test_names_are_text_as_they_are(three: Any) -> None:
    name = '<b> & "$x$"; style="a: b"'
    frame = scores(**{name: [0.1, 0.2], "x": [0.3, 0.4]})
    svg = plots.figure_svg(plots.box(frame, "dice").figure, description=name)
    assert name in every_text(svg)
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == name
    assert root.attrib["role"] == "img"
    assert root.attrib["fill"] == "currentColor"


def test_ids_are_referred_to_and_own(three: Any) -> None:
    ranking = rank(three, "dice", bootstraps=50)["dice"]
    figures = [plots.box(three), plots.podium(three), plots.stability(ranking)]
    svgs = [plots.figure_svg(ax.figure) for ax in figures]
    ids = [set(re.findall(r' id="([^"]*)"', svg)) for svg in svgs]
    for svg, own in zip(svgs, ids, strict=True):
        assert own == set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
        assert len(own) == len(re.findall(r' id="', svg))
    assert not ids[0] & ids[1] | ids[1] & ids[2] | ids[0] & ids[2]


@pytest.mark.parametrize(
    "draw",
    [
        lambda frame: plots.significance(frame, bootstraps=0),
        lambda frame: plots.heat([[0.1, np.nan]], ["a"], ["b", "c"], label="loss"),
        lambda frame: plots.podium(scores(_x=[0.1, 0.2], y=[0.3, 0.4])),
        lambda frame: plots.bland_altman(([1, 2, 3], [2, 2, 2])),
    ],
)
def test_every_figure_is_well_formed(draw: Callable[[Any], Any], three: Any) -> None:
    root = ElementTree.fromstring(plots.figure_svg(draw(three).figure))
    assert root.tag.endswith("svg")
    assert root.attrib["aria-hidden"] == "true"


def test_letters_that_matplotlib_lacks_are_left_to_the_browser() -> None:
    svg = plots.figure_svg(plots.box(scores(肝臓=[0.1, 0.2], x=[0.3, 0.4]), "dice").figure)
    assert "肝臓" in every_text(svg)


def test_wrong_input_is_told() -> None:
    with pytest.raises(InputTypeError, match="expected a figure of matplotlib, got int"):
        plots.figure_svg(3)  # type: ignore[arg-type]
