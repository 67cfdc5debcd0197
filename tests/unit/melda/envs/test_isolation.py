"""What melda-env is made of: Python 3.8 understands it, and what captures needs nothing but the standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.unit.melda.envs.conftest import FILES

FOLDER = FILES / "runtime" / "src"
MODULES = sorted((FOLDER / "melda" / "envs").rglob("*.py"))
OWN = {"melda"}


def imported(node: ast.AST) -> set[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_python_38_can_read_it_and_it_is_small(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))
    assert len(path.read_text().splitlines()) < 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_only_the_standard_library_until_something_else_is_needed(path: Path) -> None:
    """The sync daemon and the version service may capture; packages of the image are imported where they are used."""
    for node in ast.parse(path.read_text()).body:
        assert imported(node) <= sys.stdlib_module_names | OWN, path
