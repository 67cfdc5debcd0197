"""On which image a project ran last, and what a start on another one says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from melda.base import interpreters
from melda.plugins import image_record
from melda.plugins.image_record import Image

OLD = Image("0.1.0", "a" * 40, "debian:bookworm", "2026-11-01T00:00:00Z", "4.2.2", "3.11.2")
NEW = OLD._replace(python="3.13.5", r="4.5.0", base="debian:trixie", revision="b" * 40 + "-dirty")


def test_what_changed() -> None:
    assert image_record.difference(None, OLD) == image_record.difference(OLD, OLD) == ""
    assert image_record.difference(OLD, NEW) == (
        "the project ran on another image before: Python 3.11.2 -> 3.13.5, R 4.2.2 -> 4.5.0,"
        f" base debian:bookworm -> debian:trixie, revision {'a' * 12} -> {'b' * 12}-dirty"
    )
    assert image_record.difference(OLD, OLD._replace(r="")).endswith(": R 4.2.2 -> none")
    again = OLD._replace(created="2026-11-08T00:00:00Z")
    assert image_record.difference(OLD, again).endswith(f": built {OLD.created} -> {again.created}")


def test_a_project_remembers_two(tmp_path: Path) -> None:
    workdir = str(tmp_path)
    assert image_record.read(workdir) == (None, None)
    assert image_record.write(workdir, OLD) == (OLD, None)
    assert image_record.write(workdir, OLD._replace(manifest="sha256:1")) == (OLD._replace(manifest="sha256:1"), None)
    assert image_record.write(workdir, NEW) == image_record.read(workdir) == (NEW, OLD._replace(manifest="sha256:1"))
    file = tmp_path / ".melda-jupyter" / "image.json"
    assert json.loads(file.read_text())["last"]["python"] == "3.13.5"
    stamp = file.stat().st_mtime_ns
    image_record.write(workdir, NEW)
    assert file.stat().st_mtime_ns == stamp, "nothing is written where nothing changed"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"last": 1}', '{"last": {"r": 1}}', '{"last": {"r": "\\n"}}',
                                  json.dumps({"last": {"r": "x" * 300}})])  # fmt: skip
def test_somebody_wrote_something_else(tmp_path: Path, text: str) -> None:
    (tmp_path / ".melda-jupyter").mkdir()
    (tmp_path / ".melda-jupyter" / "image.json").write_text(text)
    assert image_record.read(str(tmp_path)) == (None, None)


def test_one_that_cannot_be_read_now_is_not_written_over(
    tmp_path: Path, unreadable: Callable[[str], list[int]]
) -> None:
    workdir = str(tmp_path)
    known = (image_record.write(workdir, OLD), image_record.write(workdir, NEW))[1]
    unreadable(image_record.NAME)
    with pytest.raises(OSError, match="Input/output error"):
        image_record.write(workdir, NEW._replace(revision="c" * 40))
    assert image_record.read(workdir) == known
    (tmp_path / ".melda-jupyter").rename(tmp_path / "old")
    assert image_record.read(workdir) == (None, None)
    (tmp_path / ".melda-jupyter").write_text("")
    assert image_record.read(workdir) == (None, None), "ENOTDIR"


def test_this_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "r", lambda: "4.2.2")
    monkeypatch.setattr(interpreters, "python", lambda _: "3.11.2")
    place: Any = type("Place", (), {"python_env": "/opt/jupyter"})
    (tmp_path / "os-release").write_text('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    made, release = str(tmp_path / "image.json"), str(tmp_path / "os-release")
    assert image_record.here(place, made, release) == Image(
        base="Debian GNU/Linux 12 (bookworm)", r="4.2.2", python="3.11.2"
    )
    Path(made).write_text(json.dumps({"version": "0.1.0", "revision": "a" * 40, "base": "debian:bookworm", "r": "9"}))
    assert image_record.here(place, made, release) == OLD._replace(created="")
