"""Every small change that somebody could make to Python code by mistake, one at a time."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator

PAIRS = "Eq NotEq, In NotIn, Is IsNot, Lt LtE, Gt GtE, And Or, Add Sub, BitOr BitAnd, LShift RShift, Break Continue"
SWAPPED = {a: b for pair in PAIRS.split(", ") for x, y in [pair.split()] for a, b in ((x, y), (y, x))}
PATTERNS = ("fullmatch", "match", "sub", "compile", "_matches")  # calls whose first argument is a regular expression


def _patterns(text: str) -> Iterator[str]:
    """The regular expressions that differ from ``text`` in one number, repetition or alternative."""
    for found in re.finditer(r"\d+|[+*?|]", text):
        drawn = found.group()
        others = (
            [str(int(drawn) + 1), str(int(drawn) - 1)] if drawn.isdigit() else {"+": "*", "*": "+"}.get(drawn, [""])
        )
        for other in others:
            changed = text[: found.start()] + other + text[found.end() :]
            try:
                re.compile(changed.format(*"ab") if "{0}" in text else changed)
            except (re.error, LookupError, ValueError):
                continue
            yield changed


def _instead(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """What could stand in the place of ``node``."""
    if type(node).__name__ in SWAPPED:
        yield getattr(ast, SWAPPED[type(node).__name__])()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)):
        yield ast.Pass()
    elif isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        yield ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_pattern(node, parent):
        yield from (ast.Constant(changed) for changed in _patterns(node.value))


def _is_pattern(node: ast.AST, call: ast.AST) -> bool:
    return isinstance(call, ast.Call) and call.args[:1] == [node] and ast.unparse(call.func).split(".")[-1] in PATTERNS


def mutants(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """How ``tree`` is changed, and itself, which is so until the next is asked for."""
    for parent in list(ast.walk(tree)):
        for field, value in list(ast.iter_fields(parent)):
            if field in ("annotation", "returns"):
                continue
            nodes = value if isinstance(value, list) else [value]
            for place, node in enumerate(list(nodes)):
                for new in list(_instead(node, parent)) if isinstance(node, ast.AST) else []:
                    shown = parent if isinstance(parent, ast.expr) else node
                    before = ast.unparse(shown)
                    _put(parent, field, place, new)
                    after = ast.unparse(shown if shown is parent else new)
                    yield _difference(before, after), ast.fix_missing_locations(tree)
                    _put(parent, field, place, node)


def _put(parent: ast.AST, field: str, place: int, node: ast.AST) -> None:
    value = getattr(parent, field)
    if isinstance(value, list):
        value[place] = node
    else:
        setattr(parent, field, node)


def _difference(before: str, after: str) -> str:
    """``..context{before -> after}context..``, on one line."""
    start = len(os.path.commonprefix([before, after]))
    end = len(os.path.commonprefix([before[start:][::-1], after[start:][::-1]]))
    change = f"{{{before[start : len(before) - end]} -> {after[start : len(after) - end]}}}"
    return " ".join((before[max(start - 30, 0) : start] + change + before[len(before) - end :][:30]).split())
