"""The image's own Python, with which melda-env runs: it has what reads versions and formats, and no folder of the user's."""

from __future__ import annotations

import os
import sys

from melda.config import environ


def go_on(place: environ.ImageLayout) -> None:
    """Go on with it, unless this process is it already."""
    python = os.path.join(place.python_env, "bin", "python")
    if os.path.realpath(sys.prefix) != os.path.realpath(place.python_env) and os.access(python, os.X_OK):
        os.execv(python, [python, "-IB", os.path.abspath(sys.argv[0]), *sys.argv[1:]])  # noqa: S606 # nosec B606
