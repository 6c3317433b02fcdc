"""``--instances`` and its options: what they are called, and what their texts stand for."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastseg.errors import InputError

_PANEL = "Instance by instance"


def _option(*names: str, metavar: str | None = None, about: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=about, rich_help_panel=_PANEL)


On = Annotated[
    bool,
    _option(
        "--instances",
        about="Match the instances (lesions, cells) of either map: which were found, and every metric of each.",
    ),
]
Components = Annotated[
    str | None,
    _option(
        metavar="KIND",
        about="What an instance is: connected (a component, the default), given (a label of its own), or "
        "reference=given,prediction=connected.",
    ),
]
Connectivity = Annotated[
    int | None, _option(about="6, 18 or 26 neighbours (4 or 8 in a plane). Default: all.")
]
Dilation = Annotated[
    str | None,
    _option(
        metavar="NUMBER",
        about="Components are one instance if so many dilations of the mask connect them: 3, or "
        "reference=3,prediction=0.",
    ),
]
DilationConnectivity = Annotated[
    int | None, _option(about="The neighbours of a dilation. Default: as --connectivity.")
]
MinimumSize = Annotated[
    str | None,
    _option(
        metavar="VOXELS", about="Leave out smaller instances: 10, or reference=10,prediction=0."
    ),
]
Matching = Annotated[
    str | None,
    _option(about="greedy (default), optimal, overlap, any, center or merge: which pairs count."),
]
Score = Annotated[
    str | None, _option(about="What pairs are judged by: iou (default), dice, recall or precision.")
]
Threshold = Annotated[float | None, _option(about="The least score of a pair. Default: 0.5.")]
Strict = Annotated[bool, _option("--strict", about="A score has to be larger than the threshold.")]
ManyToOne = Annotated[
    bool, _option("--many-to-one", about="One reference instance may have several predictions.")
]
Together = Annotated[
    bool,
    _option(
        "--together", about="With overlap: judge all predictions of a reference instance as one."
    ),
]
StructureMetrics = Annotated[
    str | None,
    _option(
        metavar="NAMES",
        about="Metrics of each structure as a whole. Default: those of --metrics that voxel counts give.",
    ),
]
SizeClasses = Annotated[
    str | None,
    _option(
        metavar="VOLUMES",
        about="Recall by the size of reference instances: 50,500 makes three classes.",
    ),
]
Confidence = Annotated[
    str | None,
    _option(
        metavar="PATH",
        about="Probabilities of the prediction's voxels: an image, or a folder with one of each case.",
    ),
]
ConfidenceOf = Annotated[
    str | None, _option(about="An instance's confidence: max (default) or mean of its voxels.")
]
Regions = Annotated[
    str | None,
    _option(
        metavar="KIND",
        about="matched (default), or voronoi: each reference instance beside all that was predicted nearest to it.",
    ),
]


def parse(on: bool, **values: Any) -> dict[str, Any]:
    """Read the options, as the settings of an evaluation by instances take them; what was not given is left out.

    Raises
    ------
    InputError
        If there are some without ``--instances``, and for texts that are none of what is expected.
    """
    given = {name: value for name, value in values.items() if value not in (None, False)}
    if not on:
        if given:
            first = next(iter(given)).replace("_", "-")
            raise InputError(f"--{first} is about instances: add --instances")
        return {}
    for name in ("components", "dilation", "minimum_size"):
        if name in given:
            given[name] = _sided(name, given[name])
    if "structure_metrics" in given:
        names = given["structure_metrics"]
        given["structure_metrics"] = names if names == "all" else names.split(",")
    if "size_classes" in given:
        given["size_classes"] = [
            _number("size_classes", volume, float) for volume in given["size_classes"].split(",")
        ]
    return {"instances": True, **given}


def _sided(name: str, text: str) -> Any:
    """Read a value, or one for each side."""
    from fastseg.inputs.structures import SIDES

    if "=" not in text:
        return _value(name, text)
    found = {}
    for part in text.split(","):
        side, _, value = (piece.strip() for piece in part.partition("="))
        if side not in SIDES or side in found:
            raise InputError(
                f"--{name.replace('_', '-')}: expected one value, or reference=…,prediction=…, got {text!r:.80}"
            )
        found[side] = _value(name, value)
    return found


def _value(name: str, text: str) -> Any:
    return text.strip() if name == "components" else _number(name, text, int)


def _number(name: str, text: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "numbers separated by commas"
        raise InputError(f"--{name.replace('_', '-')}: expected {what}, got {text!r:.80}") from None
