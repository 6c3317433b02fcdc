"""What the texts of options stand for, and what ``--help`` says below them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer.core

import fastseg
from fastseg.errors import InputError

if TYPE_CHECKING:
    from fastseg.results.writers.registry import Output

STATUSES = (
    "Exit status: 0 done; 1 some cases failed, or have no prediction; 2 wrong usage or bad input, "
    "nothing was evaluated, or the output could not be written; 130 interrupted; 143 terminated."
)


def facts() -> str:
    """Say which metrics there are, and what exit statuses mean."""
    names, topology, shape = (
        ", ".join(metric.name for metric in fastseg.list_metrics(of))
        for of in ("structures", "topology", "shape")
    )
    return (
        f"Metrics: {names}; and any hdNN (hd99, hd99_5) and fN (f2, f0_5). By name alone, or all at once as "
        f'"topology" and "shape": {topology}; {shape}. "overlap" and "surface" stand for several too.'
        f"\n\n{STATUSES}"
    )


class CommandWithFacts(typer.core.TyperCommand):
    """A command whose help ends with :func:`facts`, which are looked up when it is asked for."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        self.epilog = facts()
        super().format_help(ctx, formatter)


class GroupWithFacts(typer.core.TyperGroup):
    """All commands together, with the same end."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        self.epilog = facts()
        super().format_help(ctx, formatter)


def split_names(text: str) -> list[str]:
    """Read names separated by commas."""
    return [name.strip() for name in text.split(",")]


def parse_names(text: str) -> str | list[str]:
    """Read names separated by commas, or the word "all"."""
    return "all" if text.strip() == "all" else split_names(text)


def parse_spacing(text: str | None) -> float | list[float] | None:
    """Read one voxel size, or several separated by commas."""
    return None if text is None else parse_numbers(text, "spacing", "1,1,2.5")


def parse_numbers(text: str, argument: str, example: str = "0.5,2") -> float | list[float]:
    """Read a number, or several separated by commas."""
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        raise InputError(
            f"{argument}: expected numbers separated by commas, as in {example}, got {text!r}"
        ) from None
    return numbers if len(numbers) > 1 else numbers[0]


def parse_boundary_width(text: str | None, labels: Any) -> Any:
    """Read the width of the boundary band as a tolerance is read, or the word "diagonal"."""
    from fastseg.inputs.label_files import parse_tolerance

    if text is None or text == "diagonal":
        return text
    return parse_tolerance(text, labels, "boundary_width")


def parse_empty(text: str) -> str | dict[str, Any]:
    """Read a policy, metric=policy and metric=number pairs separated by commas, or a JSON or YAML file of these."""
    from fastseg.inputs.label_files import SUFFIXES, read_mapping

    if text.lower().endswith(SUFFIXES):
        return {str(name): rule for name, rule in read_mapping(Path(text)).items()}
    if "=" not in text:
        return text.strip()
    rules: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, rule = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not rule:
            raise InputError(
                f"empty: expected a policy, or pairs as in hd95=diagonal,dice=0,default=worst, got {text!r:.200}"
            )
        if name in rules:
            raise InputError(f"empty: {name!r:.200} is given twice")
        rules[name] = _number_or_policy(rule)
    return rules


def _number_or_policy(rule: str) -> str | float:
    """Read a number; "nan" is a policy, which holds where a metric is not defined, and no number."""
    try:
        return rule if rule == "nan" else float(rule)
    except ValueError:
        return rule


class Kept(NamedTuple):
    """What is kept of an evaluation: a stream of outcomes as they come, and tables in the end."""

    stream: Path | None
    outputs: list[Output]
    resume: bool
    hashed: bool


def parse_outputs(
    texts: Sequence[str], given: Sequence[str | None], resume: bool, hashed: bool
) -> Kept:
    """Read ``--output``, and refuse what could not be written in the end, before any work is done."""
    from fastseg.cohort.stream import is_stream
    from fastseg.results.writers.registry import parse_output

    streams: list[Path] = []
    outputs: list[Output] = []
    for text in texts:
        if is_stream(text):
            path = Path(text)
            streams.append(path)
        else:
            outputs.append(parse_output(text))
            path = outputs[-1].path
        check_output(path, given)
    paths = [*streams, *(output.path for output in outputs)]
    for path in paths:
        if sum(other.absolute() == path.absolute() for other in paths) > 1:
            raise InputError(f"{path}: two outputs would be written to it")
    if len(streams) > 1:
        raise InputError(
            f"--output: one file of outcomes is enough, got {streams[0]}, {streams[1]}"
        )
    if not streams and (resume or hashed):
        option = "--resume goes on with" if resume else "--hash is kept in"
        raise InputError(f"{option} a file of outcomes as they came: --output results.jsonl")
    return Kept(streams[0] if streams else None, outputs, resume, hashed)


def parse_predictions(texts: Sequence[str]) -> dict[str, Path]:
    """Read the folders of several algorithms, NAME=FOLDER each."""
    found: dict[str, Path] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not equals or not name.strip() or not folder:
            raise InputError(f"--prediction: expected NAME=FOLDER, got {text!r:.200}")
        if name.strip() in found:
            raise InputError(f"--prediction: two algorithms are called {name.strip()!r:.200}")
        found[name.strip()] = Path(folder)
        check_there(found[name.strip()])
    return found


def parse_floors(texts: Sequence[str]) -> dict[str, float]:
    """Read values below which a metric counts as low, metric=number each."""
    found: dict[str, float] = {}
    for text in texts:
        for part in text.split(","):
            name, equals, number = (piece.strip() for piece in part.partition("="))
            try:
                found[name] = float(number)
            except ValueError:
                equals = ""
            if not equals or not name:
                raise InputError(
                    f"--floor: expected METRIC=NUMBER, as in dice=0.5, got {part!r:.80}"
                )
    return found


def parse_flags(text: str) -> bool | list[str] | dict[str, bool | float]:
    """Read "all", "none", names of flags, or what is to be different of some: name=number, name=none.

    Thresholds alone leave all other flags as they are; beside names they are of what is named.
    """
    if text.strip() in ("all", "none"):
        return text.strip() == "all"
    found: dict[str, bool | float] = {}
    names: list[str] = []
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        try:
            found[name] = not equals or (number != "none" and float(number))
        except ValueError:
            raise InputError(
                f"--flags: expected a name, NAME=NUMBER or NAME=none, got {part.strip()!r:.80}"
            ) from None
        names += [name] * (not equals)
    if len(names) == len(found):
        return names
    if names:
        found = {one.name: False for one in fastseg.list_flags()} | found
    return found


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Read which of how many parts of the cases is meant: 3/20."""
    if text is None:
        return None
    try:
        k, n = map(int, text.split("/"))
    except ValueError:
        raise InputError(
            f"--shard: expected a part of how many, as in 3/20, got {text!r:.80}"
        ) from None
    return k, n


def parse_running(
    workers: str, threads: int | None, max_memory: str | None, scheduler: str | None
) -> dict[str, Any]:
    """Read how cases are run, for :func:`fastseg.cohort.run.evaluate_all`."""
    if workers == "auto":
        count = None
    elif workers.isdecimal() and int(workers) > 0:
        count = int(workers)
    else:
        raise InputError(
            f"--workers: expected a number of at least 1, or auto, got {workers!r:.80}"
        )
    running: dict[str, Any] = {"workers": count, "threads": threads}
    if max_memory is not None:
        running["max_memory"] = max_memory
    if scheduler is not None:
        running["executor"] = scheduler
    return running


def check_there(path: Path | None) -> None:
    """Refuse what is not there, before anything else is looked at."""
    from fastseg.io import file_of

    if path is not None and not os.path.exists(file_of(path)):
        raise FileNotFoundError(f"{path}: no such file or folder")


def check_output(output: Path, given: Sequence[str | None]) -> None:
    """Refuse an output that could not be written in the end, before any work is done."""
    from fastseg.results.writers.registry import check_writable

    if any(path is not None and Path(path).absolute() == output.absolute() for path in given):
        raise InputError(f"{output}: the output would overwrite what is read")
    check_writable(output)
