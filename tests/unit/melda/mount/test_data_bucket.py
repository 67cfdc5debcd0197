"""The s3fs of DATA_BUCKET: what it says is read before it is logged, also when it was started again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from melda.base import users
from melda.base.errors import ConfigError, TemporaryFailure
from melda.config.bucket import Bucket, Credentials
from melda.config.environ import Settings
from melda.mount import data_bucket, options, probing, s3, s3fs, watch

# As s3fs 1.90 answers a refused request.
SAYS = """\
#!/bin/sh
echo '[CRT] s3fs_logger.cpp:LowSetLogLevel(240): change debug level'
echo '[ERR] curl.cpp:RequestPerform(2357): HTTP response code 400, returning EIO. Body Text: <Error><Token-0>CANARY'
echo 'CANARY</Token-0></Error>'
"""


class Supervised:
    """In the place of PID 1's supervisor: runs each service once, to its end.

    Args:
        mounted: comes of it what is waited for?
    """

    def __init__(self, mounted: bool) -> None:
        self.mounted, self.services, self.timers, self.process = mounted, list[Any](), list[Any](), 0

    def start(self, service: Any) -> None:
        self.services.append(service)
        subprocess.run(
            service.argv, stdout=service.stdout, stderr=subprocess.STDOUT, env=service.environment, check=True
        )

    def wait_until(self, *_: object) -> bool:
        return self.mounted

    def pid(self, _: str) -> int:
        return self.process

    def call_later(self, _: float, action: Any) -> None:
        self.timers.append(action)


@pytest.fixture
def prepared(settings: Settings, project: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it with the supervisor."""
    program = tmp_path / "s3fs"
    program.write_text(SAYS)
    program.chmod(0o755)
    for module, name, value in (
        (s3fs, "S3FS", str(program)), (options, "version", lambda: (1, 90)), (probing, "can_mount", lambda: True),
        (s3, "found", lambda bucket: bucket), (data_bucket, "DATA", str(tmp_path / "data")),
        (data_bucket, "DATA_STATE", str(tmp_path / "state")),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    return lambda supervisor: data_bucket.prepare(project, settings, supervisor)


def test_the_home_leads_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data_bucket, "DATA", str(tmp_path / "of the bucket"))
    account = users.ROOT._replace(home=str(tmp_path))
    for _ in range(2):
        data_bucket.show_in_home(account)
        assert os.readlink(tmp_path / "data") == str(tmp_path / "of the bucket")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("named", ["file", "folder", "link"])
def test_what_the_home_has_under_that_name_stays(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = tmp_path / "data"
    {"file": shown.touch, "folder": shown.mkdir, "link": lambda: shown.symlink_to("elsewhere")}[named]()
    before = os.lstat(shown)
    data_bucket.show_in_home(users.ROOT._replace(home=str(tmp_path)))
    assert os.lstat(shown) == before
    assert f"{shown} does not lead to /data, where the data are: [Errno 17] File exists" in capfd.readouterr().err


def test_s3s_answer_is_not_logged(prepared: Any, capfd: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervised(mounted=True)
    assert prepared(supervisor).endswith("is mounted read-only at " + data_bucket.DATA)
    said = capfd.readouterr().err
    assert "change debug level" in said
    assert said.endswith("start-jupyter: s3fs of the data: HTTP response code 400, returning EIO\n")
    supervisor.start(supervisor.services[0]._replace(argv=(*supervisor.services[0].argv, "again")))
    poll, _ = supervisor.timers
    assert poll() > 0
    again = capfd.readouterr()
    assert "change debug level" in again.err and "CANARY" not in said + again.err + again.out


def test_what_it_says_is_there_when_it_does_not_mount(prepared: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TemporaryFailure, match="s3fs's output is above$"):
        prepared(Supervised(mounted=False))
    said = capfd.readouterr()
    assert "HTTP response code 400" in said.err and "CANARY" not in said.err + said.out


class Asked(NamedTuple):
    """What the watch is given."""

    user: users.Account
    choose: Callable[[bool], Callable[[], None]]
    patience: float
    give_up: Callable[[str], float]
    state: str
    subject: watch.Subject
    reached: Callable[[], None]

    def poll_once(self) -> None:
        """Nothing."""


def test_one_that_hangs_is_killed_and_watched_on(
    prepared: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    watches = list[Asked]()
    monkeypatch.setattr(watch, "Watch", lambda *given: watches.append(Asked(*given)) or watches[-1])
    supervisor = Supervised(mounted=True)
    prepared(supervisor)
    (asked,) = watches
    assert (asked.user, asked.patience) == (users.ROOT, 180)
    assert asked.give_up("it hangs") > 0, "there is none: it is started again just now"
    with subprocess.Popen(["sleep", "60"]) as hanging:
        supervisor.process = hanging.pid
        assert asked.give_up("it hangs") > 0
    assert hanging.returncode == -signal.SIGKILL
    assert capfd.readouterr().err.endswith("s3://bucket/users/ada: it hangs; it is started again\n")
    with pytest.raises(OSError, match="it is not mounted"):
        asked.choose(True)()
    monkeypatch.setattr(s3fs, "is_mounted", lambda _: True)
    monkeypatch.setattr(s3, "keys", lambda *_: ["users/ada/x"])
    asked.choose(False)()


@pytest.mark.parametrize("folder", ["", "users/ada"])
def test_what_s3_refuses_is_an_error_and_its_silence_is_waited_for(
    prepared: Any, monkeypatch: pytest.MonkeyPatch, project: Bucket, settings: Settings, folder: str
) -> None:
    """s3fs says of a bucket that is gone, or refused, that its files are not there."""
    asked: list[object] = []

    def keys(bucket: Bucket, prefix: str, most: int) -> list[str]:
        asked.append((bucket.credentials, prefix, most))
        raise answers.pop()

    silence = TemporaryFailure("nothing answers")
    answers: list[Exception] = [silence, ConfigError("AWS_ACCESS_KEY_ID is refused"), silence]
    monkeypatch.setattr(s3, "keys", keys)
    monkeypatch.setattr(data_bucket.iam_role, "renewed", lambda bucket, _: bucket._replace(credentials="new"))
    monkeypatch.setattr(s3fs, "is_mounted", lambda _: True)
    watches = list[Asked]()
    monkeypatch.setattr(watch, "Watch", lambda *given: watches.append(Asked(*given)) or watches[-1])
    supervisor: Any = Supervised(mounted=True)
    Path(data_bucket.DATA).mkdir()
    data_bucket._watch(project._replace(folder=folder), settings, supervisor)
    question = watches[0].choose(False)
    question()
    with pytest.raises(ConfigError, match="is refused"):
        question()
    with pytest.raises(TemporaryFailure):  # so s3fs, which waits for S3, is not killed
        watches[0].reached()
    assert asked == [("new", folder and folder + "/", 1)] * 3


@pytest.mark.parametrize("alone", [True, False])
def test_that_keys_expire_is_said_once(
    settings: Settings, project: Bucket, prepared: Any, capfd: pytest.CaptureFixture[str], alone: bool
) -> None:
    temporary = project._replace(credentials=Credentials("KEY", "CANARY", "CANARY-SESSION"), expires=4e9)
    settings = settings._replace(bucket=None if alone else temporary)
    data_bucket.prepare(temporary, settings, Supervised(mounted=True))  # type: ignore[arg-type]
    said = capfd.readouterr().err
    assert ("the keys for S3 expire at" in said and "nothing can be read at " + data_bucket.DATA in said) is alone
