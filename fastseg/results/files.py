"""Tables as text and as files: CSV, and files that are written whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastseg.io.replacing import replacing

StrPath = str | os.PathLike[str]


def encodable(text: str) -> str:
    r"""Write as ``\udcff`` what UTF-8 has no bytes for: a byte of a file's name that is not UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def csv_text(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], delimiter: str = ","
) -> str:
    """Write rows as CSV under a header; what is undefined as ``nan``, and what is not there as nothing."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return encodable(text.getvalue())


def written(text: str, path: StrPath | None) -> str:
    """Write the text to a file beside its target and then move it there, so that no half of it is ever seen.

    Returns the text; without a path that is all.

    Raises
    ------
    OSError
        If it cannot be written; it names the target, not the file beside it.
    """
    if path is None:
        return text
    with replacing(Path(path)) as file:
        file.write(text)
    return text
