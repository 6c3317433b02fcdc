"""The sentences of the lecture; what is not verified; what everything is made of."""

from __future__ import annotations

import math
from collections import Counter

from benchmarks.study import catalogue, claims, machine, markdown
from benchmarks.study.networks import NOT_RUN
from benchmarks.study.sections import Page


def sentences(page: Page) -> str:
    """Write a row for each sentence, with the number that shows it or contradicts it."""
    verdicts = [claims.judge(one, page.tables) for one in claims.registry()]
    counts = Counter(one.verdict for one in verdicts)
    told = ", ".join(f"{counts[name]} {name}" for name in claims.VERDICTS if counts[name])
    rows = [
        (
            one.claim.section,
            one.claim.sentence + (" †" if one.claim.ours else ""),
            f"{one.claim.measured}; *{one.claim.rule}*",
            one.told
            if math.isnan(one.number)
            else f"**{markdown.number(one.number)}**: {one.told}",
            f"**{one.verdict}**" if one.verdict == claims.CONTRADICTED else one.verdict,
        )
        for one in verdicts
    ]
    columns = (
        "§",
        "sentence",
        "what is measured, and the rule",
        "number, and what it is made of",
        "verdict",
    )
    text = (
        f"{len(verdicts)} sentences: {told}. They are in our words; † are not the lecture's, but what one asks "
        "next. The verdict is the rule's, which stands in the code beside the sentence and was not chosen by "
        "the outcome; between its limits nothing is decided. "
        "Where nothing else is said, numbers are of the targets on which all methods are measured."
    )
    return f"{text}\n\n{markdown.table(columns, rows, 5)}"


def limits(page: Page) -> str:
    """Say what all of this does not show."""
    told = page.tables.settings
    lines = [
        "Intensities are synthetic: each tissue has its mean, a smooth texture and noise. Real images have more "
        "tissues, other artefacts, and pathologies; ranks on them may be others.",
        "Brains are deformations of one template, and abdomens of one construction. That is what registration "
        "undoes, so atlases, and what learned from few subjects, do better here than among people; only the heads are "
        "people's.",
        f"There are {told.get('testing', 'few')} test subjects an anatomy: bootstraps of so few subjects are coarse, "
        "and intervals are too narrow.",
        "The Dice that each method is expected to reach was written down before this run, but with trial runs on the "
        "same subjects in sight: that it is reached shows that a method works as it did, and no more.",
        f"Networks learned for about {told.get('steps', '?')} steps, minutes on a processor: these are not the numbers "
        "that their authors reach, and transformers lose most by that.",
        *(f"{what} was not run. {why}" for what, why in NOT_RUN.items()),
        "Forests were timed on one core like everything else; that they run in parallel was not measured.",
    ]
    return "\n".join(f"* {line}" for line in lines)


def sources(page: Page) -> str:
    """List what images and methods are made of, with sizes and licences."""
    lines = []
    for name in page.tables.anatomies:
        found = catalogue.anatomy(name)
        lines += [f"* {found.title}: {source}" for source in found.sources] if found else []
    rows = []
    for name, told in machine.kept(page.folder)["packages"].items():
        what = machine.PACKAGES.get(name, "")
        if told is None:
            rows.append((f"`{name}`", what, "not installed", "", ""))
            continue
        size = "–" if told["bytes"] is None else f"{told['bytes'] / 1e6:.1f}"
        rows.append((f"`{name}`", what, told["version"], told["licence"], size))
    columns = ("package", "for", "version", "licence, as it says itself", "MB installed")
    return "\n".join(lines) + "\n\n" + markdown.table(columns, rows, 4)
