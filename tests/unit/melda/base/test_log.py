"""A line of the log: moment, level and words for people; an object for programs."""

from __future__ import annotations

import ast
import contextlib
import datetime
import importlib
import json
import os
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
from melda.base import log
from melda.base.errors import ConfigError
from melda.config import choice

SOURCES = Path(log.__file__).parents[1]


@pytest.fixture
def stamped() -> None:
    """As it is; the other tests leave the moment out."""
    importlib.reload(log)


@pytest.mark.usefixtures("stamped")
def test_a_line_has_its_moment_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    log.line("one")
    log.warn("two")
    log.error("three")
    found = re.findall(r"^(\S+)Z (info|warning|error) start-jupyter: (.*)$", capsys.readouterr().err, re.MULTILINE)
    assert [words[1:] for words in found] == [("info", "one"), ("warning", "two"), ("error", "three")]
    for moment, *_ in found:
        at = datetime.datetime.fromisoformat(moment + "+00:00")
        assert abs((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()) < 60


@pytest.mark.usefixtures("stamped")
def test_a_hosts_journal_has_both_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PREFIX", "")
    log.warn("one")
    assert capsys.readouterr().err == "one\n"


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_object_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LOG_FORMAT", "json"), ("BUCKET_NAME", "projects"), ("PROJECT_FOLDER", "/users/ada/")):
        monkeypatch.setenv(name, value)
    with log.step("mount") as details:
        details.append("there")
    log.error('a\nb "c" \udcff é')
    log.warn("plugins: not saved")
    mount, odd, plugins = objects(capsys)
    assert mount.pop("time") and isinstance(mount.pop("seconds"), float)
    assert mount == {
        "level": "info", "step": "mount", "project": "s3://projects/users/ada", "message": "mount: there (0.00 s)",
    }  # fmt: skip
    assert (odd["level"], odd["step"], odd["seconds"], odd["message"]) == ("error", None, None, 'a\\nb "c" \\udcff é')
    assert (plugins["level"], plugins["step"]) == ("warning", "plugins")
    monkeypatch.delenv("BUCKET_NAME")
    log.line("x")
    assert objects(capsys)[0]["project"] is None


@pytest.mark.parametrize("value", ["", "text", "json"])
def test_formats(value: str) -> None:
    choice.from_env({log.FORMAT: value}, log.FORMAT, log.FORMATS, "")


@pytest.mark.parametrize("value", ["JSON", "yaml", " json"])
def test_what_is_no_format(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid LOG_FORMAT=.*: expected one of text, json$"):
        choice.from_env({log.FORMAT: value}, log.FORMAT, log.FORMATS, "")


CALLS = re.compile(r"((log|notices)\.)?(line|warn|error|say)|self\._say")
# What is told to a person at a terminal is no line of the log.
LINES = [
    (f"{path.relative_to(SOURCES)}:{call.lineno}", call)
    for path in sorted(SOURCES.rglob("*.py"))
    if path.parent.name not in ("formats", "restore")
    for call in ast.walk(ast.parse(path.read_text()))
    if isinstance(call, ast.Call) and CALLS.fullmatch(ast.unparse(call.func)) and call.args
]


def words(call: ast.Call) -> str:
    """The words of a line that its call has, as they stand there."""
    found = [
        one.value for one in ast.walk(call.args[0]) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]
    return "".join(found)


def test_a_line_of_what_went_wrong_is_no_information() -> None:
    """Who has an eye on warnings and errors alone misses none."""
    wrong = re.compile(r"\b(not|cannot|failed|damaged|killed by|set aside|left out|lost)\b")
    assert len(LINES) > 80
    assert [
        f"{where}: {words(call)}"
        for where, call in LINES
        if wrong.search(words(call)) and len(call.args) == 1 and not ast.unparse(call.func).endswith(("warn", "error"))
    ] == []  # fmt: skip


def test_who_says_a_line_is_a_field_of_it() -> None:
    mine = [call for _, call in LINES if ast.unparse(call.func).startswith("log.") and not call.keywords]
    begin = [re.match("([a-z]+): ", words(call)) for call in mine]
    sources = {found[1] for found in begin if found}
    assert {"fork", "hooks", "upgrade"} <= sources
    assert [source for source in sorted(sources) if not log.SOURCE.match(f"{source}: ")] == []


STOPPED = """
import os, subprocess, sys, termios
from melda.base import log, users
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.mount.output import Output
supervisor, output = Supervisor(), Output()
log.leave_terminal()
for number in range(2000):
    log.line(f"line {number}")
    if number == 0:
        termios.tcflow(log.users_terminal, termios.TCOOFF)
    for shared in (1, 2, log.users_terminal):
        os.set_blocking(shared, True)
    if number == 1000:
        subprocess.run(["seq", "20000"], check=True)
        subprocess.run(["seq", "20000"], stdout=log.users_terminal, check=True)
termios.tcflow(log.users_terminal, termios.TCOOFF)
# As root's, which sshd is; and what s3fs says, which is shown as it is.
if os.geteuid() == 0:
    supervisor.start(Service("sshd", ("/bin/sh", "-c", "echo said >&2; exit 3"), users.ROOT, {}, critical=True))
    assert supervisor.run() == 3
os.write(output.writing, b"s3fs: said\\n")
output.poll_once()
log.line("end")
"""


SERVICE = """
import os, sys, termios
from melda.base import log
os.set_blocking(2, False)
termios.tcflow(2, termios.TCOOFF)
for number in range(100):
    log.line(f"line {number} " + 1000 * "x")
"""


def test_a_service_that_writes_to_a_stopped_terminal_ends_well() -> None:
    """Python kept what the terminal had not taken, failed to write it at the end, and the service ran again."""
    leader, terminal = os.openpty()
    child = subprocess.Popen(  # noqa: SIM115
        [sys.executable, "-c", SERVICE], env={"PYTHONPATH": str(SOURCES.parent)}, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    with contextlib.suppress(OSError):
        while child.poll() is None:
            if select.select([leader], [], [], 20)[0]:
                os.read(leader, 100)
    assert child.wait(20) == 0
    os.close(leader)


def test_a_terminal_that_somebody_stops_stops_nobody() -> None:
    """``docker run --tty``: PID 1 hung in its next line, so no stop saved anything. Ctrl-S was enough.

    Programs that it starts write to a terminal that waits, or a hook that lists a folder would fail.
    """
    leader, terminal = os.openpty()
    command = [sys.executable, "-c", STOPPED]
    with subprocess.Popen(command, env={"PYTHONPATH": str(SOURCES.parent)}, stdout=terminal, stderr=terminal) as child:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # nobody has the terminal any more
            while select.select([leader], [], [], 20)[0]:
                shown += os.read(leader, 65536)
        child.kill()
        assert child.wait(5) == 0, "it hung"
    os.close(leader)
    assert b"line 1" in shown and shown.rstrip().endswith(b"end"), shown[-300:]
    assert shown.count(b"\n20000\r") == 2 and shown.count(b"\n") > 40000
