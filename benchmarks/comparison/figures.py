"""What the README shows of `results/versus.md`: the plot and the table, both made from the stored rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison.stored import Page, Stored, rounded
from benchmarks.comparison.vectors import AVX2

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- made by benchmarks/versus.py --readme -->", "<!-- end of what it made -->"
HEADER = (
    "| what | beside | fastseg | the other | times as fast |\n"
    "|---|---|---:|---:|---:|"
)  # fmt: skip
NEAR = (
    "dice, hd, hd95, assd, masd, nsd of a mask, 256³: near agreement and a distant false positive"
)
NEAR_512 = NEAR.replace("256³", "512³")
ORGANS = "all metrics, head and neck CT, 21 organs, two human raters, 512×512×437"
FILES = "all metrics from two .nii.gz files, head and neck CT, 21 organs, two human raters"
COUNTS = "confusion counts of 100 labels, 300×512×512 uint8"
NARROW = "the same on one thread, fastseg compiled for AVX2"
INDICES = "EDT float64, real spacing, with indices, 256³, outside a blob"


@dataclass(frozen=True)
class Shown:
    """A stored row (`what`, `beside`, `threads`), and what it is called."""

    label: str
    what: str
    beside: str
    threads: int = 1
    said: str = ""  # the job, in the README's table
    optional: bool = False  # left out where the page does not have it

    def is_in(self, page: Page) -> bool:
        """Whether it is to be shown: what has to be there is looked for all the same."""
        return not self.optional or any(
            (row.what, row.threads) == (self.what, self.threads)
            and row.beside.startswith(self.beside)
            for row in page.rows
        )

    def row(self, page: Page) -> Stored:
        return page.find(self.what, self.beside, self.threads)


# job: the peers that do it
PLOT: dict[str, tuple[Shown, ...]] = {
    "Six overlap and surface metrics of a 256³ pair of masks": (
        Shown("MedPy", NEAR, "MedPy"),
        Shown("MONAI", NEAR, "MONAI"),
        Shown("surface-distance", NEAR, "surface-distance"),
        Shown("exacta", NEAR, "exacta", optional=True),
        Shown("mikan-rs", NEAR, "mikan-rs"),
    ),
    "All 22 metrics of 21 organs, 512×512×437": (
        Shown("surface-distance, organ by organ", ORGANS, "surface-distance"),
    ),
    "Hausdorff distance alone, 256³": (
        Shown("scikit-image", "hd of a mask, 256³", "scikit-image"),
    ),
    "Distance transform, float32, 256³, outside a blob": (
        Shown("SciPy (float64)", "EDT float32, 256³, outside a blob", "SciPy"),
        Shown("edt", "EDT float32, 256³, outside a blob", "edt"),
        Shown("edt, 2 threads", "EDT float32, 256³, outside a blob", "edt", 2),
    ),
    "Distance transform, float32, 256³, of 50 % noise": (
        Shown("SciPy (float64)", "EDT float32, 256³, 50 % noise", "SciPy"),
        Shown("edt", "EDT float32, 256³, 50 % noise", "edt"),
        Shown("edt, 2 threads", "EDT float32, 256³, 50 % noise", "edt", 2),
    ),
    "Distance transform, float64, 256³, outside a blob": (
        Shown("SciPy", "EDT float64, 256³, outside a blob", "SciPy"),
        Shown("SciPy, real spacing, with indices", INDICES, "SciPy"),
    ),
    "Confusion counts of 100 labels, 300×512×512": (
        Shown("np.bincount(a * K + b)", COUNTS, "np.bincount"),
    ),
}
TABLE = (
    Shown(
        "MedPy {MedPy} (the calls it has)",
        NEAR,
        "MedPy",
        said="dice, hd, hd95, assd, masd, nsd of a 256³ pair, near agreement with a distant false positive",
    ),
    Shown("MONAI {MONAI}", NEAR, "MONAI"),
    Shown("exacta {exacta}", NEAR, "exacta", optional=True),
    Shown("mikan-rs {mikan-rs}", NEAR, "mikan-rs"),
    Shown(
        "MONAI {MONAI}",
        f"{NEAR}, {AVX2}",
        "MONAI",
        said=NARROW,
        optional=True,
    ),
    Shown(
        "surface-distance {surface-distance}",
        NEAR,
        "surface-distance",
        said='the same by surface-distance\'s definition, `boundary="surfel"`',
    ),
    Shown(
        "surface-distance in a loop",
        ORGANS,
        "surface-distance",
        said='512×512×437, 21 organs, all metrics, `boundary="surfel"`',
    ),
    Shown(
        "only unzipping both",
        FILES,
        "unzipping",
        said='the same from two `.nii.gz` files, `boundary="voxel"`',
    ),
    Shown(
        "edt {edt}",
        "EDT float32, 256³, outside a blob",
        "edt",
        said="distance transform, float32, 256³ outside a blob",
    ),
    Shown(
        "edt {edt}",
        "EDT float32, 256³, outside a blob",
        "edt",
        2,
        said="the same on 2 threads",
    ),
    Shown(
        "edt {edt}",
        f"EDT float32, 256³, outside a blob, {AVX2}",
        "edt",
        said=NARROW,
        optional=True,
    ),
    Shown(
        "SciPy {SciPy}",
        "EDT float64, real spacing, 256³, outside a blob",
        "SciPy",
        said="distance transform, float64, real spacing",
    ),
    Shown("SciPy {SciPy}", INDICES, "SciPy", said="the same with indices"),
    Shown(
        "`np.bincount(a * K + b)`",
        COUNTS,
        "np.bincount",
        said="confusion counts of 100 labels, 300×512×512",
    ),
    Shown(
        "reading both arrays once",
        NEAR_512,
        "reading both arrays",
        2,
        said="six metrics of a 512³ pair, 2 threads",
    ),
)


def table(page: Page) -> str:
    """The README's table, between its marks."""
    lines = [BEGIN, HEADER]
    for shown in (shown for shown in TABLE if shown.is_in(page)):
        row, beside = shown.row(page), shown.label.format(**page.versions)
        cells = [shown.said, beside, row.ours, row.theirs, rounded(row.times_as_fast)]
        lines.append("| " + " | ".join(cells).strip() + " |")
    return "\n".join([*lines, END])


def with_table(readme: str, page: Page) -> str:
    """A README with the table made anew."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return before + table(page) + after


def drawn_from(page: Page) -> str:
    """What the plot shows, in sixteen digits: written into the file, so that an outdated one is found."""
    shown = [(job, s.label, s.row(page)) for job, peers in _shown(page).items() for s in peers]
    return hashlib.sha256(repr((page.machine, shown)).encode()).hexdigest()[:16]


def _shown(page: Page) -> dict[str, list[Shown]]:
    return {job: [shown for shown in peers if shown.is_in(page)] for job, peers in PLOT.items()}


def plot(page: Page, path: Path) -> None:
    """Bars of how many times as fast fastseg is, by job."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, NullLocator

    jobs = _shown(page)
    lines = sum(len(peers) for peers in jobs.values()) + 1.35 * len(jobs)
    figure, axes = plt.subplots(figsize=(10, 1.3 + 0.27 * lines), layout="constrained")
    places, labels, texts, place = [], [], [], 0.0
    for job, peers in jobs.items():
        texts.append(axes.text(1.03, place, job, va="center", weight="bold", fontsize=11))
        place += 1
        for shown in peers:
            row = shown.row(page)
            ratio = row.times_as_fast
            # a bar begins at 1, as fast as the peer
            axes.barh(place, ratio - 1, left=1, height=0.72, color="#3b6ea5")
            texts += _beside(axes, ratio, place, row)
            places.append(place)
            labels.append(shown.label)
            place += 1
        place += 0.35
    axes.set_yticks(places, labels, fontsize=11)
    axes.set_xscale("log")
    axes.set_ylim(place - 0.6, -0.7)
    axes.xaxis.set_major_locator(FixedLocator([10**power for power in range(5)]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color="black", linewidth=0.8)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(axis="both", length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    figure.suptitle("How many times as fast fastseg is", fontsize=14, weight="bold")
    axes.set_xlabel(
        f"log scale; beside each bar the peer's time → fastseg's time, medians\n"
        f"{page.processor}; one thread unless said",
        fontsize=10.5,
    )
    _make_room(figure, axes, texts)
    metadata = {"Software": None, "Source": drawn_from(page)}
    figure.savefig(path, dpi=160, facecolor="white", metadata=metadata)
    plt.close(figure)


def _beside(axes: Any, ratio: float, place: float, row: Stored) -> list[Any]:
    """The ratio and both times, right of the bar."""
    text = axes.annotate(
        f"{rounded(ratio)}×",
        (ratio, place),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        weight="bold",
        fontsize=11,
    )
    times = axes.annotate(
        f"{row.theirs} → {row.ours}",
        (1, 0.5),
        xycoords=text,
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        color="#444444",
        fontsize=10.5,
    )
    return [text, times]


def _make_room(figure: Any, axes: Any, texts: list[Any]) -> None:
    """Lengthen the axis until no text is cut at its right end."""
    most = max(bar.get_width() for bar in axes.patches)
    for room in range(1, 40):
        axes.set_xlim(1, most * 1.3**room)
        figure.draw_without_rendering()
        if max(text.get_window_extent().x1 for text in texts) < axes.get_window_extent().x1 - 10:
            return
