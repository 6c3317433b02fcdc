"""Which files belong together: those of two folders, or those that a table names."""

from __future__ import annotations

import operator
import os
import re
from pathlib import Path
from typing import Literal, NamedTuple

from fastseg.cohort.advice import advice
from fastseg.cohort.folders import (
    Images,
    StrPath,
    images_below,
    is_picture,
    known_ending,
    printable,
    some,
)
from fastseg.cohort.outcomes import Case, title_of
from fastseg.cohort.pair_table import TABLE_SUFFIXES, is_table, read_pairs
from fastseg.errors import InputError
from fastseg.inputs.choices import unknown

#: what is done about a reference that has no prediction
MISSING = ("worst", "skip", "error")
Missing = Literal["worst", "skip", "error"]


class Pairing(NamedTuple):
    """References and predictions, paired.

    Attributes
    ----------
    cases : list of Case
        What to evaluate. Of two folders in the order of their names, numbers within them by value: case_2 before
        case_10. Of a table in its order.
    missing : list of Case
        Those that have no prediction.
    only_prediction : list of Path
        Predictions that have no reference.
    notes : list of str
        What has to be said of all this.
    policy : {"worst", "skip", "error"}
        What is done about cases that have no prediction: "skip" has left them out of `cases`.
    """

    cases: list[Case]
    missing: list[Case]
    only_prediction: list[Path]
    notes: list[str]
    policy: Missing = "worst"


def find_pairs(
    reference: StrPath,
    prediction: StrPath | None = None,
    *,
    reference_suffix: str = "",
    prediction_suffix: str = "",
    ending: str | None = None,
    missing: Missing = "worst",
) -> Pairing:
    """Pair the images of two folders, see :func:`pair_folders`, or read a table of pairs, see :func:`read_pairs`.

    Parameters
    ----------
    reference, prediction : str or path-like
        Two folders, or a table of pairs alone.
    reference_suffix, prediction_suffix, ending : str
        As in :func:`pair_folders`.
    missing : {"worst", "skip", "error"}
        What is done about a reference that has no prediction: it is a case without one, it is left out, or none is
        allowed. The notes name what has no partner.

    Raises
    ------
    ValueError
        If a folder stands alone, or a table does not, or comes with options for folders; if predictions are missing
        under "error"; and as :func:`pair_folders` and :func:`read_pairs` do.
    """
    if missing not in MISSING:
        raise unknown("missing", missing, MISSING)
    if prediction is not None:
        if is_table(reference) and not os.path.isdir(reference):
            raise InputError(
                f"{reference}: a table of pairs names the predictions, but {prediction} was given beside it"
            )
        found = pair_folders(
            reference,
            prediction,
            reference_suffix=reference_suffix,
            prediction_suffix=prediction_suffix,
            ending=ending,
        )
        return _with_policy(found, missing, f"in {reference}", f"in {prediction}")
    if not is_table(reference):
        raise InputError(
            f"{reference}: expected a prediction beside it, or a table of pairs alone ({', '.join(TABLE_SUFFIXES)})"
        )
    if reference_suffix or prediction_suffix or ending:
        raise InputError(
            f"{reference}: a table of pairs names its files, so it takes no suffixes and no ending of them"
        )
    cases = read_pairs(reference)
    lonely = [case for case in cases if case.prediction is None]
    return _with_policy(Pairing(cases, lonely, [], []), missing, f"in {reference}", "there")


def _with_policy(found: Pairing, missing: Missing, here: str, there: str) -> Pairing:
    """Do what was asked for about missing predictions, and say what has no partner."""
    cases, notes = found.cases, list(found.notes)
    if found.missing:
        what = f"{len(found.missing)} of {len(cases)} references {here} have no prediction {there}"
        names = some(list(map(titled, found.missing)))
        if missing == "error":
            raise InputError(f"{what}: {names}; missing='worst' (--missing worst) would score them")
        if missing == "skip":
            cases = [case for case in cases if case.prediction is not None]
            notes.append(f"{what} and are left out: {names}")
        else:
            notes.append(f"{what} and are scored against an empty one (--missing worst): {names}")
        if not cases:
            raise InputError(f"{what}: there is nothing to evaluate")
    if found.only_prediction:
        paired = len(found.cases) - len(found.missing)
        notes.append(
            f"{len(found.only_prediction)} of {len(found.only_prediction) + paired} predictions {there} have no "
            f"reference {here} and are left out: {some([path.name for path in found.only_prediction])}"
        )
    return found._replace(cases=cases, notes=notes, policy=missing)


def pair_folders(
    reference: StrPath,
    prediction: StrPath,
    *,
    reference_suffix: str = "",
    prediction_suffix: str = "",
    ending: str | None = None,
) -> Pairing:
    """Pair the images of two folders, at any depth, by their paths without ending and suffix, which name the cases.

    case.nii.gz and case.nrrd are a pair, and so are s0001/liver.nii.gz and s0001/liver.nii.gz, or, with the suffix
    "-seg", BraTS-001/BraTS-001-seg.nii.gz and BraTS-001.nii.gz. A .npz file or a picture beside another image of the
    same case is not the label map that is meant. A picture without a partner among images of other kinds is taken for
    a screenshot.

    Parameters
    ----------
    reference, prediction : str or path-like
        Folders.
    reference_suffix, prediction_suffix : str
        What the names have at the end, before the ending, that is not of the case: "_gt". Other files are not looked
        at. "/seg" is a file of this name in a folder for each case.
    ending : str, optional
        Take only files of this ending: ".nii.gz".

    Returns
    -------
    Pairing

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If a folder is missing, or is a file.
    ValueError
        If a folder holds no image, or two of one case, if no file has a partner, or if the ending is not known.
    """
    ending = known_ending(ending)
    references = images_below(reference, reference_suffix, ending, prediction)
    predictions = images_below(prediction, prediction_suffix, ending, reference)
    if not references.paths.keys() & predictions.paths.keys():
        raise InputError(
            f"no image in {reference} has a partner of the same name in {prediction}: "
            f"{_shown(references, reference)} against {_shown(predictions, prediction)}"
            f"{advice(list(references.paths), list(predictions.paths))}"
        )
    cases = [
        Case(name, references.paths[name], predictions.paths.get(name))
        for name in sorted(references.paths, key=natural)
    ]
    only_prediction = [
        predictions.paths[name]
        for name in sorted(predictions.paths, key=natural)
        if name not in references.paths
    ]
    beside = [*references.beside, *predictions.beside]
    if not all(is_picture(path) for path in references.paths.values()):
        screenshots = {
            case.name: Path(case.reference)
            for case in cases
            if case.prediction is None and is_picture(Path(case.reference))
        }
        beside += screenshots.values()
        cases = [case for case in cases if case.name not in screenshots]
    notes = []
    if beside:
        notes.append(
            f"left out beside images of other kinds (--ending chooses a kind): {some(list(map(str, beside)))}"
        )
    cases = [case._replace(name=printable(case.name)) for case in cases]
    missing = [case for case in cases if case.prediction is None]
    return Pairing(cases, missing, only_prediction, notes)


def sharded(pairing: Pairing, shard: tuple[int, int]) -> Pairing:
    """Take every n-th case of a pairing from the k-th on, all algorithms of a case together.

    Parameters
    ----------
    pairing : Pairing
    shard : tuple of two int
        k, which counts from 1, and n.

    Raises
    ------
    ValueError
        If k is not one of 1 to n.
    """
    try:
        k, n = map(operator.index, shard)
    except (TypeError, ValueError):
        raise InputError(
            f"shard: expected two whole numbers, as in (3, 20), got {shard!r:.80}"
        ) from None
    if not 1 <= k <= n:
        raise InputError(f"shard: expected one of {n} parts, 1 to {n}, got {k}")
    names = list(dict.fromkeys(case.name for case in pairing.cases))[k - 1 :: n]
    chosen = set(names)
    cases = [case for case in pairing.cases if case.name in chosen]
    lonely = [case for case in cases if case.prediction is None]
    return pairing._replace(cases=cases, missing=lonely)


def titled(case: Case) -> str:
    """Name a case, and whose prediction it is where there are several."""
    return title_of(case.algorithm, case.name)


def natural(name: str) -> tuple[list[str | int], str]:
    """Sort key that takes numbers in a name by their value."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def _shown(images: Images, folder: StrPath) -> str:
    return some([str(path.relative_to(folder)) for path in images.paths.values()])
