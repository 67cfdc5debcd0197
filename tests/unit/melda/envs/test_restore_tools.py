"""The programs that install: run to their end, one restore at a time, uv fetched once, pip's settings told to uv."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from melda.base import users
from melda.config import environ
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import tools

PATH = {"PATH": os.environ["PATH"]}


@pytest.fixture
def place(tmp_path: Path) -> environ.ImageLayout:
    """A home, and an image whose Python is this test's program."""
    (tmp_path / "env" / "bin").mkdir(parents=True)
    me = users.Account("melda", os.getuid(), os.getgid(), (os.getgid(),), str(tmp_path / "home"), "/bin/bash")
    return environ.ImageLayout(me, str(tmp_path / "home" / "project"), str(tmp_path / "env"))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A test that runs in the background has no Ctrl+C otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def program(path: Path, text: str) -> Path:
    """A shell program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_all_that_a_program_says_is_kept_and_its_lines_are_told_as_they_come() -> None:
    told: list[str] = []
    done = tools.run(["sh", "-c", "echo one; echo two >&2; printf '\\377'; exit 3"], PATH, told.append)
    assert done == (3, "one\ntwo\n\ufffd")
    assert told == ["one\n", "two\n", "\ufffd"]


def test_a_program_reads_nothing_from_the_terminal_and_has_only_the_variables_it_is_given(tmp_path: Path) -> None:
    done = tools.run(["sh", "-c", 'cat; pwd; echo "$A-$HOME"'], {**PATH, "A": "1"}, directory=str(tmp_path))
    assert done == (0, f"{tmp_path}\n1-\n")


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(PackageUnavailable, match=r"^/nowhere/uv cannot be run: No such file or directory$"):
        tools.run(["/nowhere/uv"], {})


def test_when_we_are_interrupted_what_a_program_has_started_ends_too(tmp_path: Path) -> None:
    """A compiler's children would go on for minutes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def interrupted(line: str) -> None:
        raise KeyboardInterrupt

    # The child of the child holds the pipe until it ends.
    command = ["sh", "-c", f"sh -c 'echo started; exec sleep 600' 9>{pipe}; :"]
    with pytest.raises(KeyboardInterrupt):
        tools.run(command, PATH, interrupted)
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "nobody has the pipe open any more"
    os.close(reader)


@pytest.mark.usefixtures("interruptible")
def test_interrupted_while_a_program_starts_it_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold the lock, and the next restore would be refused."""

    class Started(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(tools.subprocess, "Popen", Started)
    with tools.alone(str(tmp_path)), pytest.raises(KeyboardInterrupt):
        tools.run(["sleep", "60"], PATH)
    monkeypatch.setattr(tools, "PATIENCE", 0.0)
    with tools.alone(str(tmp_path)):
        pass


def test_programs_run_beside_the_main_thread_too() -> None:
    done: list[tools.Done] = []
    thread = threading.Thread(target=lambda: done.append(tools.run(["echo", "x"], PATH)))
    thread.start()
    thread.join()
    assert done == [(0, "x\n")]


def test_an_interruption_is_told_even_where_the_program_has_ended_by_itself() -> None:
    def interrupted(line: str) -> None:
        if line.strip().isdigit():
            os.waitpid(int(line), 0)  # it is gone, and so is its group
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tools.run(["sh", "-c", "echo $$"], PATH, interrupted)


def test_a_second_restore_is_refused_and_may_run_once_the_first_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "PATIENCE", 0.0)
    folder = str(tmp_path / "cache")
    with tools.alone(folder), pytest.raises(UsageError, match="another melda-env restore runs"), tools.alone(folder):
        pass
    with tools.alone(folder):
        pass


def test_a_restore_waits_for_what_a_killed_one_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is with what still runs; when that ends, the next restore goes on by itself."""
    with (tmp_path / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        left = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[stream.fileno()])
    waited = []

    def ends(seconds: float) -> None:
        waited.append(left.poll())
        left.communicate()

    monkeypatch.setattr(tools.time, "sleep", ends)
    with tools.alone(str(tmp_path)):
        assert waited == [None], "it ran when we came, and was waited for"


def test_what_a_restore_starts_holds_its_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = f"import os; print(os.path.realpath({str(lock)!r}) in map(os.path.realpath, os.scandir('/proc/self/fd')))"
    with tools.alone(str(tmp_path)):
        assert tools.run([sys.executable, "-c", code], PATH).output == "True\n"
    assert tools.run([sys.executable, "-c", code], PATH).output == "False\n"


def test_uv_on_path_is_taken(tmp_path: Path, place: environ.ImageLayout) -> None:
    there = program(tmp_path / "bin" / "uv", "")
    assert tools.uv(place, {"PATH": str(there.parent)}) == str(there)


def test_uv_is_fetched_against_its_locked_hash_and_only_once(tmp_path: Path, place: environ.ImageLayout) -> None:
    output = tmp_path / "said"
    # As pip does: into the folder after --target.
    program(
        tmp_path / "env" / "bin" / "python",
        f'echo "$@" >> {output}\nwhile [ "$1" != --target ]; do shift; done\n'
        'mkdir -p "$2/bin" && echo "#!/bin/sh" > "$2/bin/uv" && chmod +x "$2/bin/uv"\n',
    )
    env = {"PATH": "/usr/bin:/bin"}
    old = Path(tools.cache(place)) / "uv"
    (old / "partial").mkdir(parents=True)
    found = tools.uv(place, env, "the.lock")
    assert found == str(old / "bin" / "uv") and os.access(found, os.X_OK)
    assert not (old / "partial").exists()
    assert tools.uv(place, env, "the.lock") == found
    (line,) = output.read_text().splitlines()
    assert "--require-hashes" in line and line.endswith("--requirement the.lock")


def test_why_uv_cannot_be_fetched_is_said_and_nothing_is_left_that_looks_like_it(
    tmp_path: Path, place: environ.ImageLayout
) -> None:
    program(tmp_path / "env" / "bin" / "python", "echo 'ERROR: no network' >&2\necho bye\nexit 1\n")
    with pytest.raises(PackageUnavailable, match=r"^uv cannot be fetched: ERROR: no network$"):
        tools.uv(place, {"PATH": "/usr/bin:/bin"})
    assert not (Path(tools.cache(place)) / "uv").exists()


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("", "no reason given"), (" \n\n", "no reason given"), ("one\n two \n\n", "two"),
        ("E: first\nError: second\nhint\n", "Error: second"), ("x" * 500, "x" * 300),
    ],
)  # fmt: skip
def test_the_line_in_which_a_program_says_why(said: str, line: str) -> None:
    assert tools.last_line(said) == line


def test_what_installs_has_the_users_variables_but_no_secret_and_no_other_packages(
    place: environ.ImageLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = next(iter(environ.HIDDEN))
    given = {"LANG": "C", "PYTHONPATH": "/x", "R_LIBS": "/x", "VIRTUAL_ENV": "/x", "HOME": "/root", secret: "s"}
    given[f"{environ.HIDDEN_PREFIXES[0]}X"] = "s"
    monkeypatch.setattr(environ, "load", lambda: given)
    home = place.user.home
    assert tools.variables(place) == {
        "LANG": "C", "HOME": home, "UV_CACHE_DIR": f"{home}/.cache/melda-env/packages", "LANGUAGE": "en"
    }  # fmt: skip


STORE = {"UV_SYSTEM_CERTS": "true"}  # uv looks into the system's store


class TestPipSettings:
    """uv looks where pip would."""

    def test_later_files_win_and_the_environment_over_all(self, tmp_path: Path) -> None:
        etc, home, own = tmp_path / "pip.conf", tmp_path / "home", tmp_path / "own.conf"
        (home / ".config" / "pip").mkdir(parents=True)
        etc.write_text("[global]\nindex-url = https://etc/\ncert = /etc/c.pem\n[install]\ntrusted-host = h\n")
        (home / ".config" / "pip" / "pip.conf").write_text("[global]\nindex-url = https://home/\ncert = /home/c.pem\n")
        own.write_text("[global]\ncert = /own/c.pem\n[list]\nno-index = 1\n")
        env = {"PIP_CONFIG_FILE": str(own), "PIP_INDEX_URL": "https://env/"}
        assert tools.pip_settings(str(home), env, str(etc)) == {
            "UV_DEFAULT_INDEX": "https://env/", "SSL_CERT_FILE": "/own/c.pem", "UV_INSECURE_HOST": "h",
            "UV_SYSTEM_CERTS": "true",
        }  # fmt: skip

    def test_of_several_indexes_the_best_version_is_taken_as_pip_does(self, tmp_path: Path) -> None:
        etc = tmp_path / "pip.conf"
        etc.write_text("[global]\nextra-index-url =\n  https://a/\n  https://b/\nfind-links =\n  /x\n  /y\n")
        assert tools.pip_settings(str(tmp_path), {}, str(etc)) == {
            "UV_INDEX": "https://a/ https://b/", "UV_FIND_LINKS": "/x,/y", "UV_INDEX_STRATEGY": "unsafe-best-match",
            "UV_SYSTEM_CERTS": "true",
        }  # fmt: skip

    def test_what_uv_was_told_itself_stays(self, tmp_path: Path) -> None:
        env = {"PIP_INDEX_URL": "https://pip/", "UV_DEFAULT_INDEX": "https://uv/", "UV_SYSTEM_CERTS": "false"}
        assert tools.pip_settings(str(tmp_path), env, str(tmp_path / "none")) == {}

    @pytest.mark.parametrize("content", [b"index-url = no section\n", b"[global]\nindex-url = \xff\n"])
    def test_a_file_that_is_not_right_is_passed_over(self, tmp_path: Path, content: bytes) -> None:
        etc = tmp_path / "pip.conf"
        etc.write_bytes(content)
        assert tools.pip_settings(str(tmp_path), {"PIP_CERT": "/c"}, str(etc)) == {"SSL_CERT_FILE": "/c", **STORE}

    @pytest.mark.parametrize(
        ("env", "file"),
        [
            ({}, None),
            ({"REQUESTS_CA_BUNDLE": "/r"}, "/r"),
            ({"REQUESTS_CA_BUNDLE": "/r", "PIP_CERT": "/c"}, "/c"),
            ({"REQUESTS_CA_BUNDLE": "/r", "SSL_CERT_FILE": "/s"}, None),
        ],
    )
    def test_uv_trusts_whom_pip_trusts(self, env: dict[str, str], file: str | None, tmp_path: Path) -> None:
        expected = {"SSL_CERT_FILE": file} if file else {}
        assert tools.pip_settings(str(tmp_path), env, str(tmp_path / "none")) == {**expected, **STORE}
