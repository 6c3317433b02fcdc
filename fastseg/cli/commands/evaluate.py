"""``fastseg evaluate``: two label maps, two folders, several algorithms or a table of pairs."""

from __future__ import annotations

import time
from typing import Any

import typer

import fastseg
from fastseg.cli import evaluate_options as chosen
from fastseg.cli import instances as by_instance
from fastseg.cli import options, protocols
from fastseg.cli.messages import say


def evaluate(
    context: typer.Context,
    reference: chosen.Reference,
    prediction: chosen.Prediction = None,
    predictions: chosen.Predictions = None,
    labels: chosen.Labels = None,
    metrics: chosen.Metrics = "all",
    tolerance: chosen.Tolerance = "1",
    boundary_width: chosen.BoundaryWidth = None,
    beta: chosen.Beta = "1",
    boundary: chosen.Boundary = "voxel",
    percentile_method: chosen.PercentileMethod = "max_of_directions",
    empty: chosen.Empty = "worst",
    ignore_label: chosen.IgnoreLabel = None,
    spacing: chosen.Spacing = None,
    grid_tolerance: chosen.GridTolerance = 0.03,
    ignore_grid: chosen.IgnoreGrid = False,
    reorient: chosen.Reorient = False,
    single_slice: chosen.SingleSlice = "plane",
    flags: chosen.Flags = "all",
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
    protocol: chosen.Protocol = None,
    protocol_options: chosen.ProtocolOptions = None,
    quirks_off: chosen.QuirksOff = None,
    reference_suffix: chosen.ReferenceSuffix = "",
    prediction_suffix: chosen.PredictionSuffix = "",
    ending: chosen.Ending = None,
    missing: chosen.Missing = "worst",
    outputs: chosen.Outputs = None,
    resume: chosen.Resume = False,
    hashed: chosen.Hashed = False,
    by: chosen.By = None,
    floors: chosen.Floors = None,
    quiet: chosen.Quiet = False,
    log: chosen.Log = None,
    workers: chosen.Workers = "auto",
    threads: chosen.Threads = None,
    max_memory: chosen.MaxMemory = None,
    shard: chosen.Shard = None,
    scheduler: chosen.Scheduler = None,
    backend: chosen.Backend = None,
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
    given = [labels, tolerance, boundary_width, empty, str(reference), str(log or "")]
    kept = options.parse_outputs(outputs or [], given, resume, hashed)
    wanted, ignored = parse_labels(labels)
    if ignore_label is None and ignored is not None:
        ignore_label = ignored
        if not quiet:
            say(f'label {ignored} is left out: it is "ignore" in {labels}', "note")
    common: dict[str, Any] = {
        "labels": wanted,
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
            tolerance=parse_tolerance(tolerance, wanted),
            boundary_width=options.parse_boundary_width(boundary_width, wanted),
            beta=options.parse_numbers(beta, "beta"),
            boundary=boundary,
            percentile_method=percentile_method,
            empty=options.parse_empty(empty),
            ignore_label=ignore_label,
            single_slice=single_slice,
            flags=options.parse_flags(flags),
            **of_instances,
        )
    running = options.parse_running(workers, threads, max_memory, scheduler)
    if threads is not None:
        fastseg.set_num_threads(threads)
    pairing, alone = evaluating.pairs(
        reference,
        prediction,
        options.parse_predictions(predictions or []),
        settings=settings,
        reference_suffix=reference_suffix,
        prediction_suffix=prediction_suffix,
        ending=ending,
        missing=missing,
        shard=options.parse_shard(shard),
    )
    columns = options.split_names(by) if by else []
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
