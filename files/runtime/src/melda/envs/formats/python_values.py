"""Python's code: which texts a name or an expression stands for, as far as the code itself says it."""

from __future__ import annotations

import ast
import itertools
from typing import Dict, List, Optional

from melda.envs.formats.named_values import NamedValues

DEEPEST, MOST = 8, 500
CHANGES = ("append", "extend", "insert", "add", "remove", "update")
Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def dotted(node: ast.AST) -> str:
    """Return a name with dots, as os.system; of a call's result what was called: get_ipython().system."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def unknown(node: ast.AST) -> str:
    """Return what stands for an expression that nobody knows here, as IPython writes it."""
    return "{" + (dotted(node) or "...") + "}"


class Values(NamedValues):
    """What names stand for in one program, or in the cells of one notebook."""

    def __init__(self) -> None:
        super().__init__()
        self._given: Dict[str, Dict[str, Optional[ast.expr]]] = {}  # by what is written; None: nobody knows
        self._each: Dict[str, List[ast.expr]] = {}  # by a loop, or by calls of a function
        self._functions: Dict[str, List[str]] = {}  # their parameters

    def learn(self, tree: ast.AST) -> None:
        """Take what a program sets, goes over and calls."""
        nodes = list(ast.walk(tree))
        self._known = {}
        for node in nodes:
            if isinstance(node, Function):
                self._functions[node.name] = [one.arg for one in node.args.args]
        for node in nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._target(target, node.value)
            elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
                self._target(node.target, node.value if isinstance(node, ast.AnnAssign) else None)
            elif isinstance(node, (ast.For, ast.comprehension)) and isinstance(node.target, ast.Name):
                self._each.setdefault(node.target.id, []).append(node.iter)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for name, value in zip(self._functions.get(node.func.id, []), node.args):
                    if not (isinstance(value, ast.Name) and value.id == name):  # it stands for the same
                        self._each.setdefault(name, []).append(ast.List([value], ast.Load()))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
                self._target(node.func.value, None)

    def _target(self, target: ast.expr, value: Optional[ast.expr]) -> None:
        if isinstance(target, ast.Name):
            given = self._given.setdefault(target.id, {})
            if len(given) < 2:  # of several none is known
                given[ast.dump(value) if value is not None else ""] = value

    def _found(self, name: str, depth: int) -> Optional[List[str]]:
        given, each = self._given.get(name, {}), self._each.get(name, [])
        if depth > DEEPEST or len(given) + bool(each) != 1 or "" in given or len(each) > MOST:
            return None
        found: List[str] = []
        for one in [*given.values()] or each:
            texts = self.of(one, depth + 1) if one is not None else None
            if texts is None:
                return None
            found += texts
        return found[:MOST]

    def of(self, node: ast.expr, depth: int = 0) -> Optional[List[str]]:
        """Return the texts that an expression stands for; of a list those in it. None: nobody knows that here."""
        if depth > DEEPEST:
            return None
        if isinstance(node, ast.Constant):
            return [str(node.value)] if isinstance(node.value, (str, int, float)) else None
        if isinstance(node, ast.Name):
            return self.named(node.id, depth)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            parts = [self.of(one, depth + 1) for one in node.elts]
            return None if None in parts else [text for one in parts for text in one or ()]
        return self._joined(node, depth)

    def _joined(self, node: ast.expr, depth: int) -> Optional[List[str]]:
        """Return what texts are put together; what is not known of an f-string stays {...}."""
        if isinstance(node, ast.JoinedStr):
            parts = [self.of(one, depth + 1) for one in node.values]
            return ["".join(one) for one in itertools.islice(itertools.product(*(one or [""] for one in parts)), MOST)]
        if isinstance(node, ast.FormattedValue):
            if dotted(node.value) == "sys.executable":
                return ["python"]
            return self.of(node.value, depth + 1) or [unknown(node.value)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._formatted(node.left, node.right, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._added(node.left, node.right, depth)
        return self._called(node, depth)

    def _added(self, one: ast.expr, other: ast.expr, depth: int) -> Optional[List[str]]:
        left, right = self.of(one, depth + 1), self.of(other, depth + 1)
        if dotted(one) == "sys.executable":
            left = ["python"]
        if any(isinstance(each, (ast.List, ast.Tuple)) for each in (one, other)):
            return left + right if left is not None and right is not None else None
        return [before + after for before in left or [unknown(one)] for after in right or [unknown(other)]][:MOST]

    def _formatted(self, text: ast.expr, value: ast.expr, depth: int) -> Optional[List[str]]:
        found = self.of(text, depth + 1)
        given = value.elts if isinstance(value, ast.Tuple) else [value]
        if not found or len(found) != 1 or found[0].count("%s") != len(given):
            return None
        each = [
            ["python"] if dotted(one) == "sys.executable" else self.of(one, depth + 1) or [unknown(one)]
            for one in given
        ]
        first, *others = found[0].split("%s")
        texts = [first]
        for values, after in zip(each, others):
            texts = [text + one + after for text in texts for one in values][:MOST]
        return texts

    def _called(self, node: ast.expr, depth: int) -> Optional[List[str]]:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        base = self.of(node.func.value, depth + 1)
        if base is None or (node.func.attr == "format" and len(base) != 1):
            return None
        if node.func.attr == "split" and not node.args:
            return [word for one in base for word in one.split()]
        if node.func.attr == "join" and len(node.args) == 1:
            parts = self.of(node.args[0], depth + 1)
            return [base[0].join(parts)] if parts is not None and len(base) == 1 else None
        if node.func.attr == "format" and len(node.args) == 1 and base[0].count("{") == 1:
            texts = self.of(node.args[0], depth + 1) or [unknown(node.args[0])]
            texts = ["python"] if dotted(node.args[0]) == "sys.executable" else texts
            return [base[0].split("{")[0] + one + base[0].split("}")[-1] for one in texts]
        return None
