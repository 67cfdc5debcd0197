"""What a login shell gets that only a start knows: how many threads libraries shall have."""

from __future__ import annotations

import os

from melda.base import textfiles
from melda.base.errors import TemporaryFailure
from melda.config import container_limits
from melda.config.environ import Settings

PROFILE = "/etc/profile.d/melda-threads.sh"


def prepare(settings: Settings, profile: str = PROFILE) -> None:
    """Write it; a file of another container's, in an image that was committed from one, is emptied."""
    text = container_limits.login(settings.variables)
    try:
        if text or os.path.exists(profile):
            textfiles.write_if_changed(profile, "# Written at the start.\n" + text)
    except OSError as error:
        raise TemporaryFailure(f"{profile} cannot be written: {error}") from None
