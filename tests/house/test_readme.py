"""The README tells the truth: its example prints what it says, its tables are the registry's."""

import contextlib
import io
import re
from pathlib import Path

import fastseg
from fastseg.metrics import POLICIES

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_readme_shows():
    code, shown = re.search(
        r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", README, re.S
    ).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == shown


def test_the_table_of_definitions_is_the_registry():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", README, re.M)
    better = {True: "larger", False: "smaller", None: "near 0"}
    assert rows == [
        (
            metric.name,
            " | ".join(
                (
                    metric.function.__doc__.splitlines()[0].rstrip("."),
                    metric.formula.replace("|", "\\|"),
                    metric.unit,
                    better[metric.larger_is_better],
                    metric.source,
                )
            ),
        )
        for metric in fastseg.list_metrics()
    ]


def test_every_empties_policy_is_described():
    assert set(re.findall(r'^\| `"(\w+)"`', README, re.M)) == set(POLICIES)


def test_the_test_command_is_found_by_ci():
    assert len(re.findall(r"<!-- test command -->\n```sh\npython3 .* -m pytest\n```", README)) == 1
