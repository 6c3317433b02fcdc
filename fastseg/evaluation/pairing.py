"""Which files of two folders belong together."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from fastseg.errors import InputError
from fastseg.io import IMAGE_SUFFIXES, image_stem

StrPath = str | os.PathLike[str]


class Case(NamedTuple):
    """A pair of image files under a name."""

    name: str
    reference: StrPath
    prediction: StrPath


class Pairing(NamedTuple):
    """The images of two folders, paired.

    Attributes
    ----------
    cases : list of Case
        In the order of their names, numbers within them by value: case_2 before case_10.
    only_reference, only_prediction : list of Path
        Images that have no partner.
    """

    cases: list[Case]
    only_reference: list[Path]
    only_prediction: list[Path]


def pair_folders(reference: StrPath, prediction: StrPath) -> Pairing:
    """Pair the images of two folders by their names without suffix, which name the cases.

    case.nii.gz and case.nrrd are a pair. Files that are not images, hidden files and folders within the folders are
    not looked at.

    Parameters
    ----------
    reference, prediction : str or path-like
        Folders.

    Returns
    -------
    Pairing

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If a folder is missing, or is a file.
    ValueError
        If a folder holds no image, or two of one name, or if no file has a partner.
    """
    references, predictions = _images(reference), _images(prediction)
    common = [case for case in references if case in predictions]
    if not common:
        raise InputError(
            f"no image in {reference} has a partner of the same name in {prediction}: "
            f"{_some(references)} against {_some(predictions)}"
        )
    return Pairing(
        [Case(case, references[case], predictions[case]) for case in common],
        [path for case, path in references.items() if case not in predictions],
        [path for case, path in predictions.items() if case not in references],
    )


def _images(folder: StrPath) -> dict[str, Path]:
    """List the images of a folder by case."""
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder, but this is a file")
    files = [
        path
        for path in folder.iterdir()
        if path.name.lower().endswith(IMAGE_SUFFIXES)
        and not path.name.startswith(".")
        and path.is_file()
    ]
    # An .hdr and its .img are one image, which either names.
    headers = {path.stem for path in files if path.suffix.lower() == ".hdr"}
    images: dict[str, Path] = {}
    for path in sorted(files, key=_natural):
        if path.suffix.lower() == ".img" and path.stem in headers:
            continue
        case = image_stem(path)
        if case in images:
            raise InputError(
                f"{folder}: {images[case].name} and {path.name} both name the case {case!r}; keep one of them"
            )
        images[case] = path
    if not images:
        raise InputError(
            f"{folder}: it holds no image; known endings are {', '.join(IMAGE_SUFFIXES)}"
        )
    return images


def _natural(path: Path) -> tuple[list[str | int], str]:
    """Sort key that takes numbers in a name by their value."""
    parts = re.split("([0-9]+)", image_stem(path))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.name


def _some(images: dict[str, Path]) -> str:
    names = [path.name for path in images.values()]
    return ", ".join(names[:3]) + (f", … ({len(names)} in all)" if len(names) > 3 else "")
