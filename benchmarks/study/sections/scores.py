"""Scores: clean images, what each difficulty costs, other truths and tolerances, flags."""

from __future__ import annotations

import math

from benchmarks.study import catalogue, markdown, summaries
from benchmarks.study.figures import curves, heats
from benchmarks.study.sections import Page, part
from benchmarks.study.tables import TRUTH, Missing


def clean(page: Page) -> str:
    """Tell the Dice of clean images, beside what who knows the method would expect."""
    return "\n\n".join(
        part(lambda anatomy=anatomy: clean_of(page, anatomy)) for anatomy in page.tables.anatomies
    )


def clean_of(page: Page, anatomy: str) -> str:
    """Write the table of an anatomy."""
    frame = summaries.clean_dice(page.tables, anatomy)
    reached = expected = 0
    rows = []
    for method, values in frame.iterrows():
        known = catalogue.method(method)
        wanted = dict(known.expected.get(anatomy, {})) if known else {}
        cells = []
        for structure, value in values.items():
            text = markdown.number(value, 3)
            if structure in wanted and not math.isnan(value):
                expected += 1
                good = value >= wanted[structure]
                reached += good
                text += f"\u00a0{'✓' if good else '✗'}\u00a0{wanted[structure]:g}"
            cells.append(text)
        rows.append((catalogue.short(method), *cells))
    columns = ("method", *(name.replace("_", " ") for name in frame.columns))
    told = f"{reached} of {expected} expected values are reached." if expected else ""
    return f"**{catalogue.title(anatomy)}.** {told}\n\n{markdown.table(columns, rows)}"


def robustness(page: Page) -> str:
    """Tell what each difficulty costs each method, by overlap and by distance."""
    text = []
    for metric in ("dice", "nsd"):
        name = curves.LABELS[metric]
        text += [
            f"### {name}",
            page.picture(
                f"curves-{metric}.png",
                lambda metric=metric: curves.robustness_curves(page.tables, metric),
                f"{name} by level: a column a difficulty, a row a family of methods, a line a method",
            ),
            page.picture(
                f"degradation-{metric}.svg",
                lambda metric=metric: heats.degradations(page.tables, metric),
                f"ROOD-MRI's degradation of {name}: methods by difficulties",
            ),
            part(lambda metric=metric: scores(page, metric)),
        ]
    return "\n\n".join(text)


def scores(page: Page, metric: str) -> str:
    """Write the clean value, and the degradations beside it."""
    frame = summaries.degradations(page.tables, metric)
    rows = [
        (catalogue.short(method), *map(float, values.to_numpy()))
        for method, values in frame.iterrows()
    ]
    names = [catalogue.short(name) for name in frame.columns]
    return markdown.folded(
        "The same as a table, with the clean value", markdown.table(("method", *names), rows)
    )


def truths(page: Page) -> str:
    """Tell how scores move with another rater's truth, and with the tolerance."""
    tables = page.tables
    shown = page.picture(
        "truths.svg",
        lambda: curves.changed_truths(tables),
        "Scores of families of methods by level of the raters' noise, and by tolerance",
    )
    text = [shown, part(lambda: perfect(page))]
    return "\n\n".join(text)


def perfect(page: Page) -> str:
    """Write what a method without a fault is measured to have, if another rater drew the truth."""
    from benchmarks.study.truths import rater_noise

    rows = page.tables.rows(page.tables.common, method=TRUTH, difficulty="rater_noise")
    names = [name for name in ("dice", "nsd", "hd95", "assd") if name in rows]
    means = rows.groupby("level")[names].mean()
    beside = page.tables.rows(
        page.tables.common, difficulty="rater_noise", method=page.tables.methods
    )
    best = beside.groupby(["level", "method"])["dice"].mean().groupby("level").max()
    table = [
        (
            str(level),
            f"{rater_noise.RATER_STRENGTHS[level - 1]:g}",
            *map(float, values.to_numpy()),
            float(best.get(level, math.nan)),
        )
        for level, values in means.iterrows()
    ]
    columns = ("level", "sd of the boundary (mm)", *names, "Dice of the best method")
    told = (
        "What the truth itself, a method without a fault, is measured to have where another rater drew the reference; "
        "no method can be told to be better than that."
    )
    return f"{told}\n\n{markdown.table(columns, table, 2)}"


def flags(page: Page) -> str:
    """Show which flags were raised how often."""
    import fastseg

    frame = summaries.flags(page.tables)
    if frame.empty or not frame.to_numpy().any():
        raise Missing("no flag was raised")
    shown = page.picture(
        "flags.svg",
        lambda: heats.flags(page.tables),
        "The share of rows of which each flag was raised, by difficulty",
    )
    known = {one.name: one for one in fastseg.list_flags()}
    lines = [
        f"* `{name}`, up to {frame.loc[name].max():.0%}: {known[name].effect}"
        for name in frame.index[:6]
        if name in known
    ]
    return "\n\n".join([shown, "\n".join(lines)])
