"""``fastseg run``: a script with the libraries that it imports sped up."""

from __future__ import annotations

from typing import Annotated

import typer


def run_script(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Run a Python script with the libraries that it imports sped up: --patch monai script.py."""
    from fastseg.cli import run_patched  # __main__ goes there by itself; here the command is listed

    raise typer.Exit(run_patched.main(arguments or []))
