"""Each attack says what it tries and what it proves: the table of ``make attack`` is made of that."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = [
    (path.stem, node)
    for path in sorted((ROOT / "tests/attack").glob("test_*.py"))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]


def test_there_are_some() -> None:
    assert len(ATTACKS) > 30


@pytest.mark.parametrize("attack", [node for _, node in ATTACKS], ids=[f"{stem}-{node.name}" for stem, node in ATTACKS])
def test_an_attack_says_what_it_tries_and_what_it_proves(attack: ast.FunctionDef) -> None:
    tries, _, proves = " ".join((ast.get_docstring(attack) or "").split()).partition(" Proves: ")
    assert tries.endswith(".") and proves and len(tries) <= 130


def test_every_module_is_in_the_documentation() -> None:
    output = (ROOT / "docs/testing.md").read_text()
    assert [stem for stem, _ in ATTACKS if f"`{stem}.py`" not in output] == []
