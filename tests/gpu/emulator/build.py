"""Builds the unedited text of CUDA kernels with g++ against `shim.h` and the runtime, once per text and kind."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.gpu.emulator.signatures import Signature, kernels

HERE = Path(__file__).parent
CACHE = Path(tempfile.gettempdir()) / f"fastseg-emulator-{os.getuid()}"
COMPILER = os.environ.get("CXX", "g++")

COMMON = (
    "-std=c++17", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-fno-gnu-unique",
    "-Wno-unknown-pragmas", "-w",
)  # fmt: skip
KINDS = {
    "fast": ("-O2",),
    # The entry points of both sanitizers are those of checker.cpp.
    "checked": (
        "-O1", "-g1", "-fsanitize=thread", "--param=tsan-distinguish-volatile=0",
        "--param=tsan-instrument-func-entry-exit=0",
        "-fsanitize=undefined,float-cast-overflow,float-divide-by-zero", "-fno-sanitize=vptr",
    ),
}  # fmt: skip

_SHARED = re.compile(
    r"\b(extern\s+)?__shared__\s+(?:__align__\(\d+\)\s*)?((?:\w+\s+)*\w+)\s+(\w+)((?:\s*\[[^\]]*\])*)\s*;"
)


class BuildError(Exception):
    """What the compiler said."""


def have_compiler() -> bool:
    return shutil.which(COMPILER) is not None


def definitions(options: tuple[str, ...]) -> list[str]:
    """Those of NVRTC's options that g++ needs too; an option with another meaning is an error."""
    known = ("-std=c++17", "--fmad=false")
    unknown = [o for o in options if o not in known and not o.startswith("-D")]
    if unknown:
        raise ValueError(f"the emulator does not know the options {unknown}")
    return [option for option in options if option.startswith("-D")]


def rewrite_shared(text: str) -> str:
    """Replace the declarations of shared memory, which no macro can express, on their lines."""

    def replace(match: re.Match[str]) -> str:
        extern, kind, name, extent = match.groups()
        newlines = "\n" * match.group(0).count("\n")
        if extern:
            return f"EMU_DYNAMIC_SHARED({kind}, {name});{newlines}"
        return f"EMU_SHARED({kind}, {name}, {extent});{newlines}"

    return _SHARED.sub(replace, text)


@functools.cache
def signatures(text: str, options: tuple[str, ...]) -> dict[str, Signature]:
    """The kernels of a source, macros expanded."""
    command = [COMPILER, "-E", "-P", "-x", "c++", *definitions(options), "-"]
    return kernels(_run(command, text))


@functools.cache
def source_module(text: str, options: tuple[str, ...], kind: str) -> Path:
    """A shared object of the source itself; `kind` is a key of `KINDS`."""
    calls = [_call(name, signature) for name, signature in signatures(text, options).items()]
    whole = "\n".join(
        ['#line 1 "kernel.cu"', rewrite_shared(text), '#line 1 "calls.cpp"', *calls, ""]
    )
    return module(whole, [*KINDS[kind], *definitions(options)])


def _call(name: str, signature: Signature) -> str:
    """The function through which the runtime calls a kernel, with pointers to its arguments."""
    values = ", ".join(f"*({p.declared}*)values[{i}]" for i, p in enumerate(signature.parameters))
    return f'extern "C" EMU_PLAIN void emu_call_{name}(void** values) {{ {name}({values}); }}'


def module(text: str, flags: list[str]) -> Path:
    """Compile C++ with the shim, link the runtime, and keep the result."""
    library = runtime()
    digest = hashlib.sha256("\0".join([text, *flags, library.stem]).encode()).hexdigest()[:24]
    path = CACHE / f"{digest}.so"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            source, unit, built = (Path(folder) / f"kernel.{end}" for end in ("cpp", "o", "so"))
            source.write_text(text, encoding="utf-8")
            include = ["-I", str(HERE), "-include", "shim.h"]
            _run([COMPILER, *COMMON, *flags, *include, "-c", str(source), "-o", str(unit)])
            # without the sanitizers' own libraries: checker.cpp has their entry points
            _run([COMPILER, "-shared", "-Wl,-Bsymbolic", str(unit), str(library), "-o", str(built)])
            built.replace(path)
    return path


@functools.cache
def runtime() -> Path:
    """The shared object of runtime and checker: one a process, whatever kernels it loads."""
    names = ("runtime.h", "shim.h", "ptx.h", "fibers.h", "runtime.cpp", "checker.cpp", "build.py")
    digest = hashlib.sha256(b"\0".join((HERE / name).read_bytes() for name in names)).hexdigest()
    path = CACHE / f"runtime-{digest[:24]}.so"
    CACHE.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}")
        sources = [str(HERE / name) for name in names if name.endswith(".cpp")]
        flags = ("-std=c++17", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror")
        _run([COMPILER, *flags, *sources, "-o", str(partial)])
        partial.replace(path)
    return path


def _run(command: list[str], text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)}\n{done.stderr:.4000}")
    return done.stdout


def source_line(path: Path, offset: int) -> int:
    """The line of the kernel's text that a code address came from."""
    out = _run(["addr2line", "-e", str(path), "-i", f"{offset - 1:x}"])
    lines = [line.rpartition(":") for line in out.splitlines()]
    for file, _, number in lines:
        if file.endswith("kernel.cu"):
            return int(number.split()[0])
    return 0
