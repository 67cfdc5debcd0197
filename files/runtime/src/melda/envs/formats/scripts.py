"""Whether a file is a script: a shell's, or a Dockerfile. Of such only commands are read, whatever else stands in it.

What a here-document holds looks like a list of packages, JSON or TOML. So the strong signs are asked for first: the file's
name and its first line. A text without a telling name (standard input, what was pasted) needs what only a shell's text has.
"""

from __future__ import annotations

import ast
import os
import re
import warnings

from melda.envs.formats import fences

ENDINGS = (".md", ".rst", ".Rmd", ".qmd", ".adoc", ".org")  # of documents
# Each is looked for by itself: one after the other takes the square of a text's FROMs. In lower case Python has a from, too.
FROM = r"^[ \t]*(?:FROM[ \t]+\S|from[ \t]+\S+(?:[ \t]+(?:as|AS)[ \t]+\S+)?[ \t]*$)"
DOCKERFILE = rf"\A(?=[\s\S]*?{FROM})[\s\S]*?^[ \t]*(?:RUN\b|run[ \t])"
DOCKERFILES = re.compile(r"(?:docker|container)file(?:[._-].*)?|.*\.(?:docker|container)file", re.IGNORECASE)
NAMES = re.compile(
    r".*\.(?:sh|bash|zsh|ksh|fish|csh|bats|ps1|bat|cmd|mk)|makefile|justfile|jenkinsfile|\.(?:bash|zsh)rc|\.(?:bash_|zsh)?profile|\.envrc|"
    r".*_history",
    re.IGNORECASE,
)
SHEBANG = re.compile(r"\A\ufeff?#!(?:[^\n]*[/ \t])?(?:ba|da|z|k|a|fi)?sh\b")
# Names that say what else a file is.
OTHERS = re.compile(
    r".*\.(?:json|ipynb|toml|ya?ml|lock|cfg|ini|csv|py|r|nix|html?)|pipfile|description|.*requirements.*|.*constraints.*",
    re.IGNORECASE,
)
# A shell's line; none of them is a requirement or a sentence.
SYNTAX = re.compile(
    r"^(?:set -[a-zA-Z]+|export [A-Za-z_]\w*=|source [\w.~-]*/\S*|if \[|for \w+ in .*; *do\b|fi$|esac$|[A-Za-z_]\w*\(\) *\{)",
    re.MULTILINE,
)
NOT_PYTHONS = (DOCKERFILES, NAMES, OTHERS)
PINNED = re.compile(r"[\w.-]+(\[[\w,. -]*\])?\s*==")
HERE = re.compile(r"^[ \t]*[A-Za-z.].*?<<[-~]?[ \t]*(['\"]?)(?P<word>[A-Za-z_]\w*)\1", re.MULTILINE)


PROGRAM = re.compile(r"\A\ufeff?#![^\n]*[/ \t](?:python|pypy)[\d.]*\b")
# https://packaging.python.org/en/latest/specifications/inline-script-metadata/
METADATA = re.compile(
    r"^# /// script[ \t\r]*\n(?P<content>(?:#(?: (?!/// script).*)?\r?\n)+?)# ///[ \t\r]*$", re.MULTILINE
)
# What is called so is never a list of packages, a line each.
NO_LISTS = re.compile(
    r".*\.(?:json|ipynb|toml|ya?ml|cfg|ini|conf|xml|html?|rprofile|nix|js|ts|jl|rb|go|rs|java|c|cc|cpp|h|hpp|tf|groovy|gradle|env|tex|bib)",
    re.IGNORECASE,
)


# What only programs have, in Python and R; a list may have one such line by mistake.
CODE = re.compile(
    r"^(?:import [\w.]+(?: as \w+)?$|from [\w.]+ import |(?:def|class) \w+\(|(?:library|require)\(|[\w.]+ <- )",
    re.MULTILINE,
)


def is_code(text: str) -> bool:
    """Is this a program's text, whatever it is called?"""
    return sum(1 for _ in zip(range(2), CODE.finditer(text))) == 2


def is_document(path: str) -> bool:
    """Is this prose, by its name?"""
    return path.endswith(ENDINGS) or os.path.basename(path).upper().startswith("README")


def is_program(text: str, path: str) -> bool:
    """Is this a program of Python's, by its name or first line, or by what it says that it needs?"""
    if path.endswith(".py") or PROGRAM.match(text):
        return True
    found, name = METADATA.search(text), os.path.basename(path)
    # Others may have a program in them: an example, or a here-document, whose needs are not theirs.
    if not found or is_document(path) or SHEBANG.match(text) or any(one.fullmatch(name) for one in NOT_PYTHONS):
        return False
    if any(map(PINNED.match, text.splitlines())):
        return False
    before = text[: found.start()].lstrip("\ufeff").splitlines()
    return all(one.startswith("#") or not one.strip() for one in before) or bool(CODE.search(text) and _is_python(text))


def _is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in somebody's texts
            return bool(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def is_dockerfile(text: str) -> bool:
    """Is this a Dockerfile, by what it says?"""
    return re.search(DOCKERFILE, text, re.MULTILINE) is not None


def is_one(text: str, name: str) -> bool:
    """Is this a script?

    Args:
        text: of the file.
        name: of the file, without its folder.
    """
    if DOCKERFILES.fullmatch(name) or NAMES.fullmatch(name):
        return True
    if OTHERS.fullmatch(name):
        return False
    return bool(SHEBANG.match(text)) or is_dockerfile(text) or _is_shell(text)


def _is_shell(text: str) -> bool:
    """Has a text what only a shell's has, and is it no list? In a document it may stand in a fence."""
    if text.lstrip()[:1] in ("{", "[", "<") or not (SYNTAX.search(text) or "<<" in text) or fences.read(text):
        return False
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    ends = set(lines)
    signs = SYNTAX.search(text) or any(one.group("word") in ends for one in HERE.finditer(text))
    return bool(signs) and sum(bool(PINNED.match(one)) for one in lines) * 2 < len(lines)
