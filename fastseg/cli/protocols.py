"""What ``--protocol`` and its options stand for, and what is printed of protocols."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastseg.errors import InputError

#: options of ``fastseg evaluate`` that a protocol decides on itself
DECIDED = (
    "metrics",
    "tolerance",
    "boundary_width",
    "beta",
    "boundary",
    "percentile_method",
    "empty",
    "ignore_label",
    "single_slice",
)


def parse(
    context: Any, name: str | None, values: Sequence[str], quirks_off: Sequence[str]
) -> dict[str, Any]:
    """Read ``--protocol``, ``--protocol-option`` and ``--without-quirk``, as the settings of a protocol take them.

    Parameters
    ----------
    context : typer.Context
        Tells which of the other options were given: those that a protocol decides on itself are refused.

    Raises
    ------
    InputError
        If there is no protocol, and for what it does not know.
    """
    from fastseg.inputs.choices import unknown
    from fastseg.protocols.framework.registry import find_protocol

    if name is None:
        raise InputError(
            "--protocol-option and --without-quirk are of a protocol: name it with --protocol"
        )
    protocol = find_protocol(name)
    for option in DECIDED:
        source = context.get_parameter_source(option)
        if source is not None and source.name == "COMMANDLINE":
            raise InputError(
                f"--{option.replace('_', '-')}: the protocol {protocol.name} decides on it itself; what can be "
                f"overridden, by --protocol-option: {', '.join(protocol.options) or 'nothing'}"
            )
    found: dict[str, Any] = {"protocol": protocol.name}
    for text in values:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key:
            raise InputError(f"--protocol-option: expected NAME=VALUE, got {text!r:.80}")
        if key not in protocol.options:  # some are words of the command line, too
            raise unknown(f"protocol {protocol.name}", key, protocol.options, "option")
        found[key] = _value(value)
        if isinstance(protocol.options[key], tuple) and isinstance(found[key], str):
            found[key] = [_value(one.strip()) for one in value.split(",")]
    if "all" in quirks_off:
        found["quirks"] = False
    elif quirks_off:
        found["quirks"] = dict.fromkeys(quirks_off, False)
    return found


def _value(text: str) -> Any:
    """Read a number, true, false, null or a list as JSON has them, and anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def score_lines(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give names and numbers of a cohort's scores, those of each algorithm under its name."""
    lines: list[tuple[str, str]] = []
    for name, value in scores.items():
        if isinstance(value, Mapping):
            lines += [(f"{name}: {score}", text) for score, text in score_lines(value)]
        else:
            lines.append((name, "–" if math.isnan(value) else f"{value:.6g}"))
    return lines
