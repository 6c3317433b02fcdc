"""``fastseg distance-map``: where two segmentations lie apart, as an image for viewers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastseg.cli import evaluate_options as shared
from fastseg.cli import options


def distance_map(
    reference: Annotated[Path, typer.Argument(help="A label map.")],
    prediction: Annotated[Path, typer.Argument(help="What to compare with it.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The image: .nii.gz, .nii, .nrrd, .mha, .ome.tif, .npy or .npz. Without it only the table is shown.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="As of fastseg evaluate: ids, or a JSON or YAML file of names."),
    ] = None,
    direction: Annotated[
        str,
        typer.Option(
            help="Whose surface the image shows: prediction_to_reference (the prediction's), reference_to_prediction, "
            "or both."
        ),
    ] = "both",
    background: Annotated[
        str,
        typer.Option(
            help="Where there is no surface: 0, or nan, which tells it from a distance of 0."
        ),
    ] = "0",
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    ignore_label: shared.IgnoreLabel = None,
    spacing: shared.Spacing = None,
    grid_tolerance: shared.GridTolerance = 0.03,
    ignore_grid: shared.IgnoreGrid = False,
    reorient: shared.Reorient = False,
    single_slice: shared.SingleSlice = "plane",
    backend: shared.Backend = None,
) -> None:
    """Show where two segmentations lie apart: signed distances on their surfaces, and where the largest is.

    Positive where the prediction goes beyond the reference, negative where it falls short.
    """
    from fastseg.cli.kernel_cache import announce_compilation
    from fastseg.evaluation.distance_map import distance_map as measured
    from fastseg.inputs.choices import unknown
    from fastseg.inputs.label_files import parse_labels
    from fastseg.io import check_written_path
    from fastseg.results.distance_map import IMAGES

    for path in (reference, prediction):
        options.check_there(path)
    if output is not None:
        check_written_path(output, reference, prediction)
    if direction not in IMAGES:
        raise unknown("--direction", direction, IMAGES)
    if dtype not in ("float32", "float64"):
        raise unknown("--dtype", dtype, ("float32", "float64"))
    if background not in ("0", "nan"):
        raise unknown("--background", background, ("0", "nan"))
    if single_slice not in ("plane", "volume"):
        raise unknown("--single-slice", single_slice, ("plane", "volume"))
    chosen, ignored = parse_labels(labels)
    if ignore_label is None:
        ignore_label = ignored
    announce_compilation(backend)
    found = measured(
        reference,
        prediction,
        spacing=options.parse_spacing(spacing),
        labels=chosen,
        background=float(background),
        ignore_label=ignore_label,
        backend=backend,
        single_slice="plane" if single_slice == "plane" else "volume",
        grid_tolerance=grid_tolerance,
        ignore_grid=ignore_grid,
        reorient=reorient,
    )
    print(found)
    if output is None:
        return
    found.save(output, direction, dtype)  # type: ignore[arg-type]
    print(f"Written to {output}")
