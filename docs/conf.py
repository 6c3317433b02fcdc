"""How the site is made of the docstrings and the pages of this folder: `python -m sphinx -b html docs docs/_build`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

import fastseg

project = "fastseg"
author = copyright = "fastseg contributors"
version = release = fastseg.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_parser"]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]

# Names are documented as users write them, `fastseg.evaluate`, wherever they are defined. Types are in the docstrings.
autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
add_module_names = False

myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = f"fastseg {release}"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_sidebars = {
    "*": []
}  # on the left of a function are the others; pages of this folder are at the top
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}


class HelpOfCommand(Directive):
    """What `fastseg COMMAND --help` prints, as it is when the site is built."""

    optional_arguments = 1
    has_content = False
    option_spec: ClassVar = {}

    def run(self) -> list[nodes.Node]:
        """Ask the command line of the fastseg that is documented."""
        printed = subprocess.run(
            [sys.executable, "-m", "fastseg", *self.arguments, "--help"],
            env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        text = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())
        return [nodes.literal_block(text, text, language="text")]


class FigureOfCode(Directive):
    """Code that draws, and the figure that it leaves as `ax`; the code of a page runs from the top on."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Show the code, and draw."""
        from fastseg import plots

        environment = self.state.document.settings.env
        text = "\n".join(self.content)
        names = environment.temp_data.setdefault("fastseg-figure", {})
        with plots.detached():
            exec(compile(text, environment.docname, "exec"), names)
            svg = plots.figure_svg(names["ax"].figure, description="the figure of this code")
        code = nodes.literal_block(text, text, language="python")
        return [code, nodes.raw("", f"<p>{svg}</p>", format="html")]


def tables_are_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """Lead links to the tables of benchmarks/, which lie outside of this folder, to the pages that include them."""
    source[0] = re.sub(r"\]\(\.\./benchmarks/results/(\w+)\.md", r"](/measured/\1.md", source[0])


def setup(app: Sphinx) -> None:
    """Add the directives `fastseg-help` and `fastseg-figure`, and the look at each page before it is read."""
    app.add_directive("fastseg-help", HelpOfCommand)
    app.add_directive("fastseg-figure", FigureOfCode)
    app.connect("source-read", tables_are_pages)
