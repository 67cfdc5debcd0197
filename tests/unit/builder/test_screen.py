"""builder/screen.py: what a person sees of a build, in a terminal and without one, and how Ctrl-C ends it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from builder import errors, screen
from builder.__main__ import _interrupt
from builder.screen import _COLOUR, SHOWN
from builder.terminal import Terminal
from builder.terminal import moves as can_move

ROOT = Path(__file__).resolve().parents[3]
# What `docker build --progress=plain` says where pyinfra fails in a RUN, Docker 20.10 and 28.
BUILDKIT = """#3 [internal] load build context
#3 transferring context: 5.27MB 0.5s done
#3 sha256:f6c5e1cab25917f3f47fdd497efbfed23a7121d64805451fdcc89e84476fd594
#3 ...
#6 [stage-1 2/3] RUN --mount=type=bind,target=/deploy builder/provision
#6 80.1 --> Starting operation: User | Add the user\x20
#6 80.2     [12/54]
#6 82.6 --> pyinfra error in /deploy/tasks/user.py line 62: invalid uid=1001: expected a number that is free
#6 ERROR: process "/bin/sh -c /deploy/builder/provision" did not complete successfully: exit code: 1
#4 ERROR: executor failed running [/bin/sh -c /deploy/builder/provision]: exit code: 1
------
 > [stage-1 2/3] RUN --mount=type=bind,target=/deploy:
82.63 --> pyinfra error in /deploy/tasks/user.py line 62: invalid uid=1001: expected a number that is free
------
Dockerfile.base:36
--------------------
  35 |     ARG PROVISION_DATA=""
  36 | >>> RUN --mount=type=bind,target=/deploy \\
--------------------
ERROR: failed to solve: process "/bin/sh -c /deploy/builder/provision" did not complete successfully: exit code: 1
executor failed running [/bin/sh -c /deploy/builder/provision]: exit code: 1
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """A program that says what BuildKit says, and fails."""
    (tmp_path / "said").write_text(BUILDKIT)
    return ["sh", "-c", f"cat {tmp_path}/said; exit 3"]


def test_the_line_that_says_why_is_the_last(
    tmp_path: Path, program: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with screen.shown(tmp_path / "log/image.log", verbose=False), screen.step("build x:1"):
        assert screen.run(program) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  build x:1 ..." and lines[-1] == "  build x:1: 0 s"
    shown = [line.strip() for line in lines[1:-1] if line.strip()]
    assert shown[-2].endswith("invalid uid=1001: expected a number that is free")
    assert shown[-1] == f"whole output: {os.path.relpath(tmp_path / 'log/image.log')}"
    assert len(shown) <= SHOWN + 1
    assert not [line for line in shown if line.startswith(("sha256:", "transferring", "..."))]
    assert BUILDKIT in (tmp_path / "log/image.log").read_text()


def test_verbose_shows_all_as_it_is(tmp_path: Path, program: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with screen.shown(tmp_path / "x.log", verbose=True), screen.step("build x:1"):
        screen.run(program)
    assert capsys.readouterr().out == BUILDKIT
    assert BUILDKIT in (tmp_path / "x.log").read_text()


def test_nobody_who_set_up_no_screen_loses_a_line(program: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    screen.run(program)
    assert capsys.readouterr().out == BUILDKIT


def test_without_a_terminal_a_long_step_says_what_it_does(
    tmp_path: Path, program: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builder.screen.QUIET", -1)
    with screen.shown(tmp_path / "x.log", verbose=False), screen.step("build x:1"):
        screen.run(program)
    assert "  build x:1: User | Add the user" in capsys.readouterr().out.splitlines()


def test_a_terminal_has_a_line_for_each_step_and_its_end(tmp_path: Path, program: list[str]) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=130, legacy_windows=False)
    moving = Terminal((tmp_path / "log").open("w"), console)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(screen, "_current", moving)
        with screen.step("ask [the] sources"):
            screen.say("NOTE: [x]")
        with pytest.raises(RuntimeError), screen.step("build x:1"):
            screen.run(["echo", "#6 1.0 [a strange] note ✗"])
            screen.run(program)
            raise RuntimeError
        screen.say("open     http://x/?[y]")
    text = shown.getvalue()
    lines = [line.rstrip() for line in _COLOUR.sub("", text).replace("\r", "\n").splitlines() if line.strip()]
    assert any(line.startswith("✓ ask [the] sources") for line in lines)
    assert any(line.startswith("✗ build x:1") for line in lines)
    assert lines.index("NOTE: [x]") < len(lines) - 1
    assert lines[-1] == "open     http://x/?[y]" and lines[-2].startswith("whole output: ")
    assert lines[-3].endswith("expected a number that is free")


@pytest.mark.parametrize(
    ("terminal", "encoding", "name", "moves"),
    [
        (True, "utf-8", "xterm", True),
        (True, "ascii", "xterm", False),
        (True, "utf-8", "dumb", False),
        (False, "utf-8", "xterm", False),
    ],
)
def test_only_a_terminal_that_can_show_it_has_moving_lines(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, encoding: str, name: str, moves: bool
) -> None:
    monkeypatch.setenv("TERM", name)
    shown = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert can_move(Console(file=shown, force_terminal=terminal)) == moves


def test_what_the_terminal_cannot_show_does_not_end_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", shown)
    screen.run(["printf", "caf\\303\\251\n"])
    assert shown.buffer.getvalue() == b"caf?\n"  # type: ignore[attr-defined]


STOPPED = """
import signal, sys
from pathlib import Path
from builder import screen
from builder.__main__ import _interrupt
signal.signal(signal.SIGINT, _interrupt)
try:
    with screen.shown(Path({log!r}), False), screen.step("build"):
        screen.run(["sh", "-c", "trap '' INT; sleep 60 & echo $! > {pid}; wait; sleep 60"])
except KeyboardInterrupt:
    Path({log!r} + ".cleaned").write_text("x")
    sys.exit(130)
"""


def test_ctrl_c_ends_a_program_that_does_not_listen_with_all_that_it_started(tmp_path: Path) -> None:
    pid, log = tmp_path / "pid", tmp_path / "log"
    script = STOPPED.format(log=str(log), pid=pid)
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": "files/runtime/src"}
    ) as made:
        deadline = time.monotonic() + 30
        while not (pid.exists() and pid.read_text().strip()):
            assert time.monotonic() < deadline
        # Twice, as somebody does who is in a hurry: what is taken back is taken back.
        made.send_signal(signal.SIGINT)
        made.send_signal(signal.SIGINT)
        assert made.wait(30) == 130  # the program would sleep for a minute
    assert (tmp_path / "log.cleaned").exists()
    status = Path(f"/proc/{pid.read_text().strip()}/stat")
    while status.exists() and status.read_text().split()[2] not in "ZX":  # it was sent SIGKILL, and sleeps for a minute
        assert time.monotonic() < deadline


def test_a_second_ctrl_c_is_not_heard() -> None:
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(KeyboardInterrupt):
            _interrupt()
        assert signal.getsignal(signal.SIGINT) == signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "SSL_CERT_FILE="),
        ("x509: certificate signed by unknown authority", "SSL_CERT_FILE="),
        ("  Certificate verification failed: The certificate is NOT trusted.", "SSL_CERT_FILE="),
        ("  Caused by: invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE="),
        ("dpkg: error: cannot copy: No space left on device", "the disk is full"),
        ("E: Unable to locate package x", ""),
    ],
)
def test_the_output_tells_which_setting_helps(line: str, words: str) -> None:
    found = errors.hint(["before", line, "after"])
    assert words in found and bool(found) == bool(words)
