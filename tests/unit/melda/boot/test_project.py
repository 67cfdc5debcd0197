"""The project's folder, and who finds a README.md in it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from melda.base.errors import ConfigError
from melda.boot import project
from melda.config.bucket import Bucket
from melda.config.environ import Settings


def prepare(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    bucket: Bucket | None = None,
    there: set[str] | None = None,
) -> list[str]:
    """The files of the folder afterwards; of a bucket, which has the names ``there``, what is put into it."""

    def put(_: Bucket, key: str, content: bytes, kind: str) -> None:
        assert (key, kind) == ("users/ada/README.md", "text/markdown") and b"What stays" in content
        (Path(settings.layout.workdir) / "README.md").write_bytes(content)

    def mount(settings: Settings, supervisor: Any, before: Any) -> str:
        if settings.bucket:
            before(settings.bucket, settings, supervisor, there)
        return "ready"

    monkeypatch.setattr(project.s3fs, "prepare", mount)
    monkeypatch.setattr(project.before_mount, "prepare", lambda *_: None)
    monkeypatch.setattr(project.s3, "put", put)
    before = sorted(path.name for path in Path(settings.layout.workdir).iterdir() if path.name != "lost+found")
    result, empty = project.prepare(settings._replace(bucket=bucket), None)  # type: ignore[arg-type]
    assert result == "ready" and (empty or bucket or before), "what is empty is known to be"
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
    ("there", "keys", "written"),
    [
        (set(), None, ["README.md"]),
        ({"x"}, None, []),
        ({"x", "R-4.2.2/"}, None, []),
        (None, None, []),
        ({".melda-jupyter/", "R-4.2.2/"}, [".melda-jupyter/", "R-4.2.2/"], ["README.md"]),
        ({".melda-jupyter/", "data/"}, [".melda-jupyter/", "data/x.csv"], []),
    ],
)
def test_of_a_bucket_s3_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    project: Bucket,
    there: set[str] | None,
    keys: list[str] | None,
    written: list[str],
) -> None:
    asked = []
    monkeypatch.setattr("melda.mount.s3.keys", lambda *given: asked.append(given[1:]) or keys)
    assert prepare(monkeypatch, settings, project, there) == written
    assert asked == ([("users/ada/", 20)] if keys else []), "a request at most, however many files there are"


def test_a_fork_is_not_empty_for_long(monkeypatch: pytest.MonkeyPatch, settings: Settings, project: Bucket) -> None:
    assert prepare(monkeypatch, settings, project._replace(fork_of="users/grace"), set()) == []


def test_nothing_fails_for_its_sake(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, project: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> list[str]:
        raise ConfigError("no ListBucket")

    monkeypatch.setattr("melda.mount.s3.keys", refuse)
    assert prepare(monkeypatch, settings, project, {".melda-jupyter/"}) == []
    monkeypatch.setattr("melda.boot.project.README", Path(settings.layout.workdir) / "none" / "README.md")
    assert prepare(monkeypatch, settings) == []
    assert "README.md is not written: " in capsys.readouterr().err


def test_what_is_cloned(settings: Settings) -> None:
    assert project.clone(settings, {}) is None
    service = project.clone(settings._replace(repository="https://example.org/a/b"), {"PATH": "/bin"})
    assert service and service.account == settings.layout.user and service.directory == settings.layout.workdir
    assert service.argv[-1] == "https://example.org/a/b" and service.oneshot
    assert service.environment == {"PATH": "/bin", "GIT_TERMINAL_PROMPT": "0"}, "nobody is there to be asked"


@pytest.mark.parametrize(("exists", "says"), [(True, "info start-jupyter: clone: done"), (False, "was not cloned")])
def test_cloning(settings: Settings, tmp_path: Path, exists: bool, says: str) -> None:
    source = tmp_path / "source"
    if exists:
        subprocess.run(["git", "init", "-q", str(source)], check=True)
    service = project.clone(settings._replace(repository=str(source)), dict(os.environ))
    assert service
    done = subprocess.run(
        service.argv, cwd=service.directory, env=service.environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert says in done.stderr and done.returncode == 0, "a failure is not tried again and again"
    given = {**service.environment, "LOG_FORMAT": "json", "PATH": "/none"}
    without = subprocess.run(service.argv, env=given, stderr=subprocess.PIPE, text=True, check=False)
    lines = [json.loads(line) for line in without.stderr.splitlines()]
    assert [line["step"] for line in lines] == ["clone", "clone"] and "No such file" in lines[1]["message"]
    assert Path(service.directory, "source", ".git").is_dir() is exists
