"""``fastseg evaluate``: two label maps, two folders, several algorithms or a table of pairs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

import fastseg
from fastseg.cli import instances as by_instance
from fastseg.cli import options, protocols
from fastseg.cli.messages import say

OUTPUTS, RUNNING = "What is kept and shown", "How it runs"
PROTOCOLS = "As a challenge scores"


def evaluate(
    context: typer.Context,
    reference: Annotated[
        Path,
        typer.Argument(
            help="A label map, a folder of them, or a table of pairs: a .csv, .tsv or .parquet file with the "
            "columns reference, prediction and, if wanted, case and algorithm; further ones are kept."
        ),
    ],
    prediction: Annotated[
        Path | None, typer.Argument(help="What to compare with it: a label map, or a folder.")
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            "--prediction",
            metavar="NAME=FOLDER",
            help="The predictions of one of several algorithms; once for each, in place of the second argument.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Ids separated by commas, or a JSON or YAML file of names: name to id, name to "
            'ids (a region), id to name, or a dataset.json with "labels". Default: all but 0.'
        ),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Names separated by commas; they are listed below.")
    ] = "all",
    tolerance: Annotated[
        str,
        typer.Option(
            help="Of nsd and boundary_iou: a number, name=number pairs separated by commas, or a "
            "JSON or YAML file of them; 'default' stands for all other labels."
        ),
    ] = "1",
    boundary: Annotated[str, typer.Option(help="voxel, surfel, vertex or mesh.")] = "voxel",
    percentile_method: Annotated[
        str, typer.Option(help="Of hdNN: max_of_directions or pooled.")
    ] = "max_of_directions",
    empty: Annotated[
        str,
        typer.Option(
            help="Where a label is missing: worst, nan, raise, diagonal or perfect; or by metric, "
            "hd95=diagonal,dice=0,default=worst, or a JSON or YAML file of this."
        ),
    ] = "worst",
    ignore_label: Annotated[
        int | None, typer.Option(help="Leave out the voxels that have this label in the reference.")
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(help="Voxel size along each axis, in place of the files' own: 1,1,2.5"),
    ] = None,
    grid_tolerance: Annotated[
        float,
        typer.Option(
            help="How far apart, in voxels, the corners of two files of one grid may lie."
        ),
    ] = 0.03,
    ignore_grid: Annotated[
        bool,
        typer.Option(
            "--ignore-grid", help="Compare the shapes of two files, and not their places."
        ),
    ] = False,
    reorient: Annotated[
        bool,
        typer.Option("--reorient", help="Undo flips and permutations of the axes of one lattice."),
    ] = False,
    single_slice: Annotated[
        str,
        typer.Option(
            help="Maps with an axis of one entry: measured in their plane, or as a volume, all of "
            "which is surface."
        ),
    ] = "plane",
    instances: by_instance.On = False,
    components: by_instance.Components = None,
    connectivity: by_instance.Connectivity = None,
    dilation: by_instance.Dilation = None,
    dilation_connectivity: by_instance.DilationConnectivity = None,
    minimum_size: by_instance.MinimumSize = None,
    matching: by_instance.Matching = None,
    score: by_instance.Score = None,
    threshold: by_instance.Threshold = None,
    strict: by_instance.Strict = False,
    many_to_one: by_instance.ManyToOne = False,
    together: by_instance.Together = False,
    structure_metrics: by_instance.StructureMetrics = None,
    size_classes: by_instance.SizeClasses = None,
    confidence: by_instance.Confidence = None,
    confidence_of: by_instance.ConfidenceOf = None,
    regions: by_instance.Regions = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Score as a challenge or a tool does, with its own labels and names of scores; fastseg protocols "
            "lists them.",
            rich_help_panel=PROTOCOLS,
        ),
    ] = None,
    protocol_options: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol-option",
            metavar="NAME=VALUE",
            help="Override one of its options: dilation=1; may be given several times.",
            rich_help_panel=PROTOCOLS,
        ),
    ] = None,
    quirks_off: Annotated[
        list[str] | None,
        typer.Option(
            "--without-quirk",
            metavar="NAME",
            help="Switch one of its quirks off, or all of them: all; may be given several times.",
            rich_help_panel=PROTOCOLS,
        ),
    ] = None,
    reference_suffix: Annotated[
        str,
        typer.Option(
            help="Of two folders: what names have at the end, before .nii.gz or the like, that is "
            "not the case's: _gt, -seg, or /seg for a file of this name in a folder a case."
        ),
    ] = "",
    prediction_suffix: Annotated[str, typer.Option(help="The same for predictions: _pred")] = "",
    ending: Annotated[
        str | None, typer.Option(help="Of two folders: take only files that end so: .nii.gz")
    ] = None,
    missing: Annotated[
        str,
        typer.Option(
            help="Where a reference has no prediction: worst (score it as if that were empty), "
            "skip or error."
        ),
    ] = "worst",
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            metavar="[FORMAT:]FILE",
            help="Write the table to this file: .csv, .json, .parquet, …, or nnunet:summary.json; may be given several "
            "times. To a .jsonl file every case is appended as it comes.",
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the .jsonl file: what is in it and has not changed is not done again.",
            rich_help_panel=OUTPUTS,
        ),
    ] = False,
    hashed: Annotated[
        bool,
        typer.Option(
            "--hash",
            help="Keep the SHA-256 of the files in the .jsonl file, and know changes by it.",
            rich_help_panel=OUTPUTS,
        ),
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMNS",
            help="Means for each label and each value of further columns: sex,site",
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    floors: Annotated[
        list[str] | None,
        typer.Option(
            "--floor",
            metavar="METRIC=NUMBER",
            help="In summaries (summary:FILE, .json): the share of rows that have less, as in dice=0.5.",
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
    log: Annotated[
        Path | None,
        typer.Option(
            help="Append a line for every case to this file, with the time of day.",
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    workers: Annotated[
        str,
        typer.Option(
            metavar="NUMBER",
            help="Processes that evaluate cases side by side; auto: by cores, memory and sizes.",
            rich_help_panel=RUNNING,
        ),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of each process. Default: all cores, shared out.", rich_help_panel=RUNNING
        ),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="What all together may take, as in 4GiB; a case that needs more fails and says so.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Evaluate only the K-th of N parts of the cases; fastseg merge joins them.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Evaluate on the workers of this Dask scheduler: tcp://host:8786",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(help="numba, scipy or cupy. Default: the best.", rich_help_panel=RUNNING),
    ] = None,
) -> None:
    """Compare a label map with its reference, or all of two folders, paired by their names.

    Folders may hold one folder for each case: s0001/liver.nii.gz is paired with s0001/liver.nii.gz.
    """
    from fastseg.cli import evaluating
    from fastseg.cli.kernel_cache import announce_compilation
    from fastseg.cli.log_file import logging_to
    from fastseg.cohort.choosing import settings_of
    from fastseg.inputs.label_files import parse_labels, parse_tolerance

    started = time.perf_counter()
    for path in (reference, prediction):
        options.check_there(path)
    given = [labels, tolerance, empty, str(reference), str(log or "")]
    kept = options.parse_outputs(outputs or [], given, resume, hashed)
    chosen, ignored = parse_labels(labels)
    if ignore_label is None and ignored is not None:
        ignore_label = ignored
        if not quiet:
            say(f'label {ignored} is left out: it is "ignore" in {labels}', "note")
    common: dict[str, Any] = {
        "labels": chosen,
        "spacing": options.parse_spacing(spacing),
        "backend": backend,
        "grid_tolerance": grid_tolerance,
        "ignore_grid": ignore_grid,
        "reorient": reorient,
    }
    of_instances = by_instance.parse(
        instances,
        components=components,
        connectivity=connectivity,
        dilation=dilation,
        dilation_connectivity=dilation_connectivity,
        minimum_size=minimum_size,
        matching=matching,
        score=score,
        threshold=threshold,
        strict=strict,
        many_to_one=many_to_one,
        together=together,
        structure_metrics=structure_metrics,
        size_classes=size_classes,
        confidence=confidence,
        confidence_of=confidence_of,
        regions=regions,
    )
    if protocol is not None or protocol_options or quirks_off:
        own = protocols.parse(context, protocol, protocol_options or [], quirks_off or [])
        settings = settings_of(**common, **own, **of_instances)
    else:
        settings = settings_of(
            **common,
            metrics=options.parse_names(metrics),
            tolerance=parse_tolerance(tolerance, chosen),
            boundary=boundary,
            percentile_method=percentile_method,
            empty=options.parse_empty(empty),
            ignore_label=ignore_label,
            single_slice=single_slice,
            **of_instances,
        )
    running = options.parse_running(workers, threads, max_memory, scheduler)
    if threads is not None:
        fastseg.set_num_threads(threads)
    pairing, alone = evaluating.pairs(
        reference,
        prediction,
        options.parse_predictions(predictions or []),
        reference_suffix=reference_suffix,
        prediction_suffix=prediction_suffix,
        ending=ending,
        missing=missing,
        shard=options.parse_shard(shard),
    )
    columns = [name.strip() for name in by.split(",")] if by else []
    low = options.parse_floors(floors or [])
    evaluating.check_outputs(pairing, settings, kept, columns, low)
    if not quiet:
        announce_compilation(settings.backend)
    with logging_to(log) as case_log:
        done = evaluating.evaluate_all(
            pairing, settings, kept, running, case_log, raising=alone, quiet=quiet
        )
    status = evaluating.finish(
        done,
        pairing,
        settings,
        kept,
        seconds=time.perf_counter() - started,
        by=columns,
        floors=low,
        everything=protocol is None and options.parse_names(metrics) == "all",
        quiet=quiet,
    )
    raise typer.Exit(status)
