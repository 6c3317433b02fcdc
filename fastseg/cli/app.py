"""The command line: what is typed becomes calls of the library, and what these raise becomes one line.

numba, SciPy and the image libraries are imported within the commands, so that ``fastseg --help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import fastseg
from fastseg.cli import options, surroundings
from fastseg.cli.commands.compare import compare
from fastseg.cli.commands.demo import demo
from fastseg.cli.commands.distance_map import distance_map
from fastseg.cli.commands.evaluate import evaluate
from fastseg.cli.commands.flags import flags
from fastseg.cli.commands.info import info
from fastseg.cli.commands.intervals import intervals
from fastseg.cli.commands.merge import merge
from fastseg.cli.commands.probabilities import probabilities
from fastseg.cli.commands.protocols import protocols
from fastseg.cli.commands.rank import rank
from fastseg.cli.commands.raters import raters
from fastseg.cli.commands.report import report
from fastseg.cli.commands.run_script import run_script
from fastseg.cli.commands.stress import stress
from fastseg.cli.commands.warm import warm
from fastseg.cli.messages import one_line_warnings, say
from fastseg.errors import is_bad_input, one_line

app = typer.Typer(
    help="Measure 3-D segmentations against their references: exact, at the speed of reading them.",
    cls=options.GroupWithFacts,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# click's base of them all, which newer versions of typer carry within themselves
_UsageError = typer.BadParameter.__mro__[1]


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status.

    0: done; 1: some of several cases failed, or have no prediction; 2: wrong usage or bad input, so that nothing was
    evaluated, or an output that cannot be written; 130: interrupted; 143: terminated.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    termination = surroundings.Termination()
    how_far = ""
    with surroundings.lasting_streams(), one_line_warnings(), termination.heard():
        try:
            status = _run(arguments)
            sys.stdout.flush()
        except KeyboardInterrupt:
            status = surroundings.INTERRUPTED
        except surroundings.Stopped as stop:
            status, how_far = surroundings.INTERRUPTED, str(stop)
        except Exception as error:
            if isinstance(error, _UsageError):
                say(f"{error.format_message()} (see fastseg --help)")  # type: ignore[attr-defined]
            elif is_bad_input(error):
                say(one_line(error))
            else:
                raise
            return 2
        if status == surroundings.INTERRUPTED:
            how = "terminated" if termination.came else "interrupted"
            say(f"{how} {how_far}".rstrip(), "stopped")
            return surroundings.TERMINATED if termination.came else status
        return status


def _run(arguments: list[str]) -> int:
    """Run one command line; whatever stops it is raised, or is its status."""
    command = typer.main.get_command(app)
    try:
        status = command.main(
            args=arguments or ["--help"], prog_name="fastseg", standalone_mode=False
        )
    except typer.Abort as abort:
        # typer takes the end of a file that somebody reads for that of the keyboard's input
        raise abort.__cause__ or KeyboardInterrupt from None
    return status if isinstance(status, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"fastseg {fastseg.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take what is said before the command."""


app.command(cls=options.CommandWithFacts)(evaluate)
app.command()(raters)
app.command(name="distance-map")(distance_map)
app.command()(probabilities)
app.command()(merge)
app.command()(intervals)
app.command()(rank)
app.command()(compare)
app.command()(stress)
app.command()(report)
app.command()(protocols)
app.command()(flags)
app.command()(demo)
app.command()(info)
app.command(name="run", add_help_option=False, context_settings={"ignore_unknown_options": True})(
    run_script
)
app.command()(warm)
