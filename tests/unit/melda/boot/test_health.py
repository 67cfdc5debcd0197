"""Is the container well, and says so who is asked?"""

from __future__ import annotations

import os
import time
from pathlib import Path

import melda
import pytest
from melda.base import users
from melda.base.errors import ConfigError
from melda.boot import health
from melda.config import environ
from melda.jupyter import service as jupyter
from melda.mount import s3fs, watch
from melda.plugins import state

from tests.unit.melda.servers import peer


def test_a_local_folder_is_well(tmp_path: Path) -> None:
    assert health.of_mount(str(tmp_path), asked_for=False) == "ok"
    assert health.of_mount(str(tmp_path / "none"), asked_for=False) == "cannot be read"


def test_a_bucket_must_be_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert health.of_mount(str(tmp_path), asked_for=True) == "not mounted"
    monkeypatch.setattr(s3fs, "is_mounted", lambda _: True)
    monkeypatch.setattr(watch, "read", lambda: "ok")
    assert health.of_mount(str(tmp_path), asked_for=True) == "ok"


@pytest.fixture(autouse=True)
def _told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "START", str(tmp_path / "start"))
    monkeypatch.setattr(jupyter, "LEFT_OUT", str(tmp_path / "configuration"))


def test_what_was_passed_over_at_the_start_is_told_and_no_reason_to_be_ill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jupyter, "answers", lambda *_: True)
    monkeypatch.setattr(health, "of_dbus", lambda: "ok")
    state.write("~/.pip/pip.conf cannot be made ready: no room", state.START)
    state.write("left out: NameError: secret", jupyter.LEFT_OUT)
    found = health.report({"JUPYTER_WORKDIR": str(tmp_path)})
    assert found["start"] == "~/.pip/pip.conf cannot be made ready: no room"
    assert found["configuration"] == "left out: NameError: secret"
    assert health.is_healthy(found)
    short = health.outline(found)
    assert (short["start"], short["configuration"]) == ("incomplete", "left out")


def test_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "answers", lambda *_: False)
    monkeypatch.setattr(health, "of_dbus", lambda: "ok")
    found = health.report({"JUPYTER_WORKDIR": str(tmp_path)})
    assert found.pop("version") == melda.__version__
    assert found == {"jupyter": "does not answer", "mount": "ok", "dbus": "ok", "plugins": "not kept"}
    assert not health.is_healthy(found)
    assert health.is_healthy({**found, "jupyter": "ok", "dbus": "not installed"})


def test_data_that_hang_are_told_and_no_reason_to_be_ill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "answers", lambda *_: True)
    monkeypatch.setattr(health, "of_dbus", lambda: "ok")
    monkeypatch.setattr(health, "DATA_STATE", str(tmp_path / "data"))
    (tmp_path / "data").write_text("fails: [Errno 5] s3://secret")
    found = health.report({"JUPYTER_WORKDIR": str(tmp_path), "DATA_BUCKET": "data"})
    assert found["data"] == "fails: [Errno 5] s3://secret" and health.is_healthy(found)
    assert health.outline(found)["data"] == "fails"


def test_a_fork_is_told_and_no_reason_to_be_ill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "answers", lambda *_: True)
    monkeypatch.setattr(health, "of_dbus", lambda: "ok")
    monkeypatch.setattr(state, "FORK", str(tmp_path / "fork"))
    variables = {"JUPYTER_WORKDIR": str(tmp_path), "FORK_OF": "users/eve"}
    assert health.report(variables)["fork"] == "waiting"
    state.write("failed: no Python", state.FORK)
    found = health.report(variables)
    assert found["fork"] == "failed: no Python" and health.is_healthy(found)


def test_another_image_and_what_is_carried_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "answers", lambda *_: True)
    monkeypatch.setattr(health, "of_dbus", lambda: "ok")
    for name in ("IMAGE", "UPGRADE"):
        monkeypatch.setattr(state, name, str(tmp_path / name))
        assert not {"image", "upgrade"} & health.report({"JUPYTER_WORKDIR": str(tmp_path)}).keys()
    state.write("the project ran on another image before: R 4.2.2 -> 4.5.0", state.IMAGE)
    state.write("installing, 3 of 10", state.UPGRADE)
    found = health.report({"JUPYTER_WORKDIR": str(tmp_path)})
    assert found["image"].endswith("R 4.2.2 -> 4.5.0") and found["upgrade"] == "installing, 3 of 10"
    assert health.is_healthy(found)
    assert health.outline(found) == {**health.outline(found), "image": "changed", "upgrade": "installing"}


def test_strangers_are_not_told_names() -> None:
    told = {"jupyter": "ok", "mount": "fails: [Errno 5] Input/output error: '/home/melda/project/x'", "dbus": "ok"}
    for line, output in {
        "saved at 12:00:00 UTC": "saved at 12:00:00 UTC", "restoring": "restoring", "not kept": "not kept",
        "failed: Python-3.11.2: No space left on device": "failed", "installing, 3 of 10": "installing",
        "installing what users/eve has": "installing", "eve has no capture: nothing is installed": "done",
        "3 packages of users/eve are installed; 1 cannot be had: secret 1.0": "done",
    }.items():  # fmt: skip
        found = health.outline({**told, "plugins": line, "fork": line})
        assert found == {"jupyter": "ok", "mount": "fails", "dbus": "ok", "plugins": output, "fork": output}


@pytest.mark.timeout(20)
def test_what_the_user_wrote_is_a_short_line(tmp_path: Path) -> None:
    path = tmp_path / "state"
    assert health.read_state(str(path)) == ""
    path.write_bytes(b"saved\nagain\x1b[31m \xff" + b"x" * 10_000)
    assert (
        health.read_state(str(path)).startswith("saved again [31m")
        and len(health.read_state(str(path))) <= health.LONGEST + 1
    )
    path.unlink()
    os.mkfifo(path)
    assert health.read_state(str(path)) == ""
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert health.read_state(str(path)) == ""


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Where the version service is expected."""
    monkeypatch.setattr(health, "SOCKET", str(tmp_path / "socket"))
    monkeypatch.setattr(health, "become_user", lambda: None)
    monkeypatch.setattr(health, "AGAIN", 0.01)
    monkeypatch.setattr(health, "PATIENCE", 1.0)
    return health.SOCKET


def test_the_check_tries_for_a_while_by_itself(
    check: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = [(False, "ill"), (False, "ill"), (True, "well")]
    monkeypatch.setattr(health, "ask_service", lambda *_: answers.pop(0))
    monkeypatch.setattr(health, "PATIENCE", 60.0)
    assert (health.main(), capfd.readouterr().out, answers) == (0, "well\n", [])
    monkeypatch.setattr(health, "ask_service", lambda *_: (False, "ill"))
    monkeypatch.setattr(health, "PATIENCE", 0)
    assert (health.main(), capfd.readouterr().out) == (1, "ill\n")


def test_nobody_there_is_ill(check: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert health.main() == 1
    assert capfd.readouterr().out.startswith("the version service does not answer: ")


@pytest.mark.parametrize(
    ("answer", "pause", "code"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"\x1b]0;x\x07\nOK\0" + "ä\u202e".encode() + b"x" * 100_000, 0, 0),
        (b"HTTP/1.1 503 x\r\n\r\n" + b"\xff" * 100_000, 0, 1),
        (b"no http" * 10_000, 0, 1),
        (b"H", 0.05, 1),
    ],
)
def test_whoever_took_the_services_place_gets_one_short_line(
    check: str, answer: bytes, pause: float, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with peer(answer, pause, check):
        began = time.monotonic()
        assert health.main() == code
        assert time.monotonic() - began < 5, "one deadline"
    out, err = capfd.readouterr()
    assert out.endswith("\n") and out[:-1].isprintable() and len(out.encode()) < 4096 and err == ""


def test_it_is_not_root_when_it_asks(
    check: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    monkeypatch.setattr(health, "become_user", lambda: done.append("user"))
    monkeypatch.setattr(health, "ask_service", lambda *_: done.append("asked") or (True, "well"))
    assert health.main() == 0 and done == ["user", "asked"]

    def refuse() -> None:
        raise ConfigError("invalid username='x'")

    monkeypatch.setattr(health, "become_user", refuse)
    assert health.main() == 1 and done == ["user", "asked"], "it does not ask as root"
    assert capfd.readouterr().out == "well\ninvalid username='x'\n"


def test_root_becomes_the_user_and_hides_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(environ, "load", lambda: {"username": "melda"})
    monkeypatch.setattr(users, "find", lambda name: name)
    monkeypatch.setattr(users, "drop_privileges", lambda who: done.append(f"become {who}"))
    monkeypatch.setattr(users, "hide", lambda: done.append("hide"))
    health.become_user()
    assert done == ["become melda", "hide"]
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    health.become_user()
    assert len(done) == 2
