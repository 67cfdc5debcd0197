"""After how many seconds without anything done a container ends: IDLE_SECONDS."""

from __future__ import annotations

import re
from typing import Optional

from melda.base.addresses import shown
from melda.base.errors import ConfigError

VARIABLE = "IDLE_SECONDS"


def parse(value: str) -> Optional[int]:
    """``value`` as seconds; None if it is empty: the container never ends for that."""
    if not re.fullmatch(r"([1-9][0-9]{1,6})?", value):
        raise ConfigError(f"invalid IDLE_SECONDS={shown(value)!r}: expected seconds, 10 to 9999999, such as 3600")
    return int(value) if value else None
