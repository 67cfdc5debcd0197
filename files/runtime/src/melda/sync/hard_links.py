"""What lies in one folder gets a second name in another: no byte is copied."""

from __future__ import annotations

import os
import shutil
from typing import Iterable

from melda.base import log
from melda.base.log import Say


def _file(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # a file system that has none
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def link(source: str, target: str) -> None:
    """Give a file, or all in a folder, a second name. Installers never change a file: they replace it.

    Raises:
        OSError, RecursionError: it cannot be done.
    """
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(source) and not os.path.islink(source):
        shutil.copytree(source, target, symlinks=True, copy_function=_file)
    else:
        _file(source, target)


def link_each(source: str, target: str, entries: Iterable[str], say: Say) -> None:
    """Give entries of ``source`` a second name in ``target``. One that cannot be read costs itself alone, and is said."""
    for entry in entries:
        try:
            link(os.path.join(source, entry), os.path.join(target, entry))
        except (OSError, RecursionError) as error:
            say("{0}: not taken over: {1}".format(entry, getattr(error, "strerror", "") or error), log.WARNING)
