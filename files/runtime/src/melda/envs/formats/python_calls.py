"""Calls of Python's that install packages: os.system(), subprocess, IPython's and pip's own."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import List, NamedTuple, Optional, Tuple

from melda.envs.formats.python_values import Values, dotted, unknown

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
INSTALLS = re.compile(r"\s*(?:python[\d.]* -m )?(?:pip[\d.]*|conda|mamba)\s+install\b")
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
    for node in nodes:
        if isinstance(node, ast.Call):
            name = "pip.main" if dotted(node.func) in of_pip else dotted(node.func)
            try:
                found += [Item(node.lineno, kind, text) for kind, text in _call(name, node, values)]
            except RecursionError:
                continue
    lost = [node for node in nodes if isinstance(node, ast.Assign) and _is_lost(node, values)]
    found += [Item(node.lineno, UNREAD, "pip install") for node in lost]
    return sorted(found, key=lambda one: one.line)


def _is_lost(node: ast.Assign, values: Values) -> bool:
    """Is this a command that has a name, and is changed before it runs?"""
    if (
        not isinstance(node, ast.Assign)
        or not isinstance(node.targets[0], ast.Name)
        or values.named(node.targets[0].id) is not None
    ):
        return False
    if isinstance(node.value, ast.BinOp):
        return _is_lost(ast.Assign(node.targets, node.value.left), values)
    if isinstance(node.value, ast.List):
        words = [one.value if isinstance(one, ast.Constant) else "" for one in node.value.elts]
        return any(pair in (("pip", "install"), ("conda", "install")) for pair in zip(words, words[1:]))
    text = values.of(node.value)
    return bool(text and INSTALLS.match(text[0]))


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
    if MICROPIP.fullmatch(name):
        words = values.of(first)
        return [(SHELL, "pip install " + " ".join(map(shlex.quote, words)))] if words else [(UNREAD, name)]
    if TEXT.fullmatch(name) or WORDS.fullmatch(name) or PIP.fullmatch(name):
        return _command(name, node, first, values)
    return []


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
    return found[0] if found and len(found) == 1 else unknown(node)


def _of_r(name: str, first: ast.expr, values: Values) -> List[Tuple[str, str]]:
    if IN_R.fullmatch(name):
        return [(R, first.value)] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
    vector = isinstance(first, ast.Call) and dotted(first.func).endswith("StrVector") and first.args
    words = values.of(first.args[0] if isinstance(first, ast.Call) and vector else first)
    if not words:
        return [(UNREAD, "install_packages")]
    return [(R, "install.packages(c({0}))".format(", ".join(f'"{one}"' for one in words if '"' not in one)))]


def _command(name: str, node: ast.Call, first: ast.expr, values: Values) -> List[Tuple[str, str]]:
    """Return the lines of a call that runs a command; of one with a loop's name in it, one for each."""
    put_together = isinstance(first, ast.BinOp) and isinstance(first.left, (ast.List, ast.Tuple))  # [...] + packages
    if put_together or isinstance(first, (ast.List, ast.Tuple)) or PIP.fullmatch(name):
        lines = _of_words(first, values)
    elif WORDS.fullmatch(name) and not isinstance(first, (ast.Constant, ast.JoinedStr, ast.BinOp, ast.Call, ast.Name)):
        lines = []
    elif len(node.args) > 1 and re.search(r"exec|spawn", name):
        lines = _of_words(ast.List(list(node.args), ast.Load()), values)
    else:
        lines = _of_text(name, first, values)
    return [(SHELL, "pip " + one if PIP.fullmatch(name) else one) for one in lines]


def _of_text(name: str, first: ast.expr, values: Values) -> List[str]:
    found = values.of(first)
    if found is None:
        return []
    # A list that has a name is one command; texts that have one are each a command.
    several = (
        len(found) > 1
        and WORDS.fullmatch(name)
        and isinstance(first, ast.Name)
        and not any(" " in one for one in found)
    )
    return [" ".join(map(shlex.quote, found))] if several else found


def _of_words(node: ast.expr, values: Values) -> List[str]:
    """Return the command of a list of words; a word that nobody knows here stays {...}."""
    if isinstance(node, ast.BinOp):
        return [" ".join([*_of_words(node.left, values), *_of_words(node.right, values)])]
    if not isinstance(node, (ast.List, ast.Tuple)):
        found = values.of(node)
        return [" ".join(map(shlex.quote, found))] if found is not None else [unknown(node)]
    words: List[str] = []
    for one in node.elts:
        starred = one.value if isinstance(one, ast.Starred) else one
        found = ["python"] if dotted(starred) == "sys.executable" else values.of(starred)
        words += map(shlex.quote, found) if found is not None else [unknown(starred)]
    return [" ".join(words)]
