"""The parts of a run, in their order: what each is for, and how long it may take."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """How large the volumes are, and how long a row goes on."""

    small: int = 256  # sides, in voxels
    large: int = 512
    repetitions: int = 9
    seconds: float = 1.5  # after which a row has no more repetitions

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


FULL = Scope()
QUICK = Scope(small=48, large=64, repetitions=3, seconds=0.3)


@dataclass(frozen=True)
class Part:
    """A part: a function of a module of this package, which gives rows.

    Attributes
    ----------
    name : str
    about : str
        What it does, for people.
    limit : float
        Seconds after which it is ended.
    run : str
        Module and function.
    options : dict
        Given to the function after the scope.
    looks_at : tuple of str
        The folders whose files its answers hang on: it is done again if one has changed.
    """

    name: str
    about: str
    limit: float
    run: str
    options: dict[str, Any]
    looks_at: tuple[str, ...] = ("fastseg", "kernels")

    def function(self) -> Callable[..., Iterator[Row]]:
        """The function, imported now."""
        module, name = self.run.split(":")
        found: Callable[..., Iterator[Row]] = getattr(
            importlib.import_module(f"benchmarks.on_gpu.{module}"), name
        )
        return found


def _timed(kind: str, size: str, limit: float, about: str, **options: Any) -> Part:
    run = {"kernels": "kernels:rows", "transforms": "transforms:rows", "evaluate": "evaluate:rows"}
    return Part(f"{kind}-{size}", about, limit, run[kind], {"size": size, **options})


def _sanitized(tool: str, limit: float) -> Part:
    about = f"compute-sanitizer's {tool} on a small run of everything"
    return Part(tool, about, limit, "sanitizers:rows", {"tool": tool})


def _tests(name: str, limit: float, about: str, *paths: str) -> Part:
    return Part(
        name,
        about,
        limit,
        "device_tests:rows",
        {"paths": paths},
        ("fastseg", "kernels", "tests/gpu"),
    )


#: in the order of what is learnt from each
PARTS = (
    Part("compile", "numba's kernels, which the answers are compared with", 100, "warm:rows", {}),
    _tests(
        "tests",
        150,
        "the test bodies of the emulator",
        "tests/gpu/test_kernels.py",
        "tests/gpu/test_backend.py",
    ),
    _sanitized("memcheck", 60),
    _timed("kernels", "large", 60, "every kernel, with its share of the bandwidth bound"),
    _timed("transforms", "large", 60, "distance transforms beside the peers'"),
    _timed("evaluate", "large", 120, "evaluate beside the peers"),
    _tests(
        "tests-large", 120, "volumes that the emulator cannot afford", "tests/gpu/test_large.py"
    ),
    _sanitized("racecheck", 60),
    _sanitized("initcheck", 60),
    _timed("kernels", "small", 30, "every kernel on the small volume"),
    _timed("transforms", "small", 40, "distance transforms of the small volume"),
    _timed("evaluate", "small", 60, "evaluate on the small volume"),
)
