"""Bytecode of the programs that run in the container, which would else be compiled each time one of them starts.

They write none themselves (python3 -B), so that no start changes a file. Each is checked against its source when it is
loaded (PEP 552), so bytecode of a former source is never run, and two builds give the same.
"""

from __future__ import annotations

from pyinfra import host

from tasks.facts.venv import UncompiledSources
from tasks.lib.fact_cache import prefetch
from tasks.operations import venv
from tasks.settings import deploy


@deploy("Bytecode")
def bytecode() -> None:
    prefetch(UncompiledSources, folder=host.data.src)
    venv.compiled(name="Make the bytecode of the programs", folder=host.data.src)
