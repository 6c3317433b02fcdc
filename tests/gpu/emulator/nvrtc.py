"""NVIDIA's run-time compiler, from its wheel and by its C interface: needs neither a GPU nor a driver."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

# What CuPy adds to a RawModule's options.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")

# From the V100 to the RTX 50 series; those before 7.5 need NVRTC 12.
ARCHITECTURES = (70, 75, 80, 86, 89, 90, 100, 120)


class CompileError(Exception):
    """What NVRTC said."""


@dataclass(frozen=True)
class Resources:
    """What ptxas gave a kernel: registers a thread, bytes of shared memory, bytes spilled and on the stack."""

    registers: int
    shared: int
    spills: int
    stack: int


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiler; None where its wheel, nvidia-cuda-nvrtc-cu12, is not installed."""
    try:
        spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        return None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for path in Path(place).glob("lib/libnvrtc.so.12"):
            return ctypes.CDLL(str(path))
    return None


@functools.cache
def compiled(text: str, options: tuple[str, ...], target: str) -> tuple[bytes, str]:
    """The code for a target, ``"sm_90"`` (cubin) or ``"compute_90"`` (PTX), and the compiler's log.

    Raises
    ------
    CompileError
        With the log, for source that does not compile.
    """
    nvrtc = library()
    assert nvrtc is not None
    program = ctypes.c_void_p()
    source = ctypes.c_char_p(text.encode())
    _check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"kernel.cu", 0, None, None))
    try:
        flags = [*options, *CUPY_OPTIONS, f"-arch={target}"]
        if target.startswith("sm_"):
            flags.append("--ptxas-options=-v")
        array = (ctypes.c_char_p * len(flags))(*(flag.encode() for flag in flags))
        status = nvrtc.nvrtcCompileProgram(program, len(flags), array)
        log = _fetched(nvrtc, "ProgramLog", program).rstrip(b"\0").decode()
        if status:
            raise CompileError(f"{target}: {log}")
        kind = "CUBIN" if target.startswith("sm_") else "PTX"
        return _fetched(nvrtc, kind, program), log
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _fetched(nvrtc: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(getattr(nvrtc, f"nvrtcGet{what}")(program, buffer))
    return buffer.raw


def _check(status: int) -> None:
    if status:
        raise CompileError(f"NVRTC gave status {status}")


def ptx(text: str, options: tuple[str, ...], architecture: int) -> str:
    code, _ = compiled(text, options, f"compute_{architecture}")
    return code.rstrip(b"\0").decode()


def resources(log: str) -> dict[str, Resources]:
    """What the log of ``--ptxas-options=-v`` says of each kernel."""
    found = {}
    for part in log.split("Compiling entry function '")[1:]:
        name = part[: part.index("'")]
        numbers = {
            key: int(match[1]) if (match := re.search(pattern, part)) else 0
            for key, pattern in (
                ("registers", r"Used (\d+) registers"),
                ("shared", r"(\d+) bytes smem"),
                ("spills", r"(\d+) bytes spill stores"),
                ("stack", r"(\d+) bytes stack frame"),
            )
        }
        found[name] = Resources(**numbers)
    return found
