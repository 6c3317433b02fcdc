"""PTX as C++, one statement an instruction, for the emulator's runtime: what NVIDIA's compiler made of a kernel.

Only what these kernels need is known: any other instruction raises, so that none is done wrongly.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.gpu.emulator import build, nvrtc
from tests.gpu.emulator.ptx_instructions import statement
from tests.gpu.emulator.ptx_operands import TYPES, Instruction

_RANGE = re.compile(r"\.reg \.(\w+)\s+%(\w+)<(\d+)>;")
_SINGLE = re.compile(r"\.reg \.(\w+)\s+([%\w, ]+);")
_PARAMETER = re.compile(r"\.param \.(\w+) (\w+)")
_SHARED = re.compile(r"(?:\.extern )?\.shared \.align \d+ \.(\w+) (\w+)(?:\[(\d*)\])?;")
_LOCAL = re.compile(r"\.local \.align (\d+) \.b8\s+(\w+)\[(\d+)\];")
_LABEL = re.compile(r"(\$\w+):(.*)")
_INSTRUCTION = re.compile(r"(?:@(!?)(%\w+)\s+)?([a-z][\w.:]*)\s*([^;]*);")
_UNUSED_GLOBAL = re.compile(r"\.global \.align \d+ \.u8 \w+;")
_IGNORED = (".version", ".target", ".address_size", ".maxntid", ".pragma", ".minnctapersm", ")")


@dataclass
class Entry:
    """One kernel under translation."""

    name: str
    parameters: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    shared: dict[str, int] = field(default_factory=dict)


def listing(text: str, options: tuple[str, ...], architecture: int) -> list[str]:
    """The lines of PTX that reports refer to."""
    return nvrtc.ptx(text, options, architecture).splitlines()


@functools.cache
def module(text: str, options: tuple[str, ...], architecture: int) -> Path:
    """A shared object of the PTX for an architecture."""
    return build.module(translated("\n".join(listing(text, options, architecture))), ["-O1"])


@functools.cache
def translated(code: str) -> str:
    """C++ with the functions that the runtime calls, one a kernel.

    Raises
    ------
    NotImplementedError
        For anything in the PTX that this does not know.
    """
    shared: dict[str, int] = {}
    entry: Entry | None = None
    functions = ['#include "ptx.h"']
    for number, line in enumerate(code.splitlines(), 1):
        line = line.split("//")[0].strip()
        if not line or line.startswith(_IGNORED) or _UNUSED_GLOBAL.fullmatch(line):
            continue
        if match := re.match(r"\.visible \.entry (\w+)\(", line):
            entry = Entry(match[1], shared=dict(shared))
        elif entry is None:
            declared = _SHARED.fullmatch(line)
            if not declared:
                raise NotImplementedError(f"PTX line {number}: {line}")
            shared[declared[2]] = _size(declared)
        elif match := _PARAMETER.match(line):
            entry.parameters.append((match[2], match[1]))
        else:
            entry.lines += _translated_line(entry, line, number)
            if line == "}" and entry.lines.count("{") == entry.lines.count("}"):
                functions.append(_function(entry))
                entry = None
    return "\n".join(functions) + "\n"


def _size(declared: re.Match[str]) -> int:
    """Bytes of a shared variable; 0 of the dynamic block."""
    kind, _, count = declared.groups()
    return int(kind[1:]) // 8 * (1 if count is None else int(count or 0))


def _unmangled(name: str) -> str:
    """The last of the names in a mangled one, each of which comes after its length."""
    for match in re.finditer(r"\d+", name):
        if int(match[0]) == len(name) - match.end():
            return name[match.end() :]
    return name


def _function(entry: Entry) -> str:
    """The body, after what finds the shared variables that it uses."""
    head = []
    body = "\n".join(entry.lines[1:])
    for name, size in entry.shared.items():
        if not re.search(rf"\b{name}\b", body):
            continue
        where = f'emu_shared(&slot_{name}, "{_unmangled(name)}", {size})'
        if not size:
            where = "emu_dynamic_shared()"
        head.append(f"static emu_slot slot_{name};")
        head.append(f"const uint64_t {name} = emu_shared_offset({where});")
    return "\n".join(
        [
            f'extern "C" void emu_call_{entry.name}(void** values) {{ (void)values;',
            *head,
            "{",
            body,
            "}",
        ]
    )


def _translated_line(entry: Entry, line: str, number: int) -> list[str]:
    if line in ("{", "}"):
        return [line]
    if match := _RANGE.fullmatch(line):
        kind, stem = TYPES[match[1]], match[2]
        names = ", ".join(f"x_{stem}{i} = 0" for i in range(1, int(match[3])))
        return [f"{kind} {names};"] if names else []
    if match := _SINGLE.fullmatch(line):
        return [f"{TYPES[match[1]]} {match[2].replace('%', 'x_')};"]
    if match := _SHARED.fullmatch(line):
        entry.shared[match[2]] = _size(match)
        return []
    if match := _LOCAL.fullmatch(line):
        return [f"alignas({match[1]}) char {match[2]}[{match[3]}];"]
    if match := _LABEL.match(line):
        rest = match[2].strip()
        return [f"{match[1][1:]}: ;", *(_translated_line(entry, rest, number) if rest else [])]
    match = _INSTRUCTION.fullmatch(line)
    if not match:
        raise NotImplementedError(f"PTX line {number}: {line}")
    negated, predicate, opcode, operands = match.groups()
    parameters = {name: (i, TYPES[kind]) for i, (name, kind) in enumerate(entry.parameters)}
    instruction = Instruction(opcode, _split(operands), number, parameters)
    code = statement(instruction)
    if predicate:
        code = f"if ({'!' * bool(negated)}{predicate.replace('%', 'x_')}) {{ {code} }}"
    return [code]


def _split(operands: str) -> list[str]:
    """At the commas outside of braces."""
    parts = re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+", operands)
    return [part.strip() for part in parts]
