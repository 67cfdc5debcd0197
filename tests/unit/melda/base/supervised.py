"""A supervisor in a Python of its own, as signals are a process's own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

from tests.unit.melda.conftest import RUNTIME

# Before each line of the log, which no fixture reaches in another process.
MOMENT = r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info|warning|error) "

PREPARE = """
import os, signal, sys, time
sys.path.insert(0, {runtime!r})
from melda.base import users as account
from melda.base import processes
from melda.base import supervisor
from melda.base.service import Service
from melda.base.supervisor import Supervisor
me = account.Account("me", os.getuid(), os.getgid(), (os.getgid(),), "/", "/bin/sh")
def service(name, code, **more):
    return Service(name, (sys.executable, "-ISc", code), me, {{"A": "1"}}, **more)
s = Supervisor()
"""


def start(code: str) -> subprocess.Popen[str]:
    text = PREPARE.format(runtime=str(RUNTIME)) + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(code: str) -> tuple[int, str, str]:
    process = start(code)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.01)
