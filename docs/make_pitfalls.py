"""The pitfalls of the tests, with pictures: `python -m docs.make_pitfalls` writes docs/pitfalls.md and its pictures.

Masks, words and metrics are those of tests/lecture, numbers and flags what fastseg finds. A test there fails while
page and pictures are not what is made here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs.draw_masks import picture
from docs.make_definitions import table
from fastseg.flags import Flag, list_flags
from fastseg.flags.cohort import COHORT_FLAGS, CohortFlag
from fastseg.flags.raters import RATER_FLAGS, RaterFlag
from tests.lecture import (
    test_alignment,
    test_definitions,
    test_empty,
    test_holes,
    test_noise,
    test_over_and_under,
    test_resolution,
    test_shape,
    test_size,
)
from tests.lecture.shown import Pitfall

PAGE = Path(__file__).with_name("pitfalls.md")
PICTURES = Path(__file__).parent / "_static" / "pitfalls"

#: a heading of the page, and the tests whose pitfalls stand below it
SECTIONS = {
    "What the numbers mean": test_definitions,
    "Size": test_size,
    "Shape": test_shape,
    "Place": test_alignment,
    "Holes": test_holes,
    "Annotation noise": test_noise,
    "Empty maps": test_empty,
    "Resolution": test_resolution,
    "Too much and too little": test_over_and_under,
}


def files() -> dict[Path, str]:
    """The page and its pictures, by their places."""
    pictures = {
        PICTURES / f"{slug(pitfall)}.svg": picture(
            [(panel.title, panel.reference, panel.prediction) for panel in pitfall.panels],
            pitfall.trap.replace("`", ""),
        )
        for pitfall in pitfalls()
    }
    return {PAGE: page(), **pictures}


def pitfalls() -> Iterator[Pitfall]:
    """All of them, as they come on the page."""
    for module in SECTIONS.values():
        yield from module.PITFALLS


def page() -> str:
    """All of the page."""
    sections = "\n".join(
        f"## {title}\n\n" + "\n".join(map(of_pitfall, module.PITFALLS))
        for title, module in SECTIONS.items()
    )
    return f"""# Pitfalls

<!-- made by `python -m docs.make_pitfalls`: what is written here by hand is lost -->

No single metric is enough. Each way in which one misleads is shown here on masks small enough to count by hand, with
the metric or the flag that uncovers it. In the pictures a line goes around the reference, dashes around the prediction.
Masks are ours; *figure* names the one that shows the same in Reinke et al.,
[Understanding metric-related pitfalls in image analysis validation](https://doi.org/10.1038/s41592-023-02150-0).
Numbers are what `fastseg.evaluate` gives; each example is a test in `tests/lecture`.

{sections}
## All flags

Of the rows of structures: `row.flags`, the column `flags` of every table, `evaluation.flags` for all at once.
`evaluate(flags=False)` looks for none, `flags={{"small_structure": 0.01, "touches_edge": False}}` changes a threshold
and switches one off.

{of_flags(list_flags())}

Of a structure over its cases, in `evaluation.flags`:

{of_flags(COHORT_FLAGS)}

Of a prediction beside raters, in the table of `evaluate_raters`:

{of_flags(RATER_FLAGS)}
"""


def of_pitfall(pitfall: Pitfall) -> str:
    """Picture, numbers and words."""
    rows = pitfall.rows()
    heads = ("", *(f"`{metric}`" for metric in pitfall.metrics), "flags")
    lines = [
        (
            panel.title,
            *(number(row[metric], pitfall.digits) for metric in pitfall.metrics),
            ", ".join(f"`{flag}`" for flag in row.flags) or "–",
        )
        for panel, row in zip(pitfall.panels, rows, strict=True)
    ]
    figure = f" *Figure {pitfall.figure}.*" if pitfall.figure else ""
    image = f"![{alternative(pitfall)}](_static/pitfalls/{slug(pitfall)}.svg)"
    parts = (
        f"### {pitfall.title}",
        image,
        pitfall.trap + figure,
        table(heads, lines),
        pitfall.uncovered,
    )
    return "\n\n".join(parts) + "\n"


def alternative(pitfall: Pitfall) -> str:
    """What stands for the picture where it is not seen."""
    return f"{pitfall.title}: " + "; ".join(panel.title for panel in pitfall.panels)


def of_flags(flags: tuple[Flag | CohortFlag | RaterFlag, ...]) -> str:
    """A table of flags."""
    heads = ("flag", "measures", "raised above", "what it does", "look at instead", "figure")
    return table(
        heads,
        (
            (
                f"`{one.name}`",
                one.measures,
                f"{one.threshold:.4g}",
                one.effect,
                one.instead,
                one.figure or "–",
            )
            for one in flags
        ),
    )


def slug(pitfall: Pitfall) -> str:
    """The name of its picture."""
    return re.sub(r"[^a-z0-9]+", "-", pitfall.title.lower()).strip("-")


def number(value: float, digits: int) -> str:
    """So many digits; of three, whole numbers as such."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞"
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits == 3 else text


def write(made: Mapping[Path, str]) -> None:
    """Write page and pictures, and leave no picture of before."""
    PICTURES.mkdir(exist_ok=True)
    for path in PICTURES.glob("*.svg"):
        path.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(files())
