# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx makes iommuctl(8) of Documentation/iommuctl.md with this: "make man" here."""
import re
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent

project = "iommufd"
author = "iommufd maintainers"
version = release = re.search(
    r'^PACKAGE_VERSION="(.*)"', (TOP / "dkms.conf").read_text(), re.M).group(1)
extensions = ["myst_parser"]
include_patterns = ["iommuctl.md"]
root_doc = "iommuctl"
man_pages = [("iommuctl", "iommuctl",
              "list devices for /dev/iommu, check and watch them", author, 8)]
highlight_language = "none"
smartquotes = False
# Links to the other documents are text here; Debian 12 has another name for that
suppress_warnings = ["myst.xref_missing", "ref.myst"]
