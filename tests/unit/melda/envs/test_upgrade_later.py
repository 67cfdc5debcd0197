"""What a patch release broke is installed again; what came with the old image later comes, too; saved is done."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from melda.envs import cli
from melda.envs.restore import command as restore
from melda.envs.restore import repositories
from melda.envs.upgrade import command, install_passes, plan, previous
from melda.envs.upgrade.previous import Former
from melda.plugins import state
from melda.sync import upgrade_record
from melda.sync.in_bucket import generations
from melda.sync.in_bucket.generations import Archive, EntryRef, Generation
from melda.sync.on_disk import local_index, tree
from melda.sync.upgrade_plan import Due
from melda.sync.upgrade_record import PACKAGES, WHOLE, Carried, Failure

from tests.unit.melda.envs.conftest import SITE, VERSION, R, distribution, r_package
from tests.unit.melda.envs.upgrade_world import OLD, World, world

__all__ = ["world"]

TARGET, BEFORE = f"Python-{VERSION}", "Python-{}.{}.{}".format(*sys.version_info[:2], sys.version_info[2] + 1)
MOVES = f"Python {OLD} to {VERSION}"


class Patched:
    """A project that a patch release took over: of its packages some do not load."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.workdir = world, str(world.image.workdir)
        self.broken: dict[str, set[str]] = {"python": set(), "r": set()}  # do not load, in any state
        self.spoiled = {"python": set[str](), "r": set[str]()}  # do not load until they are installed again
        self.checked: list[list[str] | None] = []
        shutil.rmtree(world.old_site.parents[2])
        world.old_r.rmdir()
        monkeypatch.setattr(plan.checking, "check", self.check)
        real_put, real_r = world.put, world.put_r

        def put(name: str, version: str) -> None:
            real_put(name, version)
            self.spoiled["python"].discard(name)

        def put_r(name: str, version: str) -> None:
            real_r(name, version)
            self.spoiled["r"].discard(name)

        world.put, world.put_r = put, put_r  # type: ignore[method-assign]

    def has(self, kind: str, name: str, version: str) -> None:
        for root in (BEFORE, TARGET) if kind == "python" else ("R-4.2.0", f"R-{R}"):
            if kind == "python":
                distribution(Path(self.workdir) / root / SITE, name, version)
            else:
                r_package(Path(self.workdir) / root, name, version, Repository="CRAN")
        source, target = (BEFORE, TARGET) if kind == "python" else ("R-4.2.0", f"R-{R}")
        upgrade_record.note(self.workdir, target, Carried(source, WHOLE, True))

    def check(self, _: object, due: Due, names: Any = None) -> list[Failure]:
        kind = "python" if due.target == TARGET else "r"
        self.checked.append(sorted(names) if names is not None else None)
        there = self.world.found()[kind]
        bad = {name for name in self.broken[kind] | self.spoiled[kind] if names is None or name in names}
        return [Failure(kind, name, there[name], "no symbol") for name in sorted(bad & there.keys())]

    def failures(self, target: str) -> list[str]:
        one = upgrade_record.read(self.workdir)[target]
        assert one.checked
        return [failure.name for failure in one.failures]


@pytest.fixture
def patched(world: World, monkeypatch: pytest.MonkeyPatch) -> Patched:
    return Patched(world, monkeypatch)


def test_what_does_not_load_is_installed_again(patched: Patched, capsys: pytest.CaptureFixture[str]) -> None:
    world = patched.world
    for name in ("fine", "same", "newer", "lost"):
        patched.has("python", name, "1.0")
    patched.has("r", "compiled", "1.0")
    patched.spoiled = {"python": {"same", "newer", "lost"}, "r": {"compiled"}}
    world.wheels, world.sources = {"same": ["1.0"], "newer": ["2.0"]}, {"compiled"}
    line = world.start()
    assert line == "1 packages do not load as they were taken over: lost 1.0; it does not load: no symbol; " \
        "to install it again failed: no wheel"  # fmt: skip
    assert world.found() == {
        "python": {"fine": "1.0", "same": "1.0", "newer": "2.0", "lost": "1.0"}, "r": {"compiled": "1.0"},
    }  # fmt: skip
    assert (patched.failures(TARGET), patched.failures(f"R-{R}")) == (["lost"], [])
    err = capsys.readouterr().err
    assert (
        "3 packages do not load as they were taken over: lost 1.0, newer 1.0, same 1.0; no symbol; installing again"
        in err
    )
    assert "2 packages that did not load are installed again; 1 do not load" in err
    assert "fine" not in str(world.asked), "what loads is left alone"
    asked = len(world.asked)
    world.start()
    assert len(world.asked) == asked, "once"
    assert [row[1] for row in world.missing()] == ["lost"], (
        "the cell that misses it is told, in the next container, too"
    )


def test_what_never_loads_stays_as_it_is(patched: Patched) -> None:
    patched.has("python", "same", "1.0")
    patched.broken["python"] = {"same"}
    patched.world.wheels = {"same": ["1.0"]}
    line = patched.world.start()
    assert line.startswith("1 packages do not load as they were taken over: same 1.0; it does not load: no symbol")
    assert patched.failures(TARGET) == ["same"]
    assert patched.world.found()["python"] == {"same": "1.0"}


@pytest.mark.parametrize("gone", [False, True])
def test_killed_while_it_is_installed_again(patched: Patched, monkeypatch: pytest.MonkeyPatch, gone: bool) -> None:
    patched.has("python", "same", "1.0")
    patched.spoiled["python"] = {"same"}
    patched.world.wheels = {"same": ["1.0"]}

    def killed(*_: object) -> None:
        if gone:
            for path in patched.world.image.own_python.glob("same*"):
                shutil.rmtree(path)
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(restore, "restore", killed)
        with pytest.raises(KeyboardInterrupt):
            patched.world.start()
    patched.world.start()
    assert patched.world.found()["python"] == {"same": "1.0"} and patched.failures(TARGET) == []


@pytest.mark.parametrize("mode", ["", "ask", "off"])
def test_what_came_with_the_old_image_later(world: World, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "removed"):
        distribution(world.old_site, name, "1.0")
    world.wheels = {name: ["1.0"] for name in ("first", "removed", "later")}
    world.start()
    for path in world.image.own_python.glob("removed*"):
        shutil.rmtree(path)
    world.start()
    assert world.found()["python"] == {"first": "1.0"}, "what the user removes stays removed"
    distribution(world.old_site, "later", "1.0")  # the old image runs again, or still
    world.asked.clear()
    line = world.start(UPGRADE=mode)
    if mode:
        assert world.found()["python"] == {"first": "1.0"}
        assert line.startswith("waiting: melda-env upgrade") is (mode == "ask")
        assert cli.main(["upgrade"]) == 0
    else:
        assert line == f"1 packages are carried over from {MOVES}"
    assert f"Python-{OLD} got 1 packages since it was carried over to {TARGET}: later" in "".join(capsys.readouterr())
    assert world.found()["python"] == {"first": "1.0", "later": "1.0"}
    world.asked.clear()
    world.start()
    assert world.asked == [], "once"


def test_it_counts_when_it_is_in_the_bucket(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(world.old_site, "same", "1.0")
    world.wheels = {"same": ["1.0"]}
    monkeypatch.setattr(plan, "LOCAL_PLUGINS", str(world.image.workdir))
    monkeypatch.setattr(plan, "SAVED", 0.0)
    real = plan.Upgrade.__init__

    def in_bucket(self: plan.Upgrade, *arguments: Any) -> None:
        real(self, *arguments)
        self._kept = True

    told: list[str | None] = []
    wait = plan.Upgrade._wait_until_saved

    def waits(self: plan.Upgrade, targets: list[str]) -> bool:
        told.append(state.read(state.UPGRADE))
        return wait(self, targets)

    monkeypatch.setattr(plan.Upgrade, "__init__", in_bucket)
    monkeypatch.setattr(plan.Upgrade, "_wait_until_saved", waits)
    world.start()
    assert told == [f"1 packages are carried over from {MOVES}"], "they can be used, so it is said at once"
    workdir = str(world.image.workdir)
    assert not upgrade_record.read(workdir)[TARGET].done, "killed now, the next container does it again"
    root = f"{workdir}/{TARGET}"
    index = local_index.NOTHING._replace(signatures=tree.signatures(tree.layout(TARGET), root))
    local_index.write(index, root + ".json")
    world.start()
    assert upgrade_record.read(workdir)[TARGET].done and upgrade_record.read(workdir)[TARGET].how == PACKAGES
    assert not install_passes.os.path.exists(state.MISSING) or world.missing() == []
    assert os.path.isdir(root)


@pytest.mark.parametrize("snapshot", [True, False])
def test_what_the_snapshot_lacks_is_seen_in_the_bucket(
    world: World, monkeypatch: pytest.MonkeyPatch, snapshot: bool
) -> None:
    """The old container ended before it was written down, as the bucket's generations are written first."""
    monkeypatch.setattr(plan, "local_folder", lambda *_: str(world.image.root / "local"))
    shutil.rmtree(world.old_site.parents[2])
    world.old_r.rmdir()
    ours = world.image.workdir / ".melda-jupyter"
    site = f"lib/python{OLD.rpartition('.')[0]}/site-packages"
    for folder, names in (
        (f"Python-{OLD}", [f"{site}/late-1.0.dist-info", f"{site}/late", "bin/late"]),
        ("R-4.1.0", ["xts"]),
    ):
        part = {"a" * 16: Archive("0" * 64, 10, 1)}
        entries = {name: EntryRef("a" * 16, 1) for name in names}
        (ours / folder).mkdir(parents=True)
        (ours / folder / ("b" * 16 + ".json")).write_text(generations.dump(Generation((), 1, 1e9, part, entries)))
    if snapshot:
        found = world.image.capture()
        found["python"] = {"version": OLD, "packages": [{"name": "owl", "version": "3.0", "source": {"type": "index"}}]}
        (ours / f"environment.Python-{OLD}.json").write_text(json.dumps(found))
    world.wheels, world.apt = {"owl": ["3.0"], "late": ["1.0"]}, {"xts": "0.9"}
    line = world.start()
    assert line == f"{3 if snapshot else 2} packages are carried over from {MOVES}, R 4.1.0 to {R}"
    expected = {"late": "1.0", **({"owl": "3.0"} if snapshot else {})}
    assert world.found() == {"python": expected, "r": {"xts": "0.9"}}


def test_what_came_through_apt_and_apt_has_not_got_here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a project on disk only apt.json says that it was there."""
    r_package(world.old_r, "built", "1.0", Repository="CRAN")
    names = ["r-cran-binary", "r-cran-runit", "r-cran-lost", "r-cran-mine"]
    r_package(world.image.system_r, "Mine", "0.1")
    world.image.debian({"r-cran-mine": "0.1-1"})
    (world.image.workdir / ".melda-jupyter").mkdir()
    (world.image.workdir / ".melda-jupyter" / "apt.json").write_text(json.dumps({"packages": names}))
    world.apt, world.sources = {"binary": "1.4"}, {"built", "RUnit"}
    monkeypatch.setattr(repositories, "mirrors", lambda _: repositories.Mirrors("https://cran.example", "", ""))
    monkeypatch.setattr(repositories, "all_current", lambda _: {"RUnit": "0.4.32", "built": "1.0", "Mine": "9"})
    assert world.start() == f"2 packages are carried over from R 4.1.0 to {R}; 1 cannot be had: lost"
    assert world.found()["r"] == {"RUnit": "0.4.32", "built": "1.0"}, "the sync daemon has the other one installed"
    assert [row[1] for row in world.missing()] == ["lost"]


@pytest.mark.parametrize("where", ["looked for", "read", "listed"])
def test_a_snapshot_that_cannot_be_read_now_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch, unreadable: Callable[[str], list[int]], where: str
) -> None:
    """Else its packages came from the index in place of the user's own, or never."""
    shutil.rmtree(world.old_site.parents[2])
    world.old_r.rmdir()
    ours, own = world.image.workdir / ".melda-jupyter", {"name": "owl", "version": "3.0", "source": {"type": "index"}}
    ours.mkdir()
    text = json.dumps({**world.image.capture(), "python": {"version": OLD, "packages": [own]}})
    (ours / f"environment.Python-{OLD}.json").write_text(text)
    world.wheels, world.env = {"owl": ["3.0"]}, {"PATH": "/usr/bin:/bin"}
    with monkeypatch.context() as now:
        if where == "listed":
            listdir, find = os.listdir, previous.find

            def failing(folder: str) -> list[str]:
                if folder == str(ours):
                    raise OSError(errno.EIO, os.strerror(errno.EIO), folder)
                return listdir(folder)

            def found(*given: Any) -> Former:
                now.setattr(os, "listdir", failing)
                return find(*given)

            now.setattr(previous, "find", found)
        else:
            unreadable(f"environment.Python-{OLD}.json")
        if where == "read":
            now.setattr(previous, "_has", lambda *_: True)
        assert command.main() == 1, "start-jupyter tries again"
    assert upgrade_record.read(str(world.image.workdir)) == {}
    assert world.start() == f"1 packages are carried over from {MOVES}"
