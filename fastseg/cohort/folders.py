"""The images below a folder, each under the name of its case."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.io import IMAGE_SUFFIXES, file_of, is_image_folder

StrPath = str | os.PathLike[str]

#: files that tools lay beside a label map, by its name: screenshots, and nnU-Net's probabilities. Of two images of one
#: case the one that comes first here, or is none of these, is meant.
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
BESIDE = (PICTURES, (".npz",))

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


class Images(NamedTuple):
    """The images of a folder.

    Attributes
    ----------
    paths : dict of str to Path
        By the name of the case, in the order of the folder.
    beside : list of Path
        Images that lie beside another of the same case, which is meant.
    """

    paths: dict[str, Path]
    beside: list[Path]


class _File(NamedTuple):
    """What has the ending of an image: its path below a folder as text, in two parts, and as a path."""

    stem: str
    ending: str
    path: Path

    @property
    def text(self) -> str:
        return self.stem + self.ending


def images_below(
    folder: StrPath,
    suffix: str = "",
    ending: str | None = None,
    other: StrPath | None = None,
) -> Images:
    """List the images of a folder and of the folders within it, at any depth.

    A case is named by the path of its file below the folder, without the ending and the suffix, after NFC
    normalisation: "s0001/liver". A folder that is named like its file names no part of it: BraTS-001/BraTS-001.nii.gz
    is the case "BraTS-001". Hidden files and folders are not looked at, nor links that lead back up.

    Parameters
    ----------
    folder : str or path-like
    suffix : str
        Only files whose names end in it, before the ending, are taken.
    ending : str, optional
        Only files of this one of `IMAGE_SUFFIXES` are taken.
    other : str or path-like, optional
        A folder that is not looked at if it lies within this one: predictions within their references, say.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the folder is missing, or is a file.
    ValueError
        If it holds no image, or two of one case.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder, but this is a file")
    skipped = None if other is None or not os.path.isdir(other) else _identity(Path(other))
    files = [
        file for file in _files(folder, skipped) if ending is None or file.ending.lower() == ending
    ]
    # An .hdr and its .img are one image, which either names.
    headers = {file.stem for file in files if file.ending.lower() == ".hdr"}
    suffix = nfc(suffix)
    found: dict[str, list[_File]] = {}
    for file in files:
        name = case_name(nfc(file.stem), suffix, file.ending)
        if name and not (file.ending.lower() == ".img" and file.stem in headers):
            found.setdefault(name, []).append(file)
    if not found:
        what = f" whose name ends in {suffix!r}" if suffix else ""
        what += f", with the ending {ending}" if ending else ""
        seen = f": {some([file.text for file in files])}" if files else ""
        known = "" if seen or ending else f"; known endings are {', '.join(IMAGE_SUFFIXES)}"
        raise InputError(f"{folder}: it holds no image{what}{seen}{known}")
    paths: dict[str, Path] = {}
    beside: list[Path] = []
    for name, candidates in found.items():
        meant = candidates[0] if len(candidates) == 1 else _meant(folder, name, candidates)
        paths[name] = meant.path
        beside += [file.path for file in candidates if file is not meant]
    return Images(paths, beside)


def known_ending(ending: str | None) -> str | None:
    """Read an ending of image files, with or without its dot."""
    if ending is None:
        return None
    wanted = "." + str(ending).strip().lower().removeprefix("*").removeprefix(".")
    if wanted not in IMAGE_SUFFIXES:
        raise unknown("ending", ending, IMAGE_SUFFIXES)
    return wanted


def nfc(text: str) -> str:
    """Write accents as one character each, as Linux and Windows do; macOS has written them as two."""
    return unicodedata.normalize("NFC", text)


def printable(name: str) -> str:
    """Write bytes that are not UTF-8, line breaks and the like as backslash escapes, for files and people."""
    return name.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode("utf-8")


def some(texts: Sequence[str], limit: int = 3, separator: str = ", ") -> str:
    """List the first few of many texts, and how many there are."""
    more = f"{separator}… ({len(texts)} in all)" if len(texts) > limit else ""
    return separator.join(map(printable, texts[:limit])) + more


def is_picture(path: Path) -> bool:
    """Tell whether a file is of a kind that screenshots are made in."""
    return path.name.lower().endswith(PICTURES)


def check_is_file(path: StrPath) -> None:
    """Refuse what only looks like an image file: a link to nothing or to itself, a pipe, a socket.

    Folders are left to the reader of images.
    """
    path = file_of(path)
    shown = printable(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if not os.path.islink(path):
            raise FileNotFoundError(f"{shown}: no such file") from None
        target = printable(os.readlink(path))
        raise FileNotFoundError(
            f"{shown}: a link to {target:.200}, which is not there; was its content fetched?"
        ) from None
    except OSError as error:
        raise OSError(f"{shown}: cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{shown}: expected a file, but this is a pipe, a socket or a device")


def _files(folder: Path, skipped: tuple[int, int] | None) -> Iterator[_File]:
    """Yield all that has the ending of an image."""
    top = folder.resolve()
    waiting = [(folder, "", {_identity(parent) for parent in (top, *top.parents)})]
    while waiting:
        here, prefix, above = waiting.pop()
        with os.scandir(here) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            # as UTF-8, whatever the locale says of names of files
            text = prefix + os.fsencode(entry.name).decode("utf-8", "surrogateescape")
            if entry.name.startswith("."):
                continue
            is_image = entry.name.lower().endswith(IMAGE_SUFFIXES)
            if _is_folder(entry) and not (is_image and is_image_folder(entry.path)):
                identity = _identity(Path(entry.path))
                if identity not in above and identity != skipped:  # else a link leads in a circle
                    waiting.append((Path(entry.path), f"{text}/", above | {identity}))
            elif is_image:
                stem = without_ending(text)
                yield _File(stem, text[len(stem) :], here / entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def without_ending(text: str) -> str:
    """Leave out the ending of an image from its name, the longest that fits."""
    lower = text.lower()
    return text[: len(text) - max(len(end) if lower.endswith(end) else 0 for end in IMAGE_SUFFIXES)]


def case_name(stem: str, suffix: str, ending: str = "") -> str:
    """Name the case of a file; "" if its name ends in the suffix neither before nor behind the ending."""
    if not stem.endswith(suffix):
        stem += ending
        if not stem.endswith(suffix):
            return ""
    name = stem.removesuffix(suffix).rstrip("/")
    folder, _, last = name.rpartition("/")
    above, _, parent = folder.rpartition("/")
    if parent.startswith(last) and without_ending(parent) == last:
        return f"{above}/{last}" if above else last
    return name


def _meant(folder: Path, name: str, candidates: Sequence[_File]) -> _File:
    """Choose the label map among several images of a case."""
    ranks = [_rank(file) for file in candidates]
    first, *more = [
        file for file, rank in zip(candidates, ranks, strict=True) if rank == min(ranks)
    ]
    if more:
        second = more[0]
        shown = f"{printable(first.text)} and {printable(second.text)}"
        remedy = "keep one of them"
        if first.ending.lower() != second.ending.lower():
            ending = first.ending.lower()
            remedy += f", or choose by their ending (ending={ending!r}, --ending {ending})"
        elif nfc(first.stem) == nfc(second.stem):
            shown = f"{first.text!a} and {second.text!a}"
            remedy = "they differ only in how accents are written (NFC and NFD); rename one of them"
        raise InputError(f"{folder}: {shown} both name the case '{printable(name)}'; {remedy}")
    return first


def _rank(file: _File) -> int:
    """Tell how likely a file only lies beside a label map: 0 is not."""
    ending = file.ending.lower()
    return next((rank for rank, kinds in enumerate(BESIDE, 1) if ending in kinds), 0)
