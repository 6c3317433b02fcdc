"""The page itself: template, style, script and the table library in one file that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import math
import re
from pathlib import Path
from typing import Any

from fastseg.errors import MissingPackageError
from fastseg.io.image import require

_HERE = Path(__file__).parent / "templates"
_EXPORTS = re.compile(r"export\{([^{}]*)\};?")


def rendered(content: dict[str, Any]) -> str:
    """Fill the template.

    Raises
    ------
    ImportError
        Without Jinja2 or itables.
    """
    jinja = require("jinja2", "a report", "report")
    environment = jinja.Environment(
        loader=jinja.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja.StrictUndefined,
    )
    environment.filters |= {"number": number, "rounded": rounded}
    library, style = _library()
    early = (_HERE / "early.js").read_text(encoding="utf-8")
    script = library + "\n" + (_HERE / "report.js").read_text(encoding="utf-8")
    sources = " ".join(map(_hashed, (early, script)))
    policy = (
        f"default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; script-src {sources}; "
        "base-uri 'none'; form-action 'none'"
    )
    markup = require("markupsafe", "a report", "report").Markup
    text: str = environment.get_template("report.html.j2").render(
        content
        | {
            "policy": policy,
            "data": markup(content["data"]),
            "early": markup(early),
            "script": markup(script),
            "library_style": markup(style),
            "style": markup((_HERE / "report.css").read_text(encoding="utf-8")),
        }
    )
    return text


def _hashed(script: str) -> str:
    """Name a script to the browser: no other one runs."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _library() -> tuple[str, str]:
    """Take the bundle of DataTables that itables carries: its script, as names of a page's module, and its style."""
    found = importlib.util.find_spec("itables")
    if found is None or not found.submodule_search_locations:
        raise MissingPackageError(
            'a report needs itables: pip install "fastseg-metrics[report]"', name="itables"
        )
    folder = Path(found.submodule_search_locations[0]) / "html"
    script = (folder / "dt_bundle.js").read_text(encoding="utf-8")
    style = (folder / "dt_bundle.css").read_text(encoding="utf-8")
    exported = _EXPORTS.search(script)
    names = {} if exported is None else _names(exported[1])
    if "default" not in names:
        raise MissingPackageError(
            'this itables has no table library as expected: pip install "fastseg-metrics[report]"',
            name="itables",
        )
    # of the page, not of a module: an inline module is refused by some viewers of attachments
    ends = f"window.fastsegDataTable={names['default']};"
    script = script[: exported.start()] + ends + script[exported.end() :]  # type: ignore[union-attr]
    # within HTML a comment that is opened may swallow the end of a script
    script = script.replace("<!--", "\\x3c!--").replace("<script", "\\x3cscript")
    script = re.sub(r"</(?=script)", r"\\x3c/", script)
    return "(()=>{" + script + "\n})();", style.replace("</", "<\\/")


def _names(exported: str) -> dict[str, str]:
    """Read what a module calls its exports: ``vh as default``."""
    pairs = (part.split(" as ") for part in exported.split(","))
    return {pair[-1].strip(): pair[0].strip() for pair in pairs}


def number(value: Any) -> str:
    """Write a number for people."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−") if isinstance(value, float) else str(value)


def rounded(value: float, digits: int = 1) -> str:
    """Write a share as a percentage."""
    return f"{100 * value:.{digits}f} %"
