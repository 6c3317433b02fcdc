"""``fastseg stress``: which metric sees which error, on structures of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastseg.cli import options


def stress(
    mask: Annotated[Path, typer.Argument(help="A label map.")],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The table (.csv, .json), the page (.html) or the picture (.png, .svg); may be given several times.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="As of fastseg evaluate: ids, or a JSON or YAML file of names."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="As of fastseg evaluate. Default: overlap,surface,shape,topology."),
    ] = None,
    errors: Annotated[
        str | None, typer.Option(help="Names, separated by commas. Default: all.")
    ] = None,
    severities: Annotated[
        int, typer.Option(help="How many of the five severities, up to the largest.")
    ] = 5,
    seed: Annotated[
        int, typer.Option(help="Of what is drawn: the same seed gives the same errors.")
    ] = 0,
    instances: Annotated[
        bool, typer.Option("--instances", help="Metrics of instances too: connected components.")
    ] = False,
    tolerance: Annotated[
        str, typer.Option(help="Of nsd and boundary_iou, as of fastseg evaluate.")
    ] = "1",
    boundary: Annotated[
        str, typer.Option(help="What the surface is: voxel, surfel or vertex.")
    ] = "voxel",
    ignore_label: Annotated[
        int | None, typer.Option(help="Leave out the voxels that have this label.")
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(help="Voxel size along each axis, in place of the file's own: 1,1,2.5"),
    ] = None,
    single_slice: Annotated[
        str, typer.Option(help="Maps with an axis of one entry: plane or volume.")
    ] = "plane",
    backend: Annotated[str | None, typer.Option(help="numba or scipy. Default: the best.")] = None,
) -> None:
    """Make errors of the structures of a label map, and say which metric sees which of them.

    Shifts, erosions, holes, splits, swapped labels and others, in five severities. They are made of each structure by
    itself; where one makes no sense it is left out, with the reason.
    """
    from fastseg.cli.kernel_cache import announce_compilation
    from fastseg.inputs.label_files import parse_labels, parse_tolerance
    from fastseg.stressing.results import check_ending
    from fastseg.stressing.stress import stress as stressed

    options.check_there(mask)
    outputs = output or []
    for path in outputs:
        check_ending(path)
        options.check_output(path, [str(mask)])
    chosen, ignored = parse_labels(labels)
    announce_compilation(backend)
    found = stressed(
        mask,
        spacing=options.parse_spacing(spacing),
        labels=chosen,
        metrics=None if metrics is None else options.parse_names(metrics),
        errors=None if errors is None else options.split_names(errors),
        severities=severities,
        seed=seed,
        instances=instances,
        tolerance=parse_tolerance(tolerance, chosen),
        boundary=boundary,  # type: ignore[arg-type]  # the function says what is known
        ignore_label=ignored if ignore_label is None else ignore_label,
        backend=backend,
        single_slice=single_slice,  # type: ignore[arg-type]
    )
    print(found)
    for path in outputs:
        found.save(path)
        print(f"Written to {path}")
