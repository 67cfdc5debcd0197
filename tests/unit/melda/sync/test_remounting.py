"""A plugin folder's mount that the kernel has taken away, with the folder of s3fs that it lay on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from melda.base import users
from melda.base.mounts import Mount
from melda.sync import remounting
from melda.sync import service as sync

from .test_service import PYTHON, R, settings, supervisor

__all__ = ["settings", "supervisor"]


@pytest.fixture
def mounted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[Mount]:
    """What the kernel says is mounted."""
    table = [
        Mount(number, "0:1", f"{settings.layout.workdir}/{name}", "overlay") for number, name in enumerate((PYTHON, R))
    ]
    monkeypatch.setattr(remounting.mounts, "table", lambda: table)
    return table


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the children answer, one after the other; where it is good, they have done it."""
    found: list[Any] = []

    class Child:
        def __init__(self, account: users.Account, action: Any) -> None:
            assert account.uid == 0
            self._action = action

        def answer(self) -> Any:
            if not found:
                self._action()
                return ""
            return found.pop(0)

        def close(self) -> None:
            pass

    monkeypatch.setattr(remounting.users, "Child", Child)
    return found


def test_a_mount_that_is_gone_is_mounted_again(
    settings: Any, supervisor: Any, mounted: list[Mount], answers: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """S3 refused for a moment: the user's packages were gone until the next start, and ``/healthz`` said that all is well."""
    sync.start(settings, supervisor)
    (look,) = settings.timers
    del settings.mounts[:]
    assert look() == remounting.PAUSE and settings.mounts == []
    lost = mounted.pop(0)
    answers += [None, "Operation not permitted"]
    pauses = [look() for _ in range(5)]
    assert pauses == [remounting.LOOK, remounting.LOOK, remounting.PAUSE, remounting.LOOK, remounting.PAUSE]
    assert settings.mounts == [(f"{sync.LOCAL}/{PYTHON}", lost.path)]
    said = capsys.readouterr().err
    assert [said.count(text) for text in ("not on local disk any more", "not permitted", "on local disk again")] == [
        1,
        1,
        1,
    ]
    mounted.insert(0, lost)
    assert look() == remounting.PAUSE and len(settings.mounts) == 1


def test_a_folder_that_is_gone_from_the_bucket_is_made_again(
    settings: Any, supervisor: Any, mounted: list[Mount], answers: list[Any]
) -> None:
    """Somebody cleans up in the bucket."""
    sync.start(settings, supervisor)
    (look,) = settings.timers
    lost = mounted.pop()
    Path(lost.path).rmdir()
    look()
    look()
    assert settings.mounts[-1] == (f"{sync.LOCAL}/{R}", lost.path)


def test_a_project_without_a_bucket_has_no_mount_to_look_after(settings: Any, supervisor: Any) -> None:
    settings.bucket = None
    sync.start(settings, supervisor)
    assert settings.timers == []


def test_what_s3_refused_and_s3fs_takes_for_a_file_is_not_set_aside(
    settings: Any, supervisor: Any, mounted: list[Mount], answers: list[Any]
) -> None:
    """It is a folder again as soon as s3fs has forgotten what it was told."""
    sync.start(settings, supervisor)
    (look,) = settings.timers
    lost = Path(mounted.pop().path)
    lost.rmdir()
    lost.touch()
    look()
    with pytest.raises(NotADirectoryError):
        look()
    assert lost.is_file() and not [*lost.parent.glob("*.set-aside-*")]
