"""Markdown of the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: int = 1) -> str:
    """Write a table; the columns from `numbers` on are to the right."""
    rule = ["---"] * numbers + ["---:"] * (len(columns) - numbers)
    lines = [columns, rule, *rows]
    return "\n".join("| " + " | ".join(cell(one) for one in line) + " |" for line in lines)


def cell(value: Any) -> str:
    """Write what stands in a cell."""
    if isinstance(value, float):
        return number(value)
    return str(value).replace("|", "\\|").replace("\n", " ")


def number(value: float, digits: int = 3) -> str:
    """Write a number with so many digits; what is undefined is a dash."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 4)}f}"
    return text.replace("-", "−")


def folded(title: str, text: str) -> str:
    """Write what is shown when somebody asks for it."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def picture(path: str, told: str) -> str:
    """Show a picture, with what it shows for who does not see it."""
    return f"![{told}]({path})"


def missing(why: object) -> str:
    """Say that something is not there."""
    return f"*Not in this run: {why}.*"
