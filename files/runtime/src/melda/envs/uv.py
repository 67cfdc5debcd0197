"""uv and uvx: the installer of that name, for the user's own environment; fetched when it is called first in a container."""

from __future__ import annotations

import os
import sys

from melda.base.errors import ConfigError
from melda.config import environ
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import tools


def main() -> int:  # noqa: RET503 - execve does not return
    """Become uv, with pip's settings and the arguments of this program.

    Returns:
        The exit code where that cannot be: 1, or 2 for root, who must not run what the user can change.
    """
    if os.geteuid() == 0:
        sys.stderr.write("uv: it installs for the user: expected the user to call it, not root\n")
        return 2
    try:
        place = environ.image_layout(environ.load())
        program = tools.uv(place, tools.variables(place))
    except (ConfigError, PackageUnavailable) as error:
        sys.stderr.write(f"uv: {error}\n")
        return 1
    # copy: else an installed file would be a link into uv's cache, and whoever edits one would edit the other.
    found = {"UV_LINK_MODE": "copy", **tools.pip_settings(place.user.home, dict(os.environ)), **os.environ}
    # uv's own uvx looks for uv beside itself: https://docs.astral.sh/uv/guides/tools/
    words = ["tool", "run"] if os.path.basename(sys.argv[0]) == "uvx" else []
    os.execve(program, ["uv", *words, *sys.argv[1:]], found)  # nosec B606 # noqa: S606
