"""Editing files of others: doing it again changes nothing, and nothing else is changed."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base import textfiles

LINES = st.lists(st.sampled_from(["options(x = 1)", "", "# BEGIN b", "# END b", "# BEGIN a", "# END a", "y"])).map(
    "\n".join
)


@given(LINES, st.sampled_from(["one", "one\ntwo\n"]))
def test_a_block_is_there_once_and_stays(text: str, content: str) -> None:
    once = textfiles.set_block(text, "a", content)
    assert once.count("# BEGIN a\n") == 1
    assert "# BEGIN a\n" + content.strip("\n") + "\n# END a\n" in once
    assert textfiles.set_block(once, "a", content) == once


def test_a_block_without_its_end_swallows_nothing() -> None:
    damaged = "first\n# BEGIN a\nold\nsomebody else's\n"
    assert textfiles.set_block(damaged, "a", "new") == "first\n# BEGIN a\nnew\n# END a\nold\nsomebody else's\n"


def test_a_block_keeps_its_place_and_its_neighbours() -> None:
    text = "first\n# BEGIN a\nold\n# END a\nlast\n"
    assert textfiles.set_block(text, "a", "new") == "first\n# BEGIN a\nnew\n# END a\nlast\n"
    assert textfiles.set_block("first\n", "a", "new") == "first\n# BEGIN a\nnew\n# END a\n"


INI = st.lists(
    st.sampled_from(
        ["[global]", "[install]", "  [list]", "target = /old", "Target: /old", "  /more", "index-url = u",
         "# target = c",  "; x", "", "   ", "  user = no", "target=", "    deep"]
    )
).map("\n".join)  # fmt: skip


def _read(text: str) -> dict[str, dict[str, str]] | None:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: dict(parser[name]) for name in parser.sections()}


@given(INI)
def test_a_setting_is_what_the_reader_reads_and_all_else_as_it_was(text: str) -> None:
    once = textfiles.with_setting(text, "install", "target", "/new")
    before, after = _read(text), _read(once)
    if before is None:
        assert once == text
        return
    assert after is not None
    before.setdefault("install", {})["target"] = "/new"
    assert after == before
    assert textfiles.with_setting(once, "install", "target", "/new") == once
    for line in text.splitlines():
        assert not line.startswith(("#", ";")) or line in once


def test_a_setting_in_an_empty_file() -> None:
    assert textfiles.with_setting("", "install", "target", "/p") == "[install]\ntarget = /p\n"


def written(path: Path) -> tuple[int, int]:
    """What changes when a file is written; unlike the time of its last reading."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def test_update_writes_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert textfiles.write_if_changed(str(path), "text", 0o600)
    before = written(path)
    assert not textfiles.write_if_changed(str(path), "text", 0o600)
    assert written(path) == before
    assert textfiles.write_if_changed(str(path), "other", 0o640)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("other", 0o640)


def test_an_empty_file_is_made(tmp_path: Path) -> None:
    assert textfiles.write_if_changed(str(tmp_path / "empty"), "")
    assert (tmp_path / "empty").read_text() == ""


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        textfiles.replace(str(path), "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


@pytest.mark.skipif(os.getuid() != 0, reason="anybody else may follow what they like")
def test_root_writes_through_no_link_of_somebody_elses(tmp_path: Path) -> None:
    """tmp_path lies in /tmp, where anybody may put one."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "etc")
    with pytest.raises(OSError, match="'way' on the way is a symbolic link"):
        textfiles.replace(str(tmp_path / "way" / "passwd"), "mine")
    assert list((tmp_path / "etc").iterdir()) == []


def test_the_folder_that_was_looked_at_is_the_one_that_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("folder", "other"):
        (tmp_path / name).mkdir()
    really = os.open

    def swapped(path: str, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_CREAT:
            (tmp_path / "folder").rename(tmp_path / "moved")
            (tmp_path / "folder").symlink_to(tmp_path / "other")
        return really(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", swapped)
    textfiles.replace(str(tmp_path / "folder" / "file"), "text")
    assert (tmp_path / "moved" / "file").read_text() == "text"
    assert list((tmp_path / "other").iterdir()) == []


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "file").symlink_to(tmp_path / "victim")
    textfiles.replace(str(tmp_path / "file"), "new")
    assert (tmp_path / "victim").read_text() == "mine"
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[install]\ntarget = /p/1\n", ""),
        ("[install]\ntarget=/p/12\n[list]\nformat = json\n", "[install]\n[list]\nformat = json\n"),
        ("# mine\n[install]\nno-compile = yes\nTarget : /p/1\n", "# mine\n[install]\nno-compile = yes\n"),
        ("[install]\ntarget = /p/x\n", None),
        ("[download]\ntarget = /p/1\n", None),
        ("[download]\ntarget = /p/1\n[install]\ntarget = /p/2\n", "[download]\ntarget = /p/1\n"),
        ("not an INI file\n", None),
        ("", None),
    ],
)
def test_a_setting_is_taken_out_if_its_value_is_ours(text: str, expected: str | None) -> None:
    assert textfiles.without_setting(text, "install", "target", r"/p/[0-9]+") == (
        text if expected is None else expected
    )


@pytest.mark.parametrize("kind", ["fifo", "device", "huge"])
def test_only_a_file_of_some_size_is_read_and_anything_is_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(b"")
        os.truncate(path, textfiles.LARGEST + 1)
    with pytest.raises(OSError):
        textfiles.read(str(path))
    assert textfiles.write_if_changed(str(path), "text")
    assert path.read_text() == "text" and not path.is_symlink()


def test_line_ends_are_one_kind(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\r\nb\rc\n\xff")
    assert textfiles.read(str(tmp_path / "file")) == "a\nb\nc\n\udcff"


def test_a_new_file_needs_no_other_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new"
    assert textfiles.create(str(path), "text") and path.read_text() == "text"
    assert path.stat().st_mode & 0o777 == 0o644
    assert not textfiles.create(str(path), "another") and path.read_text() == "text"
    (tmp_path / "link").symlink_to("nowhere")
    assert not textfiles.create(str(tmp_path / "link"), "text"), "no link is followed"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(OSError, match="No space"):
        textfiles.create(str(tmp_path / "other"), "text")
    assert not (tmp_path / "other").exists()
