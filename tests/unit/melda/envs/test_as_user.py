"""What root asks of melda-env is done by a process of the user's that has nothing of root's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from melda.envs import as_user

RUNTIME = Path(as_user.__file__).resolve().parents[2]
RUN = """
import sys
sys.path.insert(0, {runtime!r})
from melda.base.users import Account
from melda.config.environ import ImageLayout
from melda.envs import as_user
place = ImageLayout(Account("ada", 65534, 65534, (65534,), "/home/ada", "/bin/sh"), "/x", "/nowhere")
sys.exit(as_user.run(place, ["/usr/bin/python3", "-ISc", {code!r}]))
"""
TELL = """
import json, os, sys
links = [os.readlink("/proc/self/fd/%d" % number).split(":")[0] for number in (1, 2)]
who = [os.getresuid(), os.getgroups(), os.getsid(0) == os.getpid(), oct(os.umask(0))]
print(json.dumps([who, dict(os.environ), links, sys.stdin.read()]))
sys.stderr.write("told\\n")
sys.exit(7)
"""


def started(code: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    text = RUN.format(runtime=str(RUNTIME), code=code)
    return subprocess.run(
        [sys.executable, "-c", text],
        input=given,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_it_has_the_users_rights_no_secret_and_nothing_of_roots_terminal() -> None:
    secrets = {"AWS_SECRET_ACCESS_KEY": "CANARY", "JUPYTER_TOKEN": "CANARY", "JUPYTER_TOKEN_FILE": "/CANARY"}
    done = started(TELL, "asked", HOME="/root", LANG="C.UTF-8", **secrets)
    who, variables, links, output = json.loads(done.stdout)
    assert who == [[65534, 65534, 65534], [65534], True, "0o22"]
    assert "CANARY" not in str(variables) and variables["LANG"] == "C.UTF-8"
    assert [variables[name] for name in ("HOME", "USER", "LOGNAME", "SHELL")] == ["/home/ada", "ada", "ada", "/bin/sh"]
    assert (links, output, done.stderr, done.returncode) == (["pipe", "pipe"], "asked", "told\n", 7)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_signal_that_killed_it_becomes_128_and_more() -> None:
    assert started("import os; os.kill(os.getpid(), 9)").returncode == 137


# ESC [, and the one character that is the same; a blank before a French colon, and one of Japanese.
SAID = b"a\x1b[\xc2\x9b31mb\n\xc3\xa9\xc2\xa0:\xe3\x80\x80c"
SHOWN = b"a[31mb\n\xc3\xa9\xc2\xa0:\xe3\x80\x80c"


@pytest.mark.parametrize(("terminal", "shown"), [(True, SHOWN), (False, SAID)])
def test_on_a_terminal_it_can_only_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, terminal: bool, shown: bytes
) -> None:
    (tmp_path / "said").write_bytes(SAID)
    monkeypatch.setattr(as_user.os, "isatty", lambda number: terminal)
    with (tmp_path / "said").open("rb") as source, (tmp_path / "shown").open("wb") as target:
        as_user._copy(source, target.fileno())
    assert (tmp_path / "shown").read_bytes() == shown
