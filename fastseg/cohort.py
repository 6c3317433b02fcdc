"""Many cases: pairing the files of two folders, reading one case ahead, joining the results."""

from __future__ import annotations

import os
import re
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from fastseg.arrays import as_label_map
from fastseg.choices import unknown
from fastseg.errors import CaseError, InputError
from fastseg.evaluation import evaluate
from fastseg.io import IMAGE_SUFFIXES, Image, image_stem, read_image
from fastseg.metrics import as_policy
from fastseg.results import Evaluation
from fastseg.threads import get_num_threads

StrPath = str | os.PathLike[str]
Pair = tuple[str, StrPath, StrPath]
_Result = TypeVar("_Result")


class Pairing(NamedTuple):
    """Which files of two folders belong together.

    Attributes
    ----------
    pairs : list of (case, reference, prediction)
        In the order of their names, numbers within them by value: case_2 before case_10.
    only_reference, only_prediction : list of Path
        Images that have no partner.
    """

    pairs: list[tuple[str, Path, Path]]
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
        [(case, references[case], predictions[case]) for case in common],
        [path for case, path in references.items() if case not in predictions],
        [path for case, path in predictions.items() if case not in references],
    )


def evaluate_pairs(
    pairs: Iterable[Pair], **options: Any
) -> Iterator[tuple[str, Evaluation | Exception]]:
    """Evaluate pairs of files one after another, reading the next while one is computed.

    Parameters
    ----------
    pairs : iterable of (case, reference, prediction)
        The name of a case and two image files.
    **options
        As in :func:`fastseg.evaluate`; they are checked before the first file is read.

    Returns
    -------
    iterator of (case, Evaluation or Exception)
        In the order of the pairs. Where a case failed, its exception stands in place of its evaluation, and the
        next one follows. At most one case beside the current one is in memory.

    Raises
    ------
    TypeError, ValueError
        For wrong options, at once.
    """
    check_options(**options)
    return _evaluate_pairs(list(pairs), options)


def evaluate_cohort(
    reference: StrPath,
    prediction: StrPath,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    **options: Any,
) -> Evaluation:
    """Evaluate all pairs of images in two folders.

    Parameters
    ----------
    reference, prediction : str or path-like
        Folders; their images are paired by name, see :func:`pair_folders`. An image without a partner is named in a
        warning.
    on_error : {"raise", "skip"}
        What to do about cases that cannot be evaluated: raise an error that names all of them, or leave them out
        with a warning that names them.
    **options
        As in :func:`fastseg.evaluate`.

    Returns
    -------
    Evaluation
        One row per case and label.

    Raises
    ------
    OSError, TypeError, ValueError
        As :func:`pair_folders` and :func:`evaluate_pairs`; and if cases failed, or all did with ``on_error="skip"``.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from fastseg.cohort import evaluate_cohort
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for rater in ("senior", "junior"):
    ...         pathlib.Path(folder, rater).mkdir()
    ...         for case in ("a", "b"):
    ...             np.save(f"{folder}/{rater}/{case}.npy", np.ones((3, 3, 3), np.uint8))
    ...     evaluation = evaluate_cohort(f"{folder}/senior", f"{folder}/junior")
    >>> evaluation["b"][1]["dice"]
    1.0
    """
    if on_error not in ("raise", "skip"):
        raise unknown("on_error", on_error, ["raise", "skip"])
    pairing = pair_folders(reference, prediction)
    lonely = [str(path) for path in (*pairing.only_reference, *pairing.only_prediction)]
    if lonely:
        warnings.warn(
            f"{len(lonely)} images have no partner and are left out: {', '.join(lonely)}",
            stacklevel=2,
        )
    done: list[Evaluation] = []
    failed: list[tuple[str, Exception]] = []
    for case, result in evaluate_pairs(pairing.pairs, **options):
        if isinstance(result, Evaluation):
            done.append(result)
        else:
            failed.append((case, result))
    if failed:
        message = (
            f"{len(failed)} of {len(pairing.pairs)} cases could not be evaluated: "
            + "; ".join(f"{case}: {error}" for case, error in failed)
        )
        if on_error == "raise" or not done:
            raise CaseError(message) from failed[0][1]
        warnings.warn(message, stacklevel=2)
    return Evaluation.joined(done)


def check_options(
    spacing: Any = None,
    labels: Any = None,
    tolerance: Any = 1.0,
    empty: Any = "worst",
    **options: Any,
) -> None:
    """Raise what :func:`fastseg.evaluate` would for wrong options, before any file is read."""
    as_policy(empty)
    ndim = len(spacing) if isinstance(spacing, (list, tuple)) and len(spacing) in (1, 2, 3) else 3
    nothing = np.zeros((1,) * ndim, np.uint8)
    if labels is None and not isinstance(tolerance, (int, float)):
        tolerance = 1.0  # a tolerance by label can be judged only once the labels are found
    evaluate(nothing, nothing, spacing=spacing, labels=labels, tolerance=tolerance, **options)


def _evaluate_pairs(
    pairs: list[Pair], options: dict[str, Any]
) -> Iterator[tuple[str, Evaluation | Exception]]:
    # A thread for each of the two files: unzipping one is serial, and takes about as long as measuring.
    count = min(2, get_num_threads())
    with ThreadPoolExecutor(count, thread_name_prefix="fastseg-read") as readers:

        def start(index: int) -> list[Future[Image]]:
            return [
                readers.submit(_read, path)
                for pair in pairs[index : index + 1]
                for path in pair[1:]
            ]

        reading = start(0)
        for index, (case, _, _) in enumerate(pairs):
            images = _attempt(lambda futures: [future.result() for future in futures], reading)
            reading = start(index + 1)
            if isinstance(images, Exception):
                yield case, images
            else:
                yield case, _attempt(_evaluate, case, *images, options)
            del images


def _read(path: StrPath) -> Image:
    image = read_image(path)
    return replace(image, array=as_label_map(image.array, image.source))


def _evaluate(
    case: str, reference: Image, prediction: Image, options: dict[str, Any]
) -> Evaluation:
    return evaluate(reference, prediction, case=case, **options)


def _attempt(function: Callable[..., _Result], *arguments: Any) -> _Result | Exception:
    """Call the function, and return what it raises instead of its result.

    The traceback stays, but lets go of the volumes that its frames hold: a long list of failed cases would not fit
    into memory.
    """
    try:
        return function(*arguments)
    except Exception as error:
        del arguments
        link: BaseException | None = error
        while link is not None:
            traceback.clear_frames(link.__traceback__)
            link = link.__cause__ or link.__context__
        return error


def _images(folder: StrPath) -> dict[str, Path]:
    """The images of a folder by case."""
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
