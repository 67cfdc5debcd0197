"""Cells of code: what is Python's, and what IPython takes out of it, as its input transformers do.

https://ipython.readthedocs.io/en/stable/interactive/reference.html and IPython.core.inputtransformer2: a cell's magic stands in
its first line; ! and % begin a line or follow a =, and a \\ at the end goes on. Databricks has %sh for a whole cell.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Callable, Dict, List, Match, NamedTuple, Optional, Sequence, Set, Tuple

from melda.envs.formats import commands, fences, python_calls, r_calls, shell_lines
from melda.envs.formats.named_values import Text
from melda.envs.formats.python_calls import Item
from melda.envs.formats.python_values import Values, together
from melda.envs.formats.shell_values import SECRET

PYTHON, R, SHELL, OTHER = "python", "r", "shell", "other"
CELL = re.compile(r"%%(?P<name>[\w!.-]+)[ \t]*(?P<rest>.*)")
# Databricks' own, of a whole cell.
WHOLE = re.compile(r"%(?P<name>sh|bash|r|R|python|md|sql|scala|fs)[ \t]*")
BODIES = {
    "time": PYTHON, "timeit": PYTHON, "capture": PYTHON, "prun": PYTHON, "memit": PYTHON, "python": PYTHON, "python3": PYTHON,
    "pypy": PYTHON, "bash": SHELL, "sh": SHELL, "zsh": SHELL, "shell": SHELL, "system": SHELL, "sx": SHELL, "!": SHELL,
    "cmd": SHELL, "R": R, "r": R,
}  # fmt: skip
# What these are given installs nothing.
TEXTS = {
    "html", "HTML", "javascript", "js", "latex", "markdown", "md", "svg", "SVG", "writefile", "file", "sql", "bigquery", "perl",
    "ruby", "mermaid", "scala", "fs", "css",
}  # fmt: skip
SCRIPT = re.compile(r"(?:-\S+\s+)*(?:\S*/)?(?P<name>bash|sh|zsh|python[\d.]*|R|Rscript)\b")
LINE = re.compile(
    r"(?P<indent>[ \t]*)(?P<set>[A-Za-z_][\w.,\[\]'\" ]*=[ \t]*(?=[!%]))?(?P<mark>!!?|%(?![%\s]))(?P<rest>.*)",
    re.DOTALL,
)
TOOLS = ("pip", "pip3", "conda", "mamba", "micromamba", "uv", "poetry", "pixi")
TIMERS = ("time", "timeit", "capture", "prun", "memit")
# The closing quote may be missing: to look for one from each again takes the square.
QUOTES = re.compile(r"#.*|\"\"\"|'''|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?")
# What IPython puts into a line: a name, or an expression in braces.
PUT = re.compile(r"(?<!\$)\{(?:(?P<braced>[A-Za-z_]\w*)|(?P<more>[^{}]+))\}|(?<!\$)\$(?P<plain>[A-Za-z_]\w*)(?![\w.])")
# What fences of a document are called: R Markdown's, Quarto's, MyST's, and those of any README.
FENCES: Dict[str, str] = {
    "python": PYTHON, "python3": PYTHON, "py": PYTHON, "ipython": PYTHON,
    "ipython3": PYTHON, "codecell": PYTHON, "jupyter": PYTHON, "r": R, "rstats": R,
}  # fmt: skip
HELP = re.compile(r"\s*(?:\?.*|[%\w.]+\s*\?\??\s*)")
LONGEST = 20_000


class Cell(NamedTuple):
    """A cell, or a fence: where it begins, from 1, what language it is of, and what it says."""

    line: int
    language: str
    text: str


class _Notebook:
    """Sorts the lines of cells."""

    def __init__(self) -> None:
        self.items: List[Item] = []
        self.programs: List[Tuple[int, str]] = []
        self.of_r: Dict[int, str] = {}

    def cell(self, cell: Cell) -> None:
        """Sort one cell."""
        lines = cell.text.splitlines()
        first = next((at for at, one in enumerate(lines) if one.strip()), len(lines))
        head = lines[first].strip() if first < len(lines) else ""
        magic, whole = CELL.fullmatch(head), WHOLE.fullmatch(head)
        body = "\n".join(["", *lines[first + 1 :]])
        if cell.language in (PYTHON, R) and (magic or whole):
            name, rest = (magic.group("name"), magic.group("rest")) if magic else (whole.group("name"), "")  # type: ignore[union-attr]
            self._magic(cell.line + first, name, rest, body)
        else:
            self._body(cell.line, cell.language, cell.text)

    def _magic(self, line: int, name: str, rest: str, body: str) -> None:
        script = SCRIPT.match(rest) if name == "script" else None
        if script:
            name = (
                "python"
                if script.group("name").startswith("python")
                else {"Rscript": "R"}.get(script.group("name"), script.group("name"))
            )
        if name in ("time", "timeit") and rest:
            body = rest + body
        if name not in TEXTS:
            self._body(line, BODIES.get(name, OTHER), body)

    def _body(self, line: int, language: str, text: str) -> None:
        if language == SHELL:
            self.items.append(Item(line, python_calls.SHELL, text))
        elif language == R:
            self.of_r.update((line + at, one) for at, one in enumerate(text.splitlines()))
        elif language == PYTHON:
            self._python(line, text)
        else:
            found = shell_lines.unread(text, False, lambda part, before: False)
            self.items += [Item(line + at - 1, python_calls.UNREAD, command) for at, command in found]

    def _python(self, line: int, text: str) -> None:
        kept: List[str] = []
        lines, at, quote = text.splitlines(), 0, ""
        while at < len(lines):
            one, start = lines[at], at
            at += 1
            if not quote and self._is_magic(one):
                while one.rstrip().endswith("\\") and at < len(lines):
                    one = one.rstrip()[:-1] + " " + lines[at].strip()
                    at += 1
                kept.append(re.match(r"[ \t]*", one).group() + "pass")  # type: ignore[union-attr]
                kept += [""] * (at - start - 1)
                self._line(line + start, one.strip())
                continue
            kept.append(one)
            quote = _within(one, quote)
        self.programs.append((line, "\n".join(kept)))

    @staticmethod
    def _is_magic(line: str) -> bool:
        bare = line.strip()
        return bool(LINE.match(line) or HELP.fullmatch(line)) or (
            not bare.startswith("#") and bool(commands.COMMAND.fullmatch(bare))
        )

    def _line(self, line: int, text: str) -> None:
        """Sort one line that is IPython's."""
        found = LINE.match(text)
        if not found:
            self.items += [] if HELP.fullmatch(text) else [Item(line, python_calls.SHELL, text)]
            return
        rest = found.group("rest").strip()
        name, _, more = rest.partition(" ")
        if found.group("mark") != "%" or name in TOOLS:
            self.items.append(Item(line, python_calls.SHELL, rest))
        elif name in ("system", "sx", "sc", "sh", "shell", "bash"):
            self.items.append(Item(line, python_calls.SHELL, more))
        elif name == "R":
            self.of_r[line] = more
        elif name in TIMERS and more:
            self._python(line, re.sub(r"^(?:-\S+\s+)+", "", more.strip()))
        elif not name.startswith("pip"):
            self._body(line, OTHER, more)


def _within(line: str, quote: str) -> str:
    """Return the triple quote that is open after a line; ``quote``: before it."""
    at = 0
    while at < len(line):
        if quote:
            end = line.find(quote, at)
            if end < 0:
                return quote
            at, quote = end + 3, ""
            continue
        found = QUOTES.search(line, at)
        if not found:
            return ""
        at = found.end()
        quote = found.group() if found.group() in ('"""', "'''") else ""
    return quote


def _put_in(item: Item, values: Values) -> List[Item]:
    """Return a shell's line with what is known of Python's names in it, for each of a loop; {...}: it is not known."""
    parts: List[Sequence[Text]] = []
    left, at = [], 0
    for one in PUT.finditer(item.text) if len(item.text) < LONGEST else ():
        known = _known(one, item.line, values)
        texts = known if known and all(isinstance(text, str) and "\n" not in text for text in known) else None
        left.append(item.text[at : one.start()] + ("{...}" if one.group("more") and not texts else one.group()))
        parts += [[item.text[at : one.start()]], texts or [left[-1][one.start() - at :]]]
        at = one.end()
    found = together([*parts, [item.text[at:]]], "".join) or ["".join([*left, item.text[at:]])]
    return [item._replace(text=str(text)) for text in found]


def _known(one: Match[str], line: int, values: Values) -> Optional[List[Text]]:
    name, more = one.group("braced") or one.group("plain"), one.group("more")
    if name or SECRET.search(more) or re.fullmatch(r"[\w.]+", more):
        return values.named(name, (line, 0)) if name else None
    tree, left_out = python_calls.tree_of(more.strip())
    first = tree.body[0] if tree and tree.body and not left_out else None
    for node in ast.walk(first) if first else ():
        if isinstance(node, ast.expr):
            node.lineno, node.col_offset = line, 0
    return values.of(first.value) if isinstance(first, ast.Expr) else None


def read(cells: List[Cell]) -> List[Item]:
    """Return what cells run that may install packages, with their lines."""
    notebook = _Notebook()
    for cell in cells:
        notebook.cell(cell)
    trees = [(line, code, *python_calls.tree_of(code)) for line, code in notebook.programs]
    for line, _, tree, _ in trees:
        if tree is not None:
            ast.increment_lineno(tree, line - 1)
    values, found = Values([tree for _, _, tree, _ in trees if tree is not None]), []
    for one in notebook.items:
        found += _put_in(one, values) if one.kind == python_calls.SHELL and "\n" not in one.text else [one]
    for line, code, tree, left_out in trees:
        if tree is None or left_out:
            found += [
                Item(line + at - 1, python_calls.UNREAD, command)
                for at, command in _broken(code)
                if tree is None or at in left_out
            ]
        if tree is not None:
            found += python_calls.read(tree, values)
    code = shell_lines.placed(sorted(notebook.of_r.items()))
    if r_calls.installs(code):
        found.append(Item(1, python_calls.R, code))
    return sorted(found, key=lambda one: one.line)


def _broken(code: str) -> List[Tuple[int, str]]:
    """Return lines of a program that is not understood, and seem to install packages."""
    found = dict(shell_lines.unread(code, False, lambda part, before: False))
    for at, line in enumerate(code.split("\n"), 1):
        words = re.sub(r"[^\w.-]+", " ", line.partition("#")[0])
        if python_calls.INSTALLS.search(words) and not re.match(r"\s*print\b", words):
            found.setdefault(at, "pip install")
    return sorted(found.items())


Lines = List[Tuple[int, str]]


def commands_of(cells: List[Cell], command: Callable[..., str]) -> Tuple[Lines, Lines]:
    """Return what cells install, as lines that stand for it, and what is not read, with the numbers of their lines.

    Args:
        cells: of one notebook, or of one document.
        command: returns what of a shell's line installs.
    """
    lines: Lines = []
    unread: Lines = []
    for item in read(cells):
        if item.kind == python_calls.R:
            lines.append((item.line, r_calls.command([item.text])))
        elif item.kind == python_calls.UNREAD:
            unread.append((item.line, item.text))
        else:
            numbered = [(item.line + at - 1, one) for at, one in shell_lines.numbered(item.text)]
            lines += [(at, command(one)) for at, one in numbered if not one.lstrip().startswith("#")]
            unread += [(item.line + at - 1, one) for at, one in shell_lines.unread(item.text, False, command)]
    return [one for one in lines if one[1]], unread


@lru_cache(maxsize=2)  # what it says is asked for, and then what of it is not read
def of_document(text: str, command: Callable[..., str]) -> Tuple[Lines, Lines, Set[int]]:
    """Return what fences of Python, IPython and R install, what of them is not read, and the numbers of their lines.

    Args:
        text: the document's.
        command: returns what of a shell's line installs.
    """
    lines, cells = text.splitlines(), []
    theirs: Set[int] = set()
    for name, inside in fences.read(text):
        if name in FENCES and inside:
            cells.append(Cell(inside[0] + 1, FENCES[name], "\n".join(lines[at] for at in inside)))
            theirs.update(at + 1 for at in inside)
    found, unread = commands_of(cells, command) if cells else ([], [])
    return found, unread, theirs
