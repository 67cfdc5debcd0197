"""What start-jupyter starts when Jupyter answers: the packages of another Python or R are carried over, as the user."""

from __future__ import annotations

import os
from typing import Dict

from melda.base import oom
from melda.base.service import Service
from melda.config.environ import SRC, Settings
from melda.plugins import state
from melda.sync.fork_of import BACKGROUND

NAME = "upgrade"


def is_settled() -> bool:
    """Has the sync daemon seen already that there is nothing to carry over?"""
    return os.path.lexists(state.SETTLED)


def service(settings: Settings, variables: Dict[str, str]) -> Service:
    """Return what carries them over, in the background; it ends at once where there is nothing to do.

    Args:
        settings: of the container.
        variables: environment of the user's processes.
    """
    argv = (*BACKGROUND, os.path.join(SRC, "upgrade-packages"))
    return Service(NAME, argv, settings.layout.user, variables, oneshot=True, score=oom.SCORE)
