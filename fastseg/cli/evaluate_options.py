"""The options of ``fastseg evaluate`` that are not those of instances: what each is called, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OUTPUTS, RUNNING = "What is kept and shown", "How it runs"
PROTOCOLS = "As a challenge scores"

Reference = Annotated[
    Path,
    typer.Argument(
        help="A label map, a folder of them, or a table of pairs: a .csv, .tsv or .parquet file with the "
        "columns reference, prediction and, if wanted, case and algorithm; further ones are kept."
    ),
]
Prediction = Annotated[
    Path | None, typer.Argument(help="What to compare with it: a label map, or a folder.")
]
Predictions = Annotated[
    list[str] | None,
    typer.Option(
        "--prediction",
        metavar="NAME=FOLDER",
        help="The predictions of one of several algorithms; once for each, in place of the second argument.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="Ids separated by commas, or a JSON or YAML file of names: name to id, name to "
        'ids (a region), id to name, or a dataset.json with "labels". Default: all but 0.'
    ),
]
Metrics = Annotated[str, typer.Option(help="Names separated by commas; they are listed below.")]
Tolerance = Annotated[
    str,
    typer.Option(
        help="Of nsd and boundary_iou: a number, name=number pairs separated by commas, or a "
        "JSON or YAML file of them; 'default' stands for all other labels."
    ),
]
BoundaryWidth = Annotated[
    str | None,
    typer.Option(
        help="Of boundary_iou, where it is not the tolerance: as that, or diagonal for 2 % of the image's."
    ),
]
Beta = Annotated[
    str,
    typer.Option(help="Of f_beta: a number, or several, a column each: 0.5,2"),
]
Boundary = Annotated[str, typer.Option(help="voxel, surfel, vertex or mesh.")]
PercentileMethod = Annotated[str, typer.Option(help="Of hdNN: max_of_directions or pooled.")]
Empty = Annotated[
    str,
    typer.Option(
        help="Where a label is missing: worst, nan, raise, diagonal or perfect; or by metric, "
        "hd95=diagonal,dice=0,default=worst, or a JSON or YAML file of this."
    ),
]
IgnoreLabel = Annotated[
    int | None, typer.Option(help="Leave out the voxels that have this label in the reference.")
]
Spacing = Annotated[
    str | None,
    typer.Option(help="Voxel size along each axis, in place of the files' own: 1,1,2.5"),
]
GridTolerance = Annotated[
    float,
    typer.Option(help="How far apart, in voxels, the corners of two files of one grid may lie."),
]
IgnoreGrid = Annotated[
    bool,
    typer.Option("--ignore-grid", help="Compare the shapes of two files, and not their places."),
]
Reorient = Annotated[
    bool,
    typer.Option("--reorient", help="Undo flips and permutations of the axes of one lattice."),
]
SingleSlice = Annotated[
    str,
    typer.Option(
        help="Maps with an axis of one entry: measured in their plane, or as a volume, all of "
        "which is surface."
    ),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Score as a challenge or a tool does, with its own labels and names of scores; fastseg protocols "
        "lists them.",
        rich_help_panel=PROTOCOLS,
    ),
]
ProtocolOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol-option",
        metavar="NAME=VALUE",
        help="Override one of its options: dilation=1; may be given several times.",
        rich_help_panel=PROTOCOLS,
    ),
]
QuirksOff = Annotated[
    list[str] | None,
    typer.Option(
        "--without-quirk",
        metavar="NAME",
        help="Switch one of its quirks off, or all of them: all; may be given several times.",
        rich_help_panel=PROTOCOLS,
    ),
]
ReferenceSuffix = Annotated[
    str,
    typer.Option(
        help="Of two folders: what names have at the end, before .nii.gz or the like, that is "
        "not the case's: _gt, -seg, or /seg for a file of this name in a folder a case."
    ),
]
PredictionSuffix = Annotated[str, typer.Option(help="The same for predictions: _pred")]
Ending = Annotated[
    str | None, typer.Option(help="Of two folders: take only files that end so: .nii.gz")
]
Missing = Annotated[
    str,
    typer.Option(
        help="Where a reference has no prediction: worst (score it as if that were empty), "
        "skip or error."
    ),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        metavar="[FORMAT:]FILE",
        help="Write the table to this file: .csv, .json, .parquet, …, or nnunet:summary.json; may be given several "
        "times. To a .jsonl file every case is appended as it comes.",
        rich_help_panel=OUTPUTS,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the .jsonl file: what is in it and has not changed is not done again.",
        rich_help_panel=OUTPUTS,
    ),
]
Hashed = Annotated[
    bool,
    typer.Option(
        "--hash",
        help="Keep the SHA-256 of the files in the .jsonl file, and know changes by it.",
        rich_help_panel=OUTPUTS,
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMNS",
        help="Means for each label and each value of further columns: sex,site",
        rich_help_panel=OUTPUTS,
    ),
]
Floors = Annotated[
    list[str] | None,
    typer.Option(
        "--floor",
        metavar="METRIC=NUMBER",
        help="In summaries (summary:FILE, .json): the share of rows that have less, as in dice=0.5.",
        rich_help_panel=OUTPUTS,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        help="Show no table, no progress and no notes: errors and warnings alone.",
        rich_help_panel=OUTPUTS,
    ),
]
Log = Annotated[
    Path | None,
    typer.Option(
        help="Append a line for every case to this file, with the time of day.",
        rich_help_panel=OUTPUTS,
    ),
]
Workers = Annotated[
    str,
    typer.Option(
        metavar="NUMBER",
        help="Processes that evaluate cases side by side; auto: by cores, memory and sizes.",
        rich_help_panel=RUNNING,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, help="Of each process. Default: all cores, shared out.", rich_help_panel=RUNNING
    ),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="What all together may take, as in 4GiB; a case that needs more fails and says so.",
        rich_help_panel=RUNNING,
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="K/N",
        help="Evaluate only the K-th of N parts of the cases; fastseg merge joins them.",
        rich_help_panel=RUNNING,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Evaluate on the workers of this Dask scheduler: tcp://host:8786",
        rich_help_panel=RUNNING,
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(help="numba, scipy or cupy. Default: the best.", rich_help_panel=RUNNING),
]
