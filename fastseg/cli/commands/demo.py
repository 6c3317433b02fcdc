"""``fastseg demo``: a built-in case, so that there is something to look at without files of one's own."""

from __future__ import annotations

import time
from typing import Annotated

import typer

import fastseg


def demo(
    phantom: Annotated[
        bool, typer.Option("--phantom", help="Take ellipsoids even if the brain atlas is there.")
    ] = False,
) -> None:
    """Evaluate a built-in case: a brain atlas, or a phantom, against a perturbed copy of itself."""
    from fastseg.cli.demo import demo_case
    from fastseg.cli.kernel_cache import announce_compilation
    from fastseg.cli.terminal import SHOWN, show_evaluation, show_flags

    case = demo_case(phantom)
    size = " × ".join(str(length) for length in case.reference.shape)
    steps = " × ".join(f"{step:g}" for step in case.spacing)
    print(f"Reference:  {case.title}, {size} voxels of {steps} mm")
    print(
        "Prediction: a copy with shifted boundaries, the smallest labels missing, "
        "and three false positives\n"
    )
    announce_compilation()
    started = time.perf_counter()
    evaluation = fastseg.evaluate(
        case.reference, case.prediction, spacing=case.spacing, labels=case.labels, case="demo"
    )
    seconds = time.perf_counter() - started
    show_evaluation(evaluation, several=False, shown=SHOWN)
    show_flags(evaluation)
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
