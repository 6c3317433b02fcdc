"""Where each protocol lives."""

from __future__ import annotations

#: from a protocol's name to the module of :mod:`fastseg.protocols` that has it in its ``PROTOCOLS``
HOMES: dict[str, str] = {
    "autopet3": "autopet",
    "autopet4": "autopet",
    "brats2023": "brats2023",
    "brats2023-gli": "brats2023",
    "brats2023-men": "brats2023",
    "brats2023-met": "brats2023",
    "brats2023-ped": "brats2023",
    "brats2023-ssa": "brats2023",
    **{
        f"brats2026{part}": "brats2026"
        for part in ("", "-gli", "-goat", "-menpre", "-menrt", "-mets", "-ped")
    },
    "flare22": "flare22",
    "flare23": "flare22",
    "flare24": "flare22",
    "hecktor": "hecktor",
    "hnts-mrg": "hecktor",
    "isles22": "isles22",
    "kits23": "kits23",
    "lnq2023": "lnq2023",
    "panoptica": "panoptica",
    "picai": "picai",
    "toothfairy3": "toothfairy3",
    "totalsegmentator": "totalsegmentator",
    "touchstone": "touchstone",
}
