"""What a notebook shows: flags with their meaning, a small box of each metric, and the rows."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ElementTree

import numpy as np

import fastseg
from fastseg.results.notebook import MOST_GROUPS, boxes_html, flags_html

REFERENCE = np.zeros((12, 12, 12), bool)
REFERENCE[4:7, 4:7, 4:7] = True


def cohort(values: list[float], names: tuple[str, ...] = ("liver",)) -> fastseg.Evaluation:
    """One row a case and structure, with these values of Dice."""
    one = fastseg.evaluate(REFERENCE, np.roll(REFERENCE, 1, 0), labels={"liver": 1}, metrics="dice")
    [row] = one.rows
    rows = tuple(
        dataclasses.replace(row, case=f"c{n}", name=name, values_by_metric={"dice": value})
        for name in names
        for n, value in enumerate(values)
    )
    return fastseg.Evaluation(rows, one.metrics, one.settings)


def test_flags_open_to_what_they_mean() -> None:
    evaluation = fastseg.evaluate(REFERENCE, np.roll(REFERENCE, 1, 0), metrics="dice")
    html = evaluation._repr_html_()
    [summary] = re.findall("<summary>.*?</summary>", html)
    assert re.search(r'<abbr title="[^"]+; look at [^"]+">small_structure</abbr> 1', summary)
    assert html.index("<table>") < html.index("<details>")
    assert "(flags: " in str(evaluation)
    assert "small_structure 1" in str(evaluation)
    silent = fastseg.evaluate(REFERENCE, REFERENCE, metrics="dice", flags=False)
    assert flags_html(silent.flags) == ""
    assert "flags" not in str(silent) + silent._repr_html_()


def test_boxes_stand_above_the_rows_of_several_cases() -> None:
    evaluation = cohort([0.5, 0.6, 0.7, np.inf, np.nan])
    html = evaluation._repr_html_()
    [svg] = re.findall("<svg.*?</svg>", html)
    assert html.index("<svg") < html.index("case")
    told = "median 0.65, quartiles 0.575 to inf, 0.5 to inf, n = 4, 1 infinite, 1 undefined"
    assert ElementTree.fromstring(svg).attrib["aria-label"] == told
    assert "0.5 to 0.7" in html
    widths = [float(one) for one in re.findall(r'<rect x="[\d.]+" y="3" width="([\d.]+)"', svg)]
    assert widths > [0]


def test_few_undefined_equal_and_many() -> None:
    assert boxes_html(cohort([0.5, 0.6]).rows, ["dice"], {}) == ""
    assert ">undefined</span>" in boxes_html(cohort([np.nan] * 3).rows, ["dice"], {})
    assert "<svg" in boxes_html(cohort([0.5] * 3).rows, ["dice"], {})
    names = tuple(f"<{n}>" for n in range(MOST_GROUPS + 2))
    many = boxes_html(cohort([0.1, 0.2, 0.3], names).rows, ["dice"], {})
    assert many.count("<svg") == MOST_GROUPS
    assert "and 2 more" in many
    assert "&lt;0&gt;" in many
