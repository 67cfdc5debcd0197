"""The settings: names, comments and defaults of group_data/all.py, and what tasks/settings.py accepts."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from docs.tools import ROOT
from docs.tools.reference import markdown
from tasks.settings import RULES

FILE = ROOT / "group_data" / "all.py"


class Setting(NamedTuple):
    """One assignment of group_data/all.py.

    Attributes:
        section: the heading that it stands under.
        names: its name, and those that share its comment.
        means: its comment.
        defaults: one a name, as Python wrote them.
    """

    section: str
    names: tuple[str, ...]
    means: str
    defaults: tuple[ast.expr, ...]


def found(text: str) -> list[Setting]:
    """Return the settings in their order.

    Raises:
        ValueError: a setting has no comment.
    """
    lines = text.splitlines()
    settings: list[Setting] = []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name, above = node.targets[0].id, node.lineno - 2
        comment: list[str] = []
        while lines[above].startswith("# ") and not lines[above].startswith("# ---"):
            comment.insert(0, lines[above][2:])
            above -= 1
        if comment:
            headings = re.findall(r"^# --- (.+?) -+$", "\n".join(lines[: node.lineno]), re.MULTILINE)
            settings.append(Setting(headings[-1] if headings else "", (name,), " ".join(comment), (node.value,)))
        elif settings and not lines[node.lineno - 2].strip().startswith("#") and lines[node.lineno - 2].strip():
            last = settings.pop()
            settings.append(last._replace(names=(*last.names, name), defaults=(*last.defaults, node.value)))
        else:
            raise ValueError(f"{name} has no comment")
    return settings


def default(node: ast.expr) -> str:
    """Return a default as a person writes it."""
    if isinstance(node, ast.Call):  # os.environ.get
        return markdown.code("$" + str(ast.literal_eval(node.args[0])))
    value = ast.literal_eval(node)
    if value == "":
        return "empty"
    return markdown.code(str(value).lower() if isinstance(value, bool) else str(value))


def _rows(setting: Setting) -> list[tuple[str, str, str, str]]:
    """Return one row for all names of a setting that are alike in what they may be."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, node in zip(setting.names, setting.defaults, strict=True):
        alike.setdefault((RULES[name].right, default(node)), []).append(name)
    return [(markdown.code(*names), setting.means, right, shown) for (right, shown), names in alike.items()]


def table() -> str:
    """Return one table for each section of group_data/all.py."""
    settings = found(FILE.read_text())
    made = []
    for section in dict.fromkeys(setting.section for setting in settings):
        rows = [row for setting in settings if setting.section == section for row in _rows(setting)]
        heading = section if section in ("apt", "ssh") else section[:1].upper() + section[1:]
        made.append(f"## {heading}\n\n" + markdown.table(("setting", "means", "must be", "default"), rows))
    return "\n".join(made)
