"""``fastseg protocols``: which challenges and tools can be scored as, and what each does."""

from __future__ import annotations

from typing import Annotated

import typer


def protocols(
    name: Annotated[
        str | None, typer.Argument(help="One of them: what it does, whose it is, its quirks.")
    ] = None,
) -> None:
    """List the protocols of challenges and tools, or say in words what one does."""
    from fastseg.cli.terminal import show_pairs
    from fastseg.protocols.framework.registry import find_protocol, list_protocols

    if name is not None:
        print(find_protocol(name).described())
        return
    show_pairs([(protocol.name, protocol.title) for protocol in list_protocols()])
