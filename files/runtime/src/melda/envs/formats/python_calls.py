"""Calls of Python's that install packages: os.system(), subprocess, IPython's and pip's own."""

from __future__ import annotations

import ast
import bisect
import re
import shlex
import warnings
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

from melda.envs.formats.named_values import Text
from melda.envs.formats.python_values import CHANGES, Values, dotted, unknown

SHELL, R, UNREAD = "shell", "r", "unread"
TEXT = re.compile(r"(?:.*\.)?(?:system|popen|getoutput|getstatusoutput|create_subprocess_shell|magic|sx)")
WORDS = re.compile(
    r"(?:.*\.)?(?:run|call|check_call|check_output|Popen|create_subprocess_exec|execute|sh|spawn\w*|exec[lv]\w*)"
)
MAGIC = re.compile(r"(?:.*\.)?run_(?P<kind>line|cell)_magic")
LINE = re.compile(r"^\s*(?:!|%(?=pip|conda|mamba))\s*(\S.*)", re.MULTILINE)  # of %%capture and the like
PIP = re.compile(r"(?:pip|pip\._internal(?:\.cli\.main|\.main)?)\.main|pip_?main")
MICROPIP = re.compile(r"(?:micropip|piplite)\.install")
IN_R = re.compile(r"(?:.*\.)?(?:r|robjects\.r|ro\.r)")
R_INSTALL = re.compile(r".*\binstall_packages")
# A call that may run a command, if its words are those of one.
RUNS = re.compile(
    r"(?:.*\.)?(?:\w*(?:run|exec|call|shell|cmd|command|system|popen|spawn|output|install)\w*|sh|bash)", re.IGNORECASE
)
LIST = re.compile(r"(?:[\w-]+/)*[\w.-]*require[\w.-]*\.(?:txt|in)")
SETUP = re.compile(r"(?:.*\.)?setup")  # setuptools', of a setup.py
NOX = re.compile(r"(?:.*\.)?session\.(?:conda_)?install")
INSTALLS = re.compile(r"(?:pip[\d.]*|conda|mamba)['\"]?\s(?:.*\s)?(?:install|create)\b", re.DOTALL)
BEGINS = re.compile(r"\s*(?:\{*[\w./]*\}* )?(?:(?:python[\d.]* )?-m )?(?:pip[\d.]*|conda|mamba)\s+install\b")
UNKNOWN = re.compile(r"[\w.=<>/-]*\{[\w.]+\}[\w.=<>/{}-]*")
MOST_BROKEN = 20  # lines
SHELL_CELLS = ("bash", "sh", "system", "sx", "!", "script bash", "script sh")


class Item(NamedTuple):
    """What one place of a program runs: a shell's line, R's code, or what installs and is not read."""

    line: int
    kind: str
    text: str


def tree_of(code: str) -> Tuple[Optional[ast.Module], List[int]]:
    """Return the program, and the numbers of lines that are none of this Python's and were left out; None: too many are."""
    lines = code.split("\n")
    left_out: List[int] = []
    for _ in range(MOST_BROKEN):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in somebody's texts
                return ast.parse("\n".join(lines)), left_out
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            if not 0 <= at < len(lines) or not lines[at]:
                return None, left_out
            again = at + 1 in left_out  # and so it is where it stands that is wrong
            lines[at] = "" if again else lines[at][: len(lines[at]) - len(lines[at].lstrip())] + "pass"
            left_out.append(at + 1)
        except (ValueError, RecursionError, MemoryError):
            return None, left_out
    return None, left_out


def read(tree: ast.Module, values: Values) -> List[Item]:
    """Return what a program runs that installs packages."""
    found: List[Item] = []
    nodes = list(ast.walk(tree))
    of_pip = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pip"
        for alias in node.names
        if alias.name == "main"
    }
    silent: List[Union[ast.Call, ast.Assign]] = []  # nothing came of them
    for node in nodes:
        if isinstance(node, ast.Assign):
            silent += [node] if _is_lost(node, values) else []
        elif isinstance(node, ast.Call):
            name = "pip.main" if dotted(node.func) in of_pip else dotted(node.func)
            texts = _setup(node, values, nodes) if SETUP.fullmatch(name) else _call(name, node, values)
            items = [Item(node.lineno, kind, text) for kind, text in texts]
            found += items
            silent += [node] if not items and RUNS.fullmatch(name) else []
    lines = sorted(one.line for one in found)
    for node in reversed(silent):  # what is within another comes first, and is told once
        at = bisect.bisect_left(lines, node.lineno)
        told = at < len(lines) and lines[at] <= (node.end_lineno or 0)
        if not told and INSTALLS.search(_said(node, values)):
            found.append(Item(node.lineno, UNREAD, "pip install"))
            lines.insert(at, node.lineno)
    return sorted(found, key=lambda one: one.line)


def _said(node: ast.AST, values: Values) -> str:
    """Return the texts in an expression, one after the other."""
    said: List[str] = []
    for one in sorted((one for one in ast.walk(node) if isinstance(one, (ast.Constant, ast.Name))), key=_place):
        known = values.of(one)
        for text in known or ():
            said += [text] if isinstance(text, str) else text
    return " ".join(said)


def _place(node: ast.expr) -> Tuple[int, int]:
    return node.lineno, node.col_offset


def _is_lost(node: ast.Assign, values: Values) -> bool:
    """Is this a command that has a name, and is changed before it runs?"""
    target = node.targets[0]
    return isinstance(target, ast.Name) and values.of(target) is None and bool(BEGINS.match(_said(node.value, values)))


def _call(name: str, node: ast.Call, values: Values) -> List[Tuple[str, str]]:
    magic = MAGIC.fullmatch(name)
    first = (
        node.args[0] if node.args else next((one.value for one in node.keywords if one.arg in ("args", "cmd")), None)
    )
    if first is None:
        return []
    if magic:
        return _magic(magic.group("kind"), [_text(one, values) for one in node.args])
    if R_INSTALL.fullmatch(name) or IN_R.fullmatch(name):
        return _of_r(name, first, values)
    if NOX.fullmatch(name) or MICROPIP.fullmatch(name):
        words = _words(values.of(first)) if MICROPIP.fullmatch(name) else []
        return [(SHELL, "pip install " + " ".join(map(shlex.quote, words)))] if words else [(UNREAD, name)]
    if TEXT.fullmatch(name) or WORDS.fullmatch(name) or PIP.fullmatch(name):
        return _command(name, node, first, values)
    return []


def _setup(node: ast.Call, values: Values, nodes: List[ast.AST]) -> List[Tuple[str, str]]:
    """Return what installs the needs that a setup.py declares."""
    found: List[Tuple[str, str]] = []
    for one in node.keywords:
        before = {"install_requires": "", "python_requires": "python"}.get(str(one.arg))
        known = values.of(one.value) if before is not None else ()
        file = _read_from(one.value, nodes) if known is None and not before else ""
        if file:
            found.append((SHELL, "pip install " + shlex.join(["-r", file])))
        elif known is None:
            found.append((UNREAD, str(one.arg)))
            known = values.first(one.value)  # what is done to it is not known
        lines = [
            line.strip() for text in known or () for line in (text.splitlines() if isinstance(text, str) else text)
        ]
        if before:  # a limit, which "3.8" is not: that would be a package's name
            lines = [line for line in lines if line[:1] in tuple("<>=!~")]
        words = [_quoted(str(before) + line) for line in lines if line and not line.startswith("#")]
        found += [(SHELL, "pip install " + " ".join(words))] if words else []
    return found


def _read_from(value: ast.expr, nodes: List[ast.AST]) -> str:
    """Return the one list of requirements whose name is said where an expression's value comes from; empty: none, or several."""
    sources: Dict[str, Dict[int, ast.AST]] = {}  # by name and number: each is looked through once
    for name, source in _sources(nodes):
        sources.setdefault(name, {})[id(source)] = source
    waits: Dict[int, ast.AST] = {id(value): value}
    seen: Set[int] = set()
    files: Set[str] = set()
    inside: Dict[int, str] = {}  # a folder, by the name that is put together with it
    while waits:
        number, node = waits.popitem()
        seen.add(number)
        for one in ast.walk(node):
            inside.update(_folders(one))
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                if len(one.value) < 200 and LIST.fullmatch(one.value):
                    path = inside.get(id(one), "") + one.value
                    files.add(path if LIST.fullmatch(path) else "")
            elif isinstance(one, ast.Name):
                found = sources.pop(one.id, {})
                waits.update((at, source) for at, source in found.items() if at not in seen)
    return files.pop() if len(files) == 1 else ""


def _folders(node: ast.AST) -> Iterator[Tuple[int, str]]:
    """Yield the number of a list's name, and its folder, as of join(here, "folder", "name"); .. if nobody knows the folder."""
    parts = node.args if isinstance(node, ast.Call) else _added(node) if isinstance(node, ast.BinOp) else []
    names = [one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else None for one in parts]
    at = next((at for at, one in enumerate(names) if one and len(one) < 200 and LIST.fullmatch(one)), 0)
    if at:
        before = ["" if number == 0 and one is None else one for number, one in enumerate(names[:at])]
        known = [(one or "").strip("/") for one in before]
        folder = "".join(one + "/" for one in known if one not in ("", "."))
        yield id(parts[at]), "../" if None in before else folder


def _added(node: ast.expr) -> List[ast.expr]:
    """Return what / or + puts together, the first first; what begins a longer row is one."""
    parts: List[ast.expr] = []
    while isinstance(node, ast.BinOp) and len(parts) < 10:
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def _sources(nodes: List[ast.AST]) -> Iterator[Tuple[str, ast.AST]]:
    """Yield names of a program, and what each has its value from; in the body of a with, that may be the file it opens."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            yield from ((name, node.value) for name in _given(node))
        elif isinstance(node, (ast.With, ast.For)):
            opened = [one.context_expr for one in node.items] if isinstance(node, ast.With) else [node.iter]
            names = {name for one in ast.walk(node) for name in _given(one)}
            yield from ((name, one) for name in names for one in opened)


def _given(node: ast.AST) -> List[str]:
    """Return the names that a statement gives a value, or adds to."""
    added = isinstance(node, ast.Attribute) and node.attr in CHANGES
    targets = node.targets if isinstance(node, ast.Assign) else [node.value] if isinstance(node, ast.Attribute) else []
    return [one.id for one in targets if isinstance(one, ast.Name)] if added or isinstance(node, ast.Assign) else []


def _magic(kind: str, given: List[str]) -> List[Tuple[str, str]]:
    name, rest = given[0], given[1:]
    if kind == "line" and name in ("pip", "conda", "mamba", "micromamba", "uv"):
        return [(SHELL, " ".join([name, *rest]))]
    if kind == "line" and name in ("system", "sx"):
        return [(SHELL, " ".join(rest))]
    if kind == "cell" and " ".join([name, *rest[:1]]).strip() in SHELL_CELLS and len(rest) > 1:
        return [(SHELL, rest[1])]
    if name == "R":
        return [(R, "\n".join(rest))]
    return [(SHELL, one) for one in LINE.findall("\n".join(rest))] if kind == "cell" else []


def _text(node: ast.expr, values: Values) -> str:
    found = values.of(node)
    return found[0] if found and len(found) == 1 and isinstance(found[0], str) else unknown(node)


def _of_r(name: str, first: ast.expr, values: Values) -> List[Tuple[str, str]]:
    if IN_R.fullmatch(name):
        return [(R, first.value)] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
    vector = isinstance(first, ast.Call) and dotted(first.func).endswith("StrVector") and first.args
    words = _words(values.of(first.args[0] if isinstance(first, ast.Call) and vector else first))
    if not words:
        return [(UNREAD, "install_packages")]
    return [(R, "install.packages(c({0}))".format(", ".join(f'"{one}"' for one in words if '"' not in one)))]


def _words(found: Optional[List[Text]]) -> List[str]:
    return [word for one in found or () for word in ([one] if isinstance(one, str) else one)]


def _command(name: str, node: ast.Call, first: ast.expr, values: Values) -> List[Tuple[str, str]]:
    """Return the lines of a call that runs a command; of one with a loop's name in it, one for each."""
    one_by_one = len(node.args) > 1 and re.search(r"exec|spawn", name) and not isinstance(first, (ast.List, ast.Tuple))
    found = values.of(ast.List(list(node.args), ast.Load()) if one_by_one else first)
    lines = [one if isinstance(one, str) else " ".join(map(_quoted, one)) for one in found or ()]
    return [(SHELL, "pip " + one if PIP.fullmatch(name) else one) for one in lines]


def _quoted(word: str) -> str:
    """Return a word as a shell reads it; {NAME} stays, which nobody knows."""
    return word if UNKNOWN.fullmatch(word) else shlex.quote(word)
