"""``fastseg probabilities``: maps of probabilities or logits beside their references, a case or two folders."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

import fastseg
from fastseg.cli import options
from fastseg.cli.messages import say
from fastseg.errors import InputError

#: what a terminal shows; files have all of it
SHOWN = (
    "roc_auc",
    "average_precision",
    "brier",
    "log_loss",
    "ece",
    "soft_dice",
    "best_dice",
    "best_threshold",
)

#: so much of what is undefined is told one by one
MOST_TOLD = 5


def probabilities(
    reference: Annotated[Path, typer.Argument(help="A label map, or a folder of them.")],
    probabilities: Annotated[
        Path,
        typer.Argument(
            help="Its probabilities: an image of floats, an array with an axis of channels (.npy, .npz, .zarr), or a "
            "folder. nnU-Net's .npz files are read beside its label maps."
        ),
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            help="Ids separated by commas, or a JSON or YAML file of names, as of fastseg evaluate. The channel of a "
            "label is that of its number. Default: each channel but 0; of a single map, all that is not 0."
        ),
    ] = None,
    channel_axis: Annotated[
        str, typer.Option(help="Where channels are: first, last or the number of an axis.")
    ] = "first",
    logits: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="What makes probabilities of the numbers: softmax, sigmoid, or auto: a softmax of several channels, "
            "a sigmoid of one. Default: they are probabilities.",
        ),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Of two files: only voxels where this image is not 0 count.")
    ] = None,
    ignore_label: Annotated[
        int | None, typer.Option(help="Leave out the voxels that have this label in the reference.")
    ] = None,
    bins: Annotated[int, typer.Option(help="Ranges of the reliability table.")] = 15,
    right_closed: Annotated[
        bool,
        typer.Option("--right-closed", help="What lies on an edge belongs to the range below."),
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Sort where bins leave something open; slow.")
    ] = False,
    pooled: Annotated[
        bool,
        typer.Option(
            "--pooled/--no-pooled", help="Of folders: evaluate the voxels of all cases together."
        ),
    ] = True,
    reference_suffix: Annotated[
        str, typer.Option(help="What the names of references end in that is not of the case: _gt")
    ] = "",
    probabilities_suffix: Annotated[
        str, typer.Option(help="The same, of the probabilities: _probs")
    ] = "",
    ending: Annotated[
        str | None, typer.Option(help="Take only probabilities in files of this ending: .npz")
    ] = None,
    skip_failed: Annotated[
        bool,
        typer.Option(
            "--skip-failed", help="Leave cases out that cannot be evaluated, and say which."
        ),
    ] = False,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            metavar="[FORMAT:]FILE",
            help="Write the table: .csv, .json, …; may be given several times.",
        ),
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the reliability tables: a .csv file."),
    ] = None,
    backend: Annotated[str | None, typer.Option(help="numba or scipy. Default: the best.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no table and no progress.")] = False,
) -> None:
    """Compare probabilities or logits with a reference: discrimination, calibration, the best threshold."""
    from fastseg.cli import evaluating
    from fastseg.inputs.label_files import parse_labels
    from fastseg.io import is_image_folder
    from fastseg.results.writers.writer import WriteOptions

    started = time.perf_counter()
    for path in (reference, probabilities, *([mask] if mask else [])):
        options.check_there(path)
    kept = options.parse_outputs(outputs or [], [labels, str(reference)], False, False)
    if kept.stream is not None:
        raise InputError(
            f"--output: a .jsonl file holds outcomes of fastseg evaluate; a table is .csv or .json, not {kept.stream}"
        )
    if reliability is not None and reliability.suffix.lower() != ".csv":
        raise InputError(f"--reliability: expected a .csv file, got {reliability}")
    chosen, ignored = parse_labels(labels)
    how: dict[str, Any] = {
        "labels": chosen,
        "channel_axis": _axis(channel_axis),
        "logits": {None: False, "auto": True}.get(logits, logits),
        "ignore_label": ignored if ignore_label is None else ignore_label,
        "bins": bins,
        "right_closed": right_closed,
        "exact": exact,
        "backend": backend,
    }
    folders = [path.is_dir() and not is_image_folder(path) for path in (reference, probabilities)]
    if folders[0] != folders[1]:
        raise InputError(
            f"expected two files or two folders, but {reference} is a {'folder' if folders[0] else 'file'} and "
            f"{probabilities} is not"
        )
    several = folders[0]
    if several:
        if mask is not None:
            raise InputError("--mask is of two files")
        found = fastseg.evaluate_probability_cohort(
            reference,
            probabilities,
            reference_suffix=reference_suffix,
            probabilities_suffix=probabilities_suffix,
            ending=ending,
            pooled=pooled,
            on_error="skip" if skip_failed else "raise",
            on_case=None if quiet else _tell,
            **how,
        )
    else:
        if reference_suffix or probabilities_suffix or ending:
            raise InputError(
                "--reference-suffix, --probabilities-suffix and --ending are for two folders"
            )
        found = fastseg.evaluate_probabilities(reference, probabilities, mask=mask, **how)
    for output in kept.outputs:
        output.check(found.algorithms)
    if not quiet:
        _show(found, several)
        evaluating.say_what_was_done(found, time.perf_counter() - started)
    for output in kept.outputs:
        evaluating.write(found, output, WriteOptions(), quiet)
    if reliability is not None:
        found.reliability_to_csv(reliability)
        if not quiet:
            print(f"Written to {reliability}")
    if found.failures:
        raise typer.Exit(1)


def _axis(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return text


def _tell(case: str, number: int, of: int) -> None:
    say(f"{case} ({number} of {of})", "reading")


def _show(found: fastseg.ProbabilityEvaluation, several: bool) -> None:
    """Print the rows of a case, or means over cases and what all voxels together give."""
    from fastseg.cli import terminal

    terminal.show_evaluation(found, several=several, shown=SHOWN, notes=False)
    if found.pooled is not None:
        title = "\nThe voxels of all cases together"
        terminal.show_evaluation(found.pooled, several=False, shown=SHOWN, title=title, notes=False)
    for case, name, score, why in found.undefined[:MOST_TOLD]:
        print(f"–: {score} of {name} in {case} is undefined: {why}")
    if (more := len(found.undefined) - MOST_TOLD) > 0:
        print(f"–: and {more} more")
    open_ = max(
        (row[f"{name}_error"] for row in found for name in ("roc_auc", "average_precision")),
        default=0.0,
        key=lambda error: (error == error, error),
    )
    if open_ > 0:
        print(f"roc_auc and average_precision are off by {open_:.1g} at most; --exact sorts")
    print(
        f"{len(found.metrics) - len(SHOWN)} more columns: --output writes all, --reliability the tables"
    )
