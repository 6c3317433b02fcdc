"""What a protocol is asked for, checked once: cohorts run it as they run any other settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastseg import io
from fastseg._version import __version__
from fastseg.errors import InputError, InputTypeError
from fastseg.evaluation.naming import unlisted_labels
from fastseg.evaluation.settings import Settings
from fastseg.evaluation.special_settings import SpecialSettings
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import shown
from fastseg.inputs.source import Source
from fastseg.inputs.structures import Label, Labels
from fastseg.protocols.framework.checked_options import checked_options
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol
from fastseg.protocols.framework.registry import find_protocol
from fastseg.results import Evaluation
from fastseg.results.rows import Row
from fastseg.results.score_facts import SCORES
from fastseg.threads import lazy

#: the key under which the settings of an evaluation say by which protocol it was made
PROTOCOL = "protocol"

Quirks = bool | Mapping[str, bool]


@dataclass(frozen=True)
class ProtocolSettings(SpecialSettings):
    """A protocol with its overrides.

    Attributes
    ----------
    protocol_name : str
    option_values : mapping
        The values of all its options.
    quirks_hold : mapping of str to bool
    """

    protocol_name: str
    option_values: Mapping[str, Any]
    quirks_hold: Mapping[str, bool]

    @classmethod
    def of(
        cls,
        name: str,
        *,
        labels: Labels | None = None,
        spacing: float | Sequence[float] | None = None,
        quirks: Quirks = True,
        backend: str | None = None,
        grid_tolerance: float = io.GridRules().tolerance,
        ignore_grid: bool = False,
        reorient: bool = False,
        **options: Any,
    ) -> ProtocolSettings:
        """Check what a protocol is run with, before anything is read.

        Raises
        ------
        InputError, InputTypeError
            For an unknown protocol, option or quirk, with the nearest known one, and for values of another type.
        """
        protocol = find_protocol(name)
        if protocol.opens is not None:
            _check_images_alone(
                protocol, labels=labels, spacing=spacing, ignore_grid=ignore_grid, reorient=reorient
            )
        common = Settings.checked(
            labels=protocol.labels if labels is None else labels,
            metrics="dice",
            spacing=spacing,
            backend=backend,
            grid_tolerance=grid_tolerance,
            ignore_grid=ignore_grid,
            reorient=reorient,
            flags=False,
        )
        fields = {**common.__getstate__(), "metric_names": tuple(s.name for s in protocol.scores)}
        return cls(
            **fields,
            protocol_name=protocol.name,
            option_values=checked_options(protocol, options),
            quirks_hold=_checked_quirks(protocol, quirks),
        )

    @lazy
    def protocol(self) -> Protocol:
        """The protocol, found by its name: functions do not pickle."""
        return find_protocol(self.protocol_name)

    @lazy
    def measurements(self) -> frozenset[str]:
        """What the protocol may measure: nobody but it knows, so that memory is kept for surfaces."""
        return frozenset(("surface_distributions",))

    @property
    def reads_files(self) -> bool:
        """Whether its inputs are of a kind of their own."""
        return self.protocol.opens is not None

    @property
    def known_labels(self) -> Mapping[str, Label] | None:
        """The labels of the rows that are known before anything is read; of some protocols, of their own rows."""
        return self.protocol.more_rows or super().known_labels

    def further_files(self, case: str) -> tuple[str, ...]:
        """List the files that options name, as tables of what is excluded are."""
        texts = [
            str(one) for one in self.option_values.values() if isinstance(one, (str, os.PathLike))
        ]
        return tuple(text for text in texts if os.path.isfile(text))

    @lazy
    def plain(self) -> Mapping[str, Any]:
        """What a table needs to say of the settings, in plain values."""
        structures = self.structures
        return {
            "labels": None if structures is None else {one.name: one.label for one in structures},
            "grid_tolerance": self.grid_tolerance,
            "ignore_grid": self.ignore_grid,
            "reorient": self.reorient,
            PROTOCOL: {
                "name": self.protocol_name,
                "options": dict(self.option_values),
                "quirks": dict(self.quirks_hold),
            },
            SCORES: {
                one.name: {"unit": one.unit, "larger_is_better": one.larger_is_better}
                for one in self.protocol.scores
            },
        }

    @lazy
    def identity(self) -> Mapping[str, Any]:
        """All that the numbers of a case depend on beside its files."""
        common = dict(super().identity)
        del common[SCORES], common["metrics"]
        return common

    @property
    def chosen(self) -> Options:
        """The options as the protocol gets them."""
        return Options(self.option_values, self.quirks_hold)

    def evaluate(
        self, reference: Source, prediction: Source, case: str = "", *, budget: int | None = None
    ) -> Evaluation:
        """Score one pair of label maps."""
        pair = LabelPair.of(
            reference,
            prediction,
            case=case,
            spacing=self.spacing,
            structures=self.structures,
            axes=self.protocol.axes,
            backend=self.backend,
        )
        known = self.spacing, reference.spacing, prediction.spacing
        unit = "voxels" if self.spacing is None and known[1:] == (None, None) else "mm"
        about = {
            "shape": list(pair.shape),
            "spacing": list(pair.spacing),
            "unit": unit,
            "backend": pair.backend.name,
        }
        rows = self.protocol.evaluate(pair, self.chosen)
        if pair.given is not None:
            unlisted = unlisted_labels(pair.given, pair.histogram, None)
            if unlisted:
                about["unlisted_labels"] = unlisted
        return self._evaluation(rows, about)

    def evaluate_files(self, reference: Any, prediction: Any, case: str = "") -> Evaluation:
        """Score what is no pair of label maps."""
        assert self.protocol.opens is not None
        opened = self.protocol.opens(reference, prediction, case)
        return self._evaluation(self.protocol.evaluate(opened, self.chosen), {})

    def _evaluation(self, rows: Sequence[Row], about: Mapping[str, Any]) -> Evaluation:
        """Make an evaluation of rows, whose columns are the same for all cases, whatever occurs in them."""
        missed = {name for row in rows for name in row.values_by_metric} - {*self.metric_names}
        assert not missed, f"{self.protocol_name} gave scores that it does not list: {missed}"
        return Evaluation(
            tuple(rows), self.metric_names, {"fastseg": __version__, **about, **self.plain}
        )


def _check_images_alone(protocol: Protocol, **options: Any) -> None:
    """Refuse what is about label maps alone, of a protocol that reads inputs of its own."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise InputError(
                f"{name}: protocol {protocol.name} reads inputs of its own and has no such option"
            )


def _checked_quirks(protocol: Protocol, given: Quirks) -> dict[str, bool]:
    """Tell of every quirk whether it holds: all or none, or all but those that are named false."""
    names = [quirk.name for quirk in protocol.quirks]
    if isinstance(given, bool):
        return dict.fromkeys(names, given)
    if not isinstance(given, Mapping):
        raise InputTypeError(
            f"quirks: expected True, False or a mapping of names to these, got {shown(given)}"
        )
    found = dict.fromkeys(names, True)
    for name, holds in given.items():
        if name not in found:
            raise unknown(f"quirks of {protocol.name}", name, names)
        if not isinstance(holds, bool):
            raise InputError(f"quirks[{name!r}]: expected True or False, got {shown(holds)}")
        found[name] = holds
    return found
