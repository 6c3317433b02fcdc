"""Contact sheets: what methods make of one slice, clean and under difficulties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from benchmarks.study import catalogue
from benchmarks.study.folder import CLEAN, Condition, Folder
from benchmarks.study.tables import Missing, Tables
from fastseg.plots import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: difficulties that a sheet shows beside the clean image
SHOWN = ("noise", "bias_field", "contrast", "shape")
#: how much of a colour a label has over the grey image
COVER = 0.62
SUBJECT = "test_00"


def conditions(tables: Tables, anatomy: str) -> list[Condition]:
    """Choose what is shown: the clean image, and a middle level of some difficulties."""
    rows = tables.scores[tables.scores["anatomy"] == anatomy]
    found = [CLEAN]
    for difficulty in SHOWN:
        levels = sorted(rows.loc[rows["difficulty"] == difficulty, "level"].unique())
        if levels:
            found.append(Condition(difficulty, int(levels[len(levels) // 2])))
    return found


def sheet(tables: Tables, folder: Folder, anatomy: str, methods: list[str]) -> Figure:
    """Draw conditions as rows; columns are the image, the truth, and what each method made of it."""
    from matplotlib.figure import Figure

    wanted = conditions(tables, anatomy)
    truth = _read(folder.truth(anatomy, CLEAN, SUBJECT))
    depth = best_slice(truth)
    colours = colours_of(truth)
    columns = ["image", "truth", *methods]
    width, height = truth.shape[0], truth.shape[1]
    one = 1.25
    size = (one * len(columns), (one * height / width + 0.04) * len(wanted) + 0.55)
    figure = Figure(size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)  # type: ignore[union-attr]
    panels = figure.subplots(len(wanted), len(columns), squeeze=False)
    for row, condition in zip(panels, wanted, strict=True):
        image = _read(folder.image(anatomy, condition, SUBJECT))[:, :, depth]
        grey = np.clip(image / max(1e-6, float(np.percentile(image, 99.5))), 0, 1)
        labels: list[NDArray[Any] | None] = [np.zeros(image.shape, np.uint8)]
        labels.append(_slice(folder.truth(anatomy, condition, SUBJECT), depth))
        labels += [
            _slice(folder.prediction(m, anatomy, condition, SUBJECT), depth) for m in methods
        ]
        for ax, found in zip(row, labels, strict=True):
            _tile(ax, grey, found, colours)
        told = catalogue.short(condition.difficulty)
        row[0].set_ylabel(
            told if condition == CLEAN else f"{told}\n(level {condition.level})", fontsize=7
        )
    for ax, name in zip(panels[0], columns, strict=True):
        told = name if name in ("image", "truth") else catalogue.short(name)
        ax.set_title(_broken(told), fontsize=7)
    return figure


def best_slice(truth: NDArray[Any]) -> int:
    """Choose the axial slice with the most structures in it, of these the fullest."""
    depths = range(truth.shape[2])
    counts = [np.bincount(truth[:, :, k].ravel(), minlength=256)[1:] for k in depths]
    # of a few voxels nobody sees anything
    return max(depths, key=lambda k: (np.count_nonzero(counts[k] >= 4), counts[k].sum()))


def colours_of(truth: NDArray[Any]) -> dict[int, tuple[float, float, float]]:
    """Give each label of an anatomy a colour."""
    from matplotlib.colors import to_rgb

    found = np.unique(truth[truth > 0]).tolist()
    return {label: to_rgb(PALETTE[number % len(PALETTE)]) for number, label in enumerate(found)}


def _read(path: Any) -> NDArray[Any]:
    """Read an image of a run."""
    if not path.exists():
        raise Missing(f"{path.name} is not there")
    return np.asarray(nibabel.load(path).dataobj)


def _slice(path: Any, depth: int) -> NDArray[Any] | None:
    """Read a slice; None of what a method failed at."""
    return _read(path)[:, :, depth] if path.exists() else None


def _tile(
    ax: Axes,
    grey: NDArray[Any],
    labels: NDArray[Any] | None,
    colours: dict[int, tuple[float, float, float]],
) -> None:
    """Draw labels in colours over the image."""
    rgb = np.repeat(grey[..., None], 3, -1)
    for label, colour in colours.items():
        if labels is not None:
            here = labels == label
            rgb[here] = (1 - COVER) * rgb[here] + COVER * np.array(colour)
    # the first axis runs to the right, the second one up
    ax.imshow(rgb.transpose(1, 0, 2), origin="lower", interpolation="nearest")
    if labels is None:
        ax.text(0.5, 0.5, "failed", transform=ax.transAxes, ha="center", color="white", fontsize=7)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _broken(name: str, width: int = 16) -> str:
    """Break a name into lines."""
    import textwrap

    return "\n".join(textwrap.wrap(name, width))
