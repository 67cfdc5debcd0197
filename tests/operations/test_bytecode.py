"""tasks/bytecode.py: bytecode where it is missing or does not fit, and none again where it does."""

from __future__ import annotations

import py_compile
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from tasks import bytecode
from tasks.facts.venv import UncompiledSources

from .conftest import Run

MAKE = "Make the bytecode of the programs"
SRC = "/usr/src/melda-jupyter"


def test_what_is_missing_is_made(run: Run) -> None:
    found = [f"{SRC}/melda/boot/container.py", f"{SRC}/a b; reboot.py"]
    assert run(bytecode.bytecode, {UncompiledSources: found}) == {
        MAKE: [
            "umask 022; /usr/bin/python3 -IS -m compileall -q -f --invalidation-mode checked-hash "
            f"{SRC}/melda/boot/container.py '{SRC}/a b; reboot.py'"
        ]
    }


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
    monkeypatch.setattr("tasks.facts.venv.PYTHON", sys.executable)
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


def test_nothing_is_missing_where_there_is_no_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.facts.venv.PYTHON", "/nonexistent/python3")
    done = subprocess.run(["sh", "-c", UncompiledSources().command(str(folder))], capture_output=True, check=True)
    assert done.stdout == b""
