"""Bytecode of the programs that run in the container, which would else be compiled each time one of them starts.

They write none themselves (python3 -B), so that no start changes a file. Each is checked against its source when it is
loaded (PEP 552), so bytecode of a former source is never run, and two builds give the same.
"""

from __future__ import annotations

import shlex
from typing import Generator, List, Sequence

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation

from tasks.lib import facts

PYTHON = "/usr/bin/python3"
# The first 16 bytes of a .pyc: the interpreter's number, 3 for "has the source's hash, to be checked", the hash.
MISSING = """\
import os, sys
from importlib import util
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        if not name.endswith(".py"): continue
        try: head = open(util.cache_from_source(path), "rb").read(16)
        except OSError: head = b""
        with open(path, "rb") as source:
            if head != util.MAGIC_NUMBER + b"\\3\\0\\0\\0" + util.source_hash(source.read()): print(path)
"""


class Missing(FactBase[List[str]]):
    """The Python sources below a folder without bytecode that fits them; none where there is no Python."""

    def command(self, folder: str) -> str:
        return "[ ! -x {0} ] || {0} -IBS -c {1} {2}".format(PYTHON, shlex.quote(MISSING), shlex.quote(folder))

    @staticmethod
    def default() -> List[str]:
        return []

    def process(self, output: List[str]) -> List[str]:
        return sorted(output)


def compile_all(paths: Sequence[str]) -> StringCommand:
    """The command that makes the bytecode of Python sources, and of all in folders."""
    command = "umask 022; {0} -IS -m compileall -q -f --invalidation-mode checked-hash {1}"
    return StringCommand(command.format(PYTHON, " ".join(shlex.quote(path) for path in paths)))


@operation()
def compiled(folder: str) -> Generator[StringCommand, None, None]:
    """Have bytecode that fits for all Python sources below ``folder``."""
    missing = facts.get(Missing, folder=folder)
    if missing:
        yield compile_all(missing)


@deploy("Bytecode")
def bytecode() -> None:
    compiled(name="Make the bytecode of the programs", folder=host.data.src)
