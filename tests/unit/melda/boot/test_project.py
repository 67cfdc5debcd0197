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
from melda.boot.project import README, tell_of_no_clone
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import s3


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


WITH = "https://github.com/o/n.git"


@pytest.mark.parametrize("more", ["", ".melda-jupyter", "lost+found", "Python-3.11.2", "R-4.2.2"])
def test_a_start_that_did_not_come_to_the_clone_leaves_it_to_the_next(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, more: str
) -> None:
    wanting, folder = settings._replace(repository=WITH), Path(settings.layout.workdir)
    prepare(monkeypatch, wanting)
    if more:
        (folder / more / "x").mkdir(parents=True)
    (folder / "README.md").chmod(0o444)
    assert project.prepare(wanting, None)[1] and (folder / "README.md").stat().st_mode & 0o777 == 0o444  # type: ignore[arg-type]
    assert not project.prepare(settings, None)[1], "where there is nothing to be cloned"  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["README.md", "a.ipynb", ".hidden", "n", "no README.md", "a link", "a FIFO"])
def test_what_a_person_has_put_there_is_no_start(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, change: str
) -> None:
    wanting, readme = settings._replace(repository=WITH), Path(settings.layout.workdir) / "README.md"
    prepare(monkeypatch, wanting)
    if change == "no README.md":
        readme.unlink()
        readme.with_name("Python-3.11.2").mkdir()
    elif change == "a link":
        readme.rename(readme.parent.parent / "other")
        readme.symlink_to(readme.parent.parent / "other")
    elif change == "a FIFO":
        readme.unlink()
        os.mkfifo(readme)
    else:
        readme.with_name(change).write_text("mine")
    assert not project.prepare(wanting, None)[1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("there", "content", "new"),
    [
        ({"README.md", ".melda-jupyter/", "Python-3.11.2/", "R-4.2.2/"}, None, True),
        ({"README.md"}, b"mine", False),
        ({"README.md", "n/"}, None, False),
        ({"README.md/", ".melda-jupyter/", "x"}, None, False),
    ],
)
@pytest.mark.parametrize("repository", ["", WITH])
def test_of_a_bucket_that_an_earlier_start_began(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    project: Bucket,
    repository: str,
    there: set[str],
    content: bytes | None,
    new: bool,
) -> None:
    def answer(_: Bucket, method: str, key: str) -> s3.Response:
        assert (method, key) == ("GET", "users/ada/README.md")
        return s3.Response(200, {}, content or README.read_bytes())

    monkeypatch.setattr("melda.mount.s3.request", answer)
    assert prepare(monkeypatch, settings._replace(repository=repository), project, there) == ["README.md"] * (
        new and bool(repository)
    )


@pytest.mark.parametrize("there", [True, False])
def test_no_clone_is_said_unless_it_is_there(
    settings: Settings, project: Bucket, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    if there:
        (Path(settings.layout.workdir) / "n").symlink_to("nowhere")
    wanting = settings._replace(repository=WITH)
    for given in (settings, wanting, wanting._replace(bucket=project._replace(fork_of="users/grace"))):
        tell_of_no_clone(given)
    said = f"start-jupyter: clone: GIT_REPOSITORY={WITH!r} is not cloned: the project is not empty; git clone does it\n"
    assert capsys.readouterr().err == ("" if there else said)


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
