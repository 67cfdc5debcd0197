"""A plugin folder and its generations: what was saved comes back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from melda.sync import synced_dir as folders
from melda.sync.in_bucket import generations
from melda.sync.synced_dir import SyncedDir

from tests.unit.melda.sync.folders import NAME, SITE, Make, found, install, remove


def test_what_is_installed_is_saved_when_it_is_quiet_and_comes_back(container: Make, bucket: Path) -> None:
    one = container()
    one.wait()
    assert not bucket.exists(), "nothing to be saved"
    install(one.root, "zebra", "1")
    one.wait(2)
    assert not bucket.exists() and one.folder.dirty, "not quiet yet"
    one.wait(2)
    assert not one.folder.dirty
    assert found(container().root) == {"zebra": "1"}


def test_an_empty_folder_in_the_bucket_is_nothing_saved(container: Make, bucket: Path) -> None:
    (bucket / NAME).mkdir(parents=True)
    one = container()
    one.wait(70)
    assert found(one.root) == {} and one.output == [] and not one.folder.failures()
    install(one.root, "zebra", "1")
    one.wait()
    assert found(container().root) == {"zebra": "1"}


def test_an_increment_holds_only_what_changed(container: Make, bucket: Path) -> None:
    one = container()
    install(one.root, "zebra", "1")
    (one.root / SITE / "zebra" / "data").write_bytes(os.urandom(3_000_000))
    one.wait()
    install(one.root, "small", "1")
    one.wait()
    sizes = sorted(path.stat().st_size for path in (bucket / NAME).glob("*.tar.zst"))
    assert len(sizes) == 2 and sizes[0] < 2000 < 3_000_000 < sizes[1]
    remove(one.root, "zebra")
    one.wait()
    install(one.root, "another", "1")
    one.wait()
    assert found(container().root) == {"small": "1", "another": "1"}
    read = [generations.parse(path.stem, path.read_text()) for path in (bucket / NAME).glob("*.json")]
    used = {name: part.size for one in read for name, part in one.parts.items()}
    assert sum(used.values()) < 3000, "no start needs it any more"
    assert len(list((bucket / NAME).glob("*.tar.zst"))) > len(used), "it is kept for whoever goes back"


def test_what_set_paths_makes_and_what_python_compiles_is_not_saved(container: Make, bucket: Path) -> None:
    one = container()
    (one.root / SITE).mkdir(parents=True)
    (one.root / SITE / "zz-melda-image.pth").write_text("")
    (one.root / "pyvenv.cfg").write_text("")
    one.wait(70)
    assert not bucket.exists()
    install(one.root, "zebra", "1")
    one.wait()
    before = sorted((bucket / NAME).iterdir())
    (one.root / SITE / "zebra" / "__pycache__").mkdir()
    (one.root / SITE / "zebra" / "__pycache__" / "x.pyc").write_text("")
    one.wait(70)
    assert sorted((bucket / NAME).iterdir()) == before
    (one.root / SITE / "zebra" / "__init__.py").write_text("V = 'changed'\n")
    one.wait(70)
    assert sorted((bucket / NAME).iterdir()) != before, "found though no folder changed"


@pytest.mark.parametrize("sign", ["pip runs", "no RECORD", "~ebra", "00LOCK-zebra"])
def test_nothing_is_saved_while_somebody_installs(container: Make, bucket: Path, sign: str) -> None:
    one = container()
    install(one.root, "zebra", "1", recorded=sign != "no RECORD")
    if sign == "pip runs":
        one.installing = "pip install zebra"
    elif sign != "no RECORD":
        (one.root / SITE / sign).mkdir()
    one.wait(60)
    assert not bucket.exists()
    one.folder.flush("", one.clock)
    if sign == "pip runs":  # it has ended
        assert found(container().root) == {"zebra": "1"}
        return
    if sign != "no RECORD":  # it is whole
        assert found(container().root) == {"zebra": "1"}
        return
    assert not bucket.exists(), "and at the end half an installation is not saved either"
    assert "not kept" in one.output[-1]
    one.wait(int(folders.TIMEOUT) + 2)
    assert bucket.exists(), "a sign that does not go away is somebody's garbage"


def test_an_installation_that_was_killed_is_not_saved(container: Make, bucket: Path) -> None:
    one = container()
    (one.root / SITE / "half").mkdir(parents=True)
    one.folder.flush("pip install half", one.clock)
    assert not bucket.exists()
    one.folder.flush("", one.clock)
    assert bucket.exists()


def test_what_was_not_saved_when_the_container_was_killed_is_saved_by_its_restart(
    container: Make, bucket: Path
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.start()
    one.wait()
    assert found(container().root) == {"zebra": "1"}


def test_what_a_killed_installation_left_is_not_kept_by_a_restart(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    install(one.root, "whole", "1")
    install(one.root, "zebra", "2", recorded=False)
    (one.root / SITE / "half").mkdir()
    install(one.root, "partial", "1")
    (one.root / SITE / "partial" / "__init__.py").unlink()
    one.start()
    for path in one.root.rglob("*.set-aside-*"):  # tests/unit/melda/sync/test_leftovers.py says what they are
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert found(one.root) == {"zebra": "1", "whole": "1"}


def test_a_restart_takes_what_another_container_upgraded(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    install(one.root, "zebra", "2")
    one.wait()
    install(two.root, "yak", "1")
    two.start()
    assert found(two.root) == {"zebra": "2", "yak": "1"}


def test_a_restart_changes_nothing_in_the_bucket(container: Make, bucket: Path) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    before = sorted((bucket / NAME).iterdir())
    for again in (one.start, container):
        again()
        one.wait(70)
    two = container()
    two.wait(70)
    assert sorted((bucket / NAME).iterdir()) == before


def test_killed_while_bringing_back_it_begins_anew(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = container()
    for name in ("zebra", "yak", "xerus"):
        install(one.root, name, "1")
    one.wait()
    two = container()
    (two.local / f"{NAME}.json").unlink()
    shutil.rmtree(two.root / SITE / "zebra")
    two.start()
    assert found(two.root) == {"zebra": "1", "yak": "1", "xerus": "1"}


def test_two_containers_at_once(container: Make) -> None:
    one, two = container(), container()
    install(one.root, "zebra", "1")
    install(one.root, "yak", "1")
    install(two.root, "yak", "2")
    install(two.root, "xerus", "1")
    one.wait()
    two.wait()
    for _ in range(3):  # each goes on, and tidies up
        install(one.root, "more", str(_))
        one.wait()
        install(two.root, "other", str(_))
        two.wait()
    three = container()
    assert found(three.root) == {"zebra": "1", "yak": "2", "xerus": "1", "more": "2", "other": "2"}
    three.wait()
    four = container()
    assert found(four.root) == found(three.root)
    assert len(four.folder._saved.heads) == 1


def test_an_r_library(tmp_path: Path) -> None:
    bucket, name = tmp_path / "bucket", "R-4.2.2"

    def start(local: str) -> tuple[SyncedDir, Path]:
        root = tmp_path / local / name
        root.mkdir(parents=True)
        folder = SyncedDir(name, str(tmp_path / local), str(bucket), print, str)
        folder.restore()
        return folder, root

    def put(root: Path, package: str, version: str) -> None:
        shutil.rmtree(root / package, ignore_errors=True)
        (root / package / "lib").mkdir(parents=True)
        (root / package / "DESCRIPTION").write_text(version)
        (root / package / "lib" / f"only-{version}").write_text("")

    (one, a), (two, b) = start("a"), start("b")
    put(a, "bin", "1")
    put(a, "zebra", "1")
    put(b, "zebra", "2")
    for folder in (one, two):
        folder.flush("", 0)
    _, c = start("c")
    assert sorted(path.name for path in (c / "zebra" / "lib").iterdir()) == ["only-2"], "no file of another version"
    assert (c / "bin" / "DESCRIPTION").read_text() == "1"


def test_links_and_names_and_modes(container: Make) -> None:
    one = container()
    site = one.root / SITE
    install(one.root, "zebra", "1")
    for name in ("größe 数据.py", "-dash", "new\nline", os.fsdecode(b"bytes\xff")):
        (site / "zebra" / name).write_text(name, errors="surrogateescape")
        (site / name).write_text(name, errors="surrogateescape")
    (site / "zebra" / "link").symlink_to("__init__.py")
    (site / "dangling").symlink_to("/nowhere/../at all")
    (site / "zebra" / "closed").mkdir()
    (site / "zebra" / "closed" / "file").write_text("x")
    (site / "zebra" / "closed").chmod(0o555)
    (site / "zebra" / "program").write_text("x")
    (site / "zebra" / "program").chmod(0o755)
    os.link(site / "zebra" / "program", site / "twin")
    one.wait()

    def listed(root: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_file():
                found[name] = (path.stat().st_mode, int(path.stat().st_mtime), path.read_bytes())
            else:
                found[name] = path.stat().st_mode
        return found

    two = container()
    assert listed(two.root / SITE) == listed(one.root / SITE)
