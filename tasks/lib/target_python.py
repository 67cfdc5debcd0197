"""Programs of this repository that a target's own Python runs while it is provisioned, and that are not installed there."""

from __future__ import annotations

import base64
import shlex
import zlib
from functools import lru_cache
from typing import Sequence, Tuple

from pyinfra import host
from pyinfra.facts.server import Command

from tasks.lib.managed_files import source
from tasks.lib.release import target

PYTHON = "/usr/bin/python3"
LED_TO = f"readlink -e {PYTHON} || true"  # nothing where there is none yet, or it leads nowhere, which is mended


def problem() -> str:
    """Say that it is not the distribution's, for which locks and packages are, or nothing."""
    found, own = host.get_fact(Command, command=LED_TO), f"/usr/bin/python{target().release.python}"
    if not found or found == own:
        return ""
    return f"{PYTHON} leads to {found}: expected {own}, with which the distribution's own programs run"


@lru_cache(maxsize=None)
def _text(name: str, modules: Tuple[str, ...]) -> str:
    lines = ["import sys, types"]
    for module in modules:
        text = repr(source(module + ".py").decode())
        title = repr(module.rsplit("/", 1)[-1])
        lines.append(f"m = sys.modules[{title}] = types.ModuleType({title}); exec({text}, vars(m))")
    # A module in sys.modules has a name of its own; this one is __main__, as it is with -c.
    lines.append(f"exec({source(name + '.py').decode()!r})")
    # Short, and without quotes: it is quoted by each shell on its way.
    packed = base64.b64encode(zlib.compress("\n".join(lines).encode(), 9)).decode()
    return f'import base64, zlib; exec(zlib.decompress(base64.b64decode("{packed}")))'


def command(name: str, arguments: Sequence[str], modules: Sequence[str] = ()) -> str:
    """Say in shell how to run a program, with the standard library alone.

    Args:
        name: of a file below ``files/``, without ``.py``.
        modules: others that it imports, in the order in which they import each other.
    """
    program = _text(name, tuple(modules))
    return " ".join(shlex.quote(word) for word in (PYTHON, "-I", "-B", "-S", "-c", program, *arguments))
