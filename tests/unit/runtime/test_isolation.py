"""What root runs stands alone: it imports only the standard library, and nothing from where it was called."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

from .conftest import RUNTIME

PROGRAMS = ("start-jupyter", "set-paths", "get-versions", "healthcheck")
MODULES = sorted((RUNTIME / "melda_runtime").glob("*.py"))


@pytest.mark.parametrize("path", [*MODULES, *(RUNTIME / name for name in PROGRAMS)], ids=lambda path: path.name)
def test_only_the_standard_library(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or top in (
                    "melda_runtime",
                    "melda_firewall",
                    "melda_persistence",
                ), f"{path.name} imports {name}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_take_nothing_from_the_callers_paths(name: str) -> None:
    path = RUNTIME / name
    assert path.read_text().startswith("#!/usr/bin/python3 -IBS\n")
    assert os.access(path, os.X_OK)
