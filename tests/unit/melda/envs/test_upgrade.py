"""Packages of another Python or R: which way each is had, in which order, and who is told what."""

from __future__ import annotations

import errno
import json
import os
from typing import Any

import pytest
from melda.envs import cli
from melda.envs.restore import command as restore
from melda.envs.upgrade import install_passes, notices, plan
from melda.plugins import image_record, state
from melda.sync import upgrade_record
from melda.sync.upgrade_record import Failure

from tests.unit.melda.envs.conftest import VERSION, R, distribution, r_package
from tests.unit.melda.envs.upgrade_world import OLD, World, world

__all__ = ["world"]

FAILED = "version 1.0 could not be carried over from "
MOVES = f"Python {OLD} to {VERSION}, R 4.1.0 to {R}"


def test_each_the_best_way(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("same", "newer", "built", "gone"):
        distribution(world.old_site, name, "1.0")
    for name in ("binary", "compiled", "lost"):
        r_package(world.old_r, name, "1.0", Repository="CRAN")
    world.wheels = {"same": ["1.0", "2.0"], "newer": ["2.0", "3.0"]}
    world.sources, world.apt = {"built", "compiled"}, {"binary": "1.4"}
    line = world.start()
    assert line == f"5 packages are carried over from {MOVES}; 2 cannot be had: gone 1.0, lost 1.0"
    assert world.found() == {
        "python": {"same": "1.0", "newer": "3.0", "built": "1.0"},
        "r": {"binary": "1.4", "compiled": "1.0"},
    }
    every = ["built", "gone", "newer"]
    assert world.asked == [
        ("r", ["binary"], True),  # apt, in one transaction
        ("python", [*every, "same"], True),
        ("python", every, True),  # the newest, together; then one by one
        *(("python", [name], True) for name in every),
        ("python", ["built", "gone"], False),  # what has to be compiled comes last
        ("r", ["compiled", "lost"], False),
    ]
    assert world.missing() == [
        ["python", "gone", f"{FAILED}Python {OLD} to {VERSION} (no wheel); to install it: %pip install gone"],
        ["r", "lost", f'{FAILED}R 4.1.0 to {R} (no source); to install it: install.packages("lost")'],
    ]
    assert "upgrade: Python gone 1.0: no wheel" in capsys.readouterr().err
    assert os.environ.get("UV_NO_BUILD") is None
    # The old folders are there as they were, for the day somebody goes back.
    assert (world.old_site / "gone").exists() and (world.old_r / "lost").exists()
    world.asked.clear()
    (world.image.root / "missing").unlink()
    world.start()
    assert world.asked == [], "once"
    assert [row[1] for row in world.missing()] == ["gone", "lost"], "and told in the next container, too"


def test_a_package_that_the_image_has_in_another_version(world: World) -> None:
    """It is the user's own version that is carried over; the image's is used, and that is said, where it cannot be had."""
    for name in ("same", "wheel", "numpy"):
        distribution(world.image.image_python, name, "2.0")
    for name in ("old", "lost", "apt"):
        r_package(world.image.system_r, name, "2.0", Repository="CRAN")
    world.image.debian({f"r-cran-{name}": "2.0-1" for name in ("old", "lost", "apt")})
    distribution(world.old_site, "same", "2.0")
    for name in ("wheel", "numpy"):
        distribution(world.old_site, name, "1.0")
    for name in ("old", "lost"):
        r_package(world.old_r, name, "1.0", Repository="CRAN")
    world.wheels = {"wheel": ["1.0", "2.0"], "numpy": ["2.0"]}
    world.sources, world.apt = {"numpy", "old"}, {"old": "2.0", "lost": "2.0"}
    line = world.start()
    assert world.found() == {"python": {"wheel": "1.0"}, "r": {"old": "1.0"}}
    assert line == f"3 packages are carried over from {MOVES}; 2 cannot be had: numpy 1.0, lost 1.0"
    reasons = [one.reason for one in upgrade_record.read(str(world.image.workdir))[f"Python-{VERSION}"].failures]
    assert reasons == ["the image's 2.0 is used: no wheel"]


def test_what_the_other_image_had_is_installed_too(world: World) -> None:
    """A package loads by what was in the other image, and is not in this one, or in a version that does not fit."""
    distribution(world.image.image_python, "yak", "1.0")
    distribution(world.image.image_python, "fits", "1.0")
    distribution(world.old_site, "nltk", "3.8")
    world.needs = {"nltk": ["regex>=2021; python_version>='3.8'", "yak>1", "fits", "other; extra == 'tests'"]}
    world.wheels = {"nltk": ["3.8"], "regex>=2021": ["2022"], "yak>1": ["2.0"]}
    assert world.start() == f"1 packages are carried over from Python {OLD} to {VERSION}"
    assert world.asked[-1] == ("python", ["regex>=2021", "yak>1"], False)


def test_what_does_not_load_is_not_carried_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bad", "gone", "good"):
        distribution(world.old_site, name, "1.0")
    world.wheels = {"bad": ["1.0"], "good": ["1.0"]}
    asked: list[list[str]] = []

    def loads(_: object, __: str, names: set[str]) -> list[Failure]:
        asked.append(sorted(names))
        return [Failure("python", "bad", "1.0", "ImportError: no symbol")]

    monkeypatch.setattr(install_passes.checking, "of_python", loads)
    line = world.start()
    assert line == (
        f"1 packages are carried over from Python {OLD} to {VERSION}; 1 cannot be had: gone 1.0; 1 do not load: bad 1.0"
    )
    assert asked == [["bad", "good"]]
    reasons = {row[1]: row[2] for row in world.missing()}
    assert "(it is installed, and does not load: ImportError: no symbol)" in reasons["bad"]
    world.start()
    assert len(asked) == 1, "once"


def test_nothing_to_carry_over_is_not_worth_a_word(world: World) -> None:
    assert world.start() == "" and world.missing() == []
    record = image_record.read(str(world.image.workdir))
    assert record.last and record.last.manifest == world.image.capture()["system"]["image"]


def test_what_belongs_to_no_package_is_taken_over_or_named_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    old = world.image.workdir / f"Python-{OLD}"
    corpus, module = "share/nltk_data/corpora/w", world.old_site / "mytools.py"
    (old / corpus).mkdir(parents=True)
    module.write_text("")
    (old / "share/uv/tools/ruff").mkdir(parents=True)
    world.start()
    new = world.image.workdir / f"Python-{VERSION}" / corpus
    assert new.is_dir()
    line = f"1 files or folders of no package stay in Python-{OLD}, copy them yourself: lib/python3.1/site-packages/mytools.py"
    line += f"; 1 tools of uv's stay in Python-{OLD}, install them again (uv tool install NAME): ruff\n"
    assert capsys.readouterr().err.count(line) == 1
    new.rmdir()
    world.start()
    assert not new.exists() and "mytools" not in capsys.readouterr().err, "what is removed stays removed"


def test_data_that_cannot_be_read_costs_no_package(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plan.loose_files, "take", full)
    distribution(world.old_site, "same", "1.0")
    world.wheels = {"same": ["1.0"]}
    world.start()
    assert world.found()["python"] == {"same": "1.0"}
    assert f"data of Python-{OLD} is not taken over: No space left on device" in capsys.readouterr().err


def test_a_snapshot_of_a_bucket(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "local_folder", lambda *_: str(world.image.root / "local"))
    ours = world.image.workdir / ".melda-jupyter"
    (ours / f"Python-{OLD}").mkdir(parents=True)
    (ours / f"Python-{OLD}" / ("a" * 16 + ".json")).write_text("{}")
    found = world.image.capture()
    packages = [{"name": "owl", "version": "3.0", "source": {"type": "index"}, "hashes": ["sha256:" + "1" * 64]}]
    found["python"] = {**found["python"], "version": OLD, "packages": packages}
    (ours / "environment.json").write_text(json.dumps(found))
    world.wheels = {"owl": ["3.0"]}
    assert world.start() == f"1 packages are carried over from Python {OLD} to {VERSION}"
    assert (ours / f"environment.Python-{OLD}_R-{R}.json").exists(), "kept before anything is written over it"


@pytest.mark.parametrize("at", range(7))
def test_killed_anywhere_it_goes_on(world: World, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    for name in ("same", "newer", "built", "gone"):
        distribution(world.old_site, name, "1.0")
    r_package(world.old_r, "binary", "1.0", Repository="CRAN")
    world.wheels, world.sources = {"same": ["1.0"], "newer": ["2.0"]}, {"built"}
    world.apt = {"binary": "1.0"}
    real, calls = world.restore, []

    def killed(*arguments: Any) -> restore.Outcome:
        calls.append(1)
        outcome = real(*arguments) if at % 2 else None
        if len(calls) == at + 1:
            raise KeyboardInterrupt
        return outcome or real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(restore, "restore", killed)
        with pytest.raises(KeyboardInterrupt):
            world.start()
    line = world.start()
    assert line.endswith(f"{MOVES}; 1 cannot be had: gone 1.0") and line.startswith("4 packages")
    assert world.found()["python"] == {"same": "1.0", "newer": "2.0", "built": "1.0"}


def test_another_restore_runs_first(world: World) -> None:
    distribution(world.old_site, "same", "1.0")
    world.wheels, world.busy = {"same": ["1.0"]}, 2
    assert world.start().startswith("1 packages are carried over")


def test_while_it_comes_it_is_said_that_it_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("same", "other"):
        distribution(world.old_site, name, "1.0")
    world.wheels = {"same": ["1.0"]}
    seen: list[tuple[str | None, list[list[str]]]] = []
    real = world.restore

    def look(*arguments: Any) -> restore.Outcome:
        seen.append((state.read(state.UPGRADE), world.missing()))
        return real(*arguments)

    monkeypatch.setattr(restore, "restore", look)
    world.start()
    text = "it is being carried over from Python {0} to {1} ({2} of 2 are here): run this again in a while, or see /healthz"
    rows = [["python", name, text.format(OLD, VERSION, 0)] for name in ("other", "same")]
    assert seen[0] == ("installing, 0 of 2", rows)
    assert seen[1] == ("installing, 1 of 2", [["python", "other", text.format(OLD, VERSION, 1)]])


@pytest.mark.parametrize("mode", ["ask", "off"])
def test_not_by_itself(world: World, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    distribution(world.old_site, "same", "1.0")
    world.wheels = {"same": ["1.0"]}
    line = world.start(UPGRADE=mode)
    assert world.found()["python"] == {} and world.asked == []
    asks = f"waiting: melda-env upgrade carries the packages over from Python {OLD} to {VERSION}"
    assert line == (asks if mode == "ask" else "")
    assert [row[1] for row in world.missing()] == (["same"] if mode == "ask" else [])
    capsys.readouterr()
    assert cli.main(["upgrade"]) == 0
    assert capsys.readouterr().out.endswith(f"1 packages are carried over from Python {OLD} to {VERSION}\n")
    assert world.found()["python"] == {"same": "1.0"} and world.missing() == []
    assert cli.main(["upgrade"]) == 0
    assert capsys.readouterr().out == "there is nothing to carry over\n"


def test_by_hand_what_could_not_be_had_is_tried_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    distribution(world.old_site, "late", "1.0")
    world.start()
    capsys.readouterr()
    assert cli.main(["upgrade", "--json"]) == 1
    out = json.loads(capsys.readouterr().out)
    assert out == {"carried": 0, "entries": 0,
                   "failures": [{"kind": "python", "name": "late", "version": "1.0", "reason": "no wheel"}]}  # fmt: skip
    world.wheels = {"late": ["1.0"]}
    assert cli.main(["upgrade"]) == 0
    assert world.found()["python"] == {"late": "1.0"} and world.missing() == []


def test_by_hand_a_disk_that_cannot_be_read_is_one_line(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "/home/melda/project")

    monkeypatch.setattr(plan.Upgrade, "keep_snapshots", refuse)
    assert cli.main(["upgrade"]) == 2
    assert capsys.readouterr().err.endswith(": /home/melda/project: Input/output error\n")


def test_what_each_pass_would_repeat_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    for one in (notices.Shown(), notices.Told()):
        for line in (
            "2 packages are there already",
            "4 packages are left alone, though x",
            "checking 2 Python packages",
        ):
            one.say(line)
    out, err = capsys.readouterr()
    assert out == "checking 2 Python packages\n" and err.endswith("upgrade: checking 2 Python packages\n")
    assert err.count("\n") == 1


def test_copies_of_local_packages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = {"url": "file:///sources/owl-3.0-py3-none-any.whl", "archive_info": {}}
    info = distribution(world.old_site, "owl", "3.0", direct)
    (info / "WHEEL").write_text("Tag: py3-none-any\n")
    for name in ("mine", "broken"):
        r_package(world.old_r, name, "0.1")
    monkeypatch.setattr(install_passes.checking, "of_r", lambda *_: [Failure("r", "broken", "0.1", "no symbol")])
    line = world.start()
    assert world.found() == {"python": {"owl": "3.0"}, "r": {"mine": "0.1"}}
    assert line == f"2 packages are carried over from {MOVES}; 1 cannot be had: broken 0.1"
    assert "(the copy that was kept does not load: no symbol)" in world.missing()[0][2]
    kept = world.image.workdir / ".melda-jupyter" / "environment.R-4.1.0.json.files"
    assert sorted(path.name for path in kept.iterdir()) == [
        f"{name}_0.1_R4.1.0_x86_64.tar.gz" for name in ("broken", "mine")
    ]
