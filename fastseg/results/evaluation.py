"""What ``evaluate()`` returns: one row per case and structure, and the ways to look at them."""

from __future__ import annotations

import html
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.figures import draw
from fastseg.inputs.structures import Label
from fastseg.results.display import NOTHING, failed_text, flags_text, html_of, text_of
from fastseg.results.failures import Failure
from fastseg.results.files import csv_text, written
from fastseg.results.frames import dataframe
from fastseg.results.joining import Joined, Part, common_settings, renamed
from fastseg.results.lookup import Index
from fastseg.results.missing import missing_predictions, with_missing
from fastseg.results.problems import with_problems
from fastseg.results.rows import Row, columns
from fastseg.results.summary import Summary
from fastseg.threads import lazy

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from fastseg.results.flag_table import FlagTable


@dataclass(frozen=True)
class Evaluation:
    """The metrics of every structure of one case, or of several cases, by one algorithm or several.

    ``evaluation["liver"]["dice"]`` and ``evaluation[1]["hd95"]`` are single values, ``evaluation["case_07", "liver"]``
    is a row of several cases, ``evaluation.case("case_07")`` all rows of one, ``evaluation.algorithm("unet")`` those of
    one algorithm of several.

    Attributes
    ----------
    rows : tuple of Row
        In the order of algorithms, cases and labels.
    metrics : tuple of str
        Names of the metrics evaluated.
    settings : dict
        What the numbers depend on: spacing, tolerance, boundary, percentile method, empties policy, versions.
    failures : tuple of Failure
        The cases of a cohort that could not be evaluated, with the reason; they have no rows.
    """

    rows: tuple[Row, ...]
    metrics: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()

    @classmethod
    def joined(cls, evaluations: Iterable[Evaluation] | Mapping[str, Evaluation]) -> Evaluation:
        """Join the cases of several evaluations, which must have the same metrics.

        Parameters
        ----------
        evaluations : iterable of Evaluation, or mapping of names to evaluations
            Each case has a name of its own, given as ``evaluate(…, case=name)`` or here: a mapping names the cases,
            whatever name they had.

        Returns
        -------
        Evaluation
            Its settings are those that all have in common, and the missing predictions and failures of all.

        Raises
        ------
        ValueError
            If there is none, if their metrics differ, if two have no name for their case, and if two have the same
            structure of the same case by the same algorithm. It is raised before the next evaluation is asked for.
        TypeError
            For anything else than evaluations.

        Examples
        --------
        >>> import numpy as np, fastseg
        >>> mask = np.ones((3, 3, 3), bool)
        >>> one, other = fastseg.evaluate(mask, mask), fastseg.evaluate(mask, mask)
        >>> joined = fastseg.Evaluation.joined({"a": one, "b": other})
        >>> joined.cases, joined["b", 1]["dice"]
        (('a', 'b'), 1.0)
        """
        parts: list[Part] = []
        metrics: tuple[str, ...] = ()
        joined = Joined()
        for name, part in _named(evaluations):
            if not isinstance(part, Evaluation):
                raise InputTypeError(
                    f"joined: expected evaluations in a list, got {type(part).__name__}"
                )
            if parts and part.metrics != metrics:
                raise InputError("joined: the evaluations have different metrics")
            metrics = part.metrics
            held = Part(part.rows, part.settings, part.failures)
            parts.append(held if name is None else renamed(held, name))
            joined.add(parts[-1].rows)
        if not parts:
            raise InputError("joined: expected at least one evaluation")
        common = common_settings([part.settings for part in parts])
        failures = dict.fromkeys(failure for part in parts for failure in part.failures)
        return cls(tuple(joined.rows), metrics, common, tuple(failures))

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Evaluation:
        """Read what :meth:`to_json` wrote: the same rows, to the bit, metrics, settings and failures.

        Parameters
        ----------
        source : path, or str
            A file, or the text itself, which begins with ``{``.

        Raises
        ------
        ValueError
            For what :meth:`to_json` did not write, or a newer version of it.
        TypeError, OSError
            For what is neither path nor text, and for a file that cannot be read.

        Examples
        --------
        >>> import numpy as np, fastseg
        >>> mask = np.ones((3, 3, 3), bool)
        >>> evaluation = fastseg.evaluate(mask, mask, metrics="dice", case="a")
        >>> fastseg.Evaluation.from_json(evaluation.to_json()) == evaluation
        True
        """
        from fastseg.results import json_table

        return cls(*json_table.read(source))

    # ------------------------------------------------------------------------------ looking up

    @lazy
    def _index(self) -> Index:
        return Index(self.rows, self.failures)

    @lazy
    def _found_cases(self) -> dict[str, Evaluation]:
        """The cases that were asked for: each has an index of its own, which is made once."""
        return {}

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases, each once."""
        return tuple(self._index.by_case)

    def case(self, name: str) -> Evaluation:
        """Give all rows of one case.

        Raises
        ------
        KeyError
            If there is none of this name; it names the nearest.
        """
        if not self._index.is_case(name):
            raise self._index.no_case(name)
        if name not in self._found_cases:
            rows = tuple(self._index.by_case[name])
            failures = tuple(failure for failure in self.failures if failure.case == name)
            self._found_cases[name] = Evaluation(rows, self.metrics, self.settings, failures)
        return self._found_cases[name]

    @lazy
    def algorithms(self) -> tuple[str, ...]:
        """Names of the algorithms, each once, also of those all of whose cases failed; empty where none has a name."""
        names = dict.fromkeys(row.algorithm for row in self.rows)
        names.update(dict.fromkeys(failure.algorithm for failure in self.failures))
        return tuple(names) if any(names) else ()

    def algorithm(self, name: str) -> Evaluation:
        """Give all rows, failures and missing predictions of one algorithm.

        Raises
        ------
        KeyError
            If there is none of this name; it names the nearest.

        Examples
        --------
        >>> import numpy as np, fastseg
        >>> from fastseg.results import with_case
        >>> mask = np.ones((3, 3, 3), bool)
        >>> one = fastseg.evaluate(mask, mask, metrics="dice", case="a")
        >>> both = fastseg.Evaluation.joined(with_case(one, name) for name in ("unet", "other"))
        >>> both.algorithms, both.algorithm("unet")["a", 1]["dice"]
        (('unet', 'other'), 1.0)
        """
        if name not in self.algorithms:
            raise KeyError(f"no algorithm {name!r:.80}; {did_you_mean(name, self.algorithms)}")
        missing = missing_predictions(self.settings)
        return Evaluation(
            tuple(row for row in self.rows if row.algorithm == name),
            self.metrics,
            with_missing(self.settings, [one for one in missing if one.algorithm == name]),
            tuple(failure for failure in self.failures if failure.algorithm == name),
        )

    def row(self, structure: Label | str, case: str | None = None) -> Row:
        """Give the row of a structure, of the only case that has it or of the one that is named.

        Parameters
        ----------
        structure : str, int or tuple of int
            Its name, its label, or the labels of a region.
        case : str, optional
            Needed where several cases have this structure.

        Raises
        ------
        KeyError
            If there is none; it names the nearest. Also if there are several, of several algorithms for example:
            ask ``evaluation.algorithm(name).row(…)``.
        """
        if case is None:
            return self._index.row(structure)
        if not self._index.is_case(case):
            raise self._index.no_case(case)
        return self.case(case)._index.row(structure, f" in case {case!r:.80}")

    @lazy
    def structures(self) -> tuple[Row, ...]:
        """The rows of whole structures, without those of their instances."""
        return tuple(row for row in self.rows if row.level == "structure")

    @lazy
    def flags(self) -> FlagTable:
        """Why numbers should not be trusted by themselves: the flags of all rows, and of structures over all cases.

        Examples
        --------
        >>> import numpy as np, fastseg
        >>> reference = np.zeros((9, 9, 9), bool)
        >>> reference[3:5, 3:5, 3:6] = True
        >>> flags = fastseg.evaluate(reference, np.roll(reference, 1, 0)).flags
        >>> flags.counts["small_structure"], flags[0].measured > flags[0].threshold
        (1, True)
        """
        from fastseg.results.flag_table import flag_table

        return flag_table(self.rows, self.metrics, self.settings)

    def instances(self, structure: Label | str | None = None) -> tuple[Row, ...]:
        """Give the rows of instances, of one structure or of all.

        Parameters
        ----------
        structure : str, int or tuple of int, optional
            Its name, its label, or the labels of a region.

        Raises
        ------
        KeyError
            If there is no such structure; it names the nearest.
        """
        rows = [row for row in self.rows if row.level == "instance"]
        if structure is None:
            return tuple(rows)
        if not self._index.is_structure(structure):
            raise self._index.no_structure(structure)
        return tuple(row for row in rows if structure in (row.name, row.label))

    def __getitem__(self, key: Any) -> Any:
        """Look up ``[structure]``, ``[case, structure]`` or ``[case]``, whatever the number of cases.

        One key is a structure's name or label, or else a case's name; what is both is an error.
        """
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], str):
            return self.row(key[1], key[0])
        is_case = self._index.is_case(key)
        if is_case and self._index.is_structure(key):
            raise KeyError(
                f"{key!r} names a case and a structure: ask for .case({key!r}) or .row({key!r})"
            )
        if not is_case and isinstance(key, str) and not self._index.is_structure(key):
            raise self._index.no_structure(key, or_case=True)
        return self.case(key) if is_case else self.row(key)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such a structure, case, pair of case and structure, or row."""
        if isinstance(key, Row):
            return key in self.rows
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], str):
            return self._index.is_case(key[0]) and self.case(key[0])._index.is_structure(key[1])
        return self._index.is_case(key) or self._index.is_structure(key)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    # -------------------------------------------------------------------------------- as tables

    def summary(
        self,
        by_label: bool = False,
        *,
        by: str | Sequence[str] = (),
        floors: Mapping[str, float] | None = None,
    ) -> Summary:
        """Summarise each metric: mean, standard deviation, quantiles, and what is undefined, infinite or not there.

        Parameters
        ----------
        by_label : bool
            The same as ``by="label"``.
        by : str or sequence of str
            One summary for each "label", "algorithm", "case" or attribute, or for each combination of them, as in
            ``by=("label", "sex")``, instead of one over all rows. What is not known of a case is "". Rows of instances
            are left out, unless "level" is among what is grouped by.
        floors : mapping of str to float, optional
            From metrics to values: the share of the rows that have less, as in ``{"dice": 0.5}``.

        Returns
        -------
        Summary
            Cases that failed or have no prediction are counted with each group that their rows would be in.

        Raises
        ------
        ValueError
            For what no row can be grouped by, and for a floor of a metric that was not evaluated.
        """
        from fastseg.results.grouping import summary_of

        names = [by] if isinstance(by, str) else [*by]
        missing = missing_predictions(self.settings)
        if by_label:
            names.insert(0, "label")
        return summary_of(self.rows, self.metrics, self.failures, missing, names, floors or {})

    def to_dict(self) -> list[dict[str, Any]]:
        """Give the table as a list of rows."""
        algorithm, attributes = self._further
        of_table: dict[str, Any] = {
            "algorithm": algorithm,
            "attributes": attributes,
            "metrics": self.metrics,
        }
        return [row.to_dict(**of_table) for row in self.rows]

    @lazy
    def _further(self) -> tuple[bool, tuple[str, ...]]:
        """Whether tables have a column for the algorithm, and which for attributes."""
        names = dict.fromkeys(name for row in self.rows for name in row.attributes)
        names.update(dict.fromkeys(name for one in self.failures for name in one.attributes))
        return bool(self.algorithms), tuple(names)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of the table."""
        algorithm, attributes = self._further
        has_instances = any(row.instance is not None for row in self.rows)
        return columns(
            self.metrics, algorithm=algorithm, attributes=attributes, instances=has_instances
        )

    def to_pandas(self) -> pandas.DataFrame:
        """Give the table as a pandas DataFrame."""
        return dataframe(self.to_dict(), self.columns)

    def to_csv(self, path: str | os.PathLike[str] | None = None, *, delimiter: str = ",") -> str:
        r"""Write the table as CSV, undefined values as ``nan``, to a file if a path is given.

        What has no rows follows them, with the reason in a last column, ``problem``: cases that failed, missing
        predictions that were left out, labels that were not asked for. Such rows have no level and no numbers. Bytes
        of names that are not UTF-8 are written as ``\udcff``. The file is written whole or not at all.
        """
        columns, rows = with_problems(self.columns, self.to_dict(), self.failures, self.settings)
        return written(csv_text(columns, rows, delimiter), path)

    def to_flat(
        self, *, by: str | Sequence[str] = "label", floors: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """Give the summaries as one flat dictionary, as ``mlflow.log_metrics`` and ``wandb.log`` take it.

        Parameters
        ----------
        by, floors
            As in :meth:`summary`; over all rows it is summarised too.

        Returns
        -------
        dict
            Names as in ``"liver/dice/mean"``, ``"dice/mean"`` over all rows and ``"cases"``, each after
            ``"unet/"`` where algorithms have names. Other characters than letters, digits, ``_-.`` and space are
            ``_``. What is not finite is left out: ``"liver/hd/undefined"`` and ``"liver/hd/infinite"`` count it.

        Examples
        --------
        >>> import numpy as np, fastseg
        >>> mask = np.ones((3, 3, 3), bool)
        >>> fastseg.evaluate(mask, mask, labels={"liver": 1}, metrics="dice").to_flat()["liver/dice/mean"]
        1.0
        """
        from fastseg.results.flat import flat_of

        own = ["algorithm"] if self.algorithms else []
        names = [by] if isinstance(by, str) else list(by)
        counts: dict[tuple[str, ...], dict[str, int]] = {
            ((part.algorithms[0],) if own else ()): {
                "cases": len(part.cases),
                "failed_cases": len(part.failures),
                "missing_predictions": len(missing_predictions(part.settings)),
            }
            for part in ([self.algorithm(name) for name in self.algorithms] or [self])
        }
        groups = dict.fromkeys([tuple(own), (*own, *names)])
        return flat_of([self.summary(by=group, floors=floors) for group in groups], counts)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        r"""Write rows, settings, failures and summaries as JSON, to a file if a path is given.

        JSON has no numbers for what is undefined or infinite: such values are ``null``, and ``"not_finite"`` of the
        same record says which they are, as in ``{"dice": 0.0, "hd": null, …, "not_finite": {"hd": "inf"}}``. The
        summary is over all rows, and beside it by label where there are several cases; each by algorithm too, where
        these have names. Bytes of names that are not UTF-8 are written as ``\udcff``. The file is written whole or not
        at all; :meth:`from_json` reads it.
        """
        from fastseg.results.json_table import json_text

        by = ("algorithm",) if self.algorithms else ()
        several = len(self.cases) + len(self.failures) > 1
        by_label = self.summary(by=(*by, "label")) if several else Summary({})
        summary = self.summary(by=by)
        text = json_text(self.rows, self.metrics, self.settings, self.failures, summary, by_label)
        return written(text, path)

    def plot(self, kind: str = "box", **options: Any) -> Axes:
        """Draw a figure with matplotlib, which the extra ``plots`` installs.

        Parameters
        ----------
        kind : {"box", "podium", "stability", "significance", "bland_altman"}
            A function of :mod:`fastseg.plots`, which says what is drawn.
        **options
            Its own, as ``metric="hd95"`` and ``ax=…``, and of the ranking that some of them need.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError, TypeError
            For another kind, and for options that it does not have.
        ImportError
            Without matplotlib.
        """
        return draw(self, "Evaluation", kind, options)

    # ------------------------------------------------------------------------------- for people

    def __str__(self) -> str:
        failed = failed_text(self.failures)
        if not self.rows:
            return failed or NOTHING
        text = text_of(self.structures or self.rows, self.metrics, self.settings)
        if more := self.structures and len(self.rows) - len(self.structures):
            text += f"\n({more} rows of instances: .instances())"
        if flags := flags_text(self.flags.counts):
            text += "\n" + textwrap.fill(f"({flags})", 110, break_on_hyphens=False)
        return f"{text}\n({failed})" if failed else text

    def _repr_html_(self) -> str:
        failed = html.escape(failed_text(self.failures))
        if not self.rows:
            return f"<p>{failed or NOTHING}</p>"
        from fastseg.results.notebook import boxes_html, flags_html

        rows = self.structures or self.rows
        table = html_of(rows, self.metrics, self.settings)
        flags, boxes = flags_html(self.flags), boxes_html(rows, self.metrics, self.settings)
        # what sums up many rows stands above them, where it is seen
        parts = [boxes, flags, table] if boxes else [table, flags]
        return "".join([*parts, f"<p>{failed}</p>" if failed else ""])


def _named(
    evaluations: Iterable[Evaluation] | Mapping[str, Evaluation],
) -> Iterable[tuple[str | None, Evaluation]]:
    """Give each evaluation with the name that it is given, or None."""
    if isinstance(evaluations, Mapping):
        return ((str(name), evaluation) for name, evaluation in evaluations.items())
    return ((None, evaluation) for evaluation in evaluations)
