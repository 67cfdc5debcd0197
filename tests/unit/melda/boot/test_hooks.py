"""A site's own programs: in order, each in time, and only those that root alone can change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from melda.base import users
from melda.base.errors import ConfigError
from melda.boot import hooks

UID = os.getuid()
ME = users.Account("me", UID, os.getgid(), (os.getgid(),), "/", "/bin/sh")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "start.d"
    path.mkdir(mode=0o755)
    return path


def hook(folder: Path, name: str, text: str, mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(mode)
    return path


def run(folder: Path) -> list[str]:
    return hooks.run(str(folder), ME, {"PATH": "/usr/bin:/bin", "OUT": str(folder.parent / "out")}, UID)


def test_they_run_in_order_with_their_variables_and_no_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY")
    hook(folder, "20-b", 'echo "b in $(pwd)" >> "$OUT"; env >> "$OUT"')
    hook(folder, "10-a", 'echo a >> "$OUT"; echo said')
    hook(folder, "30-c", "exit 9", 0o644)
    hook(folder, ".swp", "exit 9")
    assert [name.split(" in ")[0] for name in run(folder)] == ["10-a", "20-b"]
    written = (folder.parent / "out").read_text()
    assert written.startswith("a\nb in /\n") and "CANARY" not in written
    said = capfd.readouterr()
    assert said.out == "said\n" and "30-c is left out, as it is not executable" in said.err


def test_none(folder: Path) -> None:
    assert run(folder) == run(folder / "not there") == ["none"]


@pytest.mark.parametrize(
    ("text", "why"), [("exit 3", "exit code 3"), ("kill -9 $$", "signal 9"), ("sleep 60", "within 0.2 s")]
)
def test_one_that_fails_ends_the_start(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str) -> None:
    monkeypatch.setattr(hooks, "SECONDS", 0.2 if "sleep" in text else 20.0)
    path = hook(folder, "10-a", text)
    hook(folder, "20-b", 'echo b >> "$OUT"')
    with pytest.raises(ConfigError, match=f"^the hook {path} failed: .*{why}"):
        run(folder)
    assert not (folder.parent / "out").exists()


def test_no_such_interpreter(folder: Path) -> None:
    hook(folder, "10-a", "").write_text("#!/none/at/all\n")
    with pytest.raises(ConfigError, match="failed: .*No such file"):
        run(folder)


@pytest.mark.parametrize("what", ["writable", "folder", "link", "another's", "directory"])
def test_what_somebody_else_could_change_is_refused_and_nothing_runs(folder: Path, what: str) -> None:
    hook(folder, "00-first", 'echo first >> "$OUT"')
    path = hook(folder, "10-a", "true", 0o775 if what == "writable" else 0o755)
    if what == "folder":
        folder.chmod(0o777)
    if what in ("link", "directory"):
        path.unlink()
        path.symlink_to("/bin/true") if what == "link" else path.mkdir()
    with pytest.raises(ConfigError, match="expected a regular file that only root can change"):
        hooks.run(str(folder), ME, {"OUT": str(folder.parent / "out")}, UID + 1 if what == "another's" else UID)
    assert not (folder.parent / "out").exists()
