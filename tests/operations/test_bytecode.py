"""tasks/bytecode.py: bytecode where it is missing or does not fit, and none again where it does."""

from __future__ import annotations

import marshal
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path

import pytest

from tasks import bytecode
from tasks.facts.venv import UncompiledSources
from tasks.lib import target_python

from .conftest import Run

MAKE = "Make the bytecode of the programs"
SRC = "/usr/src/melda-jupyter"


def test_what_is_missing_is_made(run: Run) -> None:
    (command,) = run(bytecode.bytecode, {UncompiledSources: [f"{SRC}/melda/boot/container.py"]})[MAKE]
    assert command.startswith("/usr/bin/python3 -I -B -S -c ") and command.endswith(f" compile {SRC}")


def test_already_there(run: Run) -> None:
    assert run(bytecode.bytecode) == {}


def test_in_another_place(run: Run) -> None:
    asked: list[str] = []
    run(bytecode.bytecode, {UncompiledSources: lambda folder: asked.append(folder) or []}, src="/opt/melda")
    assert set(asked) == {"/opt/melda"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like none of those that need no quotes, with two sources."""
    made = tmp_path / "it's here"
    (made / "part").mkdir(parents=True)
    (made / "one.py").write_text("ONE = 1\n")
    (made / "part/two.py").write_text("TWO = 2\n")
    (made / "program").write_text("no Python\n")
    return made


def missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the fact finds."""
    # The Python that compiles in these tests, which may be another than the machine's.
    monkeypatch.setattr(target_python, "PYTHON", sys.executable)
    command = UncompiledSources().command(str(folder))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return [Path(line).name for line in UncompiledSources().process(done.stdout.splitlines())]


def test_bytecode_fits_its_source_or_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing(folder, monkeypatch) == ["one.py", "two.py"]
    for path in folder.rglob("*.py"):
        py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    assert missing(folder, monkeypatch) == []
    (folder / "one.py").write_text("ONE = 3\n")
    assert missing(folder, monkeypatch) == ["one.py"]
    # Checked by time, which an image's layers do not keep to the nanosecond; or not at all.
    py_compile.compile(str(folder / "one.py"), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    assert missing(folder, monkeypatch) == ["one.py"]
    py_compile.compile(str(folder / "one.py"), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert missing(folder, monkeypatch) == ["one.py"]
    Path(util.cache_from_source(str(folder / "part/two.py"))).write_bytes(b"")
    assert missing(folder, monkeypatch) == ["one.py", "two.py"]


def body(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:16] + b"rubbish")


def no_code(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:16] + marshal.dumps("no code"))


def users(path: Path) -> None:
    os.chown(path, 1001, 1001)


def users_folder(path: Path) -> None:
    os.chown(path.parent, 1001, 1001)


def writable(path: Path) -> None:
    path.chmod(0o666)


def a_folder(path: Path) -> None:
    path.unlink()
    (path / "in").mkdir(parents=True)


def a_link(path: Path) -> None:
    path.rename(path.with_suffix(".other"))
    path.symlink_to(path.with_suffix(".other"))


def a_file_for_a_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")
@pytest.mark.parametrize(
    "damage", [body, no_code, users, users_folder, writable, a_folder, a_link, a_file_for_a_folder, Path.unlink]
)
def test_what_python_would_not_load_or_others_may_write_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], object]
) -> None:
    monkeypatch.setattr(target_python, "PYTHON", sys.executable)
    make = target_python.command("jupyter/bytecode_check", ["compile", str(folder)])
    subprocess.run(["sh", "-c", make], check=True)
    assert missing(folder, monkeypatch) == []
    path = Path(util.cache_from_source(str(folder / "one.py")))
    good = path.read_bytes()
    damage(path)
    assert missing(folder, monkeypatch) == ["one.py"]
    subprocess.run(["sh", "-c", make], check=True)
    assert missing(folder, monkeypatch) == [] and path.read_bytes() == good and not path.is_symlink()
    assert (path.stat().st_uid, path.parent.stat().st_uid) == (0, 0)


def test_nothing_is_missing_where_there_is_no_folder_yet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_python, "PYTHON", "/nonexistent/python3")
    assert missing(folder / "none", monkeypatch) == []
