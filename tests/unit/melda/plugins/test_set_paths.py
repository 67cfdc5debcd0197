"""set-paths: the same however often it runs, and whatever it finds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from melda.base import interpreters
from melda.base.errors import Refused
from melda.config.environ import Place
from melda.plugins import set_paths


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Root's two files: Rprofile.site, as it is before, and the one for login shells."""
    rprofile, profile = tmp_path / "Rprofile.site", tmp_path / "melda-plugins.sh"
    rprofile.write_text(
        "# theirs\n# BEGIN melda-jupyter bspm\nsuppressMessages(bspm::enable())\n# END melda-jupyter bspm\n"
    )
    monkeypatch.setattr(set_paths.in_system, "__defaults__", (str(rprofile), str(profile)))
    monkeypatch.setattr(interpreters, "r", lambda: "4.2.2")
    return rprofile, profile


def prepare(place: Place, mend: bool = False) -> set_paths.Plugins:
    """As root does it, whoever runs the test."""
    found = set_paths.prepare(place, mend)
    set_paths.in_system(place, found)
    return found


def snapshot(*roots: str) -> dict[str, tuple[int, float]]:
    """Inode and change time of every file."""
    return {
        str(p): (p.lstat().st_ino, p.lstat().st_ctime) for root in roots for p in [Path(root), *Path(root).rglob("*")]
    }


def configuration(place: Place) -> Path:
    return Path(place.user.home, ".pip", "pip.conf")


def site_packages(found: set_paths.Plugins) -> Path:
    (folder,) = Path(found.python).glob("lib/python3*/site-packages")
    return folder


def test_a_virtual_environment_on_the_images(place: Place) -> None:
    found = prepare(place)
    version = interpreters.python(place.python_env)
    assert found == (f"{place.workdir}/Python-{version}", f"{place.workdir}/R-4.2.2")
    assert all(Path(folder).is_dir() for folder in found)
    assert configuration(place).read_text() == f"[global]\npython = {found.python}/bin/pip-python\n"
    minor = version.rpartition(".")[0]
    ran = [f"{found.python}/bin/python{minor}", "-Ic", "import sys; print(sys.prefix)"]
    assert subprocess.check_output(ran, text=True).strip() == found.python
    image = f"{place.python_env}/lib/python{minor}/site-packages"
    assert next(site_packages(found).iterdir()).read_text().startswith(image + "\n")


def test_for_the_user_alone(place: Place, system: tuple[Path, Path]) -> None:
    found = prepare(place)
    text = system[0].read_text()
    assert text.startswith("# theirs\n# BEGIN melda-jupyter bspm\n")
    assert text.index("bspm::enable()") < text.index(f'file.path("{place.workdir}", paste0("R-", getRversion()))')
    assert 'identical(user, "melda")' in text
    shown = 'id() { echo $WHO; }; . "$0"; echo "$VIRTUAL_ENV $PYTHONPATH $PATH"'
    for who, expected in (
        (place.user.name, f"{found.python} {found.python} {found.python}/bin:/bin"),
        ("root", "  /bin"),
    ):
        ran = ["/bin/sh", "-c", shown, system[1]]
        assert subprocess.check_output(ran, text=True, env={"WHO": who, "PATH": "/bin"}) == expected + "\n"


def test_doing_it_again_changes_nothing(place: Place, system: tuple[Path, Path]) -> None:
    prepare(place)
    before = snapshot(place.user.home, *map(str, system))
    for mend in (True, False):
        prepare(place, mend)
    assert snapshot(place.user.home, *map(str, system)) == before


def test_a_new_version_gets_its_own_folder(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    old = prepare(place)
    (Path(old.r) / "mine").mkdir()
    monkeypatch.setattr(interpreters, "r", lambda: "4.3.1")
    monkeypatch.setattr(interpreters, "python", lambda _: "3.99.0")
    new = prepare(place)
    assert (new.python, new.r) == (f"{place.workdir}/Python-3.99.0", f"{place.workdir}/R-4.3.1")
    assert (Path(old.r) / "mine").is_dir()
    assert configuration(place).read_text() == f"[global]\npython = {new.python}/bin/pip-python\n"


def test_the_former_target_goes_and_the_users_own_lines_stay(place: Place) -> None:
    configuration(place).parent.mkdir()
    former = f"# mine\n[install]\nno-compile = true\ntarget = {place.workdir}/Python-3.8.10\n[list]\nformat = json\n"
    configuration(place).write_text(former)
    found = prepare(place)
    kept = "# mine\n[install]\nno-compile = true\n[list]\nformat = json\n"
    assert configuration(place).read_text() == f"{kept}[global]\npython = {found.python}/bin/pip-python\n"
    configuration(place).write_text("[install]\ntarget = /elsewhere\n")
    prepare(place)
    assert "target = /elsewhere\n" in configuration(place).read_text()


def test_without_r(place: Place, monkeypatch: pytest.MonkeyPatch, system: tuple[Path, Path]) -> None:
    monkeypatch.setattr(interpreters, "r", lambda: "")
    assert prepare(place, mend=True).r == ""
    assert "plugins" not in system[0].read_text()


def test_what_the_user_deleted_or_put_in_the_way_is_repaired(place: Place) -> None:
    found = prepare(place)
    root = Path(found.python)
    before = {path.relative_to(root) for path in root.rglob("*")}
    (root / "bin" / "python").unlink()
    (root / "bin" / "python3").unlink()
    (root / "bin" / "python3").write_text("garbage")
    (root / "bin" / "pip-python").unlink()
    (root / "bin" / "pip-python").mkdir()
    (root / "pyvenv.cfg").write_bytes(b"\xff")
    (root / "lib").rename(root / "old")
    (root / "lib").write_text("garbage")
    Path(found.r).rmdir()
    Path(found.r).symlink_to("/nowhere")
    prepare(place)
    assert before <= {path.relative_to(root) for path in root.rglob("*")}
    (aside,) = root.glob("lib.set-aside-*")
    assert aside.read_text() == "garbage"
    assert subprocess.check_output([root / "bin" / "python3", "-ISc", "print(1)"]) == b"1\n"
    assert os.access(root / "bin" / "pip-python", os.X_OK)
    assert Path(found.r).is_dir()


def test_where_links_are_refused_the_interpreter_is_a_copy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    found = prepare(place)
    before = snapshot(found.python)
    ran = [f"{found.python}/bin/python3", "-Ic", "import sys; print(sys.prefix)"]
    assert subprocess.check_output(ran, text=True).strip() == found.python
    prepare(place)
    assert snapshot(found.python) == before


def test_what_was_cut_off_is_forgotten_when_the_container_starts(place: Place) -> None:
    found = prepare(place)
    python, r = site_packages(found), Path(found.r)
    for name, files in (
        ("whole-1", ("METADATA", "RECORD")),
        ("half-1", ("METADATA",)),
        ("~hole-1", ("METADATA", "RECORD")),
    ):
        (python / f"{name}.dist-info").mkdir()
        for file in files:
            (python / f"{name}.dist-info" / file).touch()
    for package in ("00LOCK-old/old", "00LOCK-done/done", "00LOCK/two", "done", "other"):
        (r / package / "Meta").mkdir(parents=True)
        (r / package / "Meta" / "package.rds").write_text(package)
    (r / "old").mkdir()  # R empties the place before the new version is complete
    (r / "00LOCK-new" / "00new" / "new" / "Meta").mkdir(parents=True)
    (r / "new").mkdir()
    prepare(place)
    assert (r / "00LOCK-new").exists(), "set-paths by hand: something may be installing"
    prepare(place, mend=True)
    assert {path.name for path in python.glob("*.dist-info")} == {"whole-1.dist-info"}
    whole = {path.name: (path / "Meta" / "package.rds").read_text() for path in r.iterdir()}
    assert whole == {"old": "00LOCK-old/old", "done": "done", "two": "00LOCK/two", "other": "other"}


@pytest.mark.parametrize(
    ("runner", "expected"),
    [
        ("{image}/lib/python3.11/site-packages/pip/__pip-runner__.py", "{plugins}/bin/python"),
        ("{plugins}/lib/python3.11/site-packages/pip/__pip-runner__.py", "{plugins}/bin/python"),
        ("/usr/lib/python3/dist-packages/pip/__pip-runner__.py", "{plugins}/bin/python"),
        ("{own}/lib/python3.11/site-packages/pip/__pip-runner__.py", "{own}/bin/python"),
        ("/gone/lib/python3.11/site-packages/pip/__pip-runner__.py", "{plugins}/bin/python"),
    ],
)
def test_a_pip_of_another_environment_stays_in_its_own(
    place: Place, tmp_path: Path, runner: str, expected: str
) -> None:
    found = prepare(place)
    names = {"image": place.python_env, "plugins": found.python, "own": str(tmp_path / "own")}
    for folder in (found.python, names["own"]):
        python = Path(folder, "bin", "python")
        python.parent.mkdir(parents=True, exist_ok=True)
        python.unlink(missing_ok=True)
        python.write_text('#!/bin/sh\necho "$0 $*"\n')
        python.chmod(0o755)
    called = [f"{found.python}/bin/pip-python", runner.format(**names), "install", "a b"]
    shown = subprocess.check_output(called, text=True)
    assert shown == f"{expected.format(**names)} {' '.join(called[1:])}\n"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the health check reads of a start."""
    monkeypatch.setattr(set_paths.state, "START", str(tmp_path / "start"))
    return tmp_path / "start"


def no_pip(*_: object) -> None:
    raise OSError("no room")


def test_what_cannot_be_made_ready_costs_itself_alone(
    place: Place, told: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_paths, "tell_pip", no_pip)
    found = prepare(place, mend=True)
    assert Path(found.r).is_dir() and Path(found.python, "bin", "python").exists()
    line = "~/.pip/pip.conf cannot be made ready: no room"
    assert capfd.readouterr().err == f"start-jupyter: paths: {line}\n" and told.read_text() == line
    monkeypatch.undo()
    monkeypatch.setattr(set_paths.state, "START", str(told))
    set_paths.in_project(place, found, mend=False)
    assert told.read_text() == "", "it is over"


def test_what_takes_for_ever_is_told_and_passed_over(
    place: Place, told: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_paths, "tell_pip", lambda *_: signal.pause())
    monkeypatch.setattr(set_paths, "SECONDS", 0.2)
    prepare(place)
    assert capfd.readouterr().err == "start-jupyter: paths: no answer in time\n"
    assert told.read_text() == "no answer in time"


def test_the_command_fails_with_one_line(place: Place, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_paths, "tell_pip", no_pip)
    with pytest.raises(Refused, match=r"^the plugin folders cannot be prepared: ~/\.pip/pip\.conf .*: no room$"):
        set_paths.prepare(place, strict=True)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("w") as stream:
        stream.truncate(1 << 26)


KINDS: dict[str, Callable[[Path], object]] = {
    "file": lambda path: path.write_text("mine"), "folder": lambda path: (path / "mine").mkdir(parents=True),
    "fifo": os.mkfifo, "device": zeros, "huge": huge, "dead link": lambda path: path.symlink_to("/nowhere"),
    "loop": lambda path: path.symlink_to(path.name), "no text": lambda path: path.write_bytes(b"\xff\0[global"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", [".pip", ".pip/pip.conf", "P", "P/pyvenv.cfg", "P/bin", "P/bin/python", "P/bin/pip-python", "R"]
)
def test_whatever_lies_in_the_way(
    place: Place, told: Path, name: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = set_paths.plugins(place)
    roots = {"P": Path(found.python), "R": Path(found.r), ".pip": configuration(place).parent}
    path = Path(str(roots[name.split("/")[0]]) + name[len(name.split("/")[0]) :])
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path)
    prepare(place, mend=True)
    assert not told.exists()
    said = capfd.readouterr().err
    ours = kind in ("file", "no text", "fifo", "device", "dead link", "loop", "huge")
    if (name, kind) in ((".pip", "folder"), ("P", "folder"), ("P/bin", "folder"), ("R", "folder")):
        assert said == ""
    elif (name, kind) in ((".pip/pip.conf", "file"), (".pip/pip.conf", "no text")):
        assert path.read_bytes().startswith((b"mine", b"\xff\0[global")) and said == "", "its owner's to mend"
        return
    elif path.name not in ("pyvenv.cfg", "pip-python", "python", "pip.conf") or kind == "folder":
        assert f"{path} was in the way and is set aside as {path.name}.set-aside-" in said and ours | (kind == "folder")
    assert subprocess.check_output([Path(found.python, "bin", "python3"), "-ISc", "print(1)"]) == b"1\n"
    assert configuration(place).read_text() == f"[global]\npython = {found.python}/bin/pip-python\n"
    assert Path(found.r).is_dir()


def test_its_owner_may_use_a_folder_again(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    found = prepare(place)
    for path in (found.python, found.r, f"{place.user.home}/.pip"):
        Path(path).chmod(0)
    prepare(place)
    assert capfd.readouterr().err.count(" had mode 000, and has 700 now\n") == 3
    Path(found.r).chmod(0o555)
    prepare(place)
    assert Path(found.r).stat().st_mode & 0o777 == 0o555, "as its owner wishes"


@pytest.fixture
def deep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders called so are deeper than Python's own removal reaches."""
    remove = shutil.rmtree

    def rmtree(path: str, ignore_errors: bool) -> None:
        if "deep" in path:
            raise RecursionError
        remove(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", rmtree)


@pytest.mark.usefixtures("deep")
def test_one_lock_among_many_costs_itself_alone(place: Place) -> None:
    found = prepare(place)
    r = Path(found.r)
    (r / "00LOCK").write_text("mine")
    (r / "00LOCK-link").symlink_to(place.user.home)
    for lock in ("00LOCK-.", "00LOCK-..", "00LOCK-closed", "00LOCK-good/good/Meta", "00LOCK-file/file/Meta"):
        (r / lock).mkdir(parents=True)
    (r / "00LOCK-closed").chmod(0)
    for name in ("good", "file"):
        (r / f"00LOCK-{name}" / name / "Meta" / "package.rds").touch()
    (r / "file").write_text("in the way")
    (r / "00LOCK-deep").mkdir()
    prepare(place, mend=True)
    assert {path.name for path in r.glob("[!s]*")} == {"good", "file"}
    assert (r / "good" / "Meta" / "package.rds").exists() and (r / "file" / "Meta").is_dir()
    assert Path(place.workdir).is_dir() and "mine" in [
        path.read_text() for path in r.glob("set-aside-*") if path.is_file()
    ]
    before = sorted(os.listdir(r))
    prepare(place, mend=True)
    assert sorted(os.listdir(r)) == before


@pytest.mark.usefixtures("deep")
def test_one_distribution_among_many_costs_itself_alone(place: Place) -> None:
    site = site_packages(prepare(place))
    (site / "~deep").mkdir()
    (site / "~file").touch()
    (site / "half-1.dist-info").symlink_to("/nowhere")
    prepare(place, mend=True)
    assert [path.name for path in site.iterdir() if not path.name.startswith("set-aside-")] == ["zz-melda-image.pth"]


def test_the_command_takes_no_arguments(src: Path) -> None:
    done = subprocess.run(
        ["/usr/bin/python3", "-IS", src / "set-paths", "x"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "set-paths: 'x' is not right: it takes no arguments\n"
