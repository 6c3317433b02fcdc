"""Tables as files: CSV and strict JSON, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastseg.results.replacing import replacing

StrPath = str | os.PathLike[str]


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as CSV under a header; what is undefined as ``nan``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_text(content: Any) -> str:
    """Write JSON that any reader takes: ``null`` for what is undefined, the text ``"inf"`` for what is infinite."""
    return json.dumps(_plain(content), indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Replace the floats that JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value


def written(text: str, path: StrPath | None) -> str:
    """Write the text to a file beside its target and then move it there, so that no half of it is ever seen.

    Returns the text; without a path that is all.
    """
    if path is None:
        return text
    with replacing(Path(path)) as file:
        file.write(text)
    return text
