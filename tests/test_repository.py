"""What the files around the code say of it, and of each other, is so: versions, paths, groups, workflows, pages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import fastseg

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PYPROJECT: dict[str, Any] = tomllib.loads(text_of("pyproject.toml"))
PROJECT = PYPROJECT["project"]

if not WORKFLOWS:  # a source distribution
    pytest.skip("not in a checkout of the repository", allow_module_level=True)


# ---------------------------------------------------------------------------- versions


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert citation["version"] == fastseg.__version__
    assert citation["license"] == PROJECT["license"]


def test_the_changelog_begins_with_this_version() -> None:
    heading = re.search(
        r"^## (\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$", text_of("CHANGELOG.md"), re.M
    )
    assert heading
    assert heading[1] == fastseg.__version__


# ---------------------------------------------------------------------------- Pythons and workflows


def classified_pythons() -> list[str]:
    found = (re.fullmatch(r".* :: (3\.\d+)", classifier) for classifier in PROJECT["classifiers"])
    return [match[1] for match in found if match]


def jobs_of(path: Path) -> dict[str, Any]:
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    assert isinstance(jobs, dict)
    return jobs


def pythons_of(job: dict[str, Any]) -> Iterator[str]:
    """Versions that a job sets up, of its matrix or one."""
    matrix = job.get("strategy", {}).get("matrix", {})
    yield from matrix.get("python", [])
    yield from (row["python"] for row in matrix.get("include", []))
    for step in job.get("steps", []):
        version = step.get("with", {}).get("python-version")
        if version is not None and version != "${{ matrix.python }}":
            yield version


def test_the_oldest_python_is_one() -> None:
    assert PROJECT["requires-python"] == f">={classified_pythons()[0]}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == classified_pythons()[0]


def test_every_python_that_is_named_is_tested() -> None:
    matrix = jobs_of(ROOT / ".github" / "workflows" / "tests.yml")["test"]["strategy"]["matrix"]
    assert matrix["python"] == classified_pythons()
    others = {(row["os"], row["python"]) for row in matrix["include"]}
    first, *_, last = classified_pythons()
    assert others == {
        (system, python)
        for system in ("macos-latest", "windows-latest")
        for python in (first, last)
    }


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_little_and_takes_pythons_that_are_named(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"].startswith(f"{path.stem}-")
    for name, job in jobs_of(path).items():
        assert "uses" in job or "timeout-minutes" in job, f"{name} may run for ever"
        for python in pythons_of(job):  # a bare 3.10 would be the number 3.1
            assert isinstance(python, str)
            assert python in classified_pythons(), f"{name}: {python}"
        for step in job.get("steps", []):
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", step["uses"]), step


# ---------------------------------------------------------------------------- groups and extras

SAYING = ["README.md", "CONTRIBUTING.md", ".ci/run", *(str(path) for path in WORKFLOWS)]


def test_dependency_groups_and_extras_that_are_named_exist() -> None:
    groups, extras = PYPROJECT["dependency-groups"], PROJECT["optional-dependencies"]
    asked_groups: set[str] = set()
    asked_extras: set[str] = set()
    for name in SAYING:
        asked_groups.update(re.findall(r"--group[ =]([\w-]+)", text_of(name)))
        for names in re.findall(r"""["'](?:\.|fastseg-metrics)\[([\w,-]+)\]""", text_of(name)):
            asked_extras.update(names.split(","))
    assert {"test", "lint", "docs", "compat", "dev"} <= asked_groups <= groups.keys()
    assert {"demo", "pandas"} <= asked_extras <= extras.keys()
    for members in groups.values():
        included = {member["include-group"] for member in members if isinstance(member, dict)}
        assert included <= groups.keys()


def test_no_extra_of_the_wheel_is_for_developers() -> None:
    for names in PROJECT["optional-dependencies"].values():
        assert not [name for name in names if name.startswith(("pytest", "ruff", "mypy", "sphinx"))]


# ---------------------------------------------------------------------------- paths in CONTRIBUTING.md

FILE = re.compile(r"[\w./<>*-]*\.(?:py|cu|h|cpp|md|toml|yml|yaml|json|cff)")
FOLDER = re.compile(r"(?:\.?[\w<>-]+/)+[\w<>-]*")


def paths_here() -> set[str]:
    """Every file and folder of the repository, folders without the slash at their end."""
    found: set[str] = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if (not name.startswith(".") or name in {".ci", ".github"}) and name != "__pycache__"
        ]
        base = Path(folder).relative_to(ROOT)
        found.update((base / name).as_posix() for name in (*folders, *files))
    return found


def paths_named(markdown: str) -> Iterator[str]:
    """What looks like a path in its code: in ``backticks``, in the map, in commands."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", markdown, re.M | re.S)
    prose = re.sub(r"^```\w*\n.*?^```$", "", markdown, flags=re.M | re.S)
    for code in (*blocks, *re.findall(r"`([^`\n]+)`", prose)):
        for word in re.split(r"[\s,()|={}\[\]\"']+", re.sub(r"#.*|doi:\S+", "", code)):
            if FILE.fullmatch(word) or FOLDER.fullmatch(word):
                yield word.rstrip("/")


def wrong_paths(markdown: str) -> list[str]:
    """Those that are nowhere.

    A path that begins with a folder of the root is meant from there; another, as ``backends/scipy.py``, is the end of
    one. What stands in <> is for the reader to fill in, so that only the folder must be there.
    """
    here = paths_here()
    made = set(text_of(".gitignore").split())
    wrong: list[str] = []
    for named in paths_named(markdown):
        path = named if "<" not in named and "*" not in named else named.rpartition("/")[0]
        rooted = path.split("/")[0] in here and "/" in path
        if path in here or {f"{path}/", f"{path.split('/')[0]}/"} & made:
            continue
        if rooted or not any(other.endswith(f"/{path}") for other in here):
            wrong.append(named)
    return wrong


def test_paths_that_contributing_names_exist() -> None:
    named = list(paths_named(text_of("CONTRIBUTING.md")))
    assert len(named) > 40
    assert wrong_paths(text_of("CONTRIBUTING.md")) == []


def test_a_wrong_path_is_found() -> None:
    right = "See `tests/conftest.py`, `conftest.py` and `fastseg/compat/<host>.py`.\n"
    assert wrong_paths(right) == []
    assert wrong_paths(right.replace("conftest", "confttest")) == [
        "tests/confttest.py",
        "confttest.py",
    ]
    assert wrong_paths("```\nfastseg/metrix/   registry\n```\n") == ["fastseg/metrix"]
    assert wrong_paths("```sh\npython -m pytest tests/nowhere -q\n```\n") == ["tests/nowhere"]
    assert wrong_paths("`fastseg/nowhere/<name>.py`") == ["fastseg/nowhere/<name>.py"]


# ---------------------------------------------------------------------------- the site


def test_the_site_has_every_public_name() -> None:
    pages = re.split(r"currentmodule:: (\S+)\n", text_of("docs/api.md"))[1:]
    names: dict[str, list[str]] = {}
    for module, text in zip(pages[::2], pages[1::2], strict=True):
        names.setdefault(module, []).extend(re.findall(r"^   (\w+)$", text, re.M))
    assert sorted(names["fastseg"]) == sorted(set(fastseg.__all__) - {"__version__"})
    assert sorted(names["fastseg.statistics"]) == sorted(fastseg.statistics.__all__)


def test_the_site_has_every_command() -> None:
    pytest.importorskip("typer")
    shown = subprocess.run(
        [sys.executable, "-m", "fastseg", "--help"],
        env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    commands = re.findall(r"^│ (\w[\w-]*) {2,}\S", shown, re.M)
    page = text_of("docs/command_line.md")
    assert {"evaluate", "demo"} <= set(commands)
    assert sorted(re.findall(r"^## (\S+)$", page, re.M)) == sorted(commands)
    assert sorted(re.findall(r"^```\{fastseg-help\} (\S+)$", page, re.M)) == sorted(commands)
