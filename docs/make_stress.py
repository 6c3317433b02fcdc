"""Which metric sees which error, of structures made here: `python docs/make_stress.py` writes docs/stress.md.

A test fails while the page is not what is made here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastseg

PAGE = Path(__file__).with_name("stress.md")

#: an organ, a vessel with a branch and five lesions, in slices of 2 mm
CODE = """
import numpy as np, fastseg

z, y, x = np.indices((50, 120, 160), sparse=True)
image = np.zeros((50, 120, 160), np.uint8)
image[((z - 25) / 20) ** 2 + ((y - 40) / 26) ** 2 + ((x - 50) / 32) ** 2 <= 1] = 1
tube = (2 * (z - 25)) ** 2 + (y - 90) ** 2 <= 4**2
branch = (2 * (z - 25)) ** 2 + (x - 110 - (90 - y) / 3) ** 2 <= 3**2
image[(tube & (x >= 10) & (x < 150)) | (branch & (y > 40) & (y < 90))] = 2
for place, radius in enumerate((7, 5, 4, 3, 2)):
    image[(2 * (z - 10)) ** 2 + (y - 20 - 20 * place) ** 2 + (x - 140) ** 2 <= radius**2] = 3
labels = {"organ": 1, "vessel": 2, "lesions": 3}
found = fastseg.stress(image, spacing=(2, 1, 1), labels=labels)
"""

SHOWN = """
few = ("dice", "precision", "recall", "volume_similarity", "hd", "hd95", "assd", "nsd", "cl_dice", "betti_0_error")
ax = found.plot("vessel", metrics=few)
"""


def result() -> fastseg.StressResult:
    """All metrics of all errors."""
    names: dict[str, Any] = {}
    exec(CODE, names)
    found: fastseg.StressResult = names["found"]
    return found


def page(found: fastseg.StressResult) -> str:
    """All of it."""
    return f"""# Which metric sees which error

<!-- made by `python docs/make_stress.py`: what is written here by hand is lost -->

Dice does not see a broken vessel, and volume similarity no shift. Which metric is blind to what depends on the size
and shape of the structures. `fastseg.stress` takes a label map of yours, makes {len(found.errors)} errors of every
structure in rising severities, and measures all metrics of each.

```sh
fastseg stress mask.nii.gz --labels labels.json -o stress.html -o stress.csv
```

```python
found = fastseg.stress("mask.nii.gz", labels={{"organ": 1, "vessel": 2, "lesions": 3}})
found.blind_spots()["vessel"]["dice"]
found.plot("vessel")
```

An organ, a vessel with a branch and five lesions of 2 to 7 mm:

```{{fastseg-figure}}
{CODE.strip()}
{SHOWN.strip()}
```

Beside what the figure shows of the vessel, `print(found)` tells of all three:

```text
{wrapped(str(found))}
```

## What the numbers are

A **sensitivity** is what an error in its largest severity costs a metric, as a share of what it can lose: 0 is not
seen, 1 is all. It is the loss from the value of the perfect mask to that of the damaged one, divided by the loss to
the worst value. Where that has no bound the structure's own size is the measure: of a length the radius of a ball as
large as the structure, of an area that ball's surface, of a volume the structure's, of other numbers 1. An infinite
value is ∞; what is not defined, or was left out, is –. An error **is not seen** by a metric whose sensitivity is below
0.05: `blind_spots(below=0.1)` takes another limit.

Each structure is damaged by itself, and its numbers are those of `evaluate(…, empty="worst")` to the bit; the table
(`to_dict()`, `to_pandas()`, `to_csv()`, `to_json()`) has them for each severity. In the sentences, "together see all
errors" names the fewest of the well-known metrics, at most three, that see most. `hd` is not among them: a single
voxel far away is all that it sees. `instances=True` adds the metrics of matched instances, which lesions want.

What to make of it: report a metric that sees the errors that matter in your task beside the one that everybody
reports. Where two structures differ in what is not seen, so does what a mean over both is worth.

## The errors

{errors()}

mm are the units of the spacing: voxels, where there is none. Directions and slices are drawn by `seed=`; the same seed
draws the same, whatever other structures or errors there are. An error that makes no sense for a structure, a
bridge between the components of a structure with one say, is left out with the reason, and so is a severity that
changes no voxel or leaves nothing. `errors={{"shift": (0.5, 20)}}` takes amounts of your own.

## What it costs

An evaluation for each structure, error and severity, within the structure's box: 21 organs of a head-and-neck CT (512
× 512 × 159), 13 errors, five severities and all {len(found.metrics)} metrics of overlap, surface, shape and topology
take 19 s on two cores, and 21 ellipsoids in 256³ voxels 13 s. Half of it is the thinning for the metrics of skeletons;
`metrics=("overlap", "surface")` does without.
"""


def errors() -> str:
    """All errors as a table."""
    lines = ["| error | what is done | severities |", "|---|---|---|"]
    for one in fastseg.list_stress_errors():
        amounts = ", ".join(f"{amount:g}" for amount in one.amounts)
        lines.append(f"| `{one.name}` | {one.what} | {amounts} {one.unit}: {one.of} |")
    return "\n".join(lines)


def wrapped(text: str) -> str:
    """Break the sentences of a text, and leave its tables."""
    import textwrap

    lines = []
    for line in text.splitlines():
        is_sentence = line.startswith(("For ", "Left out"))
        lines += textwrap.wrap(line, 140) if is_sentence else [line]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(result()), encoding="utf-8")
