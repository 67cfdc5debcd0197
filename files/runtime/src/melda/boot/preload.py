"""The beginning of a start: Jupyter loads its code, which takes longest.

It comes before most of our own code is loaded, so nothing is imported here that only a later step needs.
"""

from __future__ import annotations

import os
import time

from melda.base.supervisor import Supervisor
from melda.config import environ
from melda.config.environ import Settings
from melda.jupyter import service as jupyter
from melda.jupyter.start_note import Starting
from melda.plugins import set_paths


class Start:
    """What the steps of one start know of each other."""

    def __init__(self, settings: Settings, supervisor: Supervisor, starting: Starting) -> None:
        self.settings, self.supervisor, self.starting = settings, supervisor, starting
        self.began = time.monotonic()
        self.variables = environ.for_user(settings, *set_paths.plugins(settings.layout))
        self.token, self.random = jupyter.token_file(settings)
        self.synced = self.new = False
        self.ready = -1  # Jupyter goes on when something comes through it


def load_jupyter(start: Start) -> None:
    """Let Jupyter load its code, which needs nothing of the project; then it waits."""
    waiting, start.ready = os.pipe()
    held_back = environ.held_back(start.settings, start.variables)
    start.supervisor.start(jupyter.service(start.settings, held_back, start.token, waiting))
    os.close(waiting)
