"""R packages as apt's binaries, through bspm's service: what apt has, and having it installed."""

from __future__ import annotations

import re
import shlex
from typing import Callable, Dict, List, Sequence, Tuple

from melda.base.paths import BUS_INTERFACE, BUS_NAME, BUS_PATH
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import tools

SERVICE = (BUS_NAME, BUS_PATH, BUS_INTERFACE)
SECONDS = 3600
# The service shows what apt says to a process's standard error: busctl's own, so that it is read here.
CALL = 'exec busctl --timeout={0} call {1} "$1" "$2" "$$" "${{@:3}}"'.format(SECONDS, " ".join(SERVICE))


def answer(said: str) -> List[str]:
    """Return the array of strings that busctl shows (``as 2 "a" "b"``), wherever in its output it stands."""
    for line in said.splitlines():
        if re.match(r"as \d+", line):
            try:
                return shlex.split(line)[2:]
            except ValueError:
                continue
    return []


def _call(env: Dict[str, str], say: Callable[[str], None], method: str, types: str, *arguments: str) -> List[str]:
    done = tools.run(["bash", "-c", CALL, "bspm", method, types, *arguments], env, say)
    if done.code:
        raise PackageUnavailable(tools.last_line(done.output))
    return answer(done.output)


def available(env: Dict[str, str]) -> Dict[str, str]:
    """R's version by R's name in lower case of all that apt has; none where there is no bspm, or it does not answer."""
    try:
        found = _call(env, lambda line: None, "available", "i")
    except PackageUnavailable:
        return {}
    parts = (one.split(";") for one in found)
    # r-cran-zoo's source may be called zoo; Debian adds to a version what R does not know (1.8-11+dfsg).
    return {part[0].lower(): re.sub(r"[+~].*", "", part[1]) for part in parts if len(part) == 3}


def _list(names: Sequence[str]) -> Tuple[str, ...]:
    return (str(len(names)), *names)


def install(env: Dict[str, str], names: Sequence[str], say: Callable[[str], None]) -> None:
    """Install R packages in one transaction.

    Raises:
        PackageUnavailable: apt failed.
    """
    _call(env, say, "install", "ias", *_list(names))


def remove(env: Dict[str, str], names: Sequence[str], say: Callable[[str], None]) -> None:
    """Remove R packages that came in this way.

    Raises:
        PackageUnavailable: apt failed, or one of them is the image's.
    """
    _call(env, say, "remove", "ias", *_list(names))
