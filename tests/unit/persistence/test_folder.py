"""A plugin folder and its generations: whatever happens when, what was saved comes back."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from melda_persistence import folder as folders
from melda_persistence import generations
from melda_persistence.folder import Folder

NAME = "Python-3.11.2"
SITE = "lib/python3.11/site-packages"


def install(root: Path, name: str, version: str, recorded: bool = True) -> None:
    """What an installer does."""
    site = root / SITE
    remove(root, name)
    (site / name).mkdir(parents=True)
    (site / name / "__init__.py").write_text(f"V = {version!r}\n")
    (root / "bin").mkdir(exist_ok=True)
    (root / "bin" / name).write_text(f"#!{version}\n")
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\n")
    if recorded:
        (info / "RECORD").write_text(
            f"{name}/__init__.py,,\n../../../bin/{name},,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n"
        )


def remove(root: Path, name: str) -> None:
    site = root / SITE
    for path in [site / name, *site.glob(f"{name}-*.dist-info")]:
        shutil.rmtree(path, ignore_errors=True)
    (root / "bin" / name).unlink(missing_ok=True)


def found(root: Path) -> dict[str, str]:
    """Name -> version of what can be imported; each must be whole."""
    versions = {}
    for info in (root / SITE).glob("*.dist-info"):
        name, version = info.name.removesuffix(".dist-info").split("-")
        assert name not in versions, "one version of a package"
        assert (root / SITE / name / "__init__.py").read_text() == f"V = {version!r}\n"
        assert (root / "bin" / name).read_text() == f"#!{version}\n"
        versions[name] = version
    assert {path.name for path in (root / SITE).glob("*") if path.suffix != ".dist-info"} - {"__pycache__"} == set(
        versions
    )
    return versions


class Container:
    """What lives as long as a container, and its keeper's one folder."""

    def __init__(self, bucket: Path, local: Path) -> None:
        self.bucket, self.local, self.said = bucket, local, list[str]()
        self.root = local / NAME
        self.clock = 0.0
        self.installing = ""
        self.start()

    def start(self, old: str = "") -> None:
        """As the hook and the keeper begin."""
        if not (self.local / f"{NAME}.json").exists():
            shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True, exist_ok=True)
        self.folder = Folder(NAME, str(self.local), str(self.bucket), self.said.append, lambda: self.installing, old)
        self.folder.restore()

    def wait(self, seconds: float = 5) -> None:
        """Time goes by, and the keeper looks."""
        for _ in range(int(seconds)):
            self.clock += 1
            self.folder.look(self.clock)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def container(tmp_path: Path, bucket: Path) -> Callable[[], Container]:
    numbers = itertools.count()
    return lambda: Container(bucket, tmp_path / f"local{next(numbers)}")


Make = Callable[[], Container]


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
    assert sum(path.stat().st_size for path in (bucket / NAME).glob("*.tar.zst")) < 3000, "nobody needs it any more"


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
    one.folder.finish("")
    if sign == "pip runs":  # it has ended
        assert found(container().root) == {"zebra": "1"}
        return
    assert not bucket.exists(), "and at the end half an installation is not saved either"
    assert "not kept" in one.said[-1]
    one.wait(int(folders.PATIENCE) + 2)
    assert bucket.exists(), "a sign that does not go away is somebody's garbage"


def test_an_installation_that_was_killed_is_not_saved(container: Make, bucket: Path) -> None:
    one = container()
    (one.root / SITE / "half").mkdir(parents=True)
    one.folder.finish("pip install half")
    assert not bucket.exists()
    one.folder.finish("")
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
    install(one.root, "torn", "1")
    (one.root / SITE / "torn" / "__init__.py").unlink()
    one.start()
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

    def start(local: str) -> tuple[Folder, Path]:
        root = tmp_path / local / name
        root.mkdir(parents=True)
        folder = Folder(name, str(tmp_path / local), str(bucket), print, str)
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
        folder.finish("")
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


def part(bucket: Path, number: int = -1) -> Path:
    return sorted((bucket / NAME).glob("*.tar.zst"), key=lambda path: path.stat().st_mtime_ns)[number]


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
        return
    path.write_bytes(
        {"truncated": content[:-7], "empty": b"", "longer": content + b"x", "garbage": os.urandom(len(content))}.get(
            how
        )
        or (b"" if how == "empty" else content[:20] + bytes([content[20] ^ 1]) + content[21:])
    )


@pytest.mark.parametrize("how", ["truncated", "empty", "longer", "garbage", "one bit", "gone"])
def test_a_damaged_archive_is_set_aside_and_the_newest_good_state_is_used(
    container: Make, bucket: Path, how: str
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    os.utime(part(bucket), ns=(0, 0))
    install(one.root, "yak", "1")
    one.wait()
    spoil(part(bucket), how)
    two = container()
    assert found(two.root) == {"zebra": "1"}
    assert "damaged and set aside" in " ".join(two.said)
    assert list((bucket / NAME).glob("*.json.bad"))
    assert how == "gone" or list((bucket / NAME).glob("*.tar.zst.bad"))
    install(two.root, "xerus", "1")
    two.wait()
    three = container()
    assert found(three.root) == {"zebra": "1", "xerus": "1"} and three.said == []


def test_the_oldest_archive_damaged_leaves_the_others(container: Make, bucket: Path) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    os.utime(part(bucket), ns=(0, 0))
    install(one.root, "yak", "1")
    one.wait()
    spoil(part(bucket, 0), "one bit")
    assert found(container().root) == {"yak": "1"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", "[" * 100000, '{"schema": 2}', "\0\xff", '{"schema": 1, "parents": 3}']
)
def test_garbage_among_the_manifests_is_ignored(container: Make, bucket: Path, text: str) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    (bucket / NAME / "0123456789abcdef.json").write_text(text, encoding="latin-1")
    (bucket / NAME / "notes.txt").write_text("mine")
    (bucket / NAME / "0123456789abcdee.json").mkdir()
    two = container()
    assert found(two.root) == {"zebra": "1"}
    assert any("no manifest" in line for line in two.said)
    install(two.root, "yak", "1")
    two.wait()
    assert found(container().root) == {"zebra": "1", "yak": "1"}


@pytest.mark.parametrize("kept", ["file", "file above"])
def test_a_file_in_the_place_of_our_folder_is_set_aside(container: Make, bucket: Path, kept: str) -> None:
    if kept == "file":
        bucket.mkdir()
        (bucket / NAME).write_text("mine")
    else:
        bucket.write_text("mine")
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    assert found(container().root) == {"zebra": "1"}


def test_the_old_form_is_taken_over_once(container: Make, bucket: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    install(old, "zebra", "1")
    (old / "flat.py").write_text("as pip's target left it\n")
    one = container()
    one.start(str(old))
    assert found(one.root) == {"zebra": "1"}
    assert (old / "flat.py").exists(), "until it is saved"
    one.wait()
    assert list(old.iterdir()) == []
    two = container()
    assert found(two.root) == {"zebra": "1"} and (two.root / "flat.py").exists()


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_bucket_that_takes_nothing_is_said_once_and_tried_again(
    container: Make, bucket: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")

    def refuse(_: int) -> None:
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        one.wait(30)
    assert one.folder.problem == "not saved: " + os.strerror(error)
    assert len(one.said) == 1
    assert list((bucket / NAME).iterdir()) == []
    one.wait(70)
    assert one.folder.problem == ""
    assert found(container().root) == {"zebra": "1"}


def test_a_bucket_that_cannot_be_read_is_asked_again_and_nothing_is_saved_over_it(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    two.folder.restored = False
    (two.local / f"{NAME}.json").unlink()
    shutil.rmtree(two.root)
    two.root.mkdir()

    def refuse() -> object:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as broken:
        broken.setattr(two.folder._store, "generations", refuse)
        with pytest.raises(OSError, match="broken"):
            two.folder.restore()
    install(two.root, "yak", "1")
    two.folder.finish("")
    assert not two.folder.restored
    two.folder.restore()
    two.wait()
    assert found(container().root) == {"zebra": "1", "yak": "1"}


class Crash(BaseException):
    """The container is killed."""


class Machine(RuleBasedStateMachine):
    """Two containers on one project that install, save, are killed at any moment, and start again or anew."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="melda-test-"))
        self.numbers = itertools.count()
        self.containers = [self.make(), self.make()]
        # What the bucket must give: package -> versions that may win
        self.durable: dict[str, set[str]] = {}

    def make(self) -> Container:
        return Container(self.folder / "bucket", self.folder / f"local{next(self.numbers)}")

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(which=st.integers(0, 1), name=st.sampled_from("abc"))
    def install(self, which: int, name: str) -> None:
        # Each container has packages of its own, or else which of two versions wins would be all we can say.
        install(self.containers[which].root, name + str(which), str(next(self.numbers)))

    @rule(which=st.integers(0, 1), clock=st.floats(0, 4e9))
    def save(self, which: int, clock: float) -> None:
        """Each with a clock that says what it will."""
        container = self.containers[which]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("melda_persistence.folder.time.time", lambda: clock)
            container.wait()
        assert container.folder.problem == ""
        self.acknowledge(which)

    def acknowledge(self, which: int) -> None:
        for name, version in found(self.containers[which].root).items():
            if name[-1] == str(which):
                self.durable[name] = {version}

    @rule(which=st.integers(0, 1), after=st.integers(0, 12), data=st.data())
    def killed_while_saving(self, which: int, after: int, data: st.DataObject) -> None:
        """After so many things done to the bucket nothing more is done."""
        container = self.containers[which]
        before = {name: set(versions) for name, versions in self.durable.items()}
        left = iter(range(after))
        real = {name: getattr(os, name) for name in ("fsync", "unlink")}

        def counted(name: str) -> Callable[..., object]:
            def action(*arguments: object, **more: object) -> object:
                if next(left, None) is None:
                    raise Crash
                return real[name](*arguments, **more)

            return action

        with pytest.MonkeyPatch.context() as patched:
            for name in real:
                patched.setattr(os, name, counted(name))
            try:
                container.wait()
            except Crash:
                pass
            else:
                self.acknowledge(which)
        for name, version in found(container.root).items():
            if name[-1] == str(which):
                self.durable.setdefault(name, set()).update({version})
                if name not in before:
                    self.durable[name].add("")
        self.again(which, data.draw(st.booleans()))

    @rule(which=st.integers(0, 1), anew=st.booleans())
    def again(self, which: int, anew: bool) -> None:
        if anew:
            self.containers[which] = self.make()
        else:
            self.containers[which].start()

    @precondition(lambda self: self.durable)
    @invariant()
    def a_new_container_has_it_all(self) -> None:
        new = self.make()
        there = found(new.root)
        for name, versions in self.durable.items():
            assert there.get(name, "") in versions, (name, there, versions)
        assert not any("damaged" in line for line in new.said), new.said
        shutil.rmtree(new.local)

    @invariant()
    def little_is_left_over(self) -> None:
        manifests = list((self.folder / "bucket").glob("*/*.json"))
        assert len(manifests) <= 30, manifests


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize(
    ("saved", "sizes", "now", "kept"),
    [
        ({}, {}, ["a"], []),
        ({"a": "p"}, {"p": (10, 1)}, ["a", "b"], ["a"]),
        ({"a": "p"}, {}, ["a"], []),
        ({"a": "p"}, {"p": (10, 3)}, ["a", "b"], []),  # a third of it is of use
        ({"a": "p", "c": "p"}, {"p": (10, 3)}, ["a", "b", "c"], ["a", "c"]),
        ({str(n): str(n) for n in range(12)}, {str(n): (1, 1) for n in range(12)}, [str(n) for n in range(13)], []),
    ],
)
def test_plan(saved: dict[str, str], sizes: dict[str, tuple[int, int]], now: list[str], kept: list[str]) -> None:
    parts = {name: generations.Part("0" * 64, *pair) for name, pair in sizes.items()}
    held = {name: generations.Held(part, 1) for name, part in saved.items()}
    assert sorted(generations.plan(held, parts, now, True)[0]) == sorted(kept)
    assert set(generations.plan(held, parts, now, False)[0]) == {name for name in saved if saved[name] in parts}
