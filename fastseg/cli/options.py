"""What the texts of options stand for, and what ``--help`` says below them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer.core

import fastseg
from fastseg.errors import InputError

OUTPUT_SUFFIXES = (".csv", ".json")

STATUSES = (
    "Exit status: 0 done; 1 some cases failed, or have no prediction; 2 wrong usage or bad input, "
    "nothing was evaluated, or the output could not be written; 130 interrupted; 143 terminated."
)


def facts() -> str:
    """Say which metrics there are, and what exit statuses mean."""
    names = ", ".join(metric.name for metric in fastseg.list_metrics())
    return f"Metrics: {names}; and any hdNN (hd99, hd99_5) and fN (f2, f0_5).\n\n{STATUSES}"


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


def parse_names(text: str) -> str | list[str]:
    """Read names separated by commas, or the word "all"."""
    return "all" if text.strip() == "all" else [name.strip() for name in text.split(",")]


def parse_spacing(text: str | None) -> float | list[float] | None:
    """Read one voxel size, or several separated by commas."""
    if text is None:
        return None
    try:
        sizes = [float(size) for size in text.split(",")]
    except ValueError:
        raise InputError(
            f"spacing: expected numbers separated by commas, as in 1,1,2.5, got {text!r}"
        ) from None
    return sizes if len(sizes) > 1 else sizes[0]


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


def check_output(output: Path, given: Sequence[str | None]) -> None:
    """Refuse an output that could not be written in the end, before any work is done."""
    if output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise InputError(f"{output}: expected an output file that ends in .csv or .json")
    if output.is_dir():
        raise IsADirectoryError(f"{output}: expected a file to write to, but this is a folder")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"{output.parent}: no such folder, so {output} cannot be written")
    if any(path is not None and Path(path).absolute() == output.absolute() for path in given):
        raise InputError(f"{output}: the output would overwrite what is read")
    try:
        tempfile.TemporaryFile(dir=output.parent).close()
    except OSError as error:
        raise OSError(f"{output.parent}: no file can be written here ({error.strerror})") from error
