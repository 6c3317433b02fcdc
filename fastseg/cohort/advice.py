"""What is advised where no names of two folders are equal: the suffixes that would pair them."""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from fastseg.cohort.folders import case_name

#: as many names of each folder are looked at for a suffix to propose
_LOOKED_AT = 60

#: what names of references have in them, beside the images that they were drawn on
_OF_REFERENCES = ("seg", "label", "mask", "gt", "truth", "manual", "ref")


def advice(references: Sequence[str], predictions: Sequence[str]) -> str:
    """Say which suffixes would pair names that differ, or what else would."""
    suffixes = _likely_suffixes(references, predictions)
    if suffixes is None:
        return "; a table of pairs (.csv) takes any names"
    count = _paired(references, predictions, *suffixes)
    sides = [
        (side, suffix)
        for side, suffix in zip(("reference", "prediction"), suffixes, strict=True)
        if suffix
    ]
    python = ", ".join(f"{side}_suffix={suffix!r}" for side, suffix in sides)
    command = " ".join(f"--{side}-suffix {shlex.quote(suffix)}" for side, suffix in sides)
    return f"; {python} ({command}) would pair {count} of them"


def _likely_suffixes(
    references: Sequence[str], predictions: Sequence[str]
) -> tuple[str, str] | None:
    """Guess the suffixes of either side: what stands behind the longest beginning that two names share."""
    likely: Counter[tuple[str, str]] = Counter()
    theirs = [_flat(name) for name in predictions[:_LOOKED_AT]]
    for one in map(_flat, references[:_LOOKED_AT]):
        beginning = max((_beginning(one, other) for other in theirs), key=len)
        shared = beginning.rstrip("_-./ ")
        likely.update(
            dict.fromkeys(
                (one[len(start) :], other[len(start) :])
                for start in (shared, beginning)
                for other in theirs
                if start and other.startswith(beginning)
            ).keys()
        )
    best: tuple[int, bool, tuple[str, str]] = (0, False, ("", ""))
    for suffixes, _ in likely.most_common(10):
        count = _paired(references, predictions, *suffixes)
        # A number is a part of the name of a case, unless all have it.
        numbered = any(map(str.isdigit, "".join(suffixes)))
        all_of_them = count == min(len(references), len(predictions)) > 1
        speaking = any(word in suffixes[0].lower() for word in _OF_REFERENCES)
        if (count, speaking) > best[:2] and (all_of_them or not numbered):
            best = count, speaking, suffixes
    return best[2] if best[0] else None


def _beginning(one: str, other: str) -> str:
    """Give what two texts begin with alike."""
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(letter for letter, _ in alike)


def _paired(
    references: Iterable[str], predictions: Iterable[str], reference: str, prediction: str
) -> int:
    """Count the names that are equal without these suffixes."""
    ours = {case_name(name, reference) for name in references}
    theirs = {case_name(name, prediction) for name in predictions}
    return len((ours & theirs) - {""})


def _flat(name: str) -> str:
    """Leave out a folder whose name begins that of its file: BraTS-001/BraTS-001-seg."""
    *folders, last = name.split("/")
    if folders and last.startswith(folders[-1]):
        folders.pop()
    return "/".join([*folders, last])
