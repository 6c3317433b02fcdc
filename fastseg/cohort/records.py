"""A line of a stream of outcomes: a case, what made its rows, and the rows, as one object of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from fastseg._version import __version__
from fastseg.cohort.fingerprints import Fingerprint
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.errors import InputError
from fastseg.evaluation.settings import Settings
from fastseg.results import Evaluation
from fastseg.results.failures import Failure
from fastseg.results.files import encodable
from fastseg.results.json_fields import Fields
from fastseg.results.json_table import (
    failure_record,
    read_failure,
    read_row,
    row_record,
    rows_differ,
)
from fastseg.results.json_values import plain, survives, tagged, untagged

#: of a line; a later one may be read by later versions only. What has no rows of instances is written in format 1.
FORMAT = 2

_encode = json.JSONEncoder(allow_nan=False).encode


class Key(NamedTuple):
    """Which case of which algorithm a line is about."""

    algorithm: str
    case: str


@dataclass(frozen=True)
class Record:
    """One outcome with what made it.

    Attributes
    ----------
    key : Key
    settings : mapping
        The identity of the settings, see :attr:`fastseg.evaluation.settings.Settings.identity`.
    reference, prediction : Fingerprint or None
        The files as they were when the case was read; None for a prediction that is missing, and for what could not
        be looked at.
    further : tuple of Fingerprint or None
        The files of :meth:`fastseg.evaluation.settings.Settings.further_files`, as the other two.
    evaluation : Evaluation or None
    failure : Failure or None
        One of the two is None.
    fastseg : str
        The version that made it.
    notes : tuple of str
    seconds : float
    attributes : mapping of str to str
    """

    key: Key
    settings: Mapping[str, Any]
    reference: Fingerprint | None
    prediction: Fingerprint | None
    further: tuple[Fingerprint | None, ...]
    evaluation: Evaluation | None
    failure: Failure | None
    fastseg: str = __version__
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    attributes: Mapping[str, str] | None = None

    @classmethod
    def of(
        cls,
        outcome: Outcome,
        settings: Settings,
        reference: Fingerprint | None,
        prediction: Fingerprint | None,
        *further: Fingerprint | None,
    ) -> Record:
        """Make the record of an outcome, of files that were looked at before they were read."""
        case = outcome.case
        return cls(
            Key(encodable(case.algorithm), encodable(case.name)),
            settings.identity,
            reference,
            prediction,
            further,
            outcome.evaluation,
            outcome.failure,
            __version__,
            outcome.notes,
            outcome.seconds,
            case.attributes,
        )

    def line(self) -> str:
        """Write it as one line, with its end."""
        content: dict[str, Any] = {
            "format": 1,
            "algorithm": self.key.algorithm,
            "case": self.key.case,
            "fastseg": self.fastseg,
            "files": {
                "reference": self.reference and self.reference.to_dict(),
                "prediction": self.prediction and self.prediction.to_dict(),
                **(
                    {"further": [one.to_dict() if one else {} for one in self.further]}
                    if self.further
                    else {}
                ),
            },
            "asked": plain(self.settings),
            "attributes": plain(self.attributes or {}),
            "notes": [encodable(note) for note in self.notes],
            "seconds": round(self.seconds, 6),
            "failure": None if self.failure is None else plain(failure_record(self.failure)),
        }
        if self.evaluation is not None:
            about = self.evaluation.settings
            content["settings"] = plain(about)
            if lost := {key: tagged(value) for key, value in about.items() if not survives(value)}:
                content["settings_restored"] = lost
            content["metrics"] = list(self.evaluation.metrics)
            if rows_differ(self.evaluation.rows, self.evaluation.metrics):
                content["format"] = FORMAT
            content["rows"] = [
                row_record(row, self.evaluation.metrics) for row in self.evaluation.rows
            ]
        return _encode(content) + "\n"

    @classmethod
    def read(cls, text: str | bytes, where: str, with_rows: bool = True) -> Record:
        """Read what :meth:`line` wrote; without its rows in a fifth of the time.

        Raises
        ------
        InputError
            For anything else, and for lines of a newer version.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not JSON ({error!s:.120})") from error
        if not isinstance(content, dict) or "format" not in content:
            raise InputError(f"{where}: expected a case of a stream (.jsonl), got {text!r:.80}")
        top = Fields(content, where)
        if (found := top.whole("format")) > FORMAT:
            raise InputError(
                f"{where}: written by a newer fastseg, in format {found}; this is fastseg {__version__}, which reads "
                f"format {FORMAT}: install a newer one"
            )
        key = Key(top.text("algorithm"), top.text("case"))
        files = Fields(top.object("files"), where)
        failure, evaluation = None, None
        if content.get("failure") is not None:
            failure = read_failure(Fields(top.object("failure"), where))
        elif with_rows:
            evaluation = _evaluation(top, where)
        return cls(
            key,
            top.object("asked"),
            _fingerprint(files, "reference", where),
            _fingerprint(files, "prediction", where),
            tuple(_read(one, where) for one in files.list_of(dict, "further", [])),
            evaluation,
            failure,
            top.text("fastseg"),
            tuple(top.list_of(str, "notes")),
            top.number("seconds"),
            top.object("attributes"),
        )

    def outcome(self, case: Case) -> Outcome:
        """Give what came of the case."""
        return Outcome(case, self.evaluation, self.failure, self.notes, self.seconds)

    def result(self) -> str:
        """Write what counts of it, without how long it took and which version made it, to compare two."""
        same = replace(
            self, fastseg="", notes=(), seconds=0.0, reference=None, prediction=None, further=()
        )
        if same.evaluation is not None:
            about = {**same.evaluation.settings, "fastseg": "", "backend": ""}
            same = replace(same, evaluation=replace(same.evaluation, settings=about))
        return same.line()


def _evaluation(top: Fields, where: str) -> Evaluation:
    metrics = top.list_of(str, "metrics")
    about, lost = top.object("settings"), top.object("settings_restored", {})
    try:
        about = about | {key: untagged(value) for key, value in lost.items()}
    except (KeyError, TypeError, ValueError):
        top.wrong("settings_restored", "what was written", lost)
    differ = top.whole("format") >= FORMAT
    entries = top.list_of(dict, "rows")
    rows = tuple(read_row(Fields(entry, where), metrics, differ) for entry in entries)
    return Evaluation(rows, tuple(metrics), about)


def _fingerprint(files: Fields, side: str, where: str) -> Fingerprint | None:
    return _read(files.object(side, {}), where) if files.has(side) else None


def _read(found: dict[str, Any], where: str) -> Fingerprint | None:
    if not found:
        return None
    fields = Fields(found, where)
    numbers = fields.whole("size"), fields.whole("modified")
    return Fingerprint(fields.text("path"), *numbers, fields.text("sha256", ""))


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Say in which settings two identities differ: "tolerance: 1.0, now 2.0"."""
    if one == other:  # most often, thousands of times
        return []
    found = []
    for key in dict.fromkeys((*one, *other)):
        first, second = plain(one.get(key)), plain(other.get(key))
        if first != second:
            found.append(f"{key}: {first!r:.80}, now {second!r:.80}")
    return found
