"""start-jupyter: its steps in their order, and what it refuses, read from its own code."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from melda.boot import container

from docs.tools import ROOT
from docs.tools.reference import markdown

# Where the container's variables are read.
READERS = tuple(
    f"files/runtime/src/melda/{part}"
    for part in ("base", "boot", "config", "firewall", "jupyter", "mount", "plugins", "ssh", "sync")
)


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every module below these folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def _says(name: str) -> str:
    """The first paragraph of the docstring of `module.function`, as start.py knows the module."""
    module, _, function = name.partition(".")
    loaded = getattr(container, module)
    return markdown.sentence(getattr(importlib.import_module(loaded.__name__), function).__doc__ or "")


def _called(nodes: list[ast.stmt]) -> list[str]:
    names = []
    for node in nodes:
        for call in ast.walk(node):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and isinstance(call.func.value, ast.Name)
            ):
                name = f"{call.func.value.id}.{call.func.attr}"
                if hasattr(getattr(container, call.func.value.id, None), "__spec__") and call.func.value.id not in (
                    "os",
                    "log",
                    "time",
                ):
                    names.append(name)
    return names


def found() -> list[tuple[str, str]]:
    """Each step with the function that does it, in the order of a start."""
    (body,) = (
        node.body
        for node in ast.parse(Path(container.__file__).read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "start_all"
    )
    steps = []
    for node in body:
        if isinstance(node, ast.With):
            call = node.items[0].context_expr
            assert isinstance(call, ast.Call)
            names = _called(node.body)
            steps.append((str(ast.literal_eval(call.args[0])), names[0] if names else ""))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if isinstance(call.func, ast.Name) and call.func.id == "_start":
                steps.append((str(ast.literal_eval(call.args[1])), _called([ast.Expr(call.args[2])])[0]))
    return steps


def steps() -> str:
    """The steps as the log names them; what Jupyter's step waits for was started before the first."""
    rows = [
        (
            str(number),
            markdown.code(step),
            _says(function) if function else "Jupyter, whose code was loaded meanwhile, is let go on.",
        )
        for number, (step, function) in enumerate(found(), 1)
    ]
    return markdown.table(("", "step", "what it does"), rows)


def _texts(tree: ast.AST) -> Iterator[str]:
    """All strings, with … for what is filled in."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(map(id, ast.walk(node)))
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield re.sub(r"\{\w*(![rs])?\}", "…", node.value)


def refused() -> list[tuple[str, str]]:
    """Each line that names a variable, with the variable."""
    lines = set()
    for _, tree in trees(*READERS):
        for text in _texts(tree):
            name = re.match(
                r"invalid ([A-Z][A-Z0-9_]{4,})[=: ].|([A-Z][A-Z0-9_]{4,})(?:=…|: )[^:]*\b(?:not|needs|invalid)\b", text
            )
            if name and name[2] != "SIGTERM":
                lines.add((name[1] or name[2], text.rstrip(": ")))
    return sorted(lines)


def refusals() -> str:
    """A table of them."""
    return markdown.table(
        ("variable", "line"), [(markdown.code(name), markdown.code(line)) for name, line in refused()]
    )


def read() -> set[str]:
    """The names of variables that the container's programs read."""
    names = set()
    for _, tree in trees(*READERS):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                asked = isinstance(node.func.value, ast.Name) and node.func.value.id == "variables" and node.args
                if asked and isinstance(node.args[0], ast.Constant):
                    names.add(str(node.args[0].value))
    return names
