"""A start deletes nothing that may be the user's own and is nowhere else."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from melda.sync.on_disk import leftovers, tree

from tests.unit.melda.sync.folders import NAME, SITE, Container, Make, as_nobody, found, install, let_in

MINE = ["share/model.bin", "share/nltk_data/corpora/w/data", "bin/mytool", f"{SITE}/mine/data", f"{SITE}/mine.py"]


def write(root: Path, name: str, text: str = "mine") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def texts(root: Path, name: str) -> list[str]:
    """What is at a path, or was set aside from it."""
    first, rest = name, ""
    if name.endswith("/data"):
        first, rest = name.rpartition("/")[0], "data"
    there = [root / first, *(root / first).parent.glob(f"{Path(first).name}.set-aside-*")]
    return [path.read_text() for path in (one / rest if rest else one for one in there) if path.is_file()]


@pytest.mark.parametrize("again", [1, 3])
def test_files_that_no_package_claims_outlive_a_kill(
    container: Make, monkeypatch: pytest.MonkeyPatch, again: int
) -> None:
    monkeypatch.setattr(leftovers, "SETTLED", -1.0)
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    for name in MINE:
        write(one.root, name)
    install(one.root, "yak", "1")
    for _ in range(again):
        one.start()
    assert [texts(one.root, name) for name in MINE] == [["mine"]] * len(MINE)
    assert sum("set aside" in line for line in one.output) == 1 and "mytool.set-aside-" in "".join(one.output)
    one.wait(70)
    assert [texts(container().root, name) for name in MINE] == [["mine"]] * len(MINE), "and are saved"


def test_a_program_that_was_changed_is_set_aside_and_the_buckets_comes_back(container: Make) -> None:
    one = container()
    write(one.root, "bin/mytool", "1")
    one.wait(70)
    write(one.root, "bin/mytool", "the second")
    one.start()
    assert (one.root / "bin/mytool").read_text() == "1"
    assert sorted(texts(one.root, "bin/mytool")) == ["1", "the second"]


def test_what_was_installed_while_the_bucket_could_not_be_read_outlives_the_restart(
    container: Make, bucket: Path, tmp_path: Path
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    root = tmp_path / "two" / NAME  # of which nothing is known: restoring failed until the container ended
    install(root, "yak", "1")
    write(root, "bin/mytool")
    two = Container(bucket, tmp_path / "two")
    (aside,) = (root / "bin").glob("mytool.set-aside-*")
    assert aside.read_text() == "mine"
    assert found(two.root) == {"zebra": "1", "yak": "1"}
    two.wait(70)
    assert found(container().root) == {"zebra": "1", "yak": "1"}


def test_what_no_record_names_is_set_aside_however_late_it_changed(container: Make) -> None:
    """The bucket may have refused it for hours: the last change says nothing of the rest. A folder that was imported too."""
    one = container()
    write(one.root, f"{SITE}/older.py", "1")
    install(one.root, "half", "1")
    one.wait(70)
    names = (f"{SITE}/mine/data", f"{SITE}/mine.py", f"{SITE}/older.py", f"{SITE}/half/data", "share/model.bin")
    for name in names:
        write(one.root, name, "a week of work")
    write(one.root, f"{SITE}/mine/__pycache__/work.cpython-311.pyc")
    (one.root / "bin" / "half").unlink()
    one.start()
    assert ["a week of work" in texts(one.root, name) for name in names] == [True] * len(names)
    assert not any("removed" in line for line in one.output) and (one.root / "bin" / "half").read_text() == "#!1\n"


def test_what_an_installation_left_is_not_the_users(tmp_path: Path) -> None:
    shape = tree.layout(NAME)
    install(tmp_path, "half", "1")
    (tmp_path / "bin" / "half").unlink()
    (tmp_path / SITE / "__pycache__").mkdir()
    (tmp_path / SITE / "half" / "__pycache__").mkdir()
    (tmp_path / SITE / "half" / "__pycache__" / "a.pyc").write_bytes(b"x")
    write(tmp_path, "share/mine")
    entries = set(shape.entries(tmp_path))
    assert leftovers.of_nobody(shape, str(tmp_path), entries) == {"share/mine"}


def test_nor_is_a_single_file_of_it(tmp_path: Path) -> None:
    """It was looked at as a folder, and then counted as one that cannot be read."""
    install(tmp_path, "half", "1")
    (tmp_path / SITE / "half" / "__init__.py").unlink()
    assert leftovers.of_nobody(tree.layout(NAME), str(tmp_path), {"bin/half"}) == set()


@pytest.mark.parametrize("change", ["edit", "add", "link", "folder"])
def test_what_is_not_as_its_record_says_may_be_the_users(tmp_path: Path, change: str) -> None:
    shape, package = tree.layout(NAME), tmp_path / SITE / "half"
    install(tmp_path, "half", "1")
    (tmp_path / "bin" / "half").unlink()
    digest = (
        base64.urlsafe_b64encode(hashlib.sha256((package / "__init__.py").read_bytes()).digest()).decode().strip("=")
    )
    record = tmp_path / SITE / "half-1.dist-info" / "RECORD"
    record.write_text(record.read_text().replace("half/__init__.py,,", f"half/__init__.py,sha256={digest},8"))
    assert leftovers.of_nobody(shape, str(tmp_path), {f"{SITE}/half"}) == set()
    if change == "edit":
        (package / "__init__.py").write_text("V = '2'\n")
    elif change == "add":
        (package / "mine.py").write_text("")
    else:
        (tmp_path / "mine").mkdir()
        (package / "data").symlink_to(tmp_path / ("mine" if change == "folder" else "nowhere"))
    assert leftovers.of_nobody(shape, str(tmp_path), {f"{SITE}/half"}) == {f"{SITE}/half"}


def test_what_python_compiled_makes_nothing_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, real = tree.layout(NAME), os.lstat
    install(tmp_path, "half", "1")
    write(tmp_path, f"{SITE}/half/__pycache__/a.pyc")
    (tmp_path / "bin" / "half").unlink()

    def lstat(path: str) -> os.stat_result:
        """Imported in three hours: a time of change cannot be set."""
        one = real(path)
        return os.stat_result(one, {"st_ctime": one.st_ctime + 3 * 3600 * ("__pycache__" in str(path))})

    monkeypatch.setattr(leftovers, "os", SimpleNamespace(lstat=lstat, walk=os.walk, path=os.path))
    monkeypatch.setattr(leftovers, "time", SimpleNamespace(time=lambda: time.time() + 3 * 3600))
    assert leftovers.of_nobody(shape, str(tmp_path), {f"{SITE}/half"}) == {f"{SITE}/half"}


def test_what_the_bucket_refused_for_hours_is_set_aside(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the bucket has an older state of it, or a package that is not complete names it."""
    one = container()
    write(one.root, f"{SITE}/mine.py", "v1")
    one.wait(70)
    write(one.root, f"{SITE}/mine.py", "a day of work")
    install(one.root, "late", "1")
    (one.root / "bin" / "late").unlink()
    monkeypatch.setattr(leftovers, "SETTLED", -1.0)
    one.start()
    assert sorted(texts(one.root, f"{SITE}/mine.py")) == ["a day of work", "v1"]
    (late,) = (one.root / SITE).glob("late.set-aside-*")
    assert (late / "__init__.py").read_text() == "V = '1'\n" and "late.set-aside-" in one.output[-1]


def test_what_lies_in_rs_library(tmp_path: Path) -> None:
    """No RECORD tells there what R was installing."""
    write(tmp_path, "mine/R/code.R")
    assert leftovers.of_nobody(tree.layout("R-4.2.2"), str(tmp_path), {"mine"}) == {"mine"}


@pytest.mark.parametrize("error", [errno.EMFILE, errno.EIO])
def test_what_cannot_be_looked_at_now_is_not_half_installed(
    container: Make, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """A package that was not saved yet was removed: its RECORD, or one of its files, counted as not there."""
    one = container()
    install(one.root, "zebra", "1")
    of_os = {errno.EMFILE: "open", errno.EIO: "lstat"}[error]
    real = getattr(os, of_os)

    def refused(path: object, *arguments: object, **named: object) -> object:
        if str(path).endswith("RECORD"):
            raise OSError(error, os.strerror(error))
        return real(path, *arguments, **named)

    with monkeypatch.context() as patched, contextlib.suppress(OSError):
        patched.setattr(os, of_os, refused)
        one.start()
    one.start()
    assert found(one.root) == {"zebra": "1"}


def test_what_is_removed_is_named(container: Make) -> None:
    one = container()
    install(one.root, "half", "1", recorded=False)
    one.start()
    (half,) = (one.root / SITE).iterdir()
    assert half.name.startswith("half.set-aside-") and (half / "__init__.py").read_text() == "V = '1'\n"
    assert [line for line in one.output if "removed" in line] == [
        f"{NAME}: half installed when the container ended, and removed: half-1.dist-info"
    ]


@pytest.mark.parametrize("gone", ["*", "*.tar.zst", "*.json"])
def test_what_the_bucket_has_no_more_stays(container: Make, bucket: Path, gone: str) -> None:
    """Whatever else was not saved when the container ended."""
    one = container()
    install(one.root, "zebra", "1")
    write(one.root, f"{SITE}/mine.py")
    one.wait(70)
    files = list((bucket / NAME).glob(gone))
    assert files, sorted(path.name for path in (bucket / NAME).iterdir())
    for path in files:
        path.unlink()
    write(one.root, "bin/mytool")
    one.start()
    assert (one.root / SITE / "mine.py").read_text() == "mine" and (one.root / "bin/zebra").exists()
    one.wait(70)
    two = container()
    assert (two.root / SITE / "mine.py").read_text() == "mine" and (two.root / "bin/zebra").exists(), (
        "and is saved again"
    )


def test_the_longest_name_can_be_set_aside(tmp_path: Path) -> None:
    name = "\N{LATIN SMALL LETTER A WITH DIAERESIS}" * 127 + "x"
    (tmp_path / name).write_text("mine")
    (aside,) = leftovers.set_aside(str(tmp_path), [name])
    assert (tmp_path / aside).read_text() == "mine" and leftovers.set_aside(str(tmp_path), [aside]) == set()


def test_a_folder_that_cannot_be_read_is_not_an_installers(tmp_path: Path) -> None:
    """There may be anything in it: an unreadable folder was as good as an empty one, and went with the rest."""
    shape, root = tree.layout(NAME), tmp_path / NAME
    install(root, "zebra", "1")
    (root / SITE / "zebra" / "mine").mkdir()
    (root / SITE / "zebra" / "mine" / "data").write_text("x")
    zebra = f"{SITE}/zebra"
    let_in(tmp_path)
    for path in (root, *root.rglob("*")):
        os.chown(path, 65534, 65534)
    (root / SITE / "zebra" / "mine").chmod(0)

    def look() -> None:
        assert leftovers.of_nobody(shape, str(root), [zebra]) == {zebra}

    assert as_nobody(look) == 0
