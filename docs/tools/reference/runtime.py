"""start-jupyter: its steps in their order, and what it refuses, read from its own code."""

from __future__ import annotations

import ast
import re
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


def _texts(tree: ast.Module) -> Iterator[str]:
    """Return all strings, with … for what is filled in."""
    inside: set[int] = set()
    named = _named(tree)
    yield from (f"invalid {name}=…: expected one of …" for name in _choices(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(map(id, ast.walk(node)))
            yield "".join(_string(part, named) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield re.sub(r"\{\w*(![rs])?\}", "…", node.value)


def refused() -> list[tuple[str, str]]:
    """Return each line that names a variable, with the variable."""
    lines = set()
    for _, tree in trees(*READERS):
        for text in _texts(tree):
            name = re.match(
                r"invalid ([A-Z][A-Z0-9_]{3,})[=: ].|([A-Z][A-Z0-9_]{4,})(?:=…|: )[^:]*\b(?:not|needs|invalid)\b", text
            )
            if name and name[2] != "SIGTERM":
                lines.add((name[1] or name[2], re.sub(r"(?<=: expected )$", "…", text).rstrip(": ")))
    return sorted(lines)


def refusals() -> str:
    """Return a table of them."""
    return markdown.table(
        ("variable", "line"), [(markdown.code(name), markdown.code(line)) for name, line in refused()]
    )


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
