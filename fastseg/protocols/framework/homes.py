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
    "brats2024-gli": "brats2024",
    "brats2024-men": "brats2024",
    "brats2024-men-rt": "brats2024",
    "brats2024-met": "brats2024",
    "brats2024-ped": "brats2024",
    "brats2024-ssa": "brats2024",
    "brats2025-gli": "brats2024",
    "brats2025-men": "brats2024",
    "brats2025-men-rt": "brats2024",
    "brats2025-met": "brats2024",
    "brats2025-ped": "brats2024",
    "brats2025-ssa": "brats2024",
    "cc-metrics": "cc_metrics",
    "cellmap": "cellmap",
    "cellpose": "cellpose",
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
    "luna16": "luna16",
    "mist": "mist",
    "nndetection": "nndetection",
    "medsegfm": "medsegfm",
    "panopticapi": "panopticapi",
    "panoptica": "panoptica",
    "picai": "picai",
    "stardist": "stardist",
    "toothfairy3": "toothfairy3",
    "totalsegmentator": "totalsegmentator",
    "touchstone": "touchstone",
}
