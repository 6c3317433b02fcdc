"""What an instruction of PTX consists of, and its operands as C++."""

from __future__ import annotations

import re
from dataclasses import dataclass

TYPES = {
    "pred": "bool",
    **{f"u{n}": f"uint{n}_t" for n in (8, 16, 32, 64)},
    **{f"b{n}": f"uint{n}_t" for n in (8, 16, 32, 64)},
    **{f"s{n}": f"int{n}_t" for n in (8, 16, 32, 64)},
    "f32": "float",
    "f64": "double",
}
SPECIAL = {
    **{f"%tid.{axis}": f"threadIdx.{axis}" for axis in "xyz"},
    **{f"%ctaid.{axis}": f"blockIdx.{axis}" for axis in "xyz"},
    **{f"%ntid.{axis}": f"blockDim.{axis}" for axis in "xyz"},
    **{f"%nctaid.{axis}": f"gridDim.{axis}" for axis in "xyz"},
    "%laneid": "emu_lane()",
    "WARP_SZ": "32u",
}


@dataclass
class Instruction:
    """An opcode with its modifiers, its operands, its line, and the kernel's parameters by name."""

    opcode: str
    operands: list[str]
    line: int
    parameters: dict[str, tuple[int, str]]

    def __post_init__(self) -> None:
        self.name, *self.modifiers = self.opcode.split(".")
        self.kind = self.modifiers[-1] if self.modifiers else ""

    def has(self, *names: str) -> bool:
        return any(name in self.modifiers for name in names)

    def check(self, *known: str) -> None:
        """The modifiers must be among `known`, or the type at the end."""
        if any(m not in known and m not in TYPES for m in self.modifiers):
            raise self.unknown()

    def unknown(self) -> NotImplementedError:
        return NotImplementedError(f"PTX line {self.line}: {self.opcode} {self.operands}")

    def value(self, index: int, kind: str | None = None) -> str:
        """An operand as a C++ value of a type, by default the instruction's."""
        kind = kind or self.kind
        text = f"as<{TYPES[kind]}>({operand(self.operands[index])})"
        return f"ftz({text})" if kind == "f32" and self.has("ftz") else text

    def result(self, expression: str, kind: str | None = None) -> str:
        if (kind or self.kind) == "f32" and self.has("ftz"):
            expression = f"ftz({expression})"
        return f"put({operand(self.operands[0])}, {expression});"


def operand(text: str) -> str:
    """A register, a number or a name."""
    if text in SPECIAL:
        return SPECIAL[text]
    if text.startswith("!"):
        return f"!{operand(text[1:])}"
    if text.startswith("%"):
        return "x_" + text[1:]
    if match := re.fullmatch(r"0[dD]([0-9a-fA-F]{16})", text):
        return f"__longlong_as_double((long long)0x{match[1]}ull)"
    if match := re.fullmatch(r"0[fF]([0-9a-fA-F]{8})", text):
        return f"__int_as_float((int)0x{match[1]}u)"
    if match := re.fullmatch(r"(-?)(0x[0-9a-fA-F]+|\d+)U?", text):
        number = int(match[2], 0)
        return f"({match[1]}{number}{'ll' if number < 2**63 else 'ull'})"
    if re.fullmatch(r"[A-Za-z_]\w*", text):
        return text
    raise NotImplementedError(f"operand {text}")
