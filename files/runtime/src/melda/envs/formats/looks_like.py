"""What people hand over that is no list of packages, and what to do instead."""

from __future__ import annotations

import re

BLANKS = re.compile(r"[^\S\n]{40,}|(?<=\n\n)\n{40,}")
LOOKS_LIKE = (
    (r"^\s*<(!DOCTYPE|html|\?xml)", "a page of the web: save what it shows as text, or its raw file"),
    (r'^\s*\{[\s\S]*"(nbformat|cells)"\s*:', "a notebook without a line that installs packages, as %pip install NAME"),
    (r'^\s*\{[\s\S]*"(lockfileVersion|devDependencies)"\s*:', "a file of npm's"),
    (r"^\s*version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file"),
    (r"^\s*FROM\s+\S+[\s\S]*^RUN\s", "a Dockerfile: put what its pip installs into a requirements.txt"),
    (
        r"^(import|from)\s+\w+|^def \w+\(|^setup\(",
        "a program of Python's: pip freeze > requirements.txt writes what is read",
    ),
    (r"^(library|require)\(|<-|install\.packages\(", "a program of R's: renv::snapshot() writes what is read"),
    (r"^\[(metadata|options)\]", "a setup.cfg: pip freeze > requirements.txt writes what is read"),
    (r"^Metadata-Version:", "a package's own description: pip freeze > requirements.txt writes what is read"),
    (
        r"^[> ]*\"?Package\"?\s+\"?LibPath\b|^[> ]*installed\.packages\(\)",
        "R's installed.packages() as printed: renv::snapshot() writes what is read, and sessionInfo() shows it",
    ),
    (
        r"(?i)\A\W*(package|name)\W+.*version\b",
        "a table of another program: a line for each package is read, as NAME==VERSION",
    ),
    (r"^\w+:\s*$", "YAML of another kind"),
)


def plain(text: str) -> str:
    """``text`` without long runs of blanks: some patterns take the square of them."""
    return BLANKS.sub("  ", text)


def what(text: str) -> str:
    """Return what a text looks like; empty: like nothing that is known."""
    text = plain(text)
    return next((found for pattern, found in LOOKS_LIKE if re.search(pattern, text, re.MULTILINE)), "")
