"""``python -m uv`` and ``%uv``, which call the module: they become the image's program of that name.

A uv that the user installed comes before it.
"""

from __future__ import annotations

import os
import shutil
import sys


def find_uv_bin() -> str:
    """Return the path of the program, as uv's own module does.

    Raises:
        FileNotFoundError: it is not on PATH.
    """
    found = shutil.which("uv")
    if not found:
        raise FileNotFoundError("uv: expected the program uv in a folder of PATH")
    return found


def main() -> None:
    """Become the program, with the arguments of this one."""
    try:
        program = find_uv_bin()
    except FileNotFoundError as error:
        sys.exit(str(error))
    os.execv(program, ["uv", *sys.argv[1:]])  # nosec B606 # noqa: S606


if __name__ == "__main__":
    main()
