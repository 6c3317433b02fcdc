"""The rows of a table of errors, and the structures that these were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastseg.inputs.structures import Label


@dataclass(frozen=True)
class StressRow:
    """One error of one structure in one severity.

    Attributes
    ----------
    name : str
    label : int or tuple of int
    error : str
    severity : int
        1 is the least.
    amount : float
        What the severity is, in `unit`.
    unit : {"mm", "voxels", "%", "slices"}
    changed : int
        How many voxels differ from the structure's.
    values : mapping
        Metric name to value; empty where the error was left out.
    left_out : str
        Why it was left out; "" where it was not.
    """

    name: str
    label: Label
    error: str
    severity: int
    amount: float
    unit: str
    changed: int
    values: Mapping[str, float]
    left_out: str = ""


@dataclass(frozen=True)
class Stressed:
    """A structure that errors were made of.

    Attributes
    ----------
    name : str
    label : int or tuple of int
    voxels : int
    volume : float
    perfect : mapping
        Metric name to its value for the structure beside itself.
    scales : mapping
        Metric name to what counts as a loss of 1.
    """

    name: str
    label: Label
    voxels: int
    volume: float
    perfect: Mapping[str, float]
    scales: Mapping[str, float]
