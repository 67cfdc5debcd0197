"""get-versions: write what is installed as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile

from melda.base import textfiles, users
from melda.base.arguments import Parser
from melda.base.errors import ConfigError
from melda.config import environ
from melda.versions.libraries import Installed

SECONDS = 20.0  # for reading what is installed, and for writing the file


def document(place: environ.ImageLayout) -> str:
    """Return the JSON text, as a file holds it."""
    return json.dumps(Installed(place).versions(), indent="\t", ensure_ascii=False) + "\n"


def _as_user(place: environ.ImageLayout) -> str:
    """Return the same, read by the user: among the user's files may be links to what only root can read."""
    with tempfile.TemporaryFile() as stream:

        def look() -> None:
            stream.write(document(place).encode("utf-8", "surrogateescape"))
            stream.flush()

        users.run_as(place.user, look, SECONDS)
        stream.seek(0)
        return stream.read().decode("utf-8", "surrogateescape")


def main() -> int:
    """Command line of get-versions."""
    parser = Parser(prog="get-versions", description="Write the installed versions as JSON.")
    parser.add_argument(
        "--output", metavar="FILE", help="where to; - is standard output; default: $UHOME/versions.json"
    )
    arguments = parser.parse_args()
    try:
        place = environ.image_layout(environ.load())
        text = _as_user(place) if os.geteuid() == 0 else document(place)
        own = os.path.join(place.user.home, "versions.json")
        if arguments.output == "-":
            sys.stdout.buffer.write(text.encode("utf-8", "replace"))
            sys.stdout.buffer.flush()
        elif arguments.output is not None:
            textfiles.replace(os.path.abspath(arguments.output), text)
        elif os.geteuid() == 0:
            # In the user's home as the user: root would follow the user's links.
            users.run_as(place.user, lambda: textfiles.replace(own, text), SECONDS)
        else:
            textfiles.replace(own, text)
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"get-versions: {error}\n")
        return 2 if isinstance(error, ConfigError) else 1
    return 0
