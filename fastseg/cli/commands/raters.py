"""``fastseg raters``: the maps of several raters, a file or a folder each, and predictions beside them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from fastseg.cli import evaluate_options as shared
from fastseg.cli import options
from fastseg.cli.evaluate_options import OUTPUTS, RUNNING


def raters(
    maps: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]PATH...",
            help="A label map of each rater, or a folder of them. Without a name a rater is called as the folder is.",
        ),
    ],
    prediction: Annotated[
        Path | None,
        typer.Option(help="What to compare with the raters: a label map, or a folder."),
    ] = None,
    samples: Annotated[
        list[Path] | None,
        typer.Option(
            "--sample",
            help="Of one case: one of several maps that a model draws; may be given several times.",
        ),
    ] = None,
    consensus: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the consensus of every case to this folder, on the grid of the first rater.",
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(help="Of the consensus: majority, staple or simple.")
    ] = "majority",
    labels: Annotated[
        str | None,
        typer.Option(help="Ids separated by commas, or a JSON or YAML file of names."),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="What two maps are compared by, separated by commas. dice and iou are free, others measure pairs."
        ),
    ] = "dice,iou,hd95,assd,nsd",
    tolerance: Annotated[float, typer.Option(help="Of nsd.")] = 1.0,
    levels: Annotated[
        str,
        typer.Option(
            help="Of Krippendorff's alpha of all labels together: nominal, ordinal, interval, or several of them."
        ),
    ] = "nominal",
    spacing: shared.Spacing = None,
    grid_tolerance: shared.GridTolerance = 0.03,
    ignore_grid: shared.IgnoreGrid = False,
    reorient: shared.Reorient = False,
    rater_suffix: Annotated[
        str,
        typer.Option(
            help="Of folders: what raters' names have at the end, before .nii.gz or the like, that is not the case's."
        ),
    ] = "",
    prediction_suffix: shared.PredictionSuffix = "",
    ending: shared.Ending = None,
    seed: Annotated[int, typer.Option(help="Of the draws for intervals.")] = 0,
    outputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write all numbers to this file, .csv or .json; may be given several times.",
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            help="Show no table, no progress and no notes: errors and warnings alone.",
            rich_help_panel=OUTPUTS,
        ),
    ] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Default: all cores.", rich_help_panel=RUNNING)
    ] = None,
) -> None:
    """Tell how far several raters agree, what they agree on, and whether a prediction is as good as they are.

    Of folders, files of one name are a case; what a rater lacks is told, and the others of the case are compared.
    """
    import fastseg
    from fastseg.cli import rating
    from fastseg.cli.kernel_cache import announce_compilation
    from fastseg.inputs.label_files import parse_labels
    from fastseg.raters.settings import RaterSettings

    started = time.perf_counter()
    paths = rating.named(maps)
    for path in (*paths.values(), prediction, *(samples or [])):
        options.check_there(Path(path) if path is not None else None)
    given = [str(path) for path in (*paths.values(), prediction, labels) if path is not None]
    kept = rating.checked_outputs(outputs or [], given)
    chosen, _ = parse_labels(labels)
    of_numbers: dict[str, Any] = {
        "labels": chosen,
        "spacing": options.parse_spacing(spacing),
        "metrics": options.parse_names(metrics),
        "tolerance": tolerance,
        "consensus": method,
        "levels": options.split_names(levels),
        "seed": seed,
        "grid_tolerance": grid_tolerance,
        "ignore_grid": ignore_grid,
        "reorient": reorient,
    }
    settings = RaterSettings.checked(**of_numbers)
    if threads is not None:
        fastseg.set_num_threads(threads)
    asked = rating.Asked(paths, prediction, tuple(samples or ()), consensus, settings, quiet)
    how = {
        "rater_suffix": rater_suffix,
        "prediction_suffix": prediction_suffix,
        "ending": ending,
    }
    cases = rating.cases_of(asked, how)
    if not quiet:
        announce_compilation(None)
    done = rating.evaluate_all(cases, asked)
    raise typer.Exit(rating.finish(done, cases, asked, kept, time.perf_counter() - started))
