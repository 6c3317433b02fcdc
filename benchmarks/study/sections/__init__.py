"""Sections of the page, each a function of a `Page` that gives Markdown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.study import markdown
from benchmarks.study.figures.saving import save
from benchmarks.study.folder import Folder
from benchmarks.study.tables import Missing, Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: from the page to its pictures
PICTURES = "_static/study"


@dataclasses.dataclass(frozen=True)
class Page:
    """What sections are made of.

    Parameters
    ----------
    folder : Folder
        Of the run.
    tables : Tables
        Of it.
    docs : Path
        The folder of the page; pictures lie in `PICTURES` below it.
    drawn : list of str
        The pictures that were drawn.
    """

    folder: Folder
    tables: Tables
    docs: Path
    drawn: list[str] = dataclasses.field(default_factory=list)

    def picture(self, name: str, draw: Callable[[], Figure], told: str) -> str:
        """Draw a picture, or say why there is none."""
        try:
            figure = draw()
        except Missing as why:
            return markdown.missing(why)
        save(figure, self.place(name), told)
        return markdown.picture(f"{PICTURES}/{name}", told)

    def place(self, name: str) -> Path:
        """Say where a picture belongs, and that it was drawn."""
        self.drawn.append(name)
        return self.docs / PICTURES / name


def part(make: Callable[[], str]) -> str:
    """Make a part of the page, or say what it lacks."""
    try:
        return make()
    except Missing as why:
        return markdown.missing(why)
