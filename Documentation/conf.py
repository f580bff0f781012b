# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx builds the manual with this from the project's directory: "make htmldocs".

With the tag "man" it builds the man pages, which need nothing but Sphinx.
"""
import os
import re
import subprocess
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList

TOP = Path(__file__).resolve().parent.parent

project = "iommufd"
author = "iommufd maintainers"
copyright = "iommufd maintainers"
version = release = re.search(
    r'^PACKAGE_VERSION="(.*)"', (TOP / "dkms.conf").read_text(), re.M).group(1)
highlight_language = "none"
man_pages = [
    ("Documentation/man/iommu.4", "iommu",
     "I/O address spaces managed by user space", author, 4),
    ("Documentation/man/vfio-cdev.4", "vfio-cdev",
     "device files for user-space drivers", author, 4),
]
smartquotes = False

if tags.has("man"):
    include_patterns = ["Documentation/man/*"]
    root_doc = "Documentation/man/iommu.4"
else:
    extensions = ["myst_parser"]
    include_patterns = ["*.md", "Documentation/**"]
    root_doc = "Documentation/contents"
    myst_heading_anchors = 4
    myst_enable_extensions = ["tasklist"]
    html_title = f"iommufd {version}"
    html_theme_options = {"page_width": "70em"}
    html_copy_source = False


class KernelDoc(Directive):
    """What the kernel's own scripts/kernel-doc makes of the comments of a file, or
    of all C files below a directory; with :export:, of exported functions only."""
    required_arguments = 1
    option_spec = {"export": directives.flag}

    def run(self):
        path = TOP / self.arguments[0]
        files = sorted(path.rglob("*.c")) if path.is_dir() else [path]
        lines = StringList()
        for file in files:
            self.state.document.settings.record_dependencies.add(str(file))
            options = ["-export"] if "export" in self.options else []
            done = subprocess.run(
                ["perl", os.environ["KERNEL_DOC"], "-rst", "-sphinx-version", "7",
                 *options, str(file)], capture_output=True, text=True)
            for line in done.stderr.splitlines():
                if "no structured comments found" not in line or not options:
                    self.state_machine.reporter.warning(line, line=self.lineno)
            lines.extend(StringList(done.stdout.splitlines(), source=str(file)))
        node = nodes.section()
        self.state.nested_parse(lines, self.content_offset, node, match_titles=1)
        return node.children


def links_out_of_the_manual(app, docname, source):
    """On a code forge, links lead to files of the tree; here these have no page."""
    def text_only(match):
        text, target = match.groups()
        there = (TOP / docname).parent / target
        return match[0] if re.search(r"\.(md|svg)(#.*)?$", target) else \
            text if there.exists() and text.startswith("`") else f"`{text}`"
    source[0] = re.sub(r"(?<!!)\[([^][]*)\]\(([^)#:][^):]*)\)", text_only, source[0])


def setup(app):
    app.add_directive("kernel-doc", KernelDoc)
    app.connect("source-read", links_out_of_the_manual)
