"""Python's code: which texts a name or an expression stands for, as far as the code itself says it."""

from __future__ import annotations

import ast
import re
import shlex
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from melda.envs.formats.named_values import NamedValues, Place, Scope, Text

DEEPEST, LONGEST, PARAMETERS = 20, 1_000_000, 20
CHANGES = ("append", "extend", "insert", "add", "remove", "update")
COPIES = ("str", "list", "tuple", "set", "sorted", "Path", "pathlib.Path")
Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Comprehension = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
Put = Callable[[Sequence[Any]], Optional[Text]]


def dotted(node: ast.AST) -> str:
    """Return a name with dots, as os.system; of a call's result what was called: get_ipython().system."""
    names: List[str] = []
    while isinstance(node, (ast.Attribute, ast.Call)):
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return ".".join([node.id if isinstance(node, ast.Name) else "", *reversed(names)])


def unknown(node: ast.AST) -> str:
    """Return what stands for an expression that nobody knows here, as IPython writes it."""
    return "{" + (dotted(node).strip(".") or "...") + "}"


def together(parts: Sequence[Sequence[Text]], put: Put) -> Optional[List[Text]]:
    """Return what parts make; None: two of them may each be several, and nobody knows which belong together."""
    most = max((len(one) for one in parts), default=1)
    if not all(parts) or sum(len(one) > 1 for one in parts) > 1 or most * len(parts) > LONGEST:
        return None
    found: List[Text] = []
    for at in range(most):
        text = put([one[at if len(one) > 1 else 0] for one in parts])
        if text is None:
            return None
        found.append(text)
    return found


def _added(parts: Sequence[Any]) -> Optional[Text]:
    """Return texts, or lists, one after the other; a text and a list are none."""
    if all(isinstance(one, str) for one in parts):
        return "".join(parts)
    return tuple(word for one in parts for word in one) if all(isinstance(one, tuple) for one in parts) else None


def _begin(node: Any) -> Place:
    return node.lineno, node.col_offset


def _end(node: Any) -> Place:
    return node.end_lineno, node.end_col_offset


class Values(NamedValues):
    """What names stand for in one program, or in the cells of one notebook; no two have the same lines.

    Args:
        trees: of the program or the cells.
    """

    def __init__(self, trees: List[ast.Module]) -> None:
        super().__init__()
        nodes = [node for tree in trees for node in ast.walk(tree)]
        self._bound = {id(node.func) for node in nodes if isinstance(node, ast.Call)}  # names that say what they are
        for whole in nodes:
            if isinstance(whole, ast.JoinedStr):  # before Python 3.12 places in it are wrong: bpo-35212
                for node in ast.walk(whole):
                    if isinstance(node, ast.expr):
                        node.lineno, node.col_offset = whole.lineno, whole.col_offset
        for node in nodes:
            self._learn(node)
        used = set()
        for node in nodes:
            if isinstance(node, ast.Name) and id(node) not in self._bound:
                used.add(node.id)
                if not isinstance(node.ctx, ast.Load):
                    self._target(node, None)
        self._functions(nodes, used)

    def _learn(self, node: ast.AST) -> None:
        """Take what a statement gives a name; any other place that changes one makes it unknown."""
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._target(target, node.value)
        elif isinstance(node, (ast.For, ast.AsyncFor)) and isinstance(node.target, ast.Name):
            self._loops.add(node.target.id)
            below = node.body[0].lineno > (node.iter.end_lineno or 0)  # a line of IPython's has no column
            begin = (node.body[0].lineno, 0) if below else _begin(node.body[0])
            self._scope(node.target, Scope(begin, _end(node.body[-1]), [node.iter], True))
        elif isinstance(node, Comprehension):
            for one in node.generators:
                if isinstance(one.target, ast.Name):
                    self._scope(one.target, Scope(_begin(node), _end(node), [one.iter], True))
        else:
            self._unlearn(node)

    def _unlearn(self, node: ast.AST) -> None:
        """Take what nobody knows: arguments of what has no name, other modules' names, and lists that are changed."""
        if isinstance(node, ast.Lambda):
            for arg in ast.walk(node.args):
                if isinstance(arg, ast.arg):
                    self._scopes.setdefault(arg.arg, []).append(Scope(_begin(node), _end(node), None, False))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                self._given.setdefault(alias.asname or alias.name, []).append((_begin(node), None))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            self._target(node.func.value, None)

    def _target(self, target: ast.expr, value: Optional[ast.expr]) -> None:
        if not isinstance(target, ast.Name):
            return
        self._bound.add(id(target))
        self._given.setdefault(target.id, []).append((_begin(target), value))

    def _scope(self, target: ast.Name, scope: Scope) -> None:
        self._bound.add(id(target))
        self._scopes.setdefault(target.id, []).append(scope)

    def _functions(self, nodes: List[ast.AST], used: Any) -> None:
        """Take what functions are called with; what is handed on, has the same name or is a method may be called by others."""
        calls: Dict[str, List[ast.Call]] = {}
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                calls.setdefault(node.func.id, []).append(node)
        functions = [node for node in nodes if isinstance(node, Function)]
        names = [node.name for node in functions]
        methods = {id(one) for node in nodes if isinstance(node, ast.ClassDef) for one in node.body}
        others = {*used, *self._given, *(name for name in names if name in self._scopes)}
        seen: Dict[str, int] = {}
        for name in names:
            seen[name] = seen.get(name, 0) + 1
        for node in functions:
            sure = seen[node.name] == 1 and node.name not in others and id(node) not in methods
            for name, values in _arguments(node.args, calls.get(node.name, []) if sure else []).items():
                self._scopes.setdefault(name, []).append(Scope(_begin(node), _end(node), values, False))

    def _written(self, value: ast.expr) -> str:
        try:
            return ast.dump(value)
        except RecursionError:
            return repr(id(value))

    def of(self, value: ast.expr, depth: int = 0) -> Optional[List[Text]]:
        """Return the texts that an expression stands for, one or the other; None: nobody knows that here.

        In a text or a list {NAME} stands for what is not known.
        """
        found = self._of(value, depth) if depth <= DEEPEST else None
        size = sum(len(one) if isinstance(one, str) else sum(map(len, one)) + len(one) for one in found or ())
        return found if size <= LONGEST else None

    def _of(self, node: ast.expr, depth: int) -> Optional[List[Text]]:
        found: Optional[List[Text]] = None
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float)):
            found = [str(node.value)]
        elif isinstance(node, ast.Name):
            found = self.named(node.id, _begin(node), depth)
        elif isinstance(node, ast.Attribute) and dotted(node) == "sys.executable":
            found = ["python"]
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            found = self._list(node.elts, depth)
        elif isinstance(node, ast.JoinedStr):
            found = together([self._text(one, depth) for one in node.values], "".join)
        elif isinstance(node, ast.FormattedValue):
            found = self._text(node.value, depth) if node.format_spec is None else [unknown(node.value)]
        elif isinstance(node, ast.BinOp):
            found = self._operated(node, depth)
        elif isinstance(node, ast.Call):
            found = self._called(node, depth)
        return found

    def first(self, value: ast.expr) -> Optional[List[Text]]:
        """Return what a name stood for before a program changed it; None: it was several things, or nobody knows."""
        given = self._given.get(value.id, []) if isinstance(value, ast.Name) else []
        values = [one for _, one in given if one is not None]
        return self.of(values[0]) if len(values) == 1 else None

    def _text(self, node: ast.expr, depth: int) -> List[Text]:
        """Return the texts of a part of a text; {NAME}: nobody knows them, or it is a list."""
        found = self.of(node, depth + 1)
        return found if found and all(isinstance(one, str) for one in found) else [unknown(node)]

    def _list(self, nodes: Sequence[ast.expr], depth: int) -> Optional[List[Text]]:
        parts: List[List[Text]] = []
        for node in nodes:
            starred = isinstance(node, ast.Starred)
            inner = node.value if isinstance(node, ast.Starred) else node
            found = self.of(inner, depth + 1)
            if found and all(isinstance(one, tuple) == starred for one in found):
                parts.append([one if isinstance(one, tuple) else (one,) for one in found])
            else:
                parts.append([(unknown(inner),)])
        return together(parts, _added) if parts else [()]

    def _operated(self, node: ast.BinOp, depth: int) -> Optional[List[Text]]:
        left, right = self.of(node.left, depth + 1), self.of(node.right, depth + 1)
        if isinstance(node.op, ast.Div):
            return together([self._text(node.left, depth), ["/"], self._text(node.right, depth)], "".join)
        if isinstance(node.op, ast.Mod):
            given = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            return self._filled(left, r"%s", given, "%", depth)
        if not isinstance(node.op, ast.Add) or (left is None and right is None):
            return None
        of_lists = any(isinstance(one, tuple) for one in [*(left or ()), *(right or ())])
        parts = [
            found if found is not None else [(unknown(one),) if of_lists else unknown(one)]
            for one, found in ((node.left, left), (node.right, right))
        ]
        return together(parts, _added)

    def _filled(
        self, texts: Optional[List[Text]], mark: str, given: Sequence[ast.expr], sign: str, depth: int
    ) -> Optional[List[Text]]:
        """Return a text with others in the place of its marks; a sign of any other kind of mark is not known."""
        if texts is None or len(texts) != 1 or not isinstance(texts[0], str):
            return None
        pieces = re.split(mark, texts[0])
        if len(pieces) != len(given) + 1 or any(sign in one for one in pieces):
            return None
        parts: List[List[Text]] = [[pieces[0]]]
        for one, after in zip(given, pieces[1:]):
            parts += [self._text(one, depth), [after]]
        return together(parts, "".join)

    def _called(self, node: ast.Call, depth: int) -> Optional[List[Text]]:
        name = dotted(node.func)
        first = self.of(node.args[0], depth + 1) if len(node.args) == 1 else None
        if node.keywords or not isinstance(node.func, ast.Attribute) or name.startswith(("shlex.", "pathlib.")):
            return _copied(name, first) if not node.keywords else None
        base, method = self.of(node.func.value, depth + 1), node.func.attr
        if base is None or not all(isinstance(one, str) for one in base):
            return None
        found: Optional[List[Text]] = None
        if method == "split" and not node.args:
            found = together([base], lambda one: tuple(one[0].split()))
        elif method == "join" and first and all(isinstance(one, tuple) for one in first):
            found = together([base, first], lambda one: one[0].join(one[1]))
        elif method == "format":
            mark = r"\{0\}" if len(node.args) == 1 and "{0}" in base[0] else r"\{\}"
            found = self._filled(base, mark, node.args, "{", depth)
        return found


def _copied(name: str, given: Optional[List[Text]]) -> Optional[List[Text]]:
    """Return what a function makes of texts that leaves them as they are, or splits them as a shell does."""
    of_texts = given is not None and all(isinstance(one, str) for one in given)
    if given is None or of_texts != (name in ("str", "Path", "pathlib.Path", "shlex.split", "shlex.quote")):
        return None
    try:
        if name == "shlex.split":
            return together([given], lambda one: tuple(shlex.split(one[0])))
    except ValueError:
        return None
    if name == "shlex.quote":
        return together([given], lambda one: shlex.quote(one[0]))
    if name == "shlex.join":
        return together([given], lambda one: " ".join(map(shlex.quote, one[0])))
    return given if name in COPIES else None


def _arguments(own: ast.arguments, calls: List[ast.Call]) -> Dict[str, Optional[List[ast.expr]]]:
    """Return what a function's parameters stand for; None: one of its calls does not say it."""
    plain = [one.arg for one in [*own.posonlyargs, *own.args]]
    defaults: Dict[str, Union[ast.expr, None]] = dict(zip(reversed(plain), reversed(own.defaults)))
    defaults.update((one.arg, value) for one, value in zip(own.kwonlyargs, own.kw_defaults))
    names = [*plain, *(one.arg for one in own.kwonlyargs)]
    found: Dict[str, Optional[List[ast.expr]]] = {name: [] for name in names}
    for call in calls if len(names) <= PARAMETERS else ():
        given = {**defaults, **dict(zip(plain, call.args)), **{one.arg or "": one.value for one in call.keywords}}
        odd = "" in given or len(call.args) > len(plain) or any(isinstance(one, ast.Starred) for one in call.args)
        for name in names:
            values, value = found[name], given.get(name)
            if odd or values is None or value is None:
                found[name] = None
            else:
                values.append(value)
    more = [one.arg for one in (own.vararg, own.kwarg) if one]
    return {**{name: values or None for name, values in found.items()}, **dict.fromkeys(more)}
