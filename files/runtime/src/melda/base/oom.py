"""Who is killed when there is no memory left: what the user computes, before what serves it.

The kernel kills the process that is worth most: the memory it holds, plus a thousandth of all there is for each point of
its score (proc(5), oom_score_adj). Without a score Jupyter, the largest process that does not compute, would be the first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import Any, List, Mapping, Optional, Sequence, Union

SCORE = 800
CHOOM = "/usr/bin/choom"  # util-linux, which is in every base


def offer(score: int = SCORE) -> None:
    """Let this process, and those it starts from now on, be killed first; anybody may do that."""
    # As bytes and without buffers: it is done between fork and exec, too.
    with contextlib.suppress(OSError):
        file = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(file, str(score).encode())
        finally:
            os.close(file)


def first(argv: Sequence[str], choom: str = CHOOM) -> List[str]:
    """``argv`` so that it is killed first; as it is where choom is not installed."""
    return [choom, "-n", str(SCORE), "--", *argv] if os.access(choom, os.X_OK) else list(argv)


def _found(program: str, env: Optional[Mapping[str, str]], cwd: Optional[str]) -> bool:
    path = (os.environ if env is None else env).get("PATH", os.defpath)
    if os.path.dirname(program):
        return os.access(os.path.join(cwd or "", program), os.X_OK)
    return bool(shutil.which(program, path=path))


class _Popen(subprocess.Popen):  # type: ignore[type-arg] # Python 3.8's has none
    def __init__(self, args: Union[str, Sequence[str]], *more: Any, **given: Any) -> None:
        plain = isinstance(args, (list, tuple)) and not more and not given.get("shell") and not given.get("executable")
        # What is not there must fail as it always does, and not as choom.
        if plain and args and _found(os.fspath(args[0]), given.get("env"), given.get("cwd")):
            super().__init__(first([os.fspath(word) for word in args]), **given)
            self.args = args
        else:
            super().__init__(args, *more, **given)


def offer_children() -> None:
    """Let what this process starts by :mod:`subprocess` from now on be killed first, but not this process itself.

    To be called before modules are imported that take Popen by its name. In place of a preexec_fn, which is not safe in a
    process with threads (https://docs.python.org/3/library/subprocess.html#subprocess.Popen).
    """
    subprocess.Popen = _Popen  # type: ignore[misc, assignment, unused-ignore]
