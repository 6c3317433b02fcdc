"""Where machine code is kept: places that cannot be written, files that are damaged, disks that are full."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from numba.core import config

import fastseg_kernels
from fastseg_kernels import _cache, _jit

PACKAGE = Path(fastseg_kernels.__file__).parent

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="there is no cache without numba"),
    pytest.mark.slow,
]


def _double(number: Any) -> Any:
    return number + number


def _kernel(function: Any = _double, signature: Any = (_jit.i64,)) -> Any:
    """A kernel as a new process would have it: its machine code is in the cache or nowhere."""
    copy = FunctionType(function.__code__, function.__globals__, function.__name__)
    copy.__module__ = "fastseg_kernels.cpu.edt.double"
    make: Any = _jit.Kernel
    return make(copy, signature)


def _was_kept(kernel: Any, doubled: int = 42) -> bool:
    """Whether a kernel came from the cache; what it computes is right wherever it came from."""
    assert kernel(21) == doubled
    stats = kernel.dispatcher.stats
    return sum(stats.cache_hits.values()) == 1 and not sum(stats.cache_misses.values())


@pytest.fixture(autouse=True)
def nothing_said_and_nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_jit, "KERNELS", [])
    monkeypatch.setattr(_cache, "_said", set())
    _cache.refusal.cache_clear()
    yield
    _cache.refusal.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What FASTSEG_CACHE_DIR names."""
    monkeypatch.setenv("FASTSEG_CACHE_DIR", str(tmp_path / "named"))
    return tmp_path / "named" / "cpu.edt"


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes places read-only, as far as the cache can tell; no permission keeps root from writing."""

    def refuse(*folders: Path | str) -> None:
        known: Any = _cache._try_to_write

        def write(folder: str) -> Any:
            inside = any(folder.startswith(str(place)) for place in folders)
            return "Read-only file system" if inside else known(folder)

        monkeypatch.setattr(_cache, "_try_to_write", write)
        _cache.refusal.cache_clear()

    return refuse


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The package and the user's cache, as two folders."""
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.delenv("FASTSEG_CACHE_DIR", raising=False)
    source = tmp_path / "package" / "double.py"
    source.parent.mkdir()
    source.write_text("# stands for the source\n")
    monkeypatch.setattr("inspect.getfile", lambda _: str(source))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return source.parent / "__pycache__", tmp_path / "user" / "numba"


# ---------------------------------------------------------------------------- places


def test_the_named_folder_is_filled_and_read(folder: Path) -> None:
    assert not _was_kept(_kernel())
    assert sorted(path.suffix for path in folder.iterdir()) == [".nbc", ".nbi"]
    kernel = _kernel()
    assert kernel.kept_in() == str(folder)
    assert _was_kept(kernel)
    assert kernel.dispatcher.stats.cache_path == str(folder)


def test_places_in_their_order(
    tmp_path: Path, elsewhere: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, users = elsewhere
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "numbas"))
    monkeypatch.setenv("FASTSEG_CACHE_DIR", str(tmp_path / "named"))
    function = _kernel().cache.function
    found = _cache.places(function)
    assert found[0] == str(tmp_path / "named" / "cpu.edt")
    assert found[1].startswith(str(tmp_path / "numbas" / "package_"))
    assert found[2] == str(beside)
    assert found[3].startswith(str(users / "package_"))
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setenv("FASTSEG_CACHE_DIR", "")
    assert _cache.places(function) == found[2:]
    monkeypatch.delenv("FASTSEG_CACHE_DIR")
    assert _cache.places(function) == found[2:]
    monkeypatch.setenv("FASTSEG_CACHE_DIR", "~/here")
    assert _cache.named_folder() == os.path.expanduser("~/here")


@pytest.mark.parametrize("home", ["", "~", "relative"])
def test_a_user_without_a_home_has_no_folder(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And none is made in the working folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert _cache._users_folder() is None


def test_code_beside_the_kernels_is_used_where_nothing_can_be_written(
    elsewhere: tuple[Path, Path], refuse: Callable[..., None], tmp_path: Path
) -> None:
    assert not _was_kept(_kernel())
    refuse(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    kernel = _kernel()
    assert _was_kept(kernel)
    assert kernel.dispatcher.stats.cache_path == str(elsewhere[0])
    assert sorted(tmp_path.rglob("*")) == before


def test_code_beside_the_kernels_is_used_by_a_user_who_could_keep_it_at_home(
    elsewhere: tuple[Path, Path], refuse: Callable[..., None]
) -> None:
    beside, users = elsewhere
    assert not _was_kept(_kernel())
    refuse(beside)
    assert _was_kept(_kernel())
    assert not users.exists()
    for path in beside.glob("*.nbc"):
        path.write_bytes(b"")
    assert not _was_kept(_kernel())
    assert _was_kept(_kernel())
    assert len(list(users.rglob("*.nbc"))) == 1


def test_where_nothing_can_be_kept_one_warning_says_so(
    elsewhere: tuple[Path, Path], refuse: Callable[..., None], tmp_path: Path
) -> None:
    refuse(tmp_path)
    with pytest.warns(UserWarning, match=r"kept nowhere.*set FASTSEG_CACHE_DIR") as said:
        assert not _was_kept(_kernel())
        assert not _was_kept(_kernel())
    assert len(said) == 1
    assert "Read-only file system" in str(said[0].message)
    assert _kernel().kept_in() is None


def test_a_named_folder_that_cannot_be_written_is_told(
    elsewhere: tuple[Path, Path],
    refuse: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FASTSEG_CACHE_DIR", str(tmp_path / "named"))
    (tmp_path / "named").write_text("a file")
    with pytest.warns(UserWarning, match="FASTSEG_CACHE_DIR names a folder that cannot") as said:
        assert not _was_kept(_kernel())
    assert str(elsewhere[0]) in str(said[0].message)
    assert _was_kept(_kernel())


# ---------------------------------------------------------------------------- damage

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "a byte": lambda data: data[:1],
    "60 bytes": lambda data: data[:60],
    "half": lambda data: data[: len(data) // 2],
    "all but one": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "garbage": lambda data: random.Random(1).randbytes(800),
    "zeros": lambda data: bytes(len(data)),
    "text": lambda data: b"hello\n",
    "a pickle": lambda data: b"\x80\x04K\x05.",
    "a bit": lambda data: bytes([*data[:-9], data[-9] ^ 1, *data[-8:]]),
}


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_made_again(folder: Path, suffix: str, damage: str) -> None:
    assert not _was_kept(_kernel())
    [path] = folder.glob(f"*{suffix}")
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert not _was_kept(_kernel())
    assert _was_kept(_kernel())


def test_a_damaged_file_that_cannot_be_replaced_is_passed_over(
    folder: Path, refuse: Callable[..., None], tmp_path: Path
) -> None:
    assert not _was_kept(_kernel())
    [path] = folder.glob("*.nbi")
    path.write_bytes(b"")
    refuse("/")
    with pytest.warns(UserWarning, match="kept nowhere"):
        assert not _was_kept(_kernel())
    assert path.read_bytes() == b""


def test_a_missing_data_file_and_a_folder_in_its_place(folder: Path) -> None:
    assert not _was_kept(_kernel())
    [path] = folder.glob("*.nbc")
    path.unlink()
    assert not _was_kept(_kernel())
    assert _was_kept(_kernel())
    path.unlink()
    path.mkdir()
    with pytest.warns(UserWarning, match="could not be kept"):
        assert not _was_kept(_kernel())


def test_another_kernels_code_is_never_taken(folder: Path) -> None:
    """Whole and sealed, but of another signature, or of another function."""

    def thrice(number: Any) -> Any:
        return number * 3

    assert not _was_kept(_kernel())
    [right] = folder.glob("*.nbc")
    other = _kernel(thrice)
    assert other(21) == 63
    [wrong] = set(folder.glob("*.nbc")) - {right}
    shutil.copy(wrong, right)
    assert not _was_kept(_kernel())
    assert _was_kept(_kernel())
    assert _kernel(signature=(_jit.f64,))(21.0) == 42.0
    assert _was_kept(_kernel())


def test_another_machines_code_is_never_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = _kernel()
    assert not _was_kept(kernel)
    codegen = type(kernel.dispatcher.targetctx.codegen())
    here = codegen.magic_tuple
    with monkeypatch.context() as there:
        there.setattr(codegen, "magic_tuple", lambda self: ("elsewhere", *here(self)[1:]))
        assert not _was_kept(_kernel())
        assert _was_kept(_kernel())
    assert _was_kept(_kernel())  # both are kept beside each other
    assert len(list(folder.glob("*.nbc"))) == 2


def test_another_numba_has_files_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not _was_kept(_kernel())
    for cached in (_cache._stamp, _cache._file_name):
        cached.cache_clear()
    monkeypatch.setattr("numba.__version__", "0.0")
    assert not _was_kept(_kernel())
    assert len(list(folder.glob("*.nbi"))) == 2
    for cached in (_cache._stamp, _cache._file_name):
        cached.cache_clear()


# ---------------------------------------------------------------------------- full disks


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_trouble_with_writing_costs_the_cache_and_not_the_call(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.replace", fail)
    with pytest.warns(UserWarning, match=os.strerror(number)) as said:
        assert not _was_kept(_kernel())
        assert not _was_kept(_kernel())
    assert len(said) == 1
    assert str(folder) in str(said[0].message)
    assert not list(folder.iterdir())  # no half of a file


def test_an_interrupt_while_writing_leaves_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _kernel()(21)
    assert not list(folder.iterdir())


def test_recompiling_forgets_what_was_kept(folder: Path) -> None:
    kernel = _kernel()
    assert not _was_kept(kernel)
    kernel.cache.flush()
    assert not _was_kept(_kernel())
    kernel.cache.disable()
    assert kernel.kept_in() is None


# ---------------------------------------------------------------------------- real file systems

COUNT = """
import json, sys, warnings
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as said:
    import numpy as np
    from fastseg_kernels.cpu import masks
    assert masks.count(np.array([8, 3], np.uint64)) == 3
stats = masks.count.dispatcher.stats
print(json.dumps([sum(stats.cache_hits.values()), [str(one.message) for one in said]]))
"""

WRITABLE = "true"
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"'
FULL = 'mount -t tmpfs -o size=16k tmpfs "$1"'


@pytest.fixture(scope="module")
def mounts() -> None:
    """For tests that mount file systems, which only root may, and not everywhere."""
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if not shutil.which("unshare") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")


def _mounted(how: str, place: Path, **environment: str) -> tuple[int, list[str]]:
    """Count where a folder is mounted: how often the cache was of use, and what was said."""
    script = f'{how}; shift; exec "$@"'
    found = subprocess.run(
        ["unshare", "-m", "sh", "-ec", script, "sh", place, sys.executable, "-c", COUNT],
        env={**os.environ, "NUMBA_CACHE_DIR": "", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert found.returncode == 0, found.stderr
    hits, said = json.loads(found.stdout)
    return hits, said


@pytest.mark.usefixtures("mounts")
def test_a_read_only_image(tmp_path: Path) -> None:
    """Cold, it compiles in memory and says so; warm, it is used without a word."""
    image = tmp_path / "image"
    package = image / "fastseg_kernels"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    given = {"PYTHONPATH": str(image), "HOME": str(image / "home"), "FASTSEG_CACHE_DIR": ""}
    hits, said = _mounted(READ_ONLY, image, **given)
    assert hits == 0
    assert len(said) == 1
    assert "FASTSEG_CACHE_DIR" in said[0]
    assert not list(image.rglob("*.nb?"))
    for named, files in (("", package), (str(image / "cache"), image / "cache")):
        given["FASTSEG_CACHE_DIR"] = named
        assert _mounted(WRITABLE, image, **given) == (0, [])
        assert _mounted(READ_ONLY, image, **given) == (1, [])
        assert len(list(files.rglob("*.nbc"))) == 1


@pytest.mark.usefixtures("mounts")
def test_a_full_disk(tmp_path: Path) -> None:
    place = tmp_path / "full"
    place.mkdir()
    path = f"{PACKAGE.parent}"
    hits, said = _mounted(FULL, place, FASTSEG_CACHE_DIR=str(place), PYTHONPATH=path)
    assert hits == 0
    assert len(said) == 1
    assert "No space left on device" in said[0]


def test_a_process_with_a_damaged_cache(tmp_path: Path, run_python: Callable[..., str]) -> None:
    given = {"FASTSEG_CACHE_DIR": str(tmp_path / "cache")}
    assert json.loads(run_python(COUNT, **given)) == [0, []]
    for path in (tmp_path / "cache").rglob("*.nb?"):
        path.write_bytes(b"")
    assert json.loads(run_python(COUNT, **given)) == [0, []]
    assert json.loads(run_python(COUNT, **given)) == [1, []]
