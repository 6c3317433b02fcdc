"""A pair of label maps scored as a challenge scores it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fastseg import io
from fastseg.evaluation.case import open_pair
from fastseg.inputs.structures import Labels
from fastseg.protocols.framework.settings import ProtocolSettings, Quirks
from fastseg.results import Evaluation


def evaluate_protocol(
    name: str,
    reference: Any,
    prediction: Any,
    *,
    labels: Labels | None = None,
    spacing: float | Sequence[float] | None = None,
    quirks: Quirks = True,
    case: str = "",
    backend: str | None = None,
    grid_tolerance: float = io.GridRules().tolerance,
    ignore_grid: bool = False,
    reorient: bool = False,
    **options: Any,
) -> Evaluation:
    """Score a prediction as a challenge or a tool does: its rules, its names of the scores, its quirks.

    Parameters
    ----------
    name : str
        Of the protocol, see :func:`list_protocols`.
    reference, prediction : array_like, path or image
        Label maps as :func:`evaluate` takes them, in CPU memory; some protocols take other inputs, such as tables of
        points, as they say. Images are handed to the protocol with the axes of its script.
    labels : iterable of int, or mapping, optional
        As in :func:`evaluate`. Default: the protocol's own regions.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default: the image's own, and 1 for plain arrays.
    quirks : bool or mapping of str to bool
        True scores as the organiser's script does, quirks included; ``{"name": False}`` switches one off, False all.
    case : str
        Name for the table. Default: that of the prediction's file.
    backend : {"numba", "scipy"}, optional
    grid_tolerance, ignore_grid, reorient
        As in :func:`evaluate`.
    **options
        What the protocol lets be overridden, by name: ``dilation=1``.

    Returns
    -------
    Evaluation
        A row for each structure, whose metrics are the organiser's scores; rows of the level "instance" too, where it
        scores lesion by lesion. What the organiser makes of many cases is :func:`protocol_scores`.

    Raises
    ------
    TypeError, ValueError
        For an unknown protocol, option or quirk; for what :func:`evaluate` refuses, too; and for arrays on a GPU.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> reference = np.zeros((20, 20, 20), np.uint8)
    >>> reference[2:6, 2:6, 2:6] = 1
    >>> evaluation = fastseg.evaluate_protocol("hecktor", reference, np.roll(reference, 1, axis=0))
    >>> round(evaluation["GTVp"]["DSC"], 4), evaluation["GTVp"]["vol_sum"]
    (0.75, 128.0)
    """
    settings = ProtocolSettings.of(
        name,
        labels=labels,
        spacing=spacing,
        quirks=quirks,
        backend=backend,
        grid_tolerance=grid_tolerance,
        ignore_grid=ignore_grid,
        reorient=reorient,
        **options,
    )
    if not case and isinstance(prediction, (str, os.PathLike)):
        is_image = os.fsdecode(prediction).lower().endswith(io.IMAGE_SUFFIXES)
        if settings.reads_files and not is_image:
            case = os.path.splitext(os.path.basename(os.fsdecode(prediction)))[0]
        else:
            case = io.image_stem(prediction)
    if settings.reads_files:
        return settings.evaluate_files(reference, prediction, case)
    return settings.evaluate(*open_pair(reference, prediction, settings), case)
