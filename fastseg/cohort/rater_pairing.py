"""Which files of several raters belong together: those of one name in a folder of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastseg.cohort.advice import advice
from fastseg.cohort.folders import StrPath, images_below, known_ending, nfc, printable, some
from fastseg.cohort.pairing import natural
from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.scalars import shown
from fastseg.io import IMAGE_SUFFIXES, image_stem


class RaterCase(NamedTuple):
    """The files of one case: a map of each rater who has one, the prediction if there is one, and samples of it."""

    name: str
    maps: Mapping[str, StrPath]
    prediction: StrPath | None
    samples: Sequence[StrPath] = ()


class RaterPairing(NamedTuple):
    """The cases of several raters.

    Attributes
    ----------
    cases : list of RaterCase
        Those of two raters or more, in the order of their names.
    missing : list of str
        Those that have no prediction, where predictions were given.
    notes : list of str
        What has to be said of all this.
    """

    cases: list[RaterCase]
    missing: list[str]
    notes: list[str]


def named_raters(raters: Any) -> dict[str, StrPath]:
    """Take folders by the raters' names, or a list of them, each called by what tells its path from the others'.

    Raises
    ------
    InputError, InputTypeError
        For fewer than two, what is no path, and one path twice.
    """
    if isinstance(raters, Mapping):
        found = {printable(nfc(str(name))).strip(): path for name, path in raters.items()}
        if len(found) < len(raters) or "" in found:
            raise InputError("raters: each needs a name of its own")
    elif isinstance(raters, (str, bytes, os.PathLike)) or not isinstance(raters, Iterable):
        raise InputTypeError(
            f"raters: expected a list of folders, or names and their folders, got {shown(raters)}"
        )
    else:
        paths = list(raters)
        found = dict(zip(names_of(paths), paths, strict=True))
    if len(found) < 2:
        raise InputError(f"raters: expected the folders of at least two, got {len(found)}")
    return found


def names_of(paths: Sequence[StrPath]) -> list[str]:
    """Name paths by their ends without ending, less what the ends of all of them share: r1/seg and r2/seg are r1, r2.

    Raises
    ------
    InputError
        Where two are the same.
    """
    split = []
    for path in paths:
        *folders, last = Path(os.path.abspath(path)).parts
        if not os.path.isdir(path) and last.lower().endswith(IMAGE_SUFFIXES):
            last = image_stem(last)
        split.append([*folders, last])
    if len({tuple(parts) for parts in split}) < len(split):
        raise InputError(f"raters: one path is given twice: {some(list(map(str, paths)), 10)}")
    while len({parts[-1] for parts in split}) == 1 and len(split) > 1:
        split = [parts[:-1] for parts in split]
    taken = 1
    while len({tuple(parts[-taken:]) for parts in split}) < len(split):
        taken += 1
    return [printable(nfc("/".join(parts[-taken:]))) for parts in split]


def find_rater_cases(
    raters: Mapping[str, StrPath],
    prediction: StrPath | None = None,
    *,
    rater_suffix: str = "",
    prediction_suffix: str = "",
    ending: str | None = None,
) -> RaterPairing:
    """Find the maps of each case, in the folders of the raters and of the predictions.

    Cases are named as those of :func:`fastseg.cohort.pairing.pair_folders`.

    Parameters
    ----------
    raters : mapping of str to path-like
        The name of each rater, and the folder.
    prediction : path-like, optional
        A folder.
    rater_suffix, prediction_suffix, ending : str
        As in :func:`fastseg.cohort.pairing.pair_folders`.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If a folder is missing, or is a file.
    InputError
        If a folder holds no image, or two of one case, and if no case is of two raters.
    """
    ending = known_ending(ending)
    found = {
        name: images_below(folder, rater_suffix, ending, prediction)
        for name, folder in raters.items()
    }
    beside = [path for images in found.values() for path in images.beside]
    of_case: dict[str, dict[str, StrPath]] = {}
    for rater, images in found.items():
        for case, path in images.paths.items():
            of_case.setdefault(case, {})[rater] = path
    names = sorted(of_case, key=natural)
    several = [name for name in names if len(of_case[name]) > 1]
    if not several:
        (one, first), (two, second), *_ = found.items()
        raise InputError(
            f"no image of one rater has the name of one of another: {some(list(first.paths))} of {one}, "
            f"{some(list(second.paths))} of {two}; name files of one case alike in every folder"
        )
    notes = _on_raters(several, names, of_case, list(raters))
    predicted: Mapping[str, Path] = {}
    missing: list[str] = []
    if prediction is not None:
        predictions = images_below(prediction, prediction_suffix, ending)
        beside += predictions.beside
        predicted = predictions.paths
        missing = [name for name in several if name not in predicted]
        if len(missing) == len(several):
            hint = advice(several, list(predicted)).replace("reference", "rater")
            raise InputError(
                f"no image in {prediction} has the name of a case of the raters: {some(list(predicted))} against "
                f"{some(several)}{hint if 'suffix' in hint else ''}"
            )
        if missing:
            notes.append(
                f"{len(missing)} of {len(several)} cases have no prediction in {prediction} and tell of the raters "
                f"alone: {some(list(map(printable, missing)))}"
            )
        if lonely := [name for name in predicted if name not in set(several)]:
            notes.append(
                f"{len(lonely)} of {len(predicted)} predictions have no maps of two raters and are left out: "
                f"{some(sorted(lonely, key=natural))}"
            )
    if beside:
        notes.append(
            f"left out beside images of other kinds (--ending chooses a kind): {some(list(map(str, beside)))}"
        )
    cases = [RaterCase(printable(name), of_case[name], predicted.get(name)) for name in several]
    return RaterPairing(cases, [printable(name) for name in missing], notes)


def _on_raters(
    several: Sequence[str],
    names: Sequence[str],
    of_case: Mapping[str, Mapping[str, StrPath]],
    raters: Sequence[str],
) -> list[str]:
    """Say which cases are not by all raters."""
    notes = []
    if alone := [name for name in names if len(of_case[name]) < 2]:
        notes.append(
            f"{len(alone)} of {len(names)} cases are by one rater alone and are left out: {some(alone)}"
        )
    fewer = [name for name in several if len(of_case[name]) < len(raters)]
    if fewer:
        told = [
            f"{name} (without {', '.join(one for one in raters if one not in of_case[name])})"
            for name in fewer
        ]
        notes.append(
            f"{len(fewer)} of {len(several)} cases are not by all {len(raters)} raters and are evaluated with those "
            f"that there are: {some(told)}"
        )
    return notes
