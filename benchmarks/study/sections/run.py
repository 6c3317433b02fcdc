"""What was run: settings, time, the same measurements by others; the images and the label maps."""

from __future__ import annotations

import nibabel

from benchmarks.study import catalogue, loop_times, machine, markdown, summaries
from benchmarks.study.claims.readings import BILINEAR
from benchmarks.study.figures import costs, sheets
from benchmarks.study.figures import difficulties as drawing
from benchmarks.study.figures.saving import with_few_colours
from benchmarks.study.folder import CLEAN
from benchmarks.study.sections import Page, part
from benchmarks.study.tables import Missing

#: what measuring may take of the whole
SHARE_OF_MEASURING = 0.03
#: libraries, as they call themselves
NAMES = {"monai": "MONAI"}
STAGES = {
    "make": "images and truths",
    "fit": "learning",
    "prepare": "registrations, shared by methods",
    "segment": "segmenting",
    "measure": "**measuring, by fastseg**",
}


def settings(page: Page) -> str:
    """Tell what was run, on what."""
    tables, told = page.tables, page.tables.settings
    found = machine.kept(page.folder)
    names = [catalogue.title(name) for name in tables.anatomies]
    quick = " (the quick run: nothing below is to be taken for more than a test)"
    lines = [
        f"* **Anatomies**: {', '.join(names)}. Images are made of known label maps, so that the truth is the truth.",
        f"* **Methods**: {len(tables.methods)}. Each learned from {told.get('training', '?')} training subjects and "
        f"their clean images, and segmented {told.get('testing', '?')} (of people, fewer) "
        "of each anatomy that it never saw.",
        f"* **Images**: voxels of {told.get('spacing', '?')} mm; clean, and {len(tables.difficulties)} difficulties at "
        f"levels {', '.join(map(str, told.get('levels', [])))}.",
        f"* **Scores**: {len(tables.scores):,} rows of {len(tables.metrics)} metrics, each a structure of a case.",
        f"* **Settings**: `{told.get('name', '?')}`, seed {told.get('seed', '?')}"
        f"{quick if told.get('name') == 'quick' else ''}; networks took {told.get('steps', '?')} steps.",
        f"* **Where**: {found['cores']} cores ({found['processor']}), Python {found['python']}, no GPU.",
    ]
    return "\n".join(lines) + "\n\n" + markdown.folded("The methods", methods(page))


def methods(page: Page) -> str:
    """List the methods with what does their work."""
    rows = []
    for name in catalogue.in_order(page.tables.methods):
        found = catalogue.method(name)
        if found is None:
            rows.append(("", name, "", "", ""))
            continue
        sees = "places and intensities" if found.knows_places else "intensities"
        sees += ", seeds" if found.uses_seeds else ""
        rows.append((found.section, found.title, catalogue.short(name), sees, found.library))
    return markdown.table(("lecture", "method", "in figures", "looks at", "library"), rows, 5)


def times(page: Page) -> str:
    """Tell the seconds of each stage, and what the same measurements take elsewhere."""
    spent = summaries.spent(page.tables)
    rows = [
        (STAGES.get(str(stage), stage), f"{row['seconds']:.0f}", f"{row['share']:.1%}")
        for stage, row in spent.iterrows()
    ]
    text = [markdown.table(("what", "seconds", "share"), rows)]
    if "measure" in spent.index:
        share = float(spent["share"]["measure"])
        kept = "is kept" if share <= SHARE_OF_MEASURING else "is **not kept**"
        if page.tables.settings.get("name") == "quick":
            kept = "is for full runs"  # libraries that are loaded outweigh tiny volumes
        text.append(
            f"The run took {spent['seconds'].sum() / 60:.1f} minutes; {share:.1%} of them were measuring. The bound of "
            f"{SHARE_OF_MEASURING:.0%} {kept}."
        )
    text.append(part(lambda: peers(page)))
    text.append(part(lambda: in_the_loop(page)))
    text.append(part(lambda: after_every_step(page)))
    return "\n\n".join(text)


def peers(page: Page) -> str:
    """Tell how long other libraries take for Dice, hd95, assd and NSD of the same pairs."""
    each = summaries.beside(page.tables)
    rows = [
        (NAMES.get(name, name), float(one), float(one / each["fastseg"]))
        for name, one in each.items()
    ]
    table = markdown.table(("library", "ms a pair", "÷ fastseg"), rows)
    return (
        "The same measurements, once by other libraries: Dice, hd95, assd and NSD of all structures of some pairs of "
        f"label maps, in one process, on one core.\n\n{table}"
    )


def in_the_loop(page: Page) -> str:
    """Tell what validating costs while networks learn."""
    rows = page.tables.learning
    wanted = ["training", "inference", "fastseg", "monai", "validations", "validations_by_monai"]
    if rows.empty or not set(wanted) <= set(rows.columns):
        raise Missing("times of validation while networks learn")
    sums = rows.loc[rows["validations"].notna(), wanted].astype(float).sum()
    fast = sums["fastseg"]
    monai = sums["monai"] * sums["validations"] / max(1.0, sums["validations_by_monai"])
    learning = sums["training"] + sums["inference"]
    return (
        f"Networks were validated {sums['validations']:.0f} times while they learned, each time on all validation "
        f"subjects. All of fastseg's default metrics took {fast:.1f} s, {fast / (learning + fast):.1%} of the loop. "
        f"MONAI's Dice, hd95, assd and NSD, timed in the same loop after {sums['validations_by_monai']:.0f} of these "
        f"validations, would have taken {monai:.0f} s, {monai / (learning + monai):.1%}."
    )


def after_every_step(page: Page) -> str:
    """Tell what it takes to validate after each of the first steps."""
    rows = []
    steps = 0
    for anatomy, records in page.tables.recorded(BILINEAR).groupby("anatomy"):
        try:
            found = loop_times.shares(records.to_dict("records"))
        except (KeyError, ValueError) as error:
            raise Missing("times of validation after every step") from error
        steps = found.steps
        rows.append(
            (
                str(anatomy),
                f"{1000 * found.fastseg_seconds:.0f}",
                f"{1000 * found.monai_seconds:.0f}",
                found.ratio,
                f"{found.fastseg:.1%}",
                f"{found.monai:.1%}",
            )
        )
    columns = ("anatomy", "fastseg, ms", "MONAI, ms", "÷", "fastseg's share", "MONAI's share")
    return (
        f"The first {steps} steps of one U-Net were each followed by a validation on all validation subjects: seconds "
        "of one, and their share of the loop of training, predicting and measuring, where one library measures.\n\n"
        + markdown.table(columns, rows)
    )


def difficulties(page: Page) -> str:
    """Show the difficulties."""
    anatomy = max(page.tables.anatomies, key=lambda name: width(page, name))
    levels = page.tables.settings.get("levels", (1, 2, 3, 4, 5))
    images = drawing.images_of(page.folder, anatomy, sheets.SUBJECT, levels)
    if not images:
        raise Missing("images under difficulties")
    place = page.place("difficulties.png")
    drawing.draw(images, place, levels)
    with_few_colours(place, place)
    rows = []
    for name in catalogue.in_order(page.tables.difficulties):
        kind = catalogue.difficulty(name)
        if kind:
            strengths = ", ".join(f"{value:g}" for value in kind.strengths)
            rows.append((kind.section, kind.title, kind.unit, strengths))
    shown = markdown.picture(
        "_static/study/difficulties.png", "A slice of a test subject under every difficulty"
    )
    table = markdown.table(("lecture", "difficulty", "strength", "levels 1 to 5"), rows, 4)
    return f"{shown}\n\n{table}"


def width(page: Page, anatomy: str) -> float:
    """Tell how wide the images of an anatomy are for their height; 0 where there are none under difficulties."""
    if len(sheets.conditions(page.tables, anatomy)) == 1:
        return 0.0
    path = page.folder.truth(anatomy, CLEAN, sheets.SUBJECT)
    if not path.exists():
        return 0.0
    shape = nibabel.load(path).shape
    return shape[0] / shape[1]


def label_maps(page: Page) -> str:
    """Show what the methods made of a slice."""
    methods = catalogue.in_order(page.tables.methods)
    half = (len(methods) + 1) // 2
    text = []
    for anatomy in page.tables.anatomies:
        if len(sheets.conditions(page.tables, anatomy)) == 1:
            continue  # clean images alone
        for number, some in enumerate(filter(None, (methods[:half], methods[half:]))):
            names = f"{catalogue.title(some[0])} to {catalogue.title(some[-1])}"
            told = f"{catalogue.title(anatomy)}: a slice clean and under difficulties, by methods from {names}"
            text.append(
                page.picture(
                    f"methods-{anatomy}-{number + 1}.png",
                    lambda anatomy=anatomy, some=some: sheets.sheet(
                        page.tables, page.folder, anatomy, some
                    ),
                    told,
                )
            )
    if not text:
        raise Missing("images under difficulties")
    return "\n\n".join(text)


def cost(page: Page) -> str:
    """Show accuracy beside seconds."""
    seconds = summaries.seconds_per_image(page.tables)
    rows = [
        (catalogue.title(method), *(float(row[name]) for name in seconds.columns))
        for method, row in seconds.iterrows()
    ]
    columns = ("method", "learning (s)", "shared, an image (s)", "segmenting, an image (s)")
    shown = page.picture(
        "costs.svg",
        lambda: costs.costs(page.tables),
        "Mean Dice of clean images beside the seconds of an image, a point a method",
    )
    return f"{shown}\n\n{markdown.table(columns, rows)}"
