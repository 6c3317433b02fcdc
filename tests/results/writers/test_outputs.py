"""Which format an output is asked for in, what is refused before any work, and that files are whole or as they were."""

from __future__ import annotations

import errno
import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fastseg
from fastseg.io import replacing as replacing_module
from fastseg.results import Evaluation, read
from fastseg.results.writers.registry import SUFFIXES, WRITERS, Output, parse_output
from tests.results.cohorts import EVALUATIONS, SEVERAL, cohort, two_algorithms

HAS_ARROW = importlib.util.find_spec("pyarrow") is not None
HERE = [name for name, writer in WRITERS.items() if not writer.package or HAS_ARROW]


@pytest.mark.parametrize(
    ("text", "writer", "path"),
    [
        ("table.csv", "csv", "table.csv"),
        ("out/TABLE.TSV", "csv", "out/TABLE.TSV"),
        ("r.json", "json", "r.json"),
        ("r.parquet", "parquet", "r.parquet"),
        ("nnunet:summary.json", "nnunet", "summary.json"),
        ("summary:a:b.txt", "summary", "a:b.txt"),
        ("csv:table", "csv", "table"),
        ("./nn:x.csv", "csv", "./nn:x.csv"),
        ("C:table.csv", "csv", "C:table.csv"),
        ("größe/ß.json", "json", "größe/ß.json"),
        ("grand-challenge:metrics.json", "grand-challenge", "metrics.json"),
    ],
)
def test_the_format_is_that_of_the_name_or_the_ending(text: str, writer: str, path: str) -> None:
    found = parse_output(text)
    assert (found.writer.name, found.path) == (writer, Path(path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nnunnet:a.json", "nnunnet:a.json: unknown format 'nnunnet'; did you mean 'nnunet'?"),
        ("table.xlsx", "table.xlsx: expected an output that ends in .csv, .tsv, .json, .parquet, "),
        ("table", "as in nnunet:summary.json (csv, json, parquet, summary, nnunet, "),
        ("", "expected an output"),
        ("nnunet:", "nnunet:: expected a path behind the format, as in nnunet:FILE"),
        ("xx:table.csv", "unknown format 'xx'; known: csv, json"),
    ],
)
def test_another_format_is_refused_in_one_line(text: str, told: str) -> None:
    with pytest.raises(fastseg.InputError) as error:
        parse_output(text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_every_writer_says_what_it_is() -> None:
    assert set(SUFFIXES) == {".csv", ".tsv", ".json", ".parquet"}
    for name, writer in WRITERS.items():
        assert writer.name == name
        assert 10 < len(writer.description) < 70


def test_the_documentation_has_every_format_and_what_it_says_holds() -> None:
    text = Path(__file__).parents[3].joinpath("docs", "outputs.md").read_text("utf-8")
    named = re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)
    assert named == list(WRITERS)
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) == set(WRITERS)


def test_what_could_not_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    refused: list[tuple[str, type[Exception], str]] = [
        (f"{tmp_path}/no/t.csv", FileNotFoundError, "no such folder"),
        (f"{tmp_path}/folder.csv", IsADirectoryError, "expected a file to write to"),
    ]
    for text, kind, told in refused:
        with pytest.raises(kind, match=told):
            parse_output(text).check()
    parse_output(f"{tmp_path}/t.csv").check(["unet", "other"])
    with pytest.raises(fastseg.InputError, match=r"as in nnunet:.*/\{algorithm\}_summary.json"):
        parse_output(f"nnunet:{tmp_path}/summary.json").check(["unet", "other"])
    parse_output(f"nnunet:{tmp_path}/summary.json").check(["unet"])
    parse_output(f"nnunet:{tmp_path}/{{algorithm}}.json").check(["unet", "other"])
    with pytest.raises(FileNotFoundError, match="other: no such folder"):
        (tmp_path / "unet").mkdir()
        parse_output(f"nnunet:{tmp_path}/{{algorithm}}/s.json").check(["unet", "other"])
    with pytest.raises(fastseg.InputError, match="no algorithm has a name"):
        parse_output(f"{tmp_path}/{{algorithm}}.csv").check()
    for name in ("a/b", "..", ""):
        with pytest.raises(fastseg.InputError, match="no part of a file's name"):
            parse_output(f"{tmp_path}/{{algorithm}}.csv").check([name])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "unet"]


def test_a_package_that_is_missing_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    told = r"writing parquet needs pyarrow: pip install .*\[parquet\]"
    with pytest.raises(fastseg.MissingPackageError, match=told):
        parse_output(f"{tmp_path}/t.parquet").check()


def test_a_file_for_each_algorithm(tmp_path: Path) -> None:
    evaluation = two_algorithms()
    paths = parse_output(f"csv:{tmp_path}/{{algorithm}}.csv").write(evaluation)
    assert paths == [tmp_path / "unet.csv", tmp_path / "other.csv"]
    assert paths[1].read_text() == evaluation.algorithm("other").to_csv()
    for name in ("nnunet", "grand-challenge", "panoptica-tsv"):
        with pytest.raises(fastseg.InputError, match=r"2 \('unet', 'other'\): write a file for"):
            parse_output(f"{name}:{tmp_path}/x").write(evaluation)
        assert len(parse_output(f"{name}:{tmp_path}/{{algorithm}}.x").write(evaluation)) == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("writer", HERE)
@pytest.mark.parametrize("name", [*EVALUATIONS, *SEVERAL])
def test_every_format_takes_everything(writer: str, name: str, tmp_path: Path) -> None:
    """Whatever is in it, in UTF-8; what a format has no place for is refused in one line."""
    evaluation = (EVALUATIONS | SEVERAL)[name]
    output = parse_output(f"{writer}:{tmp_path}/out")
    output.check()
    if WRITERS[writer].one_algorithm and name in SEVERAL:
        with pytest.raises(fastseg.InputError, match="is about one algorithm"):
            output.write(evaluation)
        return
    assert output.write(evaluation) == [tmp_path / "out"]
    content = (tmp_path / "out").read_bytes()
    if writer != "parquet":
        content.decode("utf-8")
    output.write(evaluation)
    assert (tmp_path / "out").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    if evaluation.failures and writer not in ("challenger", "flat", "summary"):
        case = evaluation.failures[0].case.splitlines()[0].encode()
        assert case in content
    if evaluation.failures and writer in ("flat", "summary"):
        assert b"failed" in content


def _full(file: Any) -> None:
    """Let a file take a hundred bytes and no more, as a full disk does."""
    write, size = file.write, 0

    def limited(data: Any) -> Any:
        nonlocal size
        size += len(data)
        if size > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(data)

    file.write = limited


class _Wrapped:
    """A file whose attributes can be set."""

    def __init__(self, file: Any) -> None:
        self._file, self.write = file, file.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()


@pytest.mark.parametrize("writer", HERE)
def test_a_full_disk_leaves_the_old_file(
    writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    path.write_text("before")
    real: Callable[..., tuple[Any, str]] = replacing_module._locked_file

    def full(*arguments: Any) -> tuple[Any, str]:
        file, name = real(*arguments)
        wrapped = _Wrapped(file)
        _full(wrapped)
        return wrapped, name

    monkeypatch.setattr(replacing_module, "_locked_file", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        Output(WRITERS[writer], path).write(cohort())
    assert error.value.filename == str(path)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_what_is_read_back(tmp_path: Path) -> None:
    evaluation = cohort(failed=["c"])
    evaluation.to_json(tmp_path / "t.JSON")
    assert repr(read(tmp_path / "t.JSON")) == repr(evaluation)
    evaluation.to_csv(tmp_path / "t.csv")
    with pytest.raises(fastseg.InputError, match="lacks settings and voxel sizes, so it is not"):
        read(tmp_path / "t.csv")
    with pytest.raises(fastseg.InputError, match=r"t\.xlsx: expected a file that ends in \.json"):
        read(tmp_path / "t.xlsx")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "no.json")
    wrong: Any = 3
    with pytest.raises(TypeError, match="read: expected a path, got int"):
        read(wrong)


def test_runs_of_two_algorithms_are_joined_from_their_files(tmp_path: Path) -> None:
    whole = two_algorithms(failed=["c"])
    for name in whole.algorithms:
        whole.algorithm(name).to_json(tmp_path / f"{name}.json")
    joined = Evaluation.joined(read(tmp_path / f"{name}.json") for name in whole.algorithms)
    assert repr(joined) == repr(whole)
