"""The house: who may import whom, what an import costs, what a wheel holds, docstrings that hold."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fastseg
import fastseg_kernels

ROOT = Path(__file__).parents[2]
KERNELS = Path(fastseg_kernels.__file__).parent

# From the ground up. A module may import its own floor and lower ones.
FLOORS = (
    ("fastseg_kernels",),
    ("errors", "_version", "threads"),
    ("inputs",),
    ("measures",),
    ("backends",),
    ("dispatch",),
    ("primitives", "components", "skeletons", "voronoi"),
    ("metrics",),
    ("flags",),
    ("io", "results"),
    ("evaluation",),
    ("instances", "raters", "probabilities"),
    ("protocols",),
    ("cohort",),
    ("statistics",),
    ("plots",),
    ("reports", "stressing"),
    ("compat",),
    ("cli", "__main__"),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def modules(package: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module's full name and syntax tree."""
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"), str(path))


FASTSEG = dict(modules(ROOT / "fastseg"))
KERNEL_MODULES = dict(modules(KERNELS))


def imports(name: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The full name of everything that is imported anywhere in a module, and the line."""
    known = FASTSEG | KERNEL_MODULES
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: a relative import"
            assert node.module
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in known else node.module), node.lineno


def floor(name: str) -> int | None:
    """Of a module of ours; the public face `fastseg` itself has none."""
    parts = name.split(".")
    if parts[0] == "fastseg_kernels":
        return FLOOR_OF["fastseg_kernels"]
    if parts[0] != "fastseg" or len(parts) == 1:
        return None
    assert parts[1] in FLOOR_OF, f"{name} has no floor: give it one in {Path(__file__).name}"
    return FLOOR_OF[parts[1]]


# ---------------------------------------------------------------------------- floors


def room(name: str) -> str:
    """The folder or file right below the package that a module belongs to."""
    parts = name.split(".")
    return parts[0] if parts[0] == "fastseg_kernels" else ".".join(parts[:2])


@pytest.mark.parametrize("what", ["modules", "rooms"])
def test_nothing_imports_in_a_circle(what: str) -> None:
    """Taking away what imports nothing that is left, again and again, must leave nothing."""
    left: dict[str, set[str]] = {}
    for name, tree in (FASTSEG | KERNEL_MODULES).items():
        here = name if what == "modules" else room(name)
        for imported, _ in imports(name, tree):
            there = imported if what == "modules" else room(imported)
            known = imported in FASTSEG | KERNEL_MODULES and imported != "fastseg"
            left.setdefault(here, set()).update({there} - {here} if known else set())
    assert len(left) > 10
    while ends := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in ends}
    assert not left, left


@pytest.mark.parametrize("name", sorted(FASTSEG.keys() - {"fastseg"}))
def test_a_module_imports_only_its_own_floor_and_lower_ones(name: str) -> None:
    own = floor(name)
    assert own is not None
    for imported, line in imports(name, FASTSEG[name]):
        other = floor(imported)
        assert other is None or other <= own, f"{name}:{line} imports {imported}"


@pytest.mark.parametrize("name", sorted(FASTSEG.keys() - {"fastseg"}))
def test_the_public_face_is_for_those_above_it(name: str) -> None:
    """`import fastseg` from within leads up again; only its version and what is above may use it."""
    for node in ast.walk(FASTSEG[name]):
        used: list[str] = []
        if isinstance(node, ast.Import):
            used = [alias.name for alias in node.names if alias.name == "fastseg"]
        elif isinstance(node, ast.ImportFrom) and node.module == "fastseg":
            used = [alias.name for alias in node.names if f"fastseg.{alias.name}" not in FASTSEG]
        own = floor(name)
        assert own is not None
        if own <= FLOOR_OF["evaluation"]:
            assert set(used) <= {"__version__"}, f"{name} imports {used} from fastseg"


def test_the_floors_hold_what_there_is() -> None:
    """A floor that checks nothing would be no floor."""
    first = {name.split(".")[1] for name in FASTSEG if "." in name}
    assert first <= FLOOR_OF.keys()
    assert {"inputs", "measures", "backends", "dispatch", "metrics", "evaluation", "io"} <= first
    pairs = [
        (name, imported) for name, tree in FASTSEG.items() for imported, _ in imports(name, tree)
    ]
    assert ("fastseg.backends.numba.masks", "fastseg_kernels.cpu.masks") in pairs
    assert ("fastseg.primitives", "fastseg.dispatch") in pairs
    assert len(pairs) > 100


def test_the_oracle_and_the_kernels_never_meet() -> None:
    """That is what makes the reference backend an oracle of the numba backend."""
    for imported, _ in reachable("fastseg.backends.scipy"):
        assert not imported.startswith(("fastseg_kernels", "numba", "fastseg.backends.numba"))
    for name, tree in KERNEL_MODULES.items():
        for imported, line in imports(name, tree):
            assert imported.split(".")[0] != "fastseg", f"{name}:{line}"


def reachable(start: str) -> set[tuple[str, str]]:
    """All that a module imports, and what that imports, each with who imports it."""
    found: set[tuple[str, str]] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for imported, _ in imports(name, (FASTSEG | KERNEL_MODULES)[name]):
            if (imported, name) not in found:
                found.add((imported, name))
                if imported in FASTSEG | KERNEL_MODULES and imported != "fastseg":
                    waiting.append(imported)
    return found


def test_kernels_know_only_numpy_and_numba() -> None:
    allowed = {"numpy", "numba", "llvmlite", "fastseg_kernels", *sys.stdlib_module_names}
    for name, tree in KERNEL_MODULES.items():
        for imported, line in imports(name, tree):
            root = imported.split(".")[0]
            if name == "fastseg_kernels.gpu._module" and root == "cupy":  # the one place
                continue
            assert root in allowed, f"{name}:{line} imports {imported}"


def test_kernels_are_serial_and_exact() -> None:
    """No parallel=True (it aborts under threads and forks), no fastmath (it is not exact)."""
    for name, tree in KERNEL_MODULES.items():
        for node in ast.walk(tree):
            where = f"{name}:{getattr(node, 'lineno', '?')}"
            if isinstance(node, ast.keyword):
                assert node.arg not in {"parallel", "fastmath"}, where
            names = {
                ast.Attribute: lambda node: node.attr,
                ast.Name: lambda node: node.id,
                ast.alias: lambda node: node.name.rpartition(".")[2],
            }
            if type(node) in names:
                assert names[type(node)](node) not in {"prange", "fastmath", "parallel"}, where


def has_kernels(name: str) -> bool:
    """A package only gathers the files of its folder."""
    return any(isinstance(node, ast.FunctionDef) for node in KERNEL_MODULES[name].body)


@pytest.mark.parametrize(
    "name", sorted(name for name in KERNEL_MODULES if ".cpu." in name and has_kernels(name))
)
def test_a_kernel_file_tells_its_idea(name: str) -> None:
    doc = ast.get_docstring(KERNEL_MODULES[name])
    assert doc
    for word in ("Idea:", "Cost:", "Exactness:"):
        assert f"\n{word}" in doc, f"{name}: no {word!r} in its docstring"


@pytest.mark.parametrize("path", sorted((KERNELS / "gpu").glob("*.cu")), ids=lambda path: path.stem)
def test_a_cuda_file_tells_its_idea_and_has_a_launcher(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    opening = text[: text.index("typedef")]
    assert all(line.startswith("//") for line in opening.split("\n") if line)
    for word in ("Idea:", "Cost:", "Exactness:"):
        assert f"// {word}" in opening, f"{path.name}: no {word!r}"
    assert "#include" not in text
    assert f"fastseg_kernels.gpu.{path.stem}" in KERNEL_MODULES


# ---------------------------------------------------------------------------- the public face

HEAVY = (
    "numba", "llvmlite", "scipy", "cupy", "nibabel", "SimpleITK", "typer", "rich", "pandas",
    "isal", "yaml", "matplotlib", "fastseg_kernels",
)  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    ["import fastseg", "import fastseg; dir(fastseg)", "import fastseg; fastseg.__version__"],
)
def test_importing_fastseg_imports_nothing_heavy(
    statement: str, run_python: Callable[..., str]
) -> None:
    out = run_python(f"import sys\n{statement}\nprint(*(m.split('.')[0] for m in sys.modules))\n")
    loaded = set(out.split())
    assert "fastseg" in loaded
    assert not loaded & {*HEAVY, "numpy"}


def test_checking_arguments_needs_no_backend(run_python: Callable[..., str]) -> None:
    """An error in an argument is told before numba is loaded."""
    out = run_python(
        "import sys, fastseg\n"
        "try: fastseg.surface_distances([1, 0], [1])\n"
        "except ValueError as error: print(error)\n"
        "print(*(m.split('.')[0] for m in sys.modules))\n"
    )
    told, loaded = out.splitlines()
    assert "(2,) and (1,)" in told
    assert not set(loaded.split()) & set(HEAVY)


def test_public_names_are_there_and_are_no_modules() -> None:
    """`fastseg.evaluate` must not become a module once `fastseg.evaluate` has been imported."""
    submodules = {path.stem for path in (ROOT / "fastseg").iterdir()}
    assert not fastseg._HOMES.keys() & submodules
    assert set(fastseg.__all__) == fastseg._HOMES.keys() | {"__version__"}
    assert set(dir(fastseg)) == set(fastseg.__all__) | fastseg._PACKAGES
    assert all(inspect.ismodule(getattr(fastseg, name)) for name in fastseg._PACKAGES)
    for name, home in fastseg._HOMES.items():
        value = getattr(fastseg, name)
        assert value is getattr(importlib.import_module(home), name)
        assert not inspect.ismodule(value)
    with pytest.raises(AttributeError, match="'fastseg' has no attribute 'evaluat'"):
        _ = fastseg.evaluat


def test_type_checkers_see_the_same_names() -> None:
    tree = FASTSEG["fastseg"]
    checking = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(checking.test) == "TYPE_CHECKING"
    declared = {
        alias.asname: node.module
        for node in checking.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert declared == fastseg._HOMES | dict.fromkeys(fastseg._PACKAGES, "fastseg")
    assert (ROOT / "fastseg" / "py.typed").exists()
    assert (KERNELS / "py.typed").exists()


# ---------------------------------------------------------------------------- docstrings

PUBLIC = [
    name
    for name in sorted(fastseg._HOMES)
    if inspect.isfunction(getattr(fastseg, name)) or name == "use_backend"
]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_is_documented_with_an_example(name: str) -> None:
    function: Any = getattr(fastseg, name)
    doc = inspect.getdoc(function)
    assert doc
    assert ">>> " in doc.partition("Examples\n--------\n")[2], f"{name} has no example"
    if inspect.isfunction(function) and inspect.signature(function).parameters:
        for section in ("Parameters", "Raises"):
            assert f"{section}\n{'-' * len(section)}\n" in doc, f"{name}: no section {section}"
        for parameter in inspect.signature(function).parameters:
            assert parameter in doc, f"{name}: {parameter} is not described"


def run_examples(name: str) -> int:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:  # drop-ins that derive from classes of a host
        if not name.startswith("fastseg.compat.") or str(error.name).startswith("fastseg"):
            raise
        return 0
    results = doctest.testmod(module, raise_on_error=False, report=True)
    assert results.failed == 0, f"{name}: {results.failed} examples fail (see the output)"
    return results.attempted


def test_examples_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of every module; they may write files, but not here."""
    monkeypatch.chdir(tmp_path)
    without = [name for name in FASTSEG if name.startswith("fastseg.backends.cupy")]
    names = FASTSEG.keys() - {"fastseg.__main__", *without}
    assert len(without) == 7
    attempted = {name: run_examples(name) for name in names}
    assert sum(attempted.values()) > 20
    assert all(attempted[name] for name in ("fastseg.primitives", "fastseg.dispatch"))


def test_every_module_says_what_it_is() -> None:
    for name, tree in (FASTSEG | KERNEL_MODULES).items():
        if tree.body:
            assert ast.get_docstring(tree), f"{name} has no docstring"


# ---------------------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is written here."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("fastseg", "kernels", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    out = source / "out"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(out),
            str(source),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = out.glob("*.whl")
    return built


def test_a_wheel_installs_two_packages_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"fastseg_metrics-{fastseg.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    info = f"fastseg_metrics-{fastseg.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"fastseg", "fastseg_kernels", info}
    for package in (ROOT / "fastseg", KERNELS):
        files = {
            str(path.relative_to(package.parent))
            for path in package.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert files == {name for name in names if name.split("/")[0] == package.name}
    assert f"{info}/licenses/LICENSE" in names
    assert f"{info}/entry_points.txt" in names


def test_an_installed_wheel_works(
    wheel: Path, tmp_path: Path, run_python: Callable[..., str]
) -> None:
    """With nothing of the checkout on the path."""
    place = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    out = run_python(
        "import fastseg, fastseg_kernels\n"
        "print(fastseg.__file__, fastseg_kernels.__file__, sep='\\n')\n"
        "print(fastseg.surface([1, 1, 1]).tolist(), fastseg.current_backend())\n",
        first_on_path=[place],
        NUMBA_DISABLE_JIT="1",
    )
    first, second, result = out.splitlines()
    assert Path(first).is_relative_to(place)
    assert Path(second).is_relative_to(place)
    assert result == "[True, False, True] numba"
