"""What was carried over, or taken over as it was, is loaded once."""

from __future__ import annotations

import pytest
from melda.base import interpreters
from melda.envs.upgrade import checking, plan
from melda.sync import upgrade_record
from melda.sync.upgrade_record import PACKAGES, WHOLE, Carried, Failure

from tests.unit.melda.envs.conftest import VERSION, Image, R, distribution, r_package
from tests.unit.melda.envs.upgrade_world import OLD, World, world

__all__ = ["world"]

FAILED = "version 1.0 could not be carried over from "
MOVES = f"Python {OLD} to {VERSION}, R 4.1.0 to {R}"


def test_what_was_taken_over_is_loaded_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    workdir, target = str(world.image.workdir), f"Python-{VERSION}"
    upgrade_record.note(workdir, target, Carried("Python-3.11.1", WHOLE, True))
    failure = Failure("python", "numpy", "1.0", "ImportError: no symbol")
    checked: list[object] = []
    monkeypatch.setattr(plan.checking, "check", lambda _, due: checked.append(due) or [failure])
    line = world.start()
    assert line == "1 packages do not load as they were taken over: numpy 1.0; ImportError: no symbol"
    world.start()
    assert len(checked) == 1
    assert upgrade_record.read(workdir)[target] == Carried("Python-3.11.1", WHOLE, True, (failure,), True)
    assert PACKAGES != WHOLE


def test_a_package_that_the_user_has_built_is_no_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs may come later: it is theirs, and newer than what was carried over."""
    r_package(world.old_r, "mine", "0.1")
    r_package(world.image.own_r, "mine", "9.9")
    upgrade_record.note(str(world.image.workdir), f"R-{R}", Carried("R-4.1.0", PACKAGES))  # half filled
    failure = Failure("r", "mine", "9.9", "libfoo.so.1: cannot open shared object file")
    monkeypatch.setattr(checking, "of_r", lambda _place, _root, names: [failure] if "mine" in names else [])
    world.start()
    assert world.found()["r"] == {"mine": "9.9"}


def test_loading(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checking.tools, "variables", lambda _: {"PYTHONPATH": str(image.own_python), "PATH": "/usr/bin:/bin"}
    )
    monkeypatch.setattr(interpreters, "python", lambda _: VERSION)
    root = image.workdir / f"Python-{VERSION}"
    (root / "bin").mkdir()
    (root / "bin" / "python").symlink_to(checking.os.path.realpath(image.env / "bin" / "python"))
    for name, text in {
        "fine": "print('hello')", "bad": "raise ImportError('no symbol')", "crash": "import os; os._exit(7)",
        "asks": "input()", "last": "raise SystemExit(1)",
    }.items():  # fmt: skip
        distribution(image.own_python, name, "1.0")
        (image.own_python / name / "__init__.py").write_text(text)
    found = {one.name: one.reason for one in checking.of_python(image.layout, str(root))}
    assert found == {
        "asks": "EOFError: EOF when reading a line", "bad": "ImportError: no symbol",
        "crash": "the process ended with exit code 7", "last": "SystemExit: 1",
    }  # fmt: skip
