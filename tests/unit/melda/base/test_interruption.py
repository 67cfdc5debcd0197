"""A stop is heard while a start waits for something, whatever it is; each scenario in a Python of its own."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from .supervised import start, wait_for

WAITS = {
    "a hook": "hooks.run(folder, users.ROOT._replace(uid=os.getuid(), gid=os.getgid()), {'PATH': '/bin'}, os.getuid())",
    "a program": "subprocess.run(['/bin/sleep', '60'])",
    "a child": "users.run_as(users.ROOT._replace(uid=os.getuid(), gid=os.getgid()), lambda: time.sleep(60), 60)",
    "a question": "socket.create_server(('127.0.0.1', 0)).accept()",
    "a walk": "[os.listdir('/') for _ in iter(int, 1)]",
    "an error of its own": "s.start(service('x', '')._replace(argv=Late()))",
    "a service": "s.wait_until(lambda: False, 60)",
}
SCENARIO = """
import contextlib, os, socket, subprocess, time
from melda.base import users
from melda.base.errors import StopRequested
from melda.boot import hooks
class Late(tuple):
    def __iter__(self):
        time.sleep(60)
folder = {folder!r}
try:
    with s.listening():
        open({ready!r}, 'w').close()
        {waits}
except StopRequested:
    print('heard', s.stop_requested)
    sys.exit(s.run())
sys.exit(9)
"""


@pytest.mark.parametrize("what", WAITS)
@pytest.mark.parametrize("times", [1, 2])
def test_a_stop_is_heard(tmp_path: Path, what: str, times: int) -> None:
    folder, ready = tmp_path / "user.d", tmp_path / "ready"
    folder.mkdir(mode=0o755)
    hook = folder / "10-x"
    hook.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    hook.chmod(0o755)
    process = start(SCENARIO.format(folder=str(folder), ready=str(ready), waits=WAITS[what]))
    wait_for(tmp_path / "pid" if what == "a hook" else ready)
    time.sleep(0.1)
    began = time.monotonic()
    for _ in range(times):
        process.send_signal(signal.SIGTERM)
    output, err = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "heard True\n"), err
    assert time.monotonic() - began < 5 and err.count("stopping, as SIGTERM asks") == 1
    if what == "a hook":
        assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists(), "it is killed"


def test_one_that_came_before_is_heard_too_and_an_error_stays_one(tmp_path: Path) -> None:
    process = start("""
import os
from melda.base.errors import StopRequested
try:
    with s.listening():
        1 / 0
except ZeroDivisionError:
    print('an error', flush=True)
os.kill(os.getpid(), 15)
try:
    with s.listening():
        print('too late', flush=True)
except StopRequested:
    print('heard', flush=True)
""")
    output, err = process.communicate(timeout=20)
    assert output == "an error\nheard\n", err
