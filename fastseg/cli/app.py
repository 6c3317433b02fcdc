"""The command line: what is typed becomes calls of the library, and what these raise becomes one line.

numba, SciPy and the image libraries are imported within the commands, so that ``fastseg --help`` answers at once.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import fastseg
from fastseg.cli import surroundings
from fastseg.cli.messages import is_bad_input, one_line, one_line_warnings, say
from fastseg.errors import InputError

if TYPE_CHECKING:
    from fastseg.evaluation.pairing import Pairing
    from fastseg.evaluation.settings import Settings

app = typer.Typer(
    help="Measure 3-D segmentations against their references: exact, at the speed of reading them.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

# click's base of them all, which newer versions of typer carry within themselves
_UsageError = typer.BadParameter.__mro__[1]

OUTPUT_SUFFIXES = (".csv", ".json")

INFO_PACKAGES = ("numpy", "scipy", "numba", "nibabel", "SimpleITK", "zlib-ng")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status.

    0: done; 1: some of several cases failed; 2: wrong usage or bad input; 130: interrupted; 143: terminated.
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


@app.command()
def evaluate(
    reference: Annotated[Path, typer.Argument(help="A label map, or a folder of them.")],
    prediction: Annotated[Path, typer.Argument(help="What to compare with it, or a folder.")],
    labels: Annotated[
        str | None,
        typer.Option(
            help="Ids separated by commas, or a JSON or YAML file of names: name to id, name to "
            'ids (a region), id to name, or a dataset.json with "labels". Default: all but 0.'
        ),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Names separated by commas; fastseg info lists them.")
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
        str, typer.Option(help="Where a label is missing: worst, nan, raise, diagonal or perfect.")
    ] = "worst",
    ignore_label: Annotated[
        int | None, typer.Option(help="Leave out the voxels that have this label in the reference.")
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(help="Voxel size along each axis, in place of the files' own: 1,1,2.5"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the whole table to this .csv or .json file.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all cores.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="numba, scipy or cupy. Default: the best.")
    ] = None,
) -> None:
    """Compare a label map with its reference, or two folders of them, paired by file name."""
    from fastseg.cli import terminal
    from fastseg.evaluation.settings import Settings
    from fastseg.inputs.label_files import parse_labels, parse_tolerance

    started = time.perf_counter()
    for path in (reference, prediction):
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
    if output is not None:
        _check_output(output, [labels, tolerance])
    chosen, ignored = parse_labels(labels)
    if ignore_label is None and ignored is not None:
        ignore_label = ignored
        say(f'label {ignored} is left out: it is "ignore" in {labels}', "note")
    settings = Settings.checked(
        labels=chosen,
        metrics=_names(metrics),
        tolerance=parse_tolerance(tolerance, chosen),
        boundary=boundary,  # type: ignore[arg-type]
        percentile_method=percentile_method,  # type: ignore[arg-type]
        empty=empty,
        ignore_label=ignore_label,
        spacing=_parse_spacing(spacing),
        backend=backend,
    )
    if threads is not None:
        fastseg.set_num_threads(threads)
    pairing = _pairs(reference, prediction)
    evaluations, failed = _evaluate_all(pairing, settings, raising=not reference.is_dir())
    if evaluations:
        evaluation = fastseg.Evaluation.joined(evaluations)
        if output is not None:
            (evaluation.to_json if _suffix(output) == ".json" else evaluation.to_csv)(output)
        files = [Path(path) for path in pairing.cases[0][1:]]
        in_mm = spacing is not None or any(_suffix(path) not in (".npy", ".npz") for path in files)
        terminal.show_evaluation(
            evaluation,
            several=len(pairing.cases) > 1,
            shown=terminal.SHOWN if _names(metrics) == "all" else evaluation.metrics,
            length="mm" if in_mm else "voxels",
        )
        _say_what_was_done(evaluation, time.perf_counter() - started, output)
    if failed:
        say(f"{len(failed)} of {len(pairing.cases)} cases failed: {', '.join(failed)}")
        raise typer.Exit(1 if evaluations else 2)


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _names(text: str) -> str | list[str]:
    return "all" if text.strip() == "all" else [name.strip() for name in text.split(",")]


def _parse_spacing(text: str | None) -> float | list[float] | None:
    if text is None:
        return None
    try:
        sizes = [float(size) for size in text.split(",")]
    except ValueError:
        raise InputError(
            f"spacing: expected numbers separated by commas, as in 1,1,2.5, got {text!r}"
        ) from None
    return sizes if len(sizes) > 1 else sizes[0]


def _check_output(output: Path, given: Sequence[str | None]) -> None:
    """Refuse an output that could not be written in the end, before any work is done."""
    if _suffix(output) not in OUTPUT_SUFFIXES:
        raise InputError(f"{output}: expected an output file that ends in .csv or .json")
    if output.is_dir():
        raise IsADirectoryError(f"{output}: expected a file to write to, but this is a folder")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"{output.parent}: no such folder, so {output} cannot be written")
    if any(path is not None and Path(path).absolute() == output.absolute() for path in given):
        raise InputError(f"{output}: the output would overwrite what the options are read from")
    try:
        tempfile.TemporaryFile(dir=output.parent).close()
    except OSError as error:
        raise OSError(f"{output.parent}: no file can be written here ({error.strerror})") from error


def _pairs(reference: Path, prediction: Path) -> Pairing:
    """Pair two folders, or take two files as one pair; tell what has no partner."""
    from fastseg.evaluation.pairing import Case, Pairing, pair_folders
    from fastseg.io import image_stem

    if reference.is_dir() != prediction.is_dir():
        raise InputError(
            f"expected two files or two folders, but {reference} is a "
            f"{'folder' if reference.is_dir() else 'file'} and {prediction} is not"
        )
    if not reference.is_dir():
        return Pairing([Case(image_stem(prediction), reference, prediction)], [], [])
    pairing = pair_folders(reference, prediction)
    for lonely, folder in (
        (pairing.only_reference, prediction),
        (pairing.only_prediction, reference),
    ):
        if lonely:
            say(
                f"{len(lonely)} of {len(lonely) + len(pairing.cases)} images in {lonely[0].parent} "
                f"have no partner in {folder} and are left out: "
                + ", ".join(path.name for path in lonely),
                "warning",
            )
    return pairing


def _evaluate_all(
    pairing: Pairing, settings: Settings, raising: bool
) -> tuple[list[fastseg.Evaluation], list[str]]:
    """Evaluate every pair; the failures are told as they come, or raised."""
    from fastseg.cli.terminal import progress
    from fastseg.evaluation.cohort import evaluate_cases

    _announce_compilation(settings.backend)
    done: list[fastseg.Evaluation] = []
    failed: list[str] = []
    with progress(len(pairing.cases), "cases") as advance:
        for outcome in evaluate_cases(pairing.cases, settings):
            if outcome.evaluation is not None:
                done.append(outcome.evaluation)
            elif outcome.error is not None:
                if raising:
                    raise outcome.error
                failed.append(outcome.case)
                if not is_bad_input(outcome.error):
                    traceback.print_exception(outcome.error)
                say(f"case {outcome.case}: {one_line(outcome.error)}")
            advance()
    return done, failed


def _say_what_was_done(evaluation: fastseg.Evaluation, seconds: float, output: Path | None) -> None:
    cases, rows = len(evaluation.cases), len(evaluation.rows)
    print(f"{cases} case{'s' * (cases != 1)}, {rows} row{'s' * (rows != 1)}, {seconds:.1f} s")
    if output is not None:
        print(f"Written to {output}")


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
