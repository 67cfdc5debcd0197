"""What runs inside Ubuntu 20.04 is Python 3.8."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "config.py", ROOT / "deploy.py", ROOT / "inventory.py"] + [
    path
    for folder in ("tasks", "group_data", "files")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file() and (path.suffix == ".py" or path.read_bytes().startswith(b"#!/usr/bin/python3"))
]
# Names of types that Python 3.8 cannot subscript where they are evaluated.
BUILT_IN = {"dict", "list", "set", "tuple", "frozenset", "type"}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_python_3_8(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    annotations = {
        id(part)
        for node in ast.walk(tree)
        for field in ("annotation", "returns")
        if isinstance(getattr(node, field, None), ast.AST)
        for part in ast.walk(getattr(node, field))
    }
    late = [
        node.lineno
        for node in ast.walk(tree)
        if id(node) not in annotations
        and isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in BUILT_IN
    ]
    assert late == [], "dict[...] outside an annotation is an error in Python 3.8"
    calls = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & {"removeprefix", "removesuffix", "is_relative_to"}, "methods of Python 3.9"


def test_the_programs_without_a_suffix_are_among_them() -> None:
    found = {named(path) for path in SOURCES}
    assert {
        "files/runtime/src/launch",
        "files/runtime/src/melda/boot/version_check_webservice.py",
        "files/jupyter/jupyter_notebook_config.py",
        "tasks/lib/managed_files.py",
        "group_data/all.py",
    } <= found
