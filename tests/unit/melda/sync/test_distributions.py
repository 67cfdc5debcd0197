"""Packages moved from one copy of a folder into another: whole, and never over one that is there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from melda.base import folders
from melda.sync import precedence
from melda.sync.in_bucket.generations import EntryRef, Generation
from melda.sync.on_disk import distributions, tree

from tests.unit.melda.sync.folders import as_nobody

PYTHON = tree.layout("Python-3.11.2")
SITE = PYTHON.packages


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def package(root: Path, name: str, version: str = "1", *more: str) -> None:
    """A distribution: its folder, its RECORD, and ``more`` files relative to where packages lie."""
    info = f"{name}-{version}.dist-info"
    files = [f"{name}/__init__.py", f"{info}/RECORD", *more]
    put(root, **{os.path.normpath(f"{SITE}/{file}"): version for file in files})
    put(root, **{f"{SITE}/{info}/RECORD": "".join(f"{file},,\n" for file in files)})


def has(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


def test_remove(tmp_path: Path) -> None:
    folders.remove(str(tmp_path / "none"))
    put(tmp_path, **{"file": "", "folder/sub/x": "", "kept/x": ""})
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "broken").symlink_to("none")
    for name in ("file", "folder", "link", "broken"):
        folders.remove(str(tmp_path / name))
    assert has(tmp_path) == {"kept/x"}


def test_however_deep_it_is(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for name in ("top", *["d"] * 3000):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        os.close(here)
        here = inner
    os.close(here)
    folders.remove(str(tmp_path / "top"))
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_is_a_fifo(tmp_path: Path) -> None:
    package(tmp_path, "a")
    (tmp_path / SITE / "a-1.dist-info/RECORD").unlink()
    os.mkfifo(tmp_path / SITE / "a-1.dist-info/RECORD")
    assert distributions.distributions(PYTHON, str(tmp_path)) == {"a": {f"{SITE}/a-1.dist-info"}}
    assert distributions.complete(PYTHON, str(tmp_path)) == set()


def test_a_copy_leaves_out_what_is_no_file(tmp_path: Path) -> None:
    put(tmp_path, **{"from/x": ""})
    os.mkfifo(tmp_path / "from/fifo")
    assert distributions.copy(str(tmp_path / "from"), str(tmp_path / "to")) == ["fifo"]
    assert has(tmp_path / "to") == {"x"}


@pytest.fixture
def nobody(tmp_path: Path) -> None:
    """The rest of the test in a process without root's rights: a folder's mode means nothing to root."""
    for folder in tmp_path.parents:  # pytest makes the topmost 0700 at each start, and workers have one more
        if not folder.stat().st_mode & 1:
            folder.chmod(0o755)
    os.chown(tmp_path, 65534, 65534)


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")


@needs_root
def test_remove_what_is_read_only(tmp_path: Path, nobody: None) -> None:
    def act() -> None:
        put(tmp_path, **{"a/b/c/x": "", "a/b/y": "", "a/closed/x": ""})
        for folder, mode in (("a/closed", 0o000), ("a/b/c", 0o500), ("a/b", 0o500), ("a", 0o500)):
            (tmp_path / folder).chmod(mode)
        folders.remove(str(tmp_path / "a"))

    assert as_nobody(act) == 0
    assert not (tmp_path / "a").exists()


@needs_root
def test_move_what_is_read_only(tmp_path: Path, nobody: None) -> None:
    """Renaming a folder changes what .. is in it, which its mode may not allow."""

    def act() -> None:
        put(tmp_path, **{"from/a/x": "", "to/y": ""})
        (tmp_path / "from/a").chmod(0o555)
        distributions.merge(str(tmp_path / "from/a"), str(tmp_path / "to/b/a"))

    assert as_nobody(act) == 0
    assert has(tmp_path) == {"to/b/a/x", "to/y"}
    assert stat.S_IMODE((tmp_path / "to/b/a").stat().st_mode) == 0o555


def test_merge_replaces_nothing(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{"from/both/a": "new", "from/both/b": "new", "from/file": "new", "from/dir/x": "new", "from/linked/x": "new"},
    )
    put(tmp_path, **{"to/both/a": "old", "to/dir": "old", "to/file/x": "old", "outside/y": ""})
    (tmp_path / "to/linked").symlink_to("../outside")
    distributions.merge(str(tmp_path / "from"), str(tmp_path / "to"))
    assert (tmp_path / "to/both/a").read_text() == "old" and (tmp_path / "to/both/b").read_text() == "new"
    assert has(tmp_path / "to") == {"both/a", "both/b", "dir", "file/x", "linked"}
    assert has(tmp_path / "outside") == {"y"}, "no link is followed"


def test_distributions(tmp_path: Path) -> None:
    assert distributions.distributions(PYTHON, str(tmp_path)) == {}
    package(tmp_path, "Zope.Inter__face", "1", "../../../bin/z", "shared/a.py", "/etc/passwd")
    put(tmp_path, **{f"{SITE}/half-2.dist-info/METADATA": "", f"{SITE}/single.py": ""})
    assert distributions.distributions(PYTHON, str(tmp_path)) == {
        "zope-inter-face": {
            f"{SITE}/Zope.Inter__face-1.dist-info", f"{SITE}/Zope.Inter__face", "bin/z", f"{SITE}/shared", ""
        },
        "half": {f"{SITE}/half-2.dist-info"},
    }  # fmt: skip
    assert distributions.distributions(tree.layout("R-4.2.2"), str(tmp_path)) == {}


def test_how_new_each_package_is() -> None:
    entries = {
        f"{SITE}/A_b-1.0.dist-info": EntryRef("p", 3), f"{SITE}/a_b": EntryRef("p", 1), "bin/x-1.dist-info": EntryRef("p", 2),
        f"{SITE}/old-name-1.dist-info": EntryRef("p", 1),
    }  # fmt: skip
    found = distributions.numbers(PYTHON, Generation((), 3, 0.0, {}, entries))
    assert found == {"a-b": 3, f"{SITE}/a_b": 1, "bin/x-1.dist-info": 2, "old-name": 1}


def test_whole(tmp_path: Path) -> None:
    assert distributions.complete(PYTHON, str(tmp_path)) == set()
    package(tmp_path, "good", "1", "good/__pycache__/x.pyc")
    (tmp_path / SITE / "good/__pycache__/x.pyc").unlink()
    package(tmp_path, "partial", "1", "partial/data")
    (tmp_path / SITE / "partial/data").unlink()
    put(tmp_path, **{f"{SITE}/none-2.dist-info/METADATA": "", f"{SITE}/empty-2.dist-info/RECORD": "\n"})
    put(tmp_path, **{f"{SITE}/good-1.egg-info/RECORD": "good/__init__.py"})
    assert distributions.complete(PYTHON, str(tmp_path)) == {f"{SITE}/good", f"{SITE}/good-1.dist-info"}
    put(tmp_path / "R", **{"done/Meta/package.rds": "", "partial/DESCRIPTION": ""})
    assert distributions.complete(tree.layout("R-4.2.2"), str(tmp_path / "R")) == {"done"}


@pytest.mark.parametrize("text", ["\0" * 300, "space/a\0.py,,\n", "space/a\0/b.py,,\n"])
def test_a_record_with_what_no_file_is_called(tmp_path: Path, text: str) -> None:
    """As a power cut leaves it. It was an error, and the folder was not restored again."""
    for name in ("one", "two"):
        package(tmp_path, name, "1", f"space/{name}.py")
    with (tmp_path / SITE / "one-1.dist-info" / "RECORD").open("a") as record:
        record.write(text)
    assert f"{SITE}/one" not in distributions.complete(PYTHON, str(tmp_path))
    assert precedence.leave_out(PYTHON, str(tmp_path), {"one"}) == {f"{SITE}/space"}
    assert {f"{SITE}/space/two.py"} == {name for name in has(tmp_path) if "space" in name}


def test_copy(tmp_path: Path) -> None:
    put(tmp_path, **{"from/a/b/x": "text", "from/y": ""})
    (tmp_path / "from/a/b/x").chmod(0o751)
    (tmp_path / "from/empty").mkdir()
    (tmp_path / "from/link").symlink_to("a")
    distributions.copy(str(tmp_path / "from"), str(tmp_path / "to"))
    distributions.copy(str(tmp_path / "from/empty"), str(tmp_path / "to"))
    assert has(tmp_path / "to") == {"a/b/x", "y", "link"} and (tmp_path / "to/empty").is_dir()
    assert os.readlink(tmp_path / "to/link") == "a"
    assert (tmp_path / "to/a/b/x").read_text() == "text" and stat.S_IMODE(
        (tmp_path / "to/a/b/x").stat().st_mode
    ) == 0o751
    with pytest.raises(OSError):
        distributions.copy(str(tmp_path / "from"), str(tmp_path / "to/y"))


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "from", tmp_path / "to"


def adopt(source: Path, target: Path, *without: str) -> list[str]:
    return distributions.adopt(PYTHON, str(source), str(target), without)


def test_a_package_that_is_there_stays_as_it_is(two: tuple[Path, Path]) -> None:
    source, target = two
    package(source, "a", "1", "a/old.py")
    package(source, "b", "1")
    package(target, "a", "2")
    assert adopt(source, target) == [f"{SITE}/b", f"{SITE}/b-1.dist-info"]
    assert f"{SITE}/a/old.py" not in has(target) and f"{SITE}/a-1.dist-info/RECORD" not in has(target)
    assert f"{SITE}/b/__init__.py" in has(target)


def test_a_shared_folder_is_theirs_together(two: tuple[Path, Path]) -> None:
    source, target = two
    package(source, "a", "1", "space/a.py")
    package(source, "b", "1", "space/b.py")
    package(target, "a", "2", "space/a.py")
    assert adopt(source, target) == [f"{SITE}/b", f"{SITE}/b-1.dist-info"], "the folder is not as it was"
    assert (target / SITE / "space/a.py").read_text() == "2" and (target / SITE / "space/b.py").read_text() == "1"


def test_what_belongs_to_no_package_comes_if_it_is_missing(two: tuple[Path, Path]) -> None:
    source, target = two
    put(source, **{"bin/tool": "new", "bin/left": "new", "notes": "new"})
    put(target, notes="old")
    assert adopt(source, target, "bin/left") == ["bin/tool"]
    assert has(target) == {"bin/tool", "notes"} and (target / "notes").read_text() == "old"


def test_what_is_left_out(two: tuple[Path, Path]) -> None:
    source, target = two
    package(source, "a")
    package(source, "b")
    assert adopt(source, target, "a") == [f"{SITE}/b", f"{SITE}/b-1.dist-info"]
