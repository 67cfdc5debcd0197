"""start-jupyter: its steps in their order, and the variables that it reads, from its own code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from melda.boot import start

from docs.tools import ROOT
from docs.tools.reference import markdown

# Where the container's variables are read.
READERS = tuple(
    f"files/runtime/src/melda/{part}"
    for part in ("base", "boot", "config", "firewall", "jupyter", "mount", "plugins", "ssh", "sync")
)


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Return every module below these folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def steps() -> str:
    """Return the steps of a start that the log names."""
    named = [step for step in start.STEPS if step.name]
    rows = [
        (str(number), markdown.code(step.name), markdown.sentence(step.action.__doc__ or ""))
        for number, step in enumerate(named, 1)
    ]
    return markdown.table(("", "step", "what it does"), rows)


def _named(tree: ast.Module) -> dict[str, str]:
    """Return a module's constants that are strings: the names of variables are such."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _string(node: ast.expr, named: dict[str, str]) -> str:
    """Return what an expression is, with … for what only a run knows."""
    if isinstance(node, ast.FormattedValue):
        node = node.value
    if isinstance(node, ast.Name):
        return named.get(node.id, "…")
    return str(node.value) if isinstance(node, ast.Constant) else "…"


def _choices(tree: ast.Module) -> Iterator[str]:
    """Return the variables that melda/config/choice.py validates for a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "choice.from_env":
            yield _string(node.args[1], _named(tree))


def read() -> set[str]:
    """Return the names of variables that the container's programs read."""
    names: set[str] = set()
    for _, tree in trees(*READERS):
        names.update(_choices(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                asked = isinstance(node.func.value, ast.Name) and node.func.value.id == "variables" and node.args
                if asked and isinstance(node.args[0], ast.Constant):
                    names.add(str(node.args[0].value))
    return names
