"""A machine whose PROJECT_FOLDER is changed: each project has its own packages."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from melda.base import users
from melda.sync import other_projects, service

from tests.unit.melda.sync.going_back import Killed

R = "R-4.2.2"
USER = 54321


def begin(project: str) -> None:
    bucket: Any = SimpleNamespace(name="b", folder=project)
    other_projects.separate(bucket, service.LOCAL)
    os.makedirs(os.path.join(service.LOCAL, R), exist_ok=True)


@pytest.mark.parametrize("after", range(6))
def test_another_project_on_the_same_disk_has_its_own_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """What the one had installed was saved in the other; also where it is killed in the middle."""
    monkeypatch.setattr(service, "LOCAL", str(tmp_path))
    (tmp_path / R / "older").mkdir(parents=True)  # an older image does not say whose it is
    (tmp_path / f"{R}.json").write_text("ada's")
    begin("users/ada")
    calls = iter([None] * after)

    def counted(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if next(calls, Killed) is Killed:
                raise Killed
            return real(*arguments, **named)

        return call

    for project, mine in (("users/bo", []), ("users/ada", ["older"]), ("users/ada", ["older"]), ("users/bo", ["bos"])):
        with monkeypatch.context() as patched, contextlib.suppress(Killed):
            for name in ("rename", "rmdir", "replace"):
                patched.setattr(os, name, counted(getattr(os, name)))
            begin(project)
        begin(project)
        assert os.listdir(tmp_path / R) == mine, project
        assert (tmp_path / f"{R}.json").exists() == (project == "users/ada")
        if not mine:
            (tmp_path / R / "bos").mkdir()
    assert not list(tmp_path.rglob("*set-aside*"))


@pytest.mark.parametrize("mark", ["../../etc", "", "x" * 16, "0" * 5000, "[1]", json.dumps("../../etc")])
def test_a_mark_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setattr(service, "LOCAL", str(tmp_path))
    (tmp_path / R / "mine").mkdir(parents=True)
    (tmp_path / other_projects.MARK).write_text(mark)
    begin("users/ada")
    assert os.listdir(tmp_path / R) == ["mine"]
    assert sorted(os.listdir(tmp_path)) == [R, other_projects.MARK]


@pytest.mark.parametrize("kind", ["a folder", "a link", "closed", "in the way", "a closed mark"])
def test_whatever_lies_there_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(service, "LOCAL", str(tmp_path))
    begin("users/ada")
    (tmp_path / R / "mine").mkdir()
    begin("users/bo")
    (own,) = (tmp_path / other_projects.OTHERS).iterdir()
    if kind == "a folder":
        (tmp_path / other_projects.MARK).unlink()
        (tmp_path / other_projects.MARK / "x").mkdir(parents=True)
    elif kind == "a link":
        (tmp_path / other_projects.OTHERS).rename(tmp_path / "elsewhere")
        (tmp_path / other_projects.OTHERS).symlink_to("elsewhere")
    elif kind == "closed":
        own.chmod(0)
    elif kind == "a closed mark":
        (tmp_path / other_projects.MARK).chmod(0)
    else:
        (own / other_projects.MARK).mkdir()
    begin("users/ada")
    assert os.listdir(tmp_path / R) == ([] if kind == "a link" else ["mine"])


@pytest.mark.skipif(os.geteuid() != 0, reason="somebody else's files")
def test_what_is_roots_there_stays_and_keeps_nobody_from_starting() -> None:
    """A disk's lost+found, a mark that root wrote."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        _roots(Path(folder))


def _roots(local: Path) -> None:
    os.chown(local, USER, USER)
    (local / "lost+found").mkdir(mode=0o700)
    (local / other_projects.MARK).touch(0o600)

    def both(project: str) -> None:
        os.setgroups([])
        os.setgid(USER)
        os.setuid(USER)
        service.LOCAL = str(local)
        begin(project)
        (local / R / project.replace("/", "-")).mkdir()
        begin("users/bo")
        assert os.listdir(local / R) == []
        begin(project)
        assert os.listdir(local / R) == [project.replace("/", "-")]

    with mock.patch.object(service, "LOCAL", str(local)):
        users.run_as(users.ROOT, lambda: both("users/ada"), 20)
    assert (local / "lost+found").is_dir() and local.stat().st_uid == USER
