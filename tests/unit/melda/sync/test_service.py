"""What start-jupyter does for the plugin folders, but for the mounts, which container tests show."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from melda.base import supervisor as services
from melda.base import users
from melda.base.errors import ConfigError, TemporaryFailure
from melda.config.bucket import Bucket, Credentials
from melda.config.environ import ROOT_PATH, SRC
from melda.plugins import state
from melda.sync import service as sync

PYTHON, R, STATE = "Python-3.11.2", "R-4.2.2", ".melda-jupyter"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A container whose project is in a bucket, in a folder; all is done by this process, and mounts are only noted."""
    workdir = tmp_path / "project"
    workdir.mkdir()
    me = users.ROOT._replace(uid=os.getuid(), gid=os.getgid())
    place = SimpleNamespace(user=me, workdir=str(workdir), python_env="/opt/jupyter")
    monkeypatch.setattr(sync, "LOCAL", str(tmp_path / "local"))
    monkeypatch.setattr(sync, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(sync, "PROJECT", str(tmp_path / "run" / "project"))
    for name in ("STATE", "RESTORING", "INTERRUPTED", "DEADLINE"):
        monkeypatch.setattr(state, name, str(tmp_path / "run" / "plugins" / name))
    monkeypatch.setattr(state, "FOLDER", str(tmp_path / "run" / "plugins"))
    monkeypatch.setattr(state, "NAMES", ("STATE", "RESTORING", "INTERRUPTED"))

    class Plugins(tuple[str, ...]):
        python = str(workdir / PYTHON)

    monkeypatch.setattr(sync.set_paths, "plugins", lambda _: Plugins((str(workdir / PYTHON), "", str(workdir / R))))
    monkeypatch.setattr(sync.users, "run_as", lambda who, action, seconds: action())
    monkeypatch.setattr(
        sync.environ,
        "for_user",
        lambda settings, python: {"VIRTUAL_ENV": python, "PYTHONPATH": python, "PATH": python + "/bin", "HOME": "/h"},
    )
    bucket = SimpleNamespace(name="b", folder="users/ada")
    yield SimpleNamespace(layout=place, bucket=bucket, mounts=[], timers=[], started=[], ended=[0], is_running=True)


@pytest.fixture
def supervisor(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(
        sync.mounts, "bind", lambda source, target: settings.mounts.append((where(source), where(target)))
    )
    return SimpleNamespace(
        start=settings.started.append,
        call_later=lambda seconds, action: settings.timers.append(action),
        service=lambda name: services.Service(name, ("plugin-sync", R), users.ROOT, {}),
        is_running=lambda name: settings.is_running,
        stop=lambda name, ask=None: settings.started.append(name) or settings.ended.pop(0),
        remaining=lambda seconds: seconds,
    )


def where(number: int) -> str:
    return os.readlink(f"/proc/self/fd/{number}")


def test_only_a_buckets_folders_are_kept(settings: Any) -> None:
    assert sync.names(settings) == [PYTHON, R]
    settings.bucket = None
    assert sync.names(settings) == []


def test_folders_on_local_disk_in_the_place_of_the_buckets(settings: Any, supervisor: Any, tmp_path: Path) -> None:
    (tmp_path / "local" / R).mkdir(parents=True)
    (tmp_path / "local" / R / "half").touch()
    (tmp_path / "local" / PYTHON).mkdir()
    (tmp_path / "local" / PYTHON / "kept").touch()
    (tmp_path / "local" / f"{PYTHON}.json").touch()
    assert sync.start(settings, supervisor)
    project = str(tmp_path / "project")
    assert settings.mounts == [
        (str(tmp_path / "local" / PYTHON), f"{project}/{PYTHON}"),
        (str(tmp_path / "local" / R), f"{project}/{R}"),
    ]
    assert os.listdir(tmp_path / "local" / R) == ["half"], "of a container that was killed while it was restoring it"
    assert os.listdir(tmp_path / "local" / PYTHON) == ["kept"]
    assert Path(state.RESTORING).exists() and state.read() == "restoring"
    (service,) = settings.started
    assert service.name == sync.NAME and list(service.argv[-2:]) == [PYTHON, R]
    assert service.environment == {"HOME": "/h", "PATH": f"{SRC}:/opt/jupyter/bin:{ROOT_PATH}"}, "nothing of the user's"


@pytest.mark.parametrize("kind", ["file", "link", "closed", "index"])
def test_whatever_lies_where_the_local_folders_are_to_be(
    settings: Any, supervisor: Any, tmp_path: Path, kind: str
) -> None:
    local = tmp_path / "local" / R
    local.parent.mkdir()
    if kind == "link":
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "file").touch()
        local.symlink_to(tmp_path / "mine")
    elif kind == "file":
        local.write_text("mine")
    else:
        local.mkdir()
        (local / "mine").touch()
        (local.parent / f"{R}.json").mkdir() if kind == "index" else local.chmod(0)
    for name in state.NAMES:
        (tmp_path / "run" / "plugins" / name / "deep").mkdir(parents=True)
    assert sync.start(settings, supervisor)
    assert local.is_dir() and not local.is_symlink() and len(settings.mounts) == 2
    kept = list(local.parent.glob("*.set-aside-*"))
    assert len(kept) == (kind != "closed")
    if kind == "link":
        assert (tmp_path / "mine" / "file").exists()
    if kind in ("index", "closed"):
        assert (local / "mine").exists()
    assert Path(state.RESTORING).is_file() and state.read() == "restoring"


@pytest.mark.parametrize("name", [PYTHON, R, STATE, f"{STATE}/{R}"])
def test_what_s3fs_takes_for_a_file_that_no_key_has_is_made_a_folder_in_the_bucket(
    settings: Any, supervisor: Any, project: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It can neither be renamed nor be made, until the folder's object says what it is."""
    odd, role = tmp_path / "project" / name, name == R
    asked: list[tuple[str, str, str]] = []
    odd.parent.mkdir(exist_ok=True)
    odd.touch()
    set_aside = sync.folders.set_aside

    def renamed(path: str, keep_name: bool = True) -> str:
        if path == str(odd):
            raise FileNotFoundError(2, "No such file or directory", path)
        return set_aside(path, keep_name)

    def make_folder(bucket: Bucket, key: str) -> None:
        assert not odd.exists(), "s3fs has forgotten it"
        asked.append((bucket.credentials.key, bucket.region, key))

    settings.bucket = project._replace(credentials=Credentials("", "", "")) if role else project
    monkeypatch.setattr(sync.folders, "set_aside", renamed)
    monkeypatch.setattr(sync.iam_role, "with_role", lambda bucket, _: bucket._replace(credentials=project.credentials))
    monkeypatch.setattr(sync.s3, "located", lambda bucket: (bucket._replace(region="eu-central-1"), None))
    monkeypatch.setattr(sync.s3, "make_folder", make_folder)
    assert sync.start(settings, supervisor)
    ours = (STATE, f"{STATE}/{PYTHON}", f"{STATE}/{R}", PYTHON, R)
    assert asked == [("KEY", "eu-central-1", f"users/ada/{one}/") for one in ours]
    assert len(settings.mounts) == 2


def test_local_disk_that_cannot_be_used_ends_the_start(
    settings: Any, supervisor: Any, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(sync.folders, "make", fail)
    monkeypatch.setattr(sync.s3, "located", lambda bucket: (bucket, None))
    monkeypatch.setattr(sync.s3, "make_folder", lambda *_: None)
    settings.bucket = project
    with pytest.raises(TemporaryFailure, match="local disk: no space$"):
        sync.start(settings, supervisor)


def test_a_local_project_keeps_its_folders_as_they_are(settings: Any, supervisor: Any) -> None:
    settings.bucket = None
    assert not sync.start(settings, supervisor)
    assert settings.mounts == [] and state.read() == state.LOCAL and not Path(state.RESTORING).exists()
    sync.flush(settings, supervisor)
    assert settings.started[-1] == sync.NAME


def test_no_link_of_the_users_is_followed(settings: Any, supervisor: Any, tmp_path: Path) -> None:
    (tmp_path / "project" / R).symlink_to("/etc")
    sync.start(settings, supervisor)
    assert all("/etc" not in pair for pair in settings.mounts)
    (aside,) = (tmp_path / "project").glob(R + ".set-aside-*")
    assert aside.is_symlink() and (tmp_path / "project" / R).is_dir(), "nor does it keep a container from starting"


def test_who_is_installing_is_remembered_before_anybody_is_stopped(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(state.INTERRUPTED).parent.mkdir(parents=True)
    monkeypatch.setattr(sync.installers, "running", lambda: "pip install x")
    sync.record_interrupted(settings)
    assert Path(state.INTERRUPTED).read_text() == "pip install x"

    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(sync.users, "run_as", fail)
    sync.record_interrupted(settings)


def test_that_nobody_is_installing_is_only_believed_who_looked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(state.INTERRUPTED).parent.mkdir(parents=True)
    monkeypatch.setattr(sync.installers, "running", lambda: "")
    sync.record_interrupted(settings)
    assert Path(state.INTERRUPTED).read_text() == state.NOBODY
    Path(state.INTERRUPTED).unlink()

    def late(*_: object) -> None:
        raise TimeoutError("not within 1 s")

    output: list[str] = []
    monkeypatch.setattr(sync.log, "warn", output.append)
    monkeypatch.setattr(sync.users, "run_as", late)
    sync.record_interrupted(settings)
    assert not Path(state.INTERRUPTED).exists() and output == ["who is installing cannot be seen: not within 1 s"]


def test_the_bucket_is_uncovered(
    settings: Any, supervisor: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounted = {
        f"{tmp_path}/project/{name}": sync.mounts.Mount(number, "8:1", f"{tmp_path}/project/{name}", "ext4")
        for number, name in enumerate((PYTHON,))
    }
    monkeypatch.setattr(sync.mounts, "at", mounted.get)
    gone: list[str] = []

    def detach(mount: Any) -> None:
        gone.append(mount.path)
        raise OSError("another folder is there by now")

    output: list[str] = []
    Path(state.FOLDER).mkdir(parents=True)
    monkeypatch.setattr(sync.log, "warn", output.append)
    monkeypatch.setattr(sync.mounts, "detach", detach)
    assert sync.flush(settings, supervisor) == ""
    assert gone == [f"{tmp_path}/project/{PYTHON}"]
    assert output == [f"unmounting {tmp_path}/project/{PYTHON}: another folder is there by now"]


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ([0], ""),
        ([-9], "the plugin sync did not end by itself"),
        ([1], "the plugin sync did not end by itself"),
        ([74], "what was installed last; the plugin sync's lines above say what"),
        # The signal came before it listened to it: another one looks.
        ([-15, 0], ""),
        ([-15, 74], "what was installed last; the plugin sync's lines above say what"),
        ([-15, -9], "the plugin sync did not end by itself"),
    ],
)
def test_a_last_save_that_did_not_come_to_its_end_is_known(
    settings: Any, supervisor: Any, monkeypatch: pytest.MonkeyPatch, codes: list[int], said: str
) -> None:
    monkeypatch.setattr(sync.mounts, "at", lambda _: None)
    settings.ended = [*codes]
    assert sync.flush(settings, supervisor) == said and settings.ended == []
    settings.bucket, settings.ended = None, [*codes]
    assert sync.flush(settings, supervisor) == "", "nothing was to be saved"


def test_a_keeper_that_was_killed_is_started_once_more_for_the_last_save(
    settings: Any, supervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync.mounts, "at", lambda _: None)
    settings.is_running, settings.ended = False, [0, 74]
    assert sync.flush(settings, supervisor)
    (service,) = (one for one in settings.started if one != sync.NAME)
    assert service.argv[-1] == "--last" and service.oneshot, "it is not started again"

    def fail(_: object) -> None:
        raise ConfigError("no process is left")

    supervisor.start, settings.ended = fail, [0]
    assert sync.flush(settings, supervisor) == "no process is left"
    supervisor.service = lambda _: None
    assert sync.flush(settings, supervisor) == "", "it never began"


def test_the_last_save_knows_how_long_it_has(settings: Any, supervisor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds were all that it took of four: on a busy machine what was installed last was not written down."""
    monkeypatch.setattr(sync.mounts, "at", lambda _: None)
    Path(state.DEADLINE).parent.mkdir(parents=True)
    assert state.deadline() == 0.0
    supervisor.remaining = lambda seconds: min(seconds, 3.9)
    began = time.monotonic()
    assert sync.flush(settings, supervisor) == ""
    assert began + 3.3 <= state.deadline() <= time.monotonic() + 3.9 - 0.4, "it has a moment to say what is missing"
    Path(state.DEADLINE).write_text("soon")
    assert state.deadline() == 0.0


def test_without_a_process_to_look_nobody_knows_who_was_installing(settings: Any) -> None:
    Path(state.INTERRUPTED).parent.mkdir(parents=True)
    sync.record_interrupted(settings, room=False)
    assert "no process left" in Path(state.INTERRUPTED).read_text()
