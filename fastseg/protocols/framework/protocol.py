"""What a protocol is: whose it is, what it does in words, its scores and quirks, and the function that scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fastseg.inputs.structures import Label
from fastseg.protocols.framework.options import Options
from fastseg.results.rows import Row

Axes = Literal["xyz", "zyx"]

#: the scores of a cohort, by the organiser's names
CohortScores = Mapping[str, float]


@dataclass(frozen=True)
class Score:
    """A column of the organiser's table.

    Attributes
    ----------
    name : str
        The organiser's own.
    larger_is_better : bool or None
        None where neither is, as of a count.
    unit : str
        "" for a ratio or a count, "mm", "mm³", or any other text.
    about : str
        What it is, if the name does not say.
    """

    name: str
    larger_is_better: bool | None = True
    unit: str = ""
    about: str = ""


@dataclass(frozen=True)
class Quirk:
    """What a script does that its description does not say, or that a reader would not expect.

    Attributes
    ----------
    name : str
        By which it is switched off: "false-positives-any-size".
    about : str
        What it does to a score, in one or two sentences.
    example : str
        A small example of ours, with the score with it and without.
    """

    name: str
    about: str
    example: str = ""


@dataclass(frozen=True)
class Rules:
    """What protocols differ in, a phrase each: a line of the table that stands them side by side."""

    components: str = "–"
    connectivity: str = "–"
    dilation: str = "–"
    matching: str = "–"
    penalty: str = "–"
    empties: str = "–"


@dataclass(frozen=True)
class Protocol:
    """How a challenge or a tool scores.

    Attributes
    ----------
    name : str
        As it is asked for: "brats2024-met".
    title : str
    source : str
        Repository, commit and path of the script whose numbers these are.
    about : str
        What it does, in words.
    scores : tuple of Score
        The columns of its table, in the organiser's order; of cases and of instances.
    evaluate : callable
        ``evaluate(pair, options)``: scores a case, whose maps are a :class:`LabelPair`; or, with `opens`, what that
        gave. It gives rows.
    labels : mapping or None
        What is evaluated unless told otherwise, as ``labels=`` of :func:`fastseg.evaluate`; None for all labels.
    more_rows : mapping of str to label
        Rows that its table has whatever is evaluated, with their labels, where two of them have one label: formats that
        know rows by their labels are refused before anything is evaluated.
    axes : {"xyz", "zyx"}
        How its script holds arrays: images are handed over so, and numbers of components, by which ties are decided,
        follow from it. Plain arrays are taken as they are.
    rules : Rules
    options : mapping
        What can be overridden, with the organiser's values.
    limits : mapping
        Of options that are numbers, the least and the most that each may be, both included. Default: any finite number
        that is not negative.
    quirks : tuple of Quirk
    aggregate : callable or None
        ``aggregate(rows)``: the scores of a cohort from the rows of all its cases, as the organiser makes them. None:
        means over cases, as :meth:`Evaluation.summary` has them.
    cohort : callable or None
        ``cohort(rows, options)``: as `aggregate`, where the scores of a cohort depend on options or quirks.
    opens : callable or None
        ``opens(reference, prediction, case)``: reads inputs that are no pair of label maps, paths or objects, and gives
        what `evaluate` gets.
    """

    name: str
    title: str
    source: str
    about: str
    scores: tuple[Score, ...]
    evaluate: Callable[[Any, Options], Sequence[Row]]
    labels: Any = None
    more_rows: Mapping[str, Label] = field(default_factory=dict)
    axes: Axes = "xyz"
    rules: Rules = field(default_factory=Rules)
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    quirks: tuple[Quirk, ...] = ()
    aggregate: Callable[[Sequence[Row]], CohortScores] | None = None
    cohort: Callable[[Sequence[Row], Options], CohortScores] | None = None
    opens: Callable[[Any, Any, str], Any] | None = None

    def described(self) -> str:
        """Say in words what it does, whose it is, what can be overridden, and its quirks."""
        lines = [f"{self.name}: {self.title}", "", self.about, "", f"After {self.source}", ""]
        for name, phrase in vars(self.rules).items():
            lines.append(f"{name:<13}{phrase}")
        lines += ["", "scores       " + ", ".join(score.name for score in self.scores)]
        if self.options:
            lines += ["", "options (with its own values)"]
            lines += [f"  {name} = {value!r}" for name, value in self.options.items()]
        if self.quirks:
            lines += ["", "quirks (each can be switched off)"]
        for quirk in self.quirks:
            lines.append(f"  {quirk.name}: {quirk.about}")
            if quirk.example:
                lines.append(f"    {quirk.example}")
        return "\n".join(lines)
