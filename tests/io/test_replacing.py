"""Files that take the place of others whole, and what killed processes left beside them."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

import pytest

from fastseg.io.replacing import replacing
from fastseg.results.files import written
from tests import processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved")

KILLED = """
import os, signal
from fastseg.io import replacing
replacing.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with replacing.replacing(replacing.Path("t.csv")) as file:
    file.write("half")
"""


def _killed(folder: Path) -> str:
    """Kill a process just before it moves its file; what it leaves."""
    before = set(os.listdir(folder))
    processes.start("-c", KILLED, folder=folder).communicate()
    [left] = set(os.listdir(folder)) - before
    return left


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("old")
    left = _killed(tmp_path)
    assert left.startswith(".t.csv.")
    assert (tmp_path / "t.csv").read_text() == "old"
    others = (
        ".u.csv." + left[len(".t.csv.") :],  # of another table
        ".t.csv.settings",  # of another program
        ".t.csv.backup01",
        ".t.csv.abcdefgh.fastseg-part.bak",
        ".txcsv." + left[len(".t.csv.") :],
    )
    for name in others:
        (tmp_path / name).write_text("keep")
    assert written("new", tmp_path / "t.csv") == "new"
    assert sorted(os.listdir(tmp_path)) == sorted(["t.csv", *others])
    assert (tmp_path / "t.csv").read_text() == "new"


def test_writers_of_one_target_leave_each_other_alone(tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    with replacing(target) as outer:
        outer.write("outer")
        for text in ("first", "second"):
            written(text, target)
            assert target.read_text() == text
        assert len(os.listdir(tmp_path)) == 2  # the outer one's is there still
    assert os.listdir(tmp_path) == ["t.csv"]
    assert target.read_text() == "outer"


def test_many_writers_at_once(tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    start = threading.Barrier(8)
    wrong: list[BaseException] = []

    def write(number: int) -> None:
        start.wait()
        try:
            for _ in range(30):
                written(f"{number}" * 1000, target)
        except BaseException as error:
            wrong.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not wrong
    assert os.listdir(tmp_path) == ["t.csv"]
    text = target.read_text()
    assert text == text[0] * 1000


def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    target = tmp_path / "t.csv"
    lock = fcntl.flock
    taken: list[str] = []

    def late(handle: int, how: int) -> None:
        if not taken:
            [name] = os.listdir(tmp_path)
            taken.append(name)
            os.unlink(tmp_path / name)
        lock(handle, how)

    monkeypatch.setattr("fcntl.flock", late)
    assert written("text", target) == "text"
    assert taken
    assert os.listdir(tmp_path) == ["t.csv"]


def test_without_locks_nothing_is_removed_and_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    left = tmp_path / ".t.csv.abcdefgh.fastseg-part"
    left.write_text("perhaps somebody's")
    written("text", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "text"
    assert left.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_a_writer_that_fails_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "t.csv"
    target.write_text("old")
    with pytest.raises(type(error)) as caught, replacing(target) as file:
        file.write("half")
        raise error
    assert os.listdir(tmp_path) == ["t.csv"]
    assert target.read_text() == "old"
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(target)


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    target = tmp_path / ("ä" * 125 + ".csv")
    written("text", target)
    assert os.listdir(tmp_path) == [target.name]


def test_links_and_pipes_of_the_pattern_are_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / ".t.csv.aaaaaaaa.fastseg-part").symlink_to("kept")
    os.mkfifo(tmp_path / ".t.csv.bbbbbbbb.fastseg-part")
    (tmp_path / ".t.csv.cccccccc.fastseg-part").mkdir()
    written("text", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "text"
    assert (tmp_path / "kept").read_text() == "kept"
