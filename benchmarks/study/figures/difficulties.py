"""One sheet of what the methods are given: a subject's middle slice, each difficulty a row, its levels side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import difficulty, names
from benchmarks.study.folder import CLEAN, Condition, Folder

#: what thick slices do is seen from the front
FROM_THE_FRONT = ("anisotropy",)
#: inches; 900 pixels
WIDTH = 9.0


def images_of(
    folder: Folder, anatomy: str, subject: str, levels: Sequence[int]
) -> dict[str, list[NDArray[np.float32]]]:
    """Read the clean image and the levels of every difficulty that the run has."""

    def read(condition: Condition) -> NDArray[np.float32]:
        path = folder.image(anatomy, condition, subject)
        return np.asarray(nibabel.load(path).dataobj, np.float32)

    found = {}
    for name in names():
        conditions = [CLEAN, *(Condition(name, level) for level in levels)]
        if all(folder.image(anatomy, each, subject).exists() for each in conditions):
            found[name] = [read(each) for each in conditions]
    return found


def draw(
    images: Mapping[str, Sequence[NDArray[Any]]],
    path: Path,
    levels: Sequence[int] = (1, 2, 3, 4, 5),
) -> None:
    """Draw a row for each difficulty: its clean image, then the levels, all on the same grey scale.

    Parameters
    ----------
    images : mapping of difficulties to sequences of (X, Y, Z) arrays
        As `images_of` gives them.
    path : Path
        The ending says which kind of file.
    levels : sequence of int
        Which levels follow the clean image.
    """
    # no display, and no state that a figure drawn elsewhere could share
    from matplotlib.figure import Figure

    columns = 1 + len(levels)
    slices = {name: [_slice(name, image) for image in row] for name, row in images.items()}
    side = WIDTH / columns
    # a title above each row, and the pictures as high as they are for their width
    title, gap, head = 0.42, 0.06, 0.3
    heights = [side * _height(row[0]) for row in slices.values()]
    total = head + sum(heights) + (title + gap) * len(heights)
    figure = Figure(figsize=(WIDTH, total), dpi=100, facecolor="white")
    brightest = max(np.percentile(row[0], 99.9) for row in slices.values())
    for column, text in enumerate(("clean", *(f"level {level}" for level in levels))):
        figure.text((column + 0.5) * side / WIDTH, 1 - 0.2 / total, text, ha="center", size=10)
    top = total - head
    for (name, row), height in zip(slices.items(), heights, strict=True):
        found = difficulty(name)
        figure.text(0.005, (top - 0.13) / total, found.title, size=10, weight="bold", va="center")
        front = ", from the front" if name in FROM_THE_FRONT else ""
        figure.text(
            0.995, (top - 0.13) / total, found.unit + front, size=8.5, va="center", ha="right"
        )
        strengths = ("", *(f"{found.strengths[level - 1]:g}" for level in levels))
        for column, (picture, strength) in enumerate(zip(row, strengths, strict=True)):
            left = column * side / WIDTH
            box = (left, (top - title - height) / total, side / WIDTH * 0.99, height / total)
            axes = figure.add_axes(box)
            axes.imshow(picture, cmap="gray", vmin=0, vmax=brightest, interpolation="nearest")
            axes.set_axis_off()
            middle = left + side / WIDTH / 2
            figure.text(middle, (top - 0.32) / total, strength, size=8.5, ha="center", va="center")
        top -= title + height + gap
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _slice(name: str, image: NDArray[Any]) -> NDArray[Any]:
    """Cut through the middle, and turn it as it is looked at: the body's front, or its head, above."""
    middle = [n // 2 for n in image.shape]
    cut = image[:, middle[1], :] if name in FROM_THE_FRONT else image[:, :, middle[2]]
    return cut.T[::-1]


def _height(picture: NDArray[Any]) -> float:
    return picture.shape[0] / picture.shape[1]
