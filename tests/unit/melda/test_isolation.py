"""What root runs stands alone: it imports only the standard library, and nothing from where it was called."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest
from melda.launchers import PROGRAMS

from tests.unit.melda.conftest import RUNTIME

# These may need more: Flask, and the distribution's dbus, gi and apt; and Jupyter itself.
MORE = (
    "boot/metrics.py",
    "boot/version_check_webservice.py",
    "bspm/service.py",
    "bspm/packages.py",
    "jupyter/jupyter_notebook.py",
    "jupyter/activity.py",
    "jupyter/contents.py",
    "jupyter/links.py",
    "jupyter/large_files.py",
    "jupyter/pdf.py",
    "jupyter/proxy.py",
    "jupyter/served_files.py",
    "jupyter/status.py",
    "jupyter/storage.py",
    "jupyter/storage_calls.py",
    "jupyter/uploads.py",
    "jupyter/kernel_sockets.py",
    "jupyter/stranger_limits.py",
    "web/connections.py",
)
MODULES = sorted(
    path for path in (RUNTIME / "melda").rglob("*.py") if not str(path).endswith(MORE) and "envs" not in path.parts
)


@pytest.mark.parametrize("path", [*MODULES, RUNTIME / "launch"], ids=lambda path: path.name)
def test_only_the_standard_library(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or top == "melda", f"{path.name} imports {name}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_take_nothing_from_the_callers_paths(name: str) -> None:
    path = RUNTIME / name
    assert os.readlink(path) == "launch" and os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/python3 -IBS\n")
