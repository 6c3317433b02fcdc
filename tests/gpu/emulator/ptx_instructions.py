"""The instructions of PTX, each as a statement of C++ (`ptx.h` has what g++ would do otherwise)."""

from __future__ import annotations

from collections.abc import Callable

from tests.gpu.emulator.ptx_operands import TYPES, Instruction, operand

WIDE = {"u16": "u32", "s16": "s32", "u32": "u64", "s32": "s64"}
COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
           "lo": "<", "ls": "<=", "hi": ">", "hs": ">="}  # fmt: skip
INFIX = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^"}


def statement(instruction: Instruction) -> str:
    """The C++ of one instruction."""
    translate = _TRANSLATIONS.get(instruction.name)
    if translate is None:
        raise instruction.unknown()
    return translate(instruction)


# ----------------------------------------------------------------------------- moves


def _mov(i: Instruction) -> str:
    i.check()
    target, source = i.operands
    if source.startswith("{"):
        low, high = (operand(part.strip()) for part in source.strip("{}").split(","))
        half = {"b64": "uint32_t", "b32": "uint16_t"}[i.kind]
        kind = {"b64": "uint64_t", "b32": "uint32_t"}[i.kind]
        return (
            f"put({operand(target)}, pack<{kind}, {half}>(as<{half}>({low}), as<{half}>({high})));"
        )
    if target.startswith("{"):
        names = [part.strip() for part in target.strip("{}").split(",")]
        half, shift = {"b64": ("uint32_t", 32), "b32": ("uint16_t", 16)}[i.kind]
        bits = f"bits_of({operand(source)})"
        puts = [
            f"put({operand(name)}, {half}(bits >> {shift * place}));"
            for place, name in enumerate(names)
            if name != "_"
        ]
        return f"{{ const uint64_t bits = {bits}; {' '.join(puts)} }}"
    return i.result(i.value(1))


def _cvta(i: Instruction) -> str:
    i.check("to", "global", "shared", "local")
    source = i.value(1, "u64")
    if i.has("shared"):
        source = f"to_shared({source})" if i.has("to") else f"in_shared({source})"
    elif i.operands[1].startswith("__local"):
        source = f"uint64_t({i.operands[1]})"
    return i.result(source)


def _cvt(i: Instruction) -> str:
    i.check("rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi", "ftz", "sat")
    target, source = (m for m in i.modifiers if m in TYPES)
    if i.has("sat", "rz", "rm", "rp"):
        raise i.unknown()
    value = f"as<{TYPES[source]}>({operand(i.operands[1])})"
    if source == "f32" and i.has("ftz"):
        value = f"ftz({value})"
    rounding = {"rni": "std::rint", "rzi": "std::trunc", "rmi": "std::floor", "rpi": "std::ceil"}
    for name, function in rounding.items():
        if i.has(name):
            value = f"{function}({value})"
    if source.startswith("f") and not target.startswith("f"):
        value = f"saturated<{TYPES[target]}>({value})"
    else:
        value = f"{TYPES[target]}({value})"
    return i.result(value, target)


def _selp(i: Instruction) -> str:
    i.check()
    return i.result(f"({operand(i.operands[3])} ? {i.value(1)} : {i.value(2)})")


# ----------------------------------------------------------------------------- arithmetic


def _infix(i: Instruction) -> str:
    i.check("rn", "ftz")
    if i.kind == "pred":
        return f"{operand(i.operands[0])} = {operand(i.operands[1])} {INFIX[i.name]} {operand(i.operands[2])};"
    kind = i.kind.replace("s", "u")  # wraps
    return i.result(f"{TYPES[kind]}({i.value(1, kind)} {INFIX[i.name]} {i.value(2, kind)})")


def _mul(i: Instruction) -> str:
    i.check("rn", "ftz", "lo", "hi", "wide")
    if i.has("wide"):
        wide = WIDE[i.kind]
        product = f"{TYPES[wide]}({i.value(1)}) * {TYPES[wide]}({i.value(2)})"
        if i.name == "mad":
            product = (
                f"{TYPES[wide.replace('s', 'u')]}({product}) + {i.value(3, wide.replace('s', 'u'))}"
            )
        return i.result(product)
    if i.has("hi"):
        if i.name == "mad":
            raise i.unknown()
        return i.result(f"high_half({i.value(1)}, {i.value(2)})")
    kind = i.kind.replace("s", "u").replace("u16", "u32")
    product = f"{i.value(1, kind)} * {i.value(2, kind)}"
    if i.name == "mad":
        product += f" + {i.value(3, kind)}"
    return i.result(f"{TYPES[i.kind]}({product})")


def _fma(i: Instruction) -> str:
    i.check("rn", "ftz")
    return i.result(f"std::fma({i.value(1)}, {i.value(2)}, {i.value(3)})")


def _div(i: Instruction) -> str:
    i.check("rn", "ftz")
    if i.kind.startswith("f"):
        if not i.has("rn"):
            raise i.unknown()
        return i.result(f"{i.value(1)} / {i.value(2)}")
    function = "quotient" if i.name == "div" else "remainder_of"
    return i.result(f"{function}({i.value(1)}, {i.value(2)})")


def _sqrt(i: Instruction) -> str:
    i.check("rn", "ftz")
    if not i.has("rn"):
        raise i.unknown()
    return i.result(f"std::sqrt({i.value(1)})")


def _min_max(i: Instruction) -> str:
    i.check("ftz")
    a, b = i.value(1), i.value(2)
    if i.kind.startswith("f"):
        return i.result(f"std::f{i.name}({a}, {b})")
    return i.result(f"({a} {'<' if i.name == 'min' else '>'} {b} ? {a} : {b})")


def _unary(i: Instruction) -> str:
    i.check("ftz")
    if i.name == "not":
        if i.kind == "pred":
            return f"{operand(i.operands[0])} = !{operand(i.operands[1])};"
        return i.result(f"{TYPES[i.kind]}(~{i.value(1)})")
    if i.kind.startswith("f"):
        return i.result(f"-{i.value(1)}" if i.name == "neg" else f"std::fabs({i.value(1)})")
    unsigned = i.kind.replace("s", "u")
    negative = f"{TYPES[unsigned]}(-{i.value(1, unsigned)})"
    return i.result(
        negative if i.name == "neg" else f"({i.value(1)} < 0 ? {negative} : {i.value(1, unsigned)})"
    )


# ----------------------------------------------------------------------------- bits


def _shift(i: Instruction) -> str:
    i.check()
    function = "shift_left" if i.name == "shl" else "shift_right"
    return i.result(f"{function}({i.value(1)}, {i.value(2, 'u32')})")


def _funnel(i: Instruction) -> str:
    i.check("l", "r", "wrap", "clamp")
    side = "left" if i.has("l") else "right"
    values = ", ".join(i.value(k, "u32") for k in (1, 2, 3))
    return i.result(f"funnel_{side}({values}, {'true' if i.has('wrap') else 'false'})")


def _bits(i: Instruction) -> str:
    i.check("shiftamt")
    if i.name in ("bfi", "bfe"):
        if i.kind not in ("b32", "b64", "u32", "u64"):
            raise i.unknown()
        if i.name == "bfi":
            return i.result(
                f"insert_bits({i.value(1)}, {i.value(2)}, {i.value(3, 'u32')}, {i.value(4, 'u32')})"
            )
        return i.result(f"extract_bits({i.value(1)}, {i.value(2, 'u32')}, {i.value(3, 'u32')})")
    if i.name == "bfind":
        if i.kind not in ("u32", "u64"):
            raise i.unknown()
        return i.result(
            f"leading_one({i.value(1)}, {'true' if i.has('shiftamt') else 'false'})", "u32"
        )
    function = {"popc": "__popc", "clz": "__clz", "brev": "__brev"}[i.name]
    function += "ll" * (i.kind == "b64")
    return i.result(f"{function}({i.value(1)})", i.kind if i.name == "brev" else "u32")


def _prmt(i: Instruction) -> str:
    i.check()
    return i.result(f"permute({i.value(1)}, {i.value(2)}, {i.value(3)})")


# ----------------------------------------------------------------------------- predicates


def _setp(i: Instruction) -> str:
    comparison, *rest = i.modifiers
    i.check(comparison, "and", "or", "xor", "ftz")
    a, b = i.value(1), i.value(2)
    unordered = i.kind.startswith("f") and comparison.endswith("u") and comparison != "u"
    name = comparison[:-1] if unordered else comparison
    if name in ("num", "nan"):
        test = f"std::isunordered({a}, {b})"
        test = test if name == "nan" else f"!{test}"
    elif name in COMPARE:
        test = f"({a} {COMPARE[name]} {b})"
        if i.kind.startswith("f") and name == "ne" and not unordered:
            test = f"({test} && !std::isunordered({a}, {b}))"
        if unordered:
            test = f"({test} || std::isunordered({a}, {b}))"
    else:
        raise i.unknown()
    for name, sign in (("and", "&&"), ("or", "||"), ("xor", "!=")):
        if name in rest:
            test = f"({test} {sign} {operand(i.operands[3])})"
    if "|" in i.operands[0]:
        raise i.unknown()
    return f"{operand(i.operands[0])} = {test};"


# ----------------------------------------------------------------------------- memory


def _address(i: Instruction, text: str) -> str:
    inside = text.strip("[]")
    base, _, offset = inside.partition("+")
    number = int(offset, 0) if offset else 0
    where = f"uint64_t(int64_t(uint64_t({operand(base)})) + ({number}))"
    return f"in_shared({where})" if i.has("shared") else where


def _vector(i: Instruction, text: str) -> list[str]:
    count = 4 if i.has("v4") else 2 if i.has("v2") else 1
    names = [part.strip() for part in text.strip("{}").split(",")]
    if len(names) != count:
        raise i.unknown()
    return names


def _aligned(i: Instruction, address: str, count: int) -> str:
    if count == 1:
        return ""
    return f"check_vector({address}, {count} * sizeof({TYPES[i.kind]}), {i.line});"


def _ld(i: Instruction) -> str:
    i.check("param", "global", "shared", "local", "const", "nc", "volatile", "v2", "v4")
    names = _vector(i, i.operands[0])
    if i.has("param"):
        index, _ = i.parameters[i.operands[1].strip("[]")]
        return f"put({operand(names[0])}, *static_cast<{TYPES[i.kind]}*>(values[{index}]));"
    address = _address(i, i.operands[1])
    loads = [
        f"put({operand(name)}, load<{TYPES[i.kind]}>(at + {k} * sizeof({TYPES[i.kind]}), {i.line}));"
        for k, name in enumerate(names)
    ]
    return f"{{ const uint64_t at = {address}; {_aligned(i, 'at', len(names))} {' '.join(loads)} }}"


def _st(i: Instruction) -> str:
    i.check("global", "shared", "local", "volatile", "v2", "v4")
    names = _vector(i, i.operands[1])
    kind = TYPES[i.kind]
    stores = [
        f"store<{kind}>(at + {k} * sizeof({kind}), as<{kind}>({operand(name)}), {i.line});"
        for k, name in enumerate(names)
    ]
    address = _address(i, i.operands[0])
    return (
        f"{{ const uint64_t at = {address}; {_aligned(i, 'at', len(names))} {' '.join(stores)} }}"
    )


def _atom(i: Instruction) -> str:
    operation = next(m for m in i.modifiers if m in _ATOMICS or m == "cas")
    i.check(operation, "global", "shared", "relaxed", "gpu", "sys", "cta")
    first = 1 if i.name == "red" else 2
    kind = TYPES[i.kind]
    value = i.value(first)
    if operation == "cas":
        change = f"old == {value} ? {i.value(first + 1)} : old"
    else:
        change = _ATOMICS[operation].format(value=value)
    call = (
        f"atomically<{kind}>({_address(i, i.operands[first - 1])}, {i.line}, "
        f"[&]({kind} old) {{ return {kind}({change}); }})"
    )
    return f"{call};" if i.name == "red" else i.result(call)


_ATOMICS = {
    "add": "old + {value}",
    "exch": "{value}",
    "min": "old < {value} ? old : {value}",
    "max": "old < {value} ? {value} : old",
    "and": "old & {value}",
    "or": "old | {value}",
    "xor": "old ^ {value}",
}


# ----------------------------------------------------------------------------- threads together


def _bar(i: Instruction) -> str:
    if i.modifiers == ["warp", "sync"]:
        return f"emu_warp(EMU_SYNCWARP, {i.value(0, 'u32')}, 0, 0, {i.line});"
    if i.opcode in ("bar.sync", "barrier.sync") and i.operands == ["0"]:
        return f"emu_barrier(EMU_SYNC, 0, {i.line});"
    if i.modifiers[:1] == ["red"] and i.operands[1] == "0":
        operation = {"popc": "EMU_COUNT", "or": "EMU_OR", "and": "EMU_AND"}[i.modifiers[1]]
        call = f"emu_barrier({operation}, {operand(i.operands[2])}, {i.line})"
        kind = TYPES["pred" if i.kind == "pred" else "u32"]
        return f"put({operand(i.operands[0])}, {kind}({call}));"
    raise i.unknown()


def _vote(i: Instruction) -> str:
    i.check("sync", "ballot", "any", "all")
    mask = i.value(2, "u32")
    predicate = operand(i.operands[1])
    if i.has("all"):
        return f"{operand(i.operands[0])} = emu_warp(EMU_BALLOT, {mask}, !{predicate}, 0, {i.line}) == 0;"
    ballot = f"emu_warp(EMU_BALLOT, {mask}, {predicate}, 0, {i.line})"
    if i.has("any"):
        return f"{operand(i.operands[0])} = {ballot} != 0;"
    return i.result(ballot)


def _shfl(i: Instruction) -> str:
    mode = {"idx": 0, "up": 1, "down": 2, "bfly": 3}[i.modifiers[1]]
    i.check("sync", i.modifiers[1])
    target, _, predicate = i.operands[0].partition("|")
    values = ", ".join(i.value(k, "u32") for k in (1, 2, 3, 4))
    call = f"shuffle<{mode}>(got, {values}, {i.line})"
    within = f"{operand(predicate)} = {call};" if predicate and predicate != "_" else f"{call};"
    return f"{{ uint32_t got; {within} put({operand(target)}, got); }}"


def _match(i: Instruction) -> str:
    i.check("any", "sync")
    call = f"emu_warp(EMU_MATCH_ANY, {i.value(2, 'u32')}, {i.value(1)}, 0, {i.line})"
    return i.result(f"uint32_t({call})", "u32")


def _bra(i: Instruction) -> str:
    i.check("uni")
    return f"goto {i.operands[0][1:]};"


_TRANSLATIONS: dict[str, Callable[[Instruction], str]] = {
    "mov": _mov, "cvta": _cvta, "cvt": _cvt, "selp": _selp,
    **dict.fromkeys(INFIX, _infix), "mul": _mul, "mad": _mul, "fma": _fma, "div": _div, "rem": _div,
    "sqrt": _sqrt, "min": _min_max, "max": _min_max, "not": _unary, "neg": _unary, "abs": _unary,
    "shl": _shift, "shr": _shift, "shf": _funnel, "popc": _bits, "clz": _bits, "brev": _bits,
    "bfind": _bits, "bfi": _bits, "bfe": _bits, "prmt": _prmt, "setp": _setp, "ld": _ld, "st": _st,
    "atom": _atom, "red": _atom, "bar": _bar, "barrier": _bar, "vote": _vote, "shfl": _shfl,
    "match": _match, "bra": _bra, "ret": lambda i: "return;", "trap": lambda i: 'emu_fail("trap");',
    "membar": lambda i: ";", "fence": lambda i: ";",
    "activemask": lambda i: i.result("emu_active_mask()"),
}  # fmt: skip
