"""Let pyinfra find where an operation was called without reading any source.

pyinfra orders operations by the line numbers of the stack, for each operation of each host. ``inspect.stack()`` reads the source
of each frame for that, and looks through all modules for the file: a fifth of what pyinfra's own process computes in a run with
nothing to do, and the same again for each further host.
"""

from __future__ import annotations

import sys
from inspect import Traceback
from types import FrameType
from typing import List, Optional, Tuple

from pyinfra.api import util


def _stack() -> List[Tuple[FrameType]]:
    """Return the frames from the caller's on, as :func:`inspect.stack` does, of which pyinfra takes the first of each tuple."""
    found: List[Tuple[FrameType]] = []
    frame: Optional[FrameType] = sys._getframe(1)
    while frame:
        found.append((frame,))
        frame = frame.f_back
    return found


def _info(frame: FrameType) -> Traceback:
    return Traceback(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, None, None)


def enable() -> None:
    """Do so for the rest of this run."""
    vars(util).update(stack=_stack, getframeinfo=_info)
