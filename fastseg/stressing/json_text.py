"""A table of errors as strict JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fastseg._version import __version__
from fastseg.results.files import encodable
from fastseg.results.json_values import NOT_FINITE, plain, record
from fastseg.stressing.registry import find as find_error

if TYPE_CHECKING:
    from fastseg.stressing.results import StressResult


def json_text(result: StressResult) -> str:
    """Write rows with their sensitivities, structures with their scales and blind spots, errors and settings."""
    spots = result.blind_spots()
    rows = [
        record(values)
        | {"sensitivities": record(result.row_sensitivities(row)) if row.values else {}}
        for values, row in zip(result.to_dict(), result.rows, strict=True)
    ]
    structures = [
        {
            "name": encodable(one.name),
            "label": plain(one.label),
            "voxels": one.voxels,
            "volume": one.volume,
            "perfect": record(one.perfect),
            "scales": record(one.scales),
            "does_not_see": plain(spots[one.name]),
            "left_out": plain(result.left_out(one.name)),
        }
        for one in result.structures
    ]
    errors = [
        {"name": one.name, "what": one.what, "amounts": list(one.amounts), "unit": one.unit}
        for one in map(find_error, result.errors)
    ]
    whole = {
        "fastseg": __version__,
        "what": f"errors of a mask; of what is not finite {NOT_FINITE!r} says what it is",
        "settings": plain(result.settings),
        "metrics": list(result.metrics),
        "errors": errors,
        "structures": structures,
        "sentences": [encodable(one) for one in result.sentences()],
        "rows": rows,
    }

    return json.dumps(whole, indent=1, allow_nan=False, ensure_ascii=False)
