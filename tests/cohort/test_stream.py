"""Streams of outcomes: what is on disk after whatever happened, and what a later run does with it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import signal
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg import Evaluation, evaluate_cohort, read_results
from fastseg.cohort import stream as streams
from fastseg.cohort.merging import merged, write_merged
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.records import Record
from fastseg.cohort.stream import Stream, read_stream
from fastseg.errors import CaseError, InputError, InputTypeError, InputWarning
from fastseg.evaluation.settings import Settings
from tests import processes

SCIPY: dict[str, Any] = {"backend": "scipy", "metrics": ["dice", "hd", "hd95"]}
Cohort = Callable[[str], Evaluation]


def _map(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 3, (5, 4, 3), dtype=np.uint8)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six pairs, r/0.npy with p/0.npy and so on."""
    monkeypatch.chdir(tmp_path)
    for side, shift in (("r", 0), ("p", 100)):
        Path(side).mkdir()
        for i in range(6):
            np.save(f"{side}/{i}.npy", _map(i + shift))
    return tmp_path


def run(**options: Any) -> Evaluation:
    return evaluate_cohort("r", "p", **SCIPY | {"output": "o.jsonl"} | options)


def keys(path: str = "o.jsonl") -> list[str]:
    return [record.key.case for record in read_stream(path)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cases that were evaluated."""
    from fastseg.cohort import one_case

    done: list[str] = []
    genuine = vars(one_case)["evaluate_case"]

    def evaluate_case(reference: Any, prediction: Any, settings: Settings, case: str) -> Any:
        done.append(case)
        return genuine(reference, prediction, settings, case)

    monkeypatch.setattr(one_case, "evaluate_case", evaluate_case)
    return done


def test_a_stream_has_what_the_call_returns(folders: Path) -> None:
    whole = run()
    assert whole == evaluate_cohort("r", "p", **SCIPY)
    records = list(read_stream("o.jsonl"))
    assert [record.key.case for record in records] == list("012345")
    assert all(record.evaluation == whole.case(record.key.case) for record in records)
    for record in records:
        assert record.reference
        assert record.reference.path == f"r/{record.key.case}.npy"
        state = os.stat(record.reference.path)
        assert (record.reference.size, record.reference.modified) == (
            state.st_size,
            state.st_mtime_ns,
        )
        assert Record.read(record.line(), "x") == record
    for line in Path("o.jsonl").read_text().splitlines():
        assert json.loads(line)["asked"]["metrics"] == SCIPY["metrics"]


def test_each_outcome_is_on_disk_before_the_next_case(folders: Path) -> None:
    seen: list[list[str]] = []
    run(on_outcome=lambda outcome: seen.append(keys()))
    assert seen == [list("012345")[: i + 1] for i in range(6)]


def test_results_are_not_overwritten(folders: Path) -> None:
    run()
    before = Path("o.jsonl").read_bytes()
    with pytest.raises(FileExistsError, match=r"o\.jsonl: outcomes of an earlier run .* --resume"):
        run()
    assert Path("o.jsonl").read_bytes() == before


def test_what_is_done_is_not_done_again(folders: Path, counted: list[str]) -> None:
    whole = run()
    lines = Path("o.jsonl").read_bytes().splitlines(keepends=True)
    Path("o.jsonl").write_bytes(b"".join(lines[:4]))
    counted.clear()
    assert run(resume=True) == whole
    assert counted == ["4", "5"]
    assert keys() == list("012345")
    counted.clear()
    assert run(resume=True) == whole
    assert counted == []


def test_a_last_line_cut_anywhere_is_done_again(folders: Path, counted: list[str]) -> None:
    whole = run()
    content = Path("o.jsonl").read_bytes()
    ends = [0] + [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    for cut in [*range(ends[4], ends[4] + 40), ends[5] - 2, ends[5] - 1, ends[6] - 1]:
        Path("o.jsonl").write_bytes(content[:cut])
        counted.clear()
        missing = list("012345")[sum(end <= cut for end in ends) - 1 :]
        is_cut = cut not in ends
        with pytest.warns(InputWarning, match="is cut") if is_cut else contextlib.nullcontext():
            assert run(resume=True) == whole
        assert counted == missing
        assert keys() == list("012345")


def test_blank_lines_cost_no_outcome(folders: Path, counted: list[str]) -> None:
    whole = run()
    lines = Path("o.jsonl").read_bytes().splitlines(keepends=True)
    for content in (
        [*lines[:2], b"\n", b" \n", *lines[2:]],
        [b"\n", *lines[:5], b"\n", lines[5][:9]],
    ):
        Path("o.jsonl").write_bytes(b"".join(content))
        counted.clear()
        is_cut = not content[-1].endswith(b"\n")
        with pytest.warns(InputWarning, match="is cut") if is_cut else contextlib.nullcontext():
            assert run(resume=True) == whole
        assert counted == ["5"] * is_cut
        assert keys() == list("012345")


@pytest.mark.parametrize("hashed", [False, True])
def test_a_changed_image_of_confidences_is_done_again(
    folders: Path, counted: list[str], hashed: bool
) -> None:
    """It is a file of the case like the other two: of one that changed, or came anew, the rows are made again."""
    Path("c").mkdir()
    for i in range(6):
        np.save(f"c/{i}.npy", np.full((5, 4, 3), 0.5, np.float32))
    options = {"instances": True, "confidence": "c", "hashed": hashed, "resume": True}
    run(**options)
    counted.clear()
    run(**options)
    assert counted == []
    np.save("c/2.npy", np.full((5, 4, 3), 0.25, np.float32))
    os.utime("c/2.npy", ns=(1, 1))
    os.utime("c/3.npy", ns=(1, 1))
    found = run(**options)
    assert counted == (["2"] if hashed else ["2", "3"])
    assert {row.instance.confidence for row in found.case("2").instances() if row.instance} >= {
        0.25
    }
    [line] = [record for record in read_stream("o.jsonl") if record.key.case == "2"]
    [kept] = line.further
    assert kept is not None
    assert kept.path.endswith("c/2.npy")


def test_a_changed_table_that_an_option_names_is_done_again(folders: Path) -> None:
    """As of LUNA16's nodules that do not count."""
    from fastseg.protocols.framework.settings import ProtocolSettings

    Path("more.csv").write_text("coordX,coordY,coordZ,diameter_mm\n", encoding="utf-8")
    settings = ProtocolSettings.of("luna16", excluded="more.csv")
    assert settings.further_files("0") == ("more.csv",)
    assert ProtocolSettings.of("kits23").further_files("0") == ()


def test_a_changed_file_is_done_again(folders: Path, counted: list[str]) -> None:
    run()
    np.save("p/2.npy", _map(7))
    os.utime("r/4.npy", ns=(1, 1))
    counted.clear()
    again = run(resume=True)
    assert counted == ["2", "4"]
    assert again == evaluate_cohort("r", "p", **SCIPY)
    assert sorted(keys()) == list("012345")


def test_with_hashes_the_content_counts(folders: Path, counted: list[str]) -> None:
    run(hashed=True)
    size, time = os.path.getsize("p/2.npy"), os.stat("p/2.npy").st_mtime_ns
    np.save("p/2.npy", _map(7))
    assert os.path.getsize("p/2.npy") == size
    os.utime("p/2.npy", ns=(time, time))  # what size and time would not tell
    os.utime("r/4.npy", ns=(1, 1))
    counted.clear()
    again = run(resume=True, hashed=True)
    assert counted == ["2"]
    assert again == evaluate_cohort("r", "p", **SCIPY)


def test_a_missing_prediction_that_comes_later_is_done_again(
    folders: Path, counted: list[str]
) -> None:
    os.rename("p/3.npy", "3.npy")
    with pytest.warns(InputWarning, match="have no prediction"):
        assert run()["3", 1]["dice"] == 0
    os.rename("3.npy", "p/3.npy")
    counted.clear()
    again = run(resume=True)
    assert counted == ["3"]
    assert again == evaluate_cohort("r", "p", **SCIPY)


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"tolerance": 2}, r"tolerance: 1\.0, now 2\.0"),
        ({"metrics": ["dice"]}, r"metrics: \['dice', 'hd', 'hd95'\], now \['dice'\]"),
        ({"labels": {"one": (1, 2)}}, r"labels: None, now \{'one': \[\[1, 2\], \[1, 2\]\]\}"),
        ({"spacing": (1, 2, 3)}, r"spacing: None, now \[1\.0, 2\.0, 3\.0\]"),
        ({"empty": {"hd": 7}}, "empty: 'worst', now "),
        ({"ignore_label": 2}, "ignore_label: None, now 2"),
    ],
)
def test_other_settings_are_refused(
    folders: Path, options: dict[str, Any], difference: str, counted: list[str]
) -> None:
    run()
    before = Path("o.jsonl").read_bytes()
    counted.clear()
    with pytest.raises(
        InputError, match=rf"o\.jsonl: it was made with other settings .*{difference}"
    ):
        run(resume=True, **options)
    assert counted == []
    assert Path("o.jsonl").read_bytes() == before


def test_two_sided_labels_and_tolerances_by_name_are_the_same_settings_again(folders: Path) -> None:
    options: dict[str, Any] = {
        "labels": {"a": {"reference": 1, "prediction": 2}, "b": (1, 2)},
        "tolerance": {"a": 2, "default": 1},
        "metrics": ["nsd", "hd99_5"],
        "empty": {"hd99_5": 7.5},
    }
    whole = run(**options)
    assert run(resume=True, **options) == whole


def test_failed_cases_are_in_the_stream_and_done_again(folders: Path, counted: list[str]) -> None:
    whole = run(output=None)
    good = Path("p/3.npy").read_bytes()
    Path("p/3.npy").write_bytes(good[:-1])
    with pytest.raises(CaseError, match=r"1 of 6 cases .* 3: p/3\.npy: truncated"):
        run()
    records = {record.key.case: record for record in read_stream("o.jsonl")}
    failure = records["3"].failure
    assert failure
    assert (failure.case, failure.kind) == ("3", "InputError")
    assert "truncated" in failure.message
    assert failure.traceback == ""
    with pytest.warns(InputWarning, match="1 of 6 cases"):
        evaluation = run(resume=True, on_error="skip")
    assert evaluation.failures == (failure,)
    Path("p/3.npy").write_bytes(good)
    counted.clear()
    assert run(resume=True) == whole
    assert counted == ["3"]
    assert sorted(keys()) == list("012345")


def test_cases_that_are_not_asked_for_stay_in_the_file(folders: Path) -> None:
    run()
    os.remove("r/5.npy")
    os.remove("p/5.npy")
    with pytest.warns(InputWarning, match=r"o\.jsonl: 1 of its cases are not among those .*: 5"):
        evaluation = run(resume=True)
    assert evaluation.cases == tuple("01234")
    assert keys() == list("012345")


def test_a_line_that_is_none_is_named(folders: Path) -> None:
    run()
    lines = Path("o.jsonl").read_text().splitlines(keepends=True)
    for wrong, reason in (
        ("spam\n", "line 3: not JSON"),
        ("[]\n", "line 3: expected a case of a stream"),
        (lines[2].replace('"format": 1', '"format": 9'), "written by a newer fastseg"),
        (lines[2].replace('"hd": ', '"hx": '), "expected a number or null as 'hd'"),
    ):
        Path("o.jsonl").write_text("".join([*lines[:2], wrong, *lines[3:]]))
        with pytest.raises(InputError, match=reason):
            list(read_stream("o.jsonl"))


def test_two_runs_do_not_write_to_one_stream(folders: Path) -> None:
    with (
        Stream.started("o.jsonl"),
        pytest.raises(InputError, match=r"o\.jsonl: another run is writing to it"),
    ):
        run(resume=True)


class _FullDisk:
    """A file that takes so many bytes more."""

    def __init__(self, file: Any, room: int) -> None:
        self._file, self._room = file, room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: memoryview) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written: int = self._file.write(data[: self._room])
        self._room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 700])
def test_a_full_disk_leaves_whole_lines(
    folders: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    whole = run(output=None)
    first = Stream.append

    def append(self: Stream, record: Record) -> None:
        if record.key.case == "3":
            self._file = _FullDisk(self._file, room)  # type: ignore[assignment]
        first(self, record)

    with monkeypatch.context() as patched:
        patched.setattr(Stream, "append", append)
        with pytest.raises(OSError, match="No space left on device: 'o.jsonl'"):
            run()
    assert keys() == list("012")
    assert run(resume=True) == whole


# ------------------------------------------------------------------------------ shards and merging


def test_shards_together_are_the_whole(folders: Path) -> None:
    whole = run(output=None)
    names: list[str] = []
    for k in (1, 2, 3, 4):
        part = run(shard=(k, 4), output=f"{k}.jsonl")
        names += part.cases
    assert sorted(names) == list("012345")
    orders = [["1", "2", "3", "4"], ["4", "2", "1", "3"], ["2", "2", "1", "3", "4", "1"]]
    texts = set()
    for order in orders:
        records = merged([f"{name}.jsonl" for name in order])
        texts.add(write_merged(records))
        found = [record.evaluation for record in records if record.evaluation]
        assert Evaluation.joined(found).rows == whole.rows
    assert len(texts) == 1
    Path("left.jsonl").write_text(write_merged(merged(["1.jsonl", "3.jsonl"])))
    Path("right.jsonl").write_text(write_merged(merged(["4.jsonl", "2.jsonl", "1.jsonl"])))
    assert {write_merged(merged(["right.jsonl", "left.jsonl"]))} == texts


@pytest.mark.parametrize("shard", [(0, 3), (4, 3), (1, 0), (1.5, 2), "1/2", 3])
def test_shards_that_are_none(folders: Path, shard: Any) -> None:
    with pytest.raises(InputError, match="shard: expected"):
        run(shard=shard)


def test_an_evaluation_counts_more_than_a_failure(folders: Path) -> None:
    good = Path("p/3.npy").read_bytes()
    Path("p/3.npy").write_bytes(good[:-1])
    with pytest.warns(InputWarning, match="1 of 6 cases"):
        run(on_error="skip")
    Path("p/3.npy").write_bytes(good)
    run(output="good.jsonl")
    for order in (["o.jsonl", "good.jsonl"], ["good.jsonl", "o.jsonl"]):
        assert all(record.evaluation for record in merged(order))
    assert sum(record.failure is not None for record in merged(["o.jsonl"])) == 1


def test_streams_that_do_not_fit_are_refused(folders: Path) -> None:
    run()
    run(output="other.jsonl", tolerance=3)
    with pytest.raises(InputError, match=r"o\.jsonl and other\.jsonl .* different settings \(tol"):
        merged(["o.jsonl", "other.jsonl"])
    np.save("p/3.npy", _map(77))
    run(output="changed.jsonl")
    with pytest.raises(InputError, match=r"disagree about the case '3'"):
        merged(["o.jsonl", "changed.jsonl"])


def test_results_are_read_back_from_every_kind_of_file(folders: Path) -> None:
    os.rename("p/3.npy", "3.npy")
    Path("p/4.npy").write_bytes(b"")
    with pytest.warns(InputWarning):
        whole = run(on_error="skip")
    whole.to_json("o.json")
    for name in ("o.jsonl", "o.json"):
        found = read_results(name)
        assert (found.rows, found.failures) == (whole.rows, whole.failures)
        assert found.settings["missing_predictions"] == {"policy": "worst", "cases": ["3"]}
    Path("empty.jsonl").touch()
    with pytest.raises(InputError, match="there is no outcome in it"):
        read_results("empty.jsonl")
    with pytest.raises(InputError, match="lacks settings"):
        read_results("o.csv")
    with pytest.raises(InputTypeError, match="expected a path, got int"):
        read_results(3)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ killed


SCRIPT = """
import time
from fastseg import evaluate_cohort
def kept(outcome):
    print("kept", flush=True)
    time.sleep(0.02)
evaluate_cohort(
    "r", "p", backend="scipy", metrics=["dice", "hd"], output="o.jsonl", resume=True, on_outcome=kept
)
"""


@pytest.mark.slow
def test_runs_that_are_killed_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill at twenty moments, half of the time with a last line cut at a random byte, and resume each time."""
    monkeypatch.chdir(tmp_path)
    count = 120
    for side, shift in (("r", 0), ("p", 1000)):
        Path(side).mkdir()
        for i in range(count):
            np.save(f"{side}/{i}.npy", _map(i + shift))
    chance = random.Random(14)
    path = Path("o.jsonl")
    most = 0
    for i in range(20):
        process = processes.start("-W", "ignore", "-c", SCRIPT, folder=tmp_path)
        assert process.stdout
        if i % 4:
            assert process.stdout.readline() == "kept\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        content = path.read_bytes() if path.exists() else b""
        assert content.count(b"\n") >= most
        if i % 2 and content.count(b"\n") > 1:
            last = content.rstrip(b"\n").rfind(b"\n") + 1
            path.write_bytes(content[: chance.randrange(last, len(content))])
        most = path.read_bytes().count(b"\n") if path.exists() else 0
    assert 0 < most < count
    options: dict[str, Any] = {"backend": "scipy", "metrics": ["dice", "hd"]}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is cut.*", InputWarning)
        found = evaluate_cohort("r", "p", output="o.jsonl", resume=True, **options)
    assert found == evaluate_cohort("r", "p", **options)
    assert sorted(keys(), key=int) == [str(i) for i in range(count)]


# ------------------------------------------------------------------------------ many


def _many(count: int) -> Iterator[Record]:
    evaluation = evaluate_cohort("r", "p", **SCIPY | {"metrics": None}).case("0")
    settings = Settings.checked(backend="scipy")
    for i in range(count):
        case = Case(f"{i}", "r/0.npy", "p/0.npy")
        yield Record.of(Outcome(case, evaluation), settings, None, None)


def test_lines_are_read_without_their_rows_in_a_fraction_of_the_time(folders: Path) -> None:
    """20 000 cases that are done may not take a run seconds: nothing but JSON's own parser looks at rows."""
    from fastseg.results import json_table

    text = "".join(record.line() for record in _many(3))
    Path("many.jsonl").write_text(text)
    calls = 0
    genuine = json_table.read_row

    def read_row(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return genuine(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fastseg.cohort.records.read_row", read_row)
        assert len(list(streams.read_stream("many.jsonl", with_rows=False))) == 3
        assert calls == 0
        assert len(list(streams.read_stream("many.jsonl"))) == 3
        assert calls
