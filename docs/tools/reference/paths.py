"""Where things lie on a target: the paths that each concern's code names, and the programs of a container."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from docs.tools import ROOT
from docs.tools.reference import markdown
from docs.tools.reference.runtime import trees

# Ours, or the system's that we write: what lies below is worth to be known. No patterns, no folders of the system itself.
OURS = re.compile(
    r"/(etc|usr/local|root|run|var/lib)/[\w./-]*(melda|jupyter|r2u|cran-r|site|environment|authorized|pip|uv|R_|dbus)[\w./{}-]*"
    r"|/etc/gitconfig|/etc/systemd/system|/usr/local/share/ca-certificates"
)
LEFT_OUT = re.compile(r".*(\.melda-new|/usr/local/bin/|\*).*")


def named(tree: ast.Module) -> list[str]:
    """Return the paths that a module names."""
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    # A folder's constant, and a name in it.
    found |= {
        f"{constants[node.left.id]}{node.right.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Name) and isinstance(node.right, ast.Constant)
        if isinstance(node.right.value, str)
        if node.left.id in constants
    }
    return sorted(path for path in found if OURS.fullmatch(path) and not LEFT_OUT.match(path))


def order() -> list[str]:
    """Return the concerns as deploy.py calls them; what it calls of tasks/lib is none."""
    called = re.findall(r"^(?:if )?\s*(\w+)\.\w+\(\)", (ROOT / "deploy.py").read_text(), re.MULTILINE)
    return [name for name in dict.fromkeys(called) if (ROOT / "tasks" / f"{name}.py").is_file()]


def concerns() -> str:
    """Return what each concern does, and the paths that its task names, or the operations of that name."""
    rows = []
    for name in order():
        tree = ast.parse((ROOT / "tasks" / f"{name}.py").read_text())
        operations = ROOT / "tasks/operations" / f"{name}.py"
        paths = sorted({*named(tree), *(named(ast.parse(operations.read_text())) if operations.is_file() else ())})
        files = f", [files]({'../../files/' + name})" if (ROOT / "files" / name).is_dir() else ""
        link = f"[{name}](../../tasks/{name}.py){files}"
        rows.append((link, markdown.sentence(ast.get_docstring(tree) or ""), markdown.code(*paths) if paths else ""))
    return markdown.table(("concern", "what it does", "paths"), rows)


def programs() -> str:
    """Return the paths that the programs of a container name, by package."""
    found: dict[str, set[str]] = {}
    for path, tree in trees("files/jupyter", "files/runtime/src/melda"):
        folder = Path(path).relative_to(ROOT / "files").parent.as_posix()
        found.setdefault(folder, set()).update(named(tree))
    rows = [
        (f"[files/{name}](../../files/{name})", markdown.code(*sorted(paths))) for name, paths in found.items() if paths
    ]
    return markdown.table(("programs", "paths"), rows)
