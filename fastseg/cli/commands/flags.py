"""``fastseg flags``: what a flag on a row means."""

from __future__ import annotations

from typing import Annotated

import typer


def flags(
    name: Annotated[
        str | None, typer.Argument(help="One of them: what it measures and what to look at.")
    ] = None,
) -> None:
    """List the flags of rows and what they do to which metrics, or say in words what one means."""
    from fastseg.cli.terminal import show_pairs
    from fastseg.inputs.choices import unknown
    from fastseg.results.flag_table import facts_of_flags

    known = facts_of_flags()
    if name is None:
        show_pairs([(one.name, one.effect) for one in known.values()])
        return
    if name not in known:
        raise unknown("flags", name, tuple(known))
    one = known[name]
    show_pairs(
        [
            ("measured", one.measures),
            ("raised above", f"{one.threshold:g}"),
            ("what it does", one.effect),
            ("look at instead", one.instead),
            ("shown by", one.figure),
        ]
    )
