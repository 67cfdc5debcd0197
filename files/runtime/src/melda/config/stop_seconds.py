"""How long a stop may take until the container is killed: STOP_SECONDS, as it is told to who kills it."""

from __future__ import annotations

from melda.config import choice

VARIABLE = "STOP_SECONDS"
DOCKERS = 10  # `docker stop` without --time, and a container without --stop-timeout


def parse(value: str) -> int:
    """``value`` as seconds; Docker's own if it is empty."""
    return choice.seconds(VARIABLE, value, 10, 9999, 120) or DOCKERS
