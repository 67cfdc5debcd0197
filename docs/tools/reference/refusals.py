"""What the container's programs refuse: their lines that name a variable, from the code that says them."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from docs.tools.reference import markdown
from docs.tools.reference.runtime import READERS, trees

NAME = r"username|[A-Z][A-Z0-9_]{3,}|https?_proxy|(?:all|no)_proxy"
BEGINS = re.compile(rf"invalid ({NAME})[=: ].|({NAME})(?:=…|: )[^:]*\b(?:not|needs|invalid)\b")
MARK = "\0"  # around the name of what a function is given, or loops over
SAID_ONLY = ("details.append", "log.line", "log.warn")  # a line in the log, and the start goes on
SIGNAL = "SIGTERM"

Named = dict[str, list[str]]


class Scope(NamedTuple):
    """A function, or the tables of a module: what it holds, what its constants are, what it is given."""

    name: str
    nodes: list[ast.stmt]
    named: Named
    parameters: list[str]
    defaults: list[ast.expr]

    def walk(self) -> Iterator[ast.AST]:
        """Return all that it holds, the outer first."""
        for node in self.nodes:
            yield from ast.walk(node)

    def loops(self) -> list[tuple[ast.For, set[str]]]:
        """Return its loops, each with the names of its variables."""
        found = [node for node in self.walk() if isinstance(node, ast.For)]
        return [(node, {one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)}) for node in found]


Calls = dict[str, list[tuple[Scope, ast.Call]]]


def _strings(node: ast.AST, named: Named) -> list[str]:
    """Return what an expression can be: a constant, a name of one (a module's too), or several of them."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, (ast.Tuple, ast.List)):
        return [text for part in node.elts for text in _strings(part, named)]
    if isinstance(node, ast.Starred):
        return _strings(node.value, named)
    return named.get(ast.unparse(node), []) if isinstance(node, (ast.Name, ast.Attribute)) else []


def _constants(nodes: list[ast.stmt], known: Named) -> Named:
    """Return what is known, and the constants that these statements make."""
    found = dict(known)
    for node in nodes:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs: list[tuple[ast.expr, ast.expr]] = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for name, value in pairs:
                found[ast.unparse(name)] = _strings(value, found)
    names = [
        one.id
        for node in nodes
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    ]
    return {name: values for name, values in found.items() if values and names.count(name) <= 1}


def _scopes() -> list[Scope]:
    """Return all functions of the programs, and the tables of their modules."""
    modules = [(path.stem, tree) for path, tree in trees(*READERS)]
    others = {f"{stem}.{name}": value for stem, tree in modules for name, value in _constants(tree.body, {}).items()}
    found = []
    for _, tree in modules:
        imported = {
            name.name: others.get("{0}.{1}".format((node.module or "").rpartition(".")[2], name.name), [])
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for name in node.names
        }
        named = _constants(tree.body, {**others, **imported})
        tables: list[ast.stmt] = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
        found.append(Scope("", tables, named, [], []))
        found += [
            Scope(
                node.name,
                node.body,
                _constants(node.body, named),
                [one.arg for one in node.args.args],
                node.args.defaults,
            )
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
        ]
    return found


def _calls(everywhere: list[Scope]) -> Calls:
    """Return where each function is called, by its name."""
    found: Calls = {}
    for caller in everywhere:
        for node in caller.walk():
            if isinstance(node, ast.Call):
                found.setdefault(ast.unparse(node.func).rpartition(".")[2], []).append((caller, node))
    return found


def _given(scope: Scope, parameter: str, calls: Calls) -> list[str]:
    """Return the strings that a function is given somewhere for one of its parameters, and its default."""
    place = scope.parameters.index(parameter)
    from_end = place - len(scope.parameters) + len(scope.defaults)
    found = _strings(scope.defaults[from_end], {}) if from_end >= 0 else []
    for caller, call in calls.get(scope.name, []):
        values = [word.value for word in call.keywords if word.arg == parameter] + call.args[place : place + 1]
        found += [text for value in values for text in _strings(value, caller.named)]
    return found


def _looped(scope: Scope, name: str, line: int) -> list[str]:
    """Return what the variable of the loop around a line can be; where only a run knows, the names that its module lists."""
    around = [loop for loop, names in scope.loops() if name in names and loop.lineno <= line <= (loop.end_lineno or 0)]
    over = around[-1].iter
    over = over.args[0] if isinstance(over, ast.Call) and over.args else over
    return _strings(over, scope.named) or scope.named.get("NAMES", [])


def _texts(scope: Scope) -> Iterator[tuple[str, int]]:
    """Return the texts with their lines, with … for what is filled in."""
    open_names = {*scope.parameters, *(name for _, names in scope.loops() for name in names)}
    inside: set[int] = set()

    def part(node: ast.expr) -> str:
        node = node.value if isinstance(node, ast.FormattedValue) else node
        if isinstance(node, ast.Name) and node.id in open_names:
            return MARK + node.id + MARK
        found = _strings(node, scope.named)
        return found[0] if len(found) == 1 else "…"

    for node in scope.walk():
        if isinstance(node, ast.Call) and ast.unparse(node.func) in SAID_ONLY:
            inside.update(map(id, ast.walk(node)))
        elif id(node) in inside:
            continue
        elif isinstance(node, ast.JoinedStr):
            inside.update(map(id, ast.walk(node)))
            yield "".join(map(part, node.values)), node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{\w*(![rs])?\}", "…", node.value), node.lineno


def _lines(scope: Scope, calls: Calls) -> Iterator[str]:
    """Return the texts, once for each variable that one can begin with."""
    for text, line in _texts(scope):
        first = re.match(f"(?:invalid )?{MARK}(\\w+){MARK}", text)
        names = [""]
        if first:
            given = first[1] in scope.parameters
            names = _given(scope, first[1], calls) if given else _looped(scope, first[1], line)
        for name in names:
            yield re.sub(f"{MARK}\\w+{MARK}", "…", re.sub(f"{MARK}\\w+{MARK}", name, text, count=1) if first else text)


@functools.cache  # the whole code is read for it
def refused() -> tuple[tuple[str, str], ...]:
    """Return each line that names a variable, with the variable."""
    everywhere, found = _scopes(), set()
    calls = _calls(everywhere)
    for scope in everywhere:
        for line in _lines(scope, calls):
            name = BEGINS.match(line)
            if name and name[2] != SIGNAL:
                found.add((name[1] or name[2], re.sub(r"(?<=: expected )$", "…", line).rstrip(": ")))
    return tuple(sorted(found))


def refusals() -> str:
    """Return a table of them."""
    return markdown.table(
        ("variable", "line"), [(markdown.code(name), markdown.code(line)) for name, line in refused()]
    )
