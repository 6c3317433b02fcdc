"""What the README says is so: its example prints it, and the page of definitions is the registry's."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from docs import make_definitions, make_protocols

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_readme_shows() -> None:
    found = re.search(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", README, re.S)
    assert found
    code, shown = found.groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == shown


def test_the_page_of_definitions_is_what_is_made_of_the_registry() -> None:
    remedy = "run python docs/make_definitions.py"
    assert make_definitions.PAGE.read_text(encoding="utf-8") == make_definitions.page(), remedy


def test_the_page_of_protocols_is_what_they_say_of_themselves() -> None:
    remedy = "run python docs/make_protocols.py"
    assert make_protocols.PAGE.read_text(encoding="utf-8") == make_protocols.page(), remedy


def test_the_test_command_is_found_by_ci() -> None:
    assert len(re.findall(r"<!-- test command -->\n```sh\npython3 .* -m pytest\n```", README)) == 1
