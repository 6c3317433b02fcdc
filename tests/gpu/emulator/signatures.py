"""The kernels that a CUDA source declares, and the types of their parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

# The C types that a launcher may meet, and what NumPy calls them.
DTYPES = {
    "bool": "bool",
    "signed char": "int8",
    "unsigned char": "uint8",
    "short": "int16",
    "unsigned short": "uint16",
    "int": "int32",
    "unsigned int": "uint32",
    "long long": "int64",
    "unsigned long long": "uint64",
    "float": "float32",
    "double": "float64",
}
SYNONYMS = {"unsigned": "unsigned int", "unsigned long long int": "unsigned long long"}

_KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\s*\((\d+)[^()]*\)\s*)?(\w+)\s*\(([^)]*)\)'
)
_ALIAS = re.compile(r"\busing\s+(\w+)\s*=\s*([\w\s*]+);|\btypedef\s+([\w\s*]+?)\s*\b(\w+)\s*;")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: a scalar, or a pointer to what a device array holds."""

    name: str
    type: str
    pointer: bool = False
    const: bool = False

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(DTYPES[self.type])

    @property
    def declared(self) -> str:
        """As C++ spells it."""
        return f"{'const ' * self.const}{self.type}{'*' * self.pointer}"


@dataclass(frozen=True)
class Signature:
    """What a kernel takes, and how many threads a block of it may have."""

    parameters: tuple[Parameter, ...]
    most_threads: int


def kernels(text: str) -> dict[str, Signature]:
    """The signature of every kernel in a preprocessed source.

    Raises
    ------
    ValueError
        For a kernel or a type that this does not know, so that none goes unchecked.
    """
    aliases = {
        name or alias: _words(target or original)
        for name, target, original, alias in _ALIAS.findall(text)
    }
    found = {
        name: Signature(
            tuple(_parameter(part, aliases) for part in inside.split(",") if part.strip()),
            int(bounds or 1024),
        )
        for bounds, name, inside in _KERNEL.findall(text)
    }
    if len(re.findall(r"\b__global__\b", text)) != len(found):
        raise ValueError('every kernel must be declared as: extern "C" __global__ void name(...)')
    return found


def _words(declaration: str) -> list[str]:
    return re.findall(r"\w+|\*", declaration.replace("__restrict__", " "))


def _parameter(declaration: str, aliases: dict[str, list[str]]) -> Parameter:
    *front, name = _words(declaration)
    while any(word in aliases for word in front):
        front = [part for word in front for part in aliases.get(word, [word])]
    stars = front.count("*")
    pointee = front[: front.index("*")] if stars else front
    spelled = " ".join(word for word in pointee if word != "const")
    kind = SYNONYMS.get(spelled, spelled)
    if kind not in DTYPES or stars > 1:
        raise ValueError(f"parameter {declaration.strip()!r}: {spelled!r} is no type of a kernel")
    return Parameter(name, kind, bool(stars), "const" in pointee and bool(stars))
