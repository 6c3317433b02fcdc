"""Code for narrower vectors than this machine has: fastseg compiled as on a machine with AVX2 alone."""

from __future__ import annotations

from pathlib import Path

AVX2 = "AVX2"
PROCESSOR = "znver3"  # the last of its kind without AVX-512, which numba is told to compile for
_NEWER = ("avx512", "avx10", "avxvnni", "avxifma", "avxneconvert", "amx", "gfni")


def model() -> str:
    """The processor's model, in Linux's words; nothing where it does not say."""
    names = (line.split(":", 1)[1].strip() for line in _lines() if line.startswith("model name"))
    return next(names, "")


def flags() -> list[str]:
    """What the processor can do, in Linux's words; nothing where it does not say."""
    return next((line.split() for line in _lines() if line.startswith("flags")), [])


def _lines() -> list[str]:
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.read_text().splitlines() if cpuinfo.exists() else []


def widest() -> str:
    """The name of this machine's vectors."""
    found = flags()
    return "AVX-512" if "avx512f" in found else AVX2 if "avx2" in found else ""


def processor() -> str:
    """What LLVM calls this processor; AMD's znver5 is said as Zen 5."""
    try:
        from llvmlite.binding import get_host_cpu_name
    except ImportError:
        return ""
    return str(get_host_cpu_name()).replace("znver", "Zen ")


def variables(vectors: str) -> dict[str, str]:
    """The environment in which numba compiles for such vectors; none are those of the machine."""
    if vectors != AVX2 or widest() != "AVX-512":
        return {}
    from llvmlite.binding import get_host_cpu_features

    features = sorted(get_host_cpu_features().items())
    said = (f"{'+-'[name.startswith(_NEWER) or not has]}{name}" for name, has in features)
    return {"NUMBA_CPU_NAME": PROCESSOR, "NUMBA_CPU_FEATURES": ",".join(said)}
