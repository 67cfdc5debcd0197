"""What the names of wheels say that are for this Python and system."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Tuple


@lru_cache(maxsize=1)  # a thousand, and a lock asks for them at each of its packages
def of_system() -> Tuple[Any, ...]:
    """Return packaging's tags, the best first."""
    from packaging import tags  # noqa: PLC0415 not with the launcher's Python

    return tuple(tags.sys_tags())
