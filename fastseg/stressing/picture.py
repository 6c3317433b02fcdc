"""The picture of which metric sees which error, and the page that holds it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastseg._version import __version__
from fastseg.io.replacing import replacing
from fastseg.plots import detached, figure_svg, heat
from fastseg.results.files import encodable
from fastseg.results.table import html_table
from fastseg.stressing.registry import find as find_error
from fastseg.stressing.sensitivity import cell_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastseg.stressing.results import StressResult

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;font-size:.9em}
th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #8886;vertical-align:top}
.wide{overflow-x:auto}
summary{cursor:pointer;padding:.3rem 0}
svg{max-width:100%;height:auto}
@media print{details{break-inside:avoid}}
"""


def draw(
    result: StressResult, structure: str | int | None, names: Sequence[str], ax: Axes | None
) -> Axes:
    """Draw sensitivities as a heat map: errors below each other, metrics beside each other."""
    table = result.sensitivities(structure)
    values = np.array([[table[error][name] for name in names] for error in result.errors])
    drawn = heat(
        values.reshape(len(result.errors), len(names)),
        [error.replace("_", " ") for error in result.errors],
        list(names),
        label="sensitivity: 0 not seen, 1 all that can be lost",
        low=0.0,
        high=1.0,
        text=".2f",
        ax=ax,
    )
    many = len(result.structures)
    whole = f"median of {many} structures" if many != 1 else result.structures[0].name
    drawn.set_title(encodable(whole if structure is None else str(structure))[:40], loc="left")
    return drawn


def save_picture(result: StressResult, path: Path, kind: str) -> None:
    """Write the picture of all structures, whole or not at all."""
    with detached():
        figure = draw(result, None, result.metrics, None).figure
    if kind == "svg":
        with replacing(path) as file:
            file.write(figure_svg(figure, _description(result)))
        return
    with replacing(path, binary=True) as file:
        figure.savefig(file, format="png", dpi=150)  # type: ignore[union-attr]


def page(result: StressResult) -> str:
    """Write one page of HTML with everything in it."""
    with detached():
        picture = figure_svg(draw(result, None, result.metrics, None).figure, _description(result))
    told = "".join(f"<li>{html.escape(encodable(one))}</li>" for one in result.sentences())
    reasons = "".join(f"<li>{html.escape(encodable(one))}</li>" for one in result.reasons())
    tables = "".join(
        f"<details><summary>{html.escape(encodable(one.name))}</summary><div class=wide>"
        f"{_shaded_table(result, one.name)}</div></details>"
        for one in result.structures
    )
    errors = html_table(
        ["error", "what is done", "the amount is", "severities"],
        [
            [
                one.name.replace("_", " "),
                one.what,
                one.of,
                ", ".join(f"{amount:g}" for amount in one.amounts) + f" {one.unit}",
            ]
            for one in map(find_error, result.errors)
        ],
    )
    settings = html_table(
        ["setting", "value"],
        [[str(name), encodable(str(value))[:200]] for name, value in result.settings.items()],
    )
    left_out = f"<h2>Left out</h2><ul>{reasons}</ul>" if reasons else ""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Which metric sees which error</title><style>{_STYLE}</style></head><body>
<h1>Which metric sees which error</h1>
<p>Each error was made of each structure in rising severities. A number is what the largest of them costs a metric, as a
share of what it can lose: 0 is not seen, ∞ an infinite value; hatched is not defined, or left out.</p>
<div class=wide>{picture}</div>
<h2>What to trust</h2><ul>{told}</ul>
{left_out}
<h2>Each structure</h2>{tables}
<h2>The errors</h2><div class=wide>{errors}</div>
<h2>Settings</h2><div class=wide>{settings}</div>
<p>fastseg {__version__}</p>
</body></html>
"""


def _shaded_table(result: StressResult, structure: str) -> str:
    """Write the sensitivities of one structure: a metric a line, darker where it sees more."""
    table = result.sensitivities(structure)
    made = [error for error in result.errors if error not in result.left_out(structure)]
    head = "".join(f"<th>{html.escape(error.replace('_', ' '))}</th>" for error in made)
    lines = []
    for name in result.metrics:
        cells = "".join(
            f'<td style="background:rgb(230 159 0/{_shade(table[error][name]):.2f})">'
            f"{cell_text(table[error][name])}</td>"
            for error in made
        )
        lines.append(f"<tr><th>{html.escape(name)}</th>{cells}</tr>")
    return f"<table><thead><tr><th>metric</th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _shade(sensitivity: float) -> float:
    return 0.0 if sensitivity != sensitivity else 0.8 * min(abs(sensitivity), 1.0)


def _description(result: StressResult) -> str:
    return (
        f"Heat map: sensitivity of {len(result.metrics)} metrics to {len(result.errors)} errors, "
        f"median of {len(result.structures)} structures"
    )
