"""How long a stop may take until the container is killed: STOP_SECONDS, as it is told to who kills it."""

from __future__ import annotations

import re

from melda.base.addresses import shown
from melda.base.errors import ConfigError

VARIABLE = "STOP_SECONDS"
DOCKERS = 10  # `docker stop` without --time, and a container without --stop-timeout


def parse(value: str) -> int:
    """``value`` as seconds; Docker's own if it is empty."""
    if not re.fullmatch(r"([1-9][0-9]{1,3})?", value):
        raise ConfigError(f"invalid STOP_SECONDS={shown(value)!r}: expected seconds, 10 to 9999, such as 120")
    return int(value or DOCKERS)
