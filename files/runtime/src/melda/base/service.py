"""What a supervisor looks after: a long-running program, and the process it has for the moment."""

from __future__ import annotations

import subprocess
from typing import Mapping, NamedTuple, Optional, Tuple

from melda.base import users

FIRST_PAUSE = 0.5  # seconds before a service that died is started again, for the first time


class Service(NamedTuple):
    """A long-running program.

    Attributes:
        name: in the log.
        argv: program and arguments; secrets have no place here, everybody sees them.
        account: who it runs as.
        environment: all of its environment.
        directory: where it starts.
        critical: its end is the container's end; else it is started again.
        stop_timeout: seconds between SIGTERM and SIGKILL.
        oneshot: when it ends with exit code 0 it is done.
        stdin: descriptor of its standard input; there is nothing to read if it is not given.
        stdout: descriptor of its standard output and of its errors; None: ours.
        score: how gladly the kernel kills it, and what it starts, for want of memory; see :mod:`melda.base.oom`.
    """

    name: str
    argv: Tuple[str, ...]
    account: users.Account
    environment: Mapping[str, str]
    directory: str = "/"
    critical: bool = False
    stop_timeout: float = 2.0
    stdin: int = subprocess.DEVNULL
    oneshot: bool = False
    score: int = 0
    stdout: Optional[int] = None


class Running:
    """A service, and its process while it has one."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.began = 0.0
        self.pause = FIRST_PAUSE
        self.restarts = 0
        self.due: Optional[float] = None  # when to start it again
        self.stopping = False  # its end is wanted
        self.asked = False
