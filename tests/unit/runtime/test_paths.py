"""set-paths: the same however often it runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from melda_runtime import interpreters, paths
from melda_runtime.environment import Place
from melda_runtime.errors import Refused

from .conftest import RUNTIME


@pytest.fixture
def rprofile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "Rprofile.site"
    path.write_text(
        "# theirs\n# BEGIN melda-jupyter bspm\nsuppressMessages(bspm::enable())\n# END melda-jupyter bspm\n"
    )
    monkeypatch.setattr(paths, "RPROFILE", str(path))
    monkeypatch.setattr(paths.in_system, "__defaults__", (str(path),))
    monkeypatch.setattr(interpreters, "r", lambda: "4.2.2")
    return path


def snapshot(*roots: str) -> dict[str, tuple[int, float]]:
    """Inode and change time of every file."""
    return {
        str(p): (p.lstat().st_ino, p.lstat().st_ctime) for root in roots for p in [Path(root), *Path(root).rglob("*")]
    }


def test_folders_pip_and_r(place: Place, rprofile: Path) -> None:
    found = paths.prepare(place)
    version = interpreters.python(place.python_env)
    assert found == (f"{place.workdir}/Python-{version}", f"{place.workdir}/R-4.2.2")
    assert all(Path(folder).is_dir() for folder in found)
    assert Path(place.user.home, ".pip", "pip.conf").read_text() == f"[install]\ntarget = {found.python}\n"
    text = rprofile.read_text()
    assert text.startswith("# theirs\n# BEGIN melda-jupyter bspm\n")
    assert text.index("bspm::enable()") < text.index(f'file.path("{place.workdir}", paste0("R-", getRversion()))')
    assert 'identical(user, "melda")' in text


def test_doing_it_again_changes_nothing(place: Place, rprofile: Path) -> None:
    paths.prepare(place)
    before = snapshot(place.user.home, str(rprofile))
    for _ in range(3):
        paths.prepare(place)
    assert snapshot(place.user.home, str(rprofile)) == before


def test_a_new_version_gets_its_own_folder(place: Place, rprofile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = paths.prepare(place)
    (Path(old.r) / "mine").mkdir()
    monkeypatch.setattr(interpreters, "r", lambda: "4.3.1")
    monkeypatch.setattr(interpreters, "python", lambda _: "3.99.0")
    new = paths.prepare(place)
    assert (new.python, new.r) == (f"{place.workdir}/Python-3.99.0", f"{place.workdir}/R-4.3.1")
    assert (Path(old.r) / "mine").is_dir()
    assert Path(place.user.home, ".pip", "pip.conf").read_text() == f"[install]\ntarget = {new.python}\n"


def test_without_r(place: Place, rprofile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "r", lambda: "")
    assert paths.prepare(place).r == ""
    assert "plugins" not in rprofile.read_text()


def test_what_cannot_be_written_is_one_line(place: Place, rprofile: Path) -> None:
    Path(place.user.home, ".pip").write_text("not a folder")
    with pytest.raises(Refused, match=r"plugin folders cannot be prepared.*\.pip"):
        paths.prepare(place)


def test_the_command_takes_no_arguments() -> None:
    done = subprocess.run(
        ["/usr/bin/python3", "-IS", RUNTIME / "set-paths", "x"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "set-paths: 'x' is not right: it takes no arguments\n"
