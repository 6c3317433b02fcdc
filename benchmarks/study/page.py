"""``docs/study.md`` and its figures, made of a run's folder: numbers of its JSON lines, pictures of its images."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from benchmarks.study import tables
from benchmarks.study.figures import curves
from benchmarks.study.folder import Folder, whole
from benchmarks.study.sections import PICTURES, Page, lecture, part, rankings, run, scores, short
from fastseg.plots import detached

HEAD = """\
# The study

<!-- made by `python -m benchmarks.study --page FOLDER`: what is written here by hand is lost -->

A lecture on segmentation names what makes images hard, and ways to segment them with their strengths and weaknesses.
Here all of it is run, on images of which the truth is known, and measured by fastseg: what each method is good for,
what each metric is for, and which of the lecture's sentences the numbers show.

```sh
pip install -e . --group study
python -m benchmarks.study --quick    # all of it on tiny volumes
python -m benchmarks.study            # this page's numbers: half an hour on two cores; goes on where it was ended
```

The run's folder has `report.html`, [the report](report.md) of all results, and every number below as JSON lines.
"""

Section = Callable[[Page], str]


def sections() -> tuple[tuple[str, str, Section], ...]:
    """Give the sections with what is said of each before its numbers."""
    return (
        ("In short", "", short.in_short),
        ("What was run", "", run.settings),
        (
            "What measuring takes",
            "Every prediction is measured by all of fastseg's metrics of overlap, surfaces, shape and topology but "
            "those of skeletons, which are for vessels.",
            run.times,
        ),
        (
            "What makes images hard",
            "Each difficulty has five levels, drawn from one seed, so that they differ in strength alone.",
            run.difficulties,
        ),
        (
            "What the methods make of it",
            "One slice of a test subject. Where two tissues have the same intensity, methods that look at intensities "
            "alone give both the same label.",
            run.label_maps,
        ),
        (
            "Clean images",
            "Mean Dice over test subjects. ✓ and ✗ say whether it reaches what who knows the method would expect "
            "at the least, the number after it. Methods that know no places are measured on one target alone.",
            scores.clean,
        ),
        ("What accuracy costs", "", run.cost),
        ("How networks learn", "", learning),
        (
            "Robustness",
            "How far a method falls as a difficulty grows: ROOD-MRI's degradation, by `fastseg.robustness`, is the "
            "mean loss over levels, lower levels weighing more. Dotted lines are the clean images' values. NSD tells "
            "of boundaries what Dice tells of volumes.",
            scores.robustness,
        ),
        ("Rankings, and how sure they are", "", rankings.rankings),
        (
            "What each metric sees",
            "Metrics that order everything alike say the same; those that do not see something of their own.",
            rankings.what_each_sees,
        ),
        (
            "Other raters, other tolerances",
            "The same label maps of clean images, measured against the truth as other raters would have drawn it, and "
            "with other tolerances.",
            scores.truths,
        ),
        (
            "Flags",
            "What fastseg says by itself of rows whose numbers should not be trusted alone ([flags](pitfalls.md)).",
            scores.flags,
        ),
        ("The lecture's sentences", "", lecture.sentences),
        ("What is not verified", "", lecture.limits),
        ("What it is made of", "Nothing is downloaded.", lecture.sources),
    )


def learning(page: Page) -> str:
    """Show how validation scores rise."""
    return page.picture(
        "learning.svg",
        lambda: curves.learning_curves(page.tables),
        "Dice of validation subjects by step of learning, a line a network",
    )


def write(folder: Folder, docs: Path) -> Path:
    """Write the page and its pictures; pictures that were there and are made no more are removed.

    Parameters
    ----------
    folder : Folder
        Of a run, finished or not.
    docs : Path
        The folder of the page, ``docs``.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    Missing
        If nothing was measured.
    """
    page = Page(folder, tables.read(folder), docs)
    text = [HEAD]
    with detached(), warnings.catch_warnings():
        # letters that matplotlib's own font lacks are the browser's
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        for title, told, make in sections():
            body = part(lambda make=make: make(page))
            text.append("\n\n".join(filter(None, (f"## {title}", told, body))))
    for old in (docs / PICTURES).glob("*.*"):
        if old.name not in page.drawn and old.suffix in (".png", ".svg"):
            old.unlink()
    target = docs / "study.md"
    with whole(target) as written:
        written.write_text("\n\n".join(one.strip() for one in text) + "\n", encoding="utf-8")
    return target
