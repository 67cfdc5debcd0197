"""Sphinx's configuration. The sources are the repository's own *.md, so that a link works on the site and in the repository."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

project = "Melda Jupyter"
project_copyright = "the authors of Melda Jupyter"
extensions = ["myst_parser", "docs.tools.contents", "docs.tools.sources"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "bench/results.md",
    "deployments/*/README.md",
]
exclude_patterns = [".*", "build", "node_modules", "**/node_modules", "files", "tests", "tasks", "builder"]

# Anchors as GitHub makes them, for every heading.
myst_heading_anchors = 6
# A page is read by people who look for words, not for a Python object.
html_theme = "furo"
html_title = project
html_extra_path = ["pages/index.html"]
html_copy_source = False
html_show_sourcelink = False
# Sphinx would write the day of the build into each page.
html_last_updated_fmt = None
