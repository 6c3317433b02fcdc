"""The command line: what is typed becomes calls of the library, and what these raise becomes one line.

numba, SciPy and the image libraries are imported within the commands, so that ``fastseg --help`` answers at once.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import fastseg
from fastseg.cli import options, surroundings
from fastseg.cli.messages import one_line_warnings, say
from fastseg.errors import InputError, is_bad_input, one_line

app = typer.Typer(
    help="Measure 3-D segmentations against their references: exact, at the speed of reading them.",
    cls=options.GroupWithFacts,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# click's base of them all, which newer versions of typer carry within themselves
_UsageError = typer.BadParameter.__mro__[1]

INFO_PACKAGES = ("numpy", "scipy", "numba", "nibabel", "SimpleITK", "zlib-ng")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status.

    0: done; 1: some of several cases failed, or have no prediction; 2: wrong usage or bad input, so that nothing was
    evaluated, or an output that cannot be written; 130: interrupted; 143: terminated.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    termination = surroundings.Termination()
    with surroundings.lasting_streams(), one_line_warnings(), termination.heard():
        try:
            status = _run(arguments)
            sys.stdout.flush()
        except KeyboardInterrupt:
            status = surroundings.INTERRUPTED
        except Exception as error:
            if isinstance(error, _UsageError):
                say(f"{error.format_message()} (see fastseg --help)")  # type: ignore[attr-defined]
            elif is_bad_input(error):
                say(one_line(error))
            else:
                raise
            return 2
        if status == surroundings.INTERRUPTED:
            say("terminated" if termination.came else "interrupted", "stopped")
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


@app.command(cls=options.CommandWithFacts)
def evaluate(
    reference: Annotated[
        Path,
        typer.Argument(
            help="A label map, a folder of them, or a table of pairs: a .csv or .tsv file with the "
            "columns reference, prediction and, if wanted, case."
        ),
    ],
    prediction: Annotated[
        Path | None, typer.Argument(help="What to compare with it: a label map, or a folder.")
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
    boundary: Annotated[str, typer.Option(help="voxel or surfel.")] = "voxel",
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
    output: Annotated[
        Path | None, typer.Option(help="Write the whole table to this .csv or .json file.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all cores.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="numba, scipy or cupy. Default: the best.")
    ] = None,
) -> None:
    """Compare a label map with its reference, or all of two folders, paired by their names.

    Folders may hold one folder for each case: s0001/liver.nii.gz is paired with s0001/liver.nii.gz.
    """
    from fastseg.cli import evaluating
    from fastseg.evaluation.settings import Settings
    from fastseg.inputs.label_files import parse_labels, parse_tolerance
    from fastseg.io import file_of

    started = time.perf_counter()
    for path in (reference, prediction):
        if path is not None and not os.path.exists(file_of(path)):
            raise FileNotFoundError(f"{path}: no such file or folder")
    if output is not None:
        options.check_output(output, [labels, tolerance, empty, str(reference)])
    chosen, ignored = parse_labels(labels)
    if ignore_label is None and ignored is not None:
        ignore_label = ignored
        say(f'label {ignored} is left out: it is "ignore" in {labels}', "note")
    settings = Settings.checked(
        labels=chosen,
        metrics=options.parse_names(metrics),
        tolerance=parse_tolerance(tolerance, chosen),
        boundary=boundary,  # type: ignore[arg-type]
        percentile_method=percentile_method,  # type: ignore[arg-type]
        empty=options.parse_empty(empty),
        ignore_label=ignore_label,
        spacing=options.parse_spacing(spacing),
        backend=backend,
        single_slice=single_slice,  # type: ignore[arg-type]
        grid_tolerance=grid_tolerance,
        ignore_grid=ignore_grid,
        reorient=reorient,
    )
    if threads is not None:
        fastseg.set_num_threads(threads)
    pairing, alone = evaluating.pairs(
        reference,
        prediction,
        reference_suffix=reference_suffix,
        prediction_suffix=prediction_suffix,
        ending=ending,
        missing=missing,
    )
    _announce_compilation(settings.backend)
    evaluation, failures = evaluating.evaluate_all(pairing, settings, raising=alone)
    if evaluation is not None:
        try:
            evaluating.show(
                evaluation,
                pairing,
                settings,
                failures,
                everything=options.parse_names(metrics) == "all",
            )
            evaluating.say_what_was_done(evaluation, time.perf_counter() - started)
        finally:  # whoever reads the table may have gone
            if output is not None:
                evaluating.write(evaluation, output)
    if failures:
        say(evaluating.failed_cases(pairing, failures))
    if failures or any(case.prediction is None for case in pairing.cases):
        raise typer.Exit(1 if evaluation is not None else 2)


def _announce_compilation(backend: str | None = None) -> None:
    from fastseg.cli.kernel_cache import is_cold

    if is_cold(backend):
        say("compiling for this machine, which the first run does, up to half a minute", "note")


@app.command()
def demo(
    phantom: Annotated[
        bool, typer.Option("--phantom", help="Take ellipsoids even if the brain atlas is there.")
    ] = False,
) -> None:
    """Evaluate a built-in case: a brain atlas, or a phantom, against a perturbed copy of itself."""
    from fastseg.cli.demo import demo_case
    from fastseg.cli.terminal import SHOWN, show_evaluation

    case = demo_case(phantom)
    size = " × ".join(str(length) for length in case.reference.shape)
    steps = " × ".join(f"{step:g}" for step in case.spacing)
    print(f"Reference:  {case.title}, {size} voxels of {steps} mm")
    print(
        "Prediction: a copy with shifted boundaries, the smallest labels missing, "
        "and three false positives\n"
    )
    _announce_compilation()
    started = time.perf_counter()
    evaluation = fastseg.evaluate(
        case.reference, case.prediction, spacing=case.spacing, labels=case.labels, case="demo"
    )
    seconds = time.perf_counter() - started
    show_evaluation(evaluation, several=False, shown=SHOWN)
    print(
        f"\n{len(evaluation.rows)} structures, {len(evaluation.metrics)} metrics: {seconds:.2f} s"
    )
    print(
        "\nNext, with your own:\n"
        "  fastseg evaluate reference.nii.gz prediction.nii.gz\n"
        "  fastseg evaluate references/ predictions/ --labels names.json --output table.csv\n"
        "or in Python:\n"
        '  fastseg.evaluate("reference.nii.gz", "prediction.nii.gz")'
    )


@app.command()
def info() -> None:
    """Show versions, backends, threads, the cache of machine code and the names of the metrics."""
    from fastseg.cli import kernel_cache
    from fastseg.cli.terminal import show_pairs

    def version(package: str) -> str:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return "not installed"

    metrics = " ".join(metric.name for metric in fastseg.list_metrics())
    show_pairs(
        [
            ("fastseg", fastseg.__version__),
            ("python", f"{platform.python_version()} on {platform.platform()}"),
            *((package, version(package)) for package in INFO_PACKAGES),
            ("backends", fastseg.explain()),
            ("threads", str(fastseg.get_num_threads())),
            ("machine code", kernel_cache.described(kernel_cache.kept())),
            ("metrics", f"{metrics}\nand any hdNN (hd99, hd99_5) and fN (f2, f0_5)"),
        ]
    )


@app.command(name="run", add_help_option=False, context_settings={"ignore_unknown_options": True})
def run_script(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Run a Python script with the libraries that it imports sped up: --patch monai script.py."""
    from fastseg.cli import run_patched  # __main__ goes there by itself; here the command is listed

    raise typer.Exit(run_patched.main(arguments or []))


@app.command()
def warm() -> None:
    """Compile all numba kernels into the cache, so that the first evaluation starts fast."""
    from fastseg.cli import kernel_cache
    from fastseg.cli.terminal import progress

    if (before := kernel_cache.kept("numba")) is None:
        raise InputError("NUMBA_DISABLE_JIT is set, so there is nothing to compile")
    kernel_cache.check_can_be_filled(before)
    started = time.perf_counter()
    with progress(before.total, "kernels") as advance:
        n, compiled = kernel_cache.compile_all(advance)
    after = kernel_cache.kept("numba")
    kernel_cache.check_is_full(after)
    print(
        f"{n} kernels ready in {time.perf_counter() - started:.1f} s: {compiled} compiled, "
        f"{n - compiled} were in the cache\n{kernel_cache.described(after)}"
    )
