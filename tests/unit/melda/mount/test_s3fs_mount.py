"""Mounting and unmounting, with all but the mount itself: what is proved before anybody works, and what is said if not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from melda.base import mounts
from melda.base.errors import TemporaryFailure
from melda.config.bucket import Bucket, Credentials
from melda.config.environ import Settings
from melda.mount import flush_check, iam_role, options, probing, s3, s3fs, watch

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can change owners")


class Supervisor:
    """In which s3fs mounts at once, or never."""

    def __init__(self, mounts: bool = True, lives: bool = True) -> None:
        self.mounts, self.lives, self.code = mounts, lives, 0
        self.passwords: list[str] = []
        self.timers: list[Callable[[], float | None]] = []
        self.done: list[object] = []

    def start(self, service: Any) -> None:
        file = Path(options.PASSWORD_FILE)
        self.passwords.append(file.read_text() if file.exists() else "")
        self.service = service

    def wait_until(self, _: Callable[[], bool], __: float) -> bool:
        return self.mounts

    def is_running(self, name: str) -> bool:
        return name == s3fs.S3FS and self.lives

    def pid(self, _: str) -> int:
        return 0

    def wait_while_stopping(self, condition: Callable[[], bool], _: float) -> bool:
        return condition()

    def call_later(self, _: float, action: Callable[[], float | None]) -> None:
        self.timers.append(action)

    def kill(self, name: str, code: int) -> None:
        self.done.append((name, code))

    def stop(self, name: str, ask: Callable[[], None]) -> int:
        self.done.append("stop " + name)
        ask()
        return self.code

    def remaining(self, seconds: float) -> float:
        return seconds


@pytest.fixture
def mount(settings: Settings, project: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``mount(supervisor, **changed)``: prepare the storage of a bucket that has ``changed``."""
    monkeypatch.setattr(probing, "can_mount", lambda: True)
    path, private = str(tmp_path / "passwd"), s3fs.password_file
    monkeypatch.setattr(options, "PASSWORD_FILE", path)
    monkeypatch.setattr(s3fs, "password_file", lambda bucket: private(bucket, path))
    monkeypatch.setattr(s3, "prepare", lambda bucket: (bucket, set()))
    monkeypatch.setattr(s3fs, "MOUNTED", str(tmp_path / "run" / "project"))
    monkeypatch.setattr(s3fs, "_show", lambda project, workdir: None)
    monkeypatch.setattr(s3fs, "_proven", [])

    def do(supervisor: Supervisor, before: Any = lambda *_: None, **changed: Any) -> str:
        changed_settings = settings._replace(bucket=project._replace(**changed))
        return s3fs.prepare(changed_settings, supervisor, before)  # type: ignore[arg-type]

    return do


def test_a_bucket_is_used_once_a_file_was_written_and_read_in_it(mount: Any, settings: Settings) -> None:
    supervisor = Supervisor()
    assert mount(supervisor) == "s3://bucket/users/ada is mounted at " + settings.layout.workdir
    assert supervisor.service.argv[2:6] == ("s3fs", "bucket:/users/ada", s3fs.MOUNTED, "-f")
    assert supervisor.service.critical, "without it the day's work would go nowhere"
    assert supervisor.passwords == ["KEY:CANARY\n"] and not Path(options.PASSWORD_FILE).exists()
    assert len(supervisor.timers) == 2, "it is watched, and heard, from now on"


def test_temporary_keys_and_roles_need_no_password_file(mount: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor()
    mount(supervisor, credentials=Credentials("KEY", "CANARY", "SESSION"))
    monkeypatch.setattr(iam_role, "with_role", lambda bucket, _: bucket._replace(role="ecs"))
    mount(supervisor, credentials=Credentials("", "", ""))
    assert supervisor.passwords == ["", ""]


def test_a_fork_fetches_what_its_parent_has_before_it_is_mounted(mount: Any) -> None:
    fetched: list[str] = []
    supervisor = Supervisor(mounts=False)
    with pytest.raises(TemporaryFailure):
        mount(supervisor, lambda bucket, *_: fetched.append(bucket.fork_of), fork_of="users/bob")
    assert fetched == ["users/bob"]


@pytest.mark.parametrize(("lives", "reason"), [(True, "s3fs took more than 20 s"), (False, "s3fs ended")])
def test_a_mount_that_does_not_come_is_said(mount: Any, lives: bool, reason: str) -> None:
    with pytest.raises(
        TemporaryFailure, match=f"^BUCKET_NAME='bucket' was not mounted: {reason}; its output is above$"
    ):
        mount(Supervisor(mounts=False, lives=lives))
    assert not Path(options.PASSWORD_FILE).exists()


def test_a_mount_that_cannot_be_written_is_no_mount(mount: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(probing, "probe", fail)
    with pytest.raises(
        TemporaryFailure, match="is mounted and does not work: writing and reading a file: .*Input/output"
    ):
        mount(Supervisor())


def test_a_folder_that_is_moved_meanwhile_is_no_project(mount: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(*_: object) -> None:
        raise OSError("another folder was put in its place meanwhile")

    monkeypatch.setattr(s3fs, "_show", moved)
    with pytest.raises(
        TemporaryFailure, match="is mounted and does not work: mounting it at /.*: another folder was put"
    ):
        mount(Supervisor())


def test_what_is_read_back_must_be_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(path: str, mode: str) -> Any:
        if mode == "wb":
            Path(path).touch()
        return open(os.devnull if mode == "wb" else path, mode)

    monkeypatch.setattr(probing, "open", forgetful, raising=False)
    with pytest.raises(OSError, match="^what was read is not what was written$"):
        probing.probe(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_mount_that_gives_no_answer_is_given_up_and_said(
    mount: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Any] = []

    def watching(*arguments: Any, reached: Callable[[], None]) -> Any:
        given.extend([*arguments, reached])
        return SimpleNamespace(poll_once=lambda: None)

    monkeypatch.setattr(watch, "Watch", watching)
    supervisor = Supervisor()
    mount(supervisor, patience=7.0)
    assert given[2] == 7.0
    given[3]("gave no answer for 7 s")
    assert capsys.readouterr().err == "start-jupyter: s3://bucket/users/ada: gave no answer for 7 s\n"
    assert supervisor.done == [(s3fs.S3FS, 1)]
    with pytest.raises(TemporaryFailure):
        given[4]()
    s3fs._proven[0].readable()  # at the stop no answer is no refusal


@pytest.mark.parametrize(("state", "hangs"), [(watch.HUNG, True), ("", False)])
def test_only_a_buckets_mount_can_hang(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch, state: str, hangs: bool
) -> None:
    monkeypatch.setattr(watch, "read", lambda: state)
    assert s3fs.is_hung(settings._replace(bucket=project)) == hangs
    assert not s3fs.is_hung(settings)


def test_all_that_shows_the_bucket_is_unmounted_and_what_fails_is_said(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it is by then: the user may have renamed what the project lies in."""
    there = [
        mounts.Mount(1, "0:1", "/", "overlay"),
        mounts.Mount(2, "0:7", s3fs.MOUNTED, "fuse.s3fs"),
        mounts.Mount(3, "0:7", "/moved/project", "fuse.s3fs"),
        mounts.Mount(4, "0:8", "/mnt/other", "fuse.s3fs"),
    ]
    gone: list[str] = []

    def detach(mount: mounts.Mount) -> None:
        gone.append(mount.path)
        if mount.path == "/moved/project":
            raise OSError("another folder is there by now")

    monkeypatch.setattr(mounts, "table", lambda: there)
    monkeypatch.setattr(mounts, "detach", detach)
    monkeypatch.setattr(s3fs.users, "run_as", lambda who, action, seconds: action())
    supervisor = Supervisor()
    assert s3fs.unmount(settings, supervisor) == ""  # type: ignore[arg-type]
    assert supervisor.done == [], "a local folder is not unmounted"
    workdir = settings.layout.workdir
    reason = s3fs.unmount(settings._replace(bucket=project), supervisor)  # type: ignore[arg-type]
    assert reason == workdir + " cannot be unmounted"
    assert supervisor.done == ["stop s3fs"]
    assert gone == ["/moved/project", s3fs.MOUNTED] * 2, "as s3fs is asked to end, and what is left when it is killed"
    line = "start-jupyter: unmounting /moved/project: another folder is there by now"
    assert capsys.readouterr().err.splitlines() == [line] * 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [(0, ""), (-9, "s3fs was killed by signal 9 after 0.0 s"), (1, "s3fs ended with exit code 1 after 0.0 s")],
)
def test_what_may_be_lost_is_known(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    monkeypatch.setattr(s3fs, "is_mounted", lambda _: False)
    supervisor = Supervisor()
    supervisor.code = code
    assert s3fs.unmount(settings._replace(bucket=project), supervisor) == reason  # type: ignore[arg-type]


class Said:
    """In which s3fs has said an error."""

    def error(self, _: float) -> str:
        return "HTTP response code 403, returning EPERM"


def test_what_s3fs_says_at_the_end_may_be_lost_whatever_its_exit_code(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3fs, "is_mounted", lambda path: path == s3fs.MOUNTED and not supervisor.done)
    monkeypatch.setattr(s3fs, "_proven", [SimpleNamespace(said=Said(), readable=None)])
    monkeypatch.setattr(flush_check, "problems", lambda *_: ["there is no such bucket"])
    supervisor = Supervisor()
    reason = s3fs.unmount(settings._replace(bucket=project), supervisor)  # type: ignore[arg-type]
    assert reason == "there is no such bucket; s3fs says: HTTP response code 403, returning EPERM"
