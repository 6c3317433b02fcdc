"""What a run leaves: one JSON, written anew as each part ends, and the lines that a part writes as it goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.on_gpu.parts import Part, Row, Scope
from fastseg.io.replacing import replacing

ROOT = Path(__file__).resolve().parents[2]
FORMAT = 1
SUFFIXES = (".py", ".cu")


class Lines:
    """The file of a part that runs: a line for what has begun, and one for each row that is there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, name: str) -> None:
        """Say what is about to be done, for the case that it never ends."""
        self._write({"begin": name})

    def row(self, row: Row) -> None:
        """Add a row."""
        self._write({"row": row})

    def _write(self, entry: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class Read(NamedTuple):
    """Rows of a part, and what it had begun and not ended."""

    rows: list[Row]
    unfinished: str


def read_lines(path: Path) -> Read:
    """Read what a part has written, also one that was ended in the middle of a line."""
    rows: dict[str, Row] = {}
    unfinished = ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if "row" in entry:
            rows[entry["row"]["name"]] = entry["row"]  # one that is given anew takes its place
            unfinished = ""
        else:
            unfinished = entry.get("begin", "")
    return Read(list(rows.values()), unfinished)


def code_of(part: Part) -> str:
    """A digest of the files that a part's answers hang on."""
    digest = hashlib.sha256()
    for folder in part.looks_at:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                digest.update(f"{path.relative_to(ROOT)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Store:
    """The JSON of a folder: the machine, and the parts that have ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if found and found.get("format") != FORMAT:
            raise SystemExit(f"{path}: of another version of this program; name another folder")
        self.machine: dict[str, Any] = found.get("machine", {})
        self.parts: dict[str, dict[str, Any]] = found.get("parts", {})

    def is_done(self, part: Part, scope: Scope, card: str) -> bool:
        """Whether a part was done before, with this code, this scope and on this card."""
        entry = self.parts.get(part.name, {})
        key = self._key(part, scope, card)
        return entry.get("status") == "done" and all(entry.get(k) == v for k, v in key.items())

    def put(self, part: Part, scope: Scope, card: str, entry: dict[str, Any]) -> None:
        """Keep what came of a part; an earlier outcome is kept if this one is that it was left out."""
        if entry["status"] != "left out" or part.name not in self.parts:
            self.parts[part.name] = {**self._key(part, scope, card), **entry}
            self.write()

    def write(self) -> None:
        """Write all of it, in one step."""
        entry = {"format": FORMAT, "machine": self.machine, "parts": self.parts}
        write_whole(self.path, json.dumps(entry, indent=1, ensure_ascii=False) + "\n")

    @staticmethod
    def _key(part: Part, scope: Scope, card: str) -> dict[str, Any]:
        return {"code": code_of(part), "scope": scope.as_dict(), "card": card}


def write_whole(path: Path, text: str) -> None:
    """Write a file that is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text)


def failures(rows: Iterable[Row]) -> list[str]:
    """The names of the rows that have failed."""
    return [row["name"] for row in rows if row.get("status") == "failed"]
