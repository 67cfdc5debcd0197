"""The project's folder, and who finds a README.md in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from melda.base.errors import ConfigError
from melda.boot import project
from melda.config.bucket import Bucket
from melda.config.environ import Settings


def prepare(monkeypatch: pytest.MonkeyPatch, settings: Settings, bucket: Bucket | None = None) -> list[str]:
    """The files of the folder afterwards."""

    def mount(settings: Settings, supervisor: Any, before: Any) -> str:
        if settings.bucket:
            before(settings.bucket, settings, supervisor)
        return "ready"

    monkeypatch.setattr(project.s3fs, "prepare", mount)
    monkeypatch.setattr(project.fork_of, "fetch", lambda *_: None)
    assert project.prepare(settings._replace(bucket=bucket), None) == "ready"  # type: ignore[arg-type]
    return sorted(path.name for path in Path(settings.layout.workdir).iterdir())


def test_an_empty_folder_gets_one_that_people_may_delete(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    folder = Path(settings.layout.workdir)
    (folder / "lost+found").mkdir()
    assert prepare(monkeypatch, settings) == ["README.md", "lost+found"]
    assert "What stays" in (folder / "README.md").read_text()
    (folder / "Python-3.11.2").mkdir()
    (folder / "README.md").unlink()
    assert prepare(monkeypatch, settings) == ["Python-3.11.2", "lost+found"]


@pytest.mark.parametrize("name", ["a.ipynb", ".hidden", "README.md"])
def test_a_folder_with_anything_does_not(monkeypatch: pytest.MonkeyPatch, settings: Settings, name: str) -> None:
    (Path(settings.layout.workdir) / name).write_text("mine")
    assert prepare(monkeypatch, settings) == [name]
    assert (Path(settings.layout.workdir) / name).read_text() == "mine"


@pytest.mark.parametrize(
    ("keys", "written"),
    [([], ["README.md"]), (["users/ada/"], ["README.md"]), (["users/ada/", "users/ada/x"], []), (["users/ada/x"], [])],
)
def test_of_a_bucket_s3_is_asked(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, project: Bucket, keys: list[str], written: list[str]
) -> None:
    asked = []
    monkeypatch.setattr("melda.mount.s3.keys", lambda *given: asked.append(given[1:]) or keys)
    assert prepare(monkeypatch, settings, project) == written
    assert asked == [("users/ada/", 2)], "one request, however many files there are"


def test_a_fork_is_not_empty_for_long(monkeypatch: pytest.MonkeyPatch, settings: Settings, project: Bucket) -> None:
    monkeypatch.setattr("melda.mount.s3.keys", lambda *_: [])
    assert prepare(monkeypatch, settings, project._replace(fork_of="users/grace")) == []


def test_nothing_fails_for_its_sake(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, project: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> list[str]:
        raise ConfigError("no ListBucket")

    monkeypatch.setattr("melda.mount.s3.keys", refuse)
    assert prepare(monkeypatch, settings, project) == []
    monkeypatch.setattr("melda.boot.project.README", Path(settings.layout.workdir) / "none" / "README.md")
    assert prepare(monkeypatch, settings) == []
    assert "README.md is not written: " in capsys.readouterr().err
