"""Clone GIT_REPOSITORY into the project, as the user, by the git that is first on the user's PATH; run with ``-I``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# -I leaves this folder out.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from melda.base import log

PROGRAM = str(Path(__file__).resolve())


def main(address: str) -> int:
    """Clone a repository, and say what became of it.

    Returns:
        Always 0: a clone that failed is not tried again by this container.
    """
    log.line(f"clone: {address}")
    try:
        # git is the user's to choose; the address follows no option.
        code = subprocess.call(["git", "clone", "--quiet", "--", address])  # nosec B607
        reason = "git's line above says why" if code else ""
    except OSError as error:
        reason = f"git: {error.strerror}"
    if reason:
        log.warn(f"clone: GIT_REPOSITORY={address!r} was not cloned; {reason}, and git clone tries again")
    else:
        log.line("clone: done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
