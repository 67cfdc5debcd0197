"""Settings of JupyterLab are copied into the project, and come back into a new container; nothing waits for storage."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from melda.jupyter import lab_settings

from tests.container.machines import until

THEMES = "@jupyterlab/apputils-extension:themes"
DARK = '{\n  // at night\n  "theme": "JupyterLab Dark"\n}'


class Lab:
    """A container's JupyterLab, as its server reads and writes settings."""

    def __init__(self, project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = project / ".melda-jupyter" / lab_settings.NAME
        self.folder = folder
        self.modules = [ModuleType(name) for name in lab_settings.MODULES]
        for module in self.modules:
            vars(module).update(get_settings=self._get, save_settings=self._save)
            monkeypatch.setitem(sys.modules, module.__name__, module)
        lab_settings.install(str(project))

    def _path(self, name: str) -> Path:
        return self.folder / (name.replace(":", "/") + ".jupyterlab-settings")

    def _get(self, _app: str, _schemas: str, _folder: str, schema_name: str = "") -> str:
        path = self._path(schema_name)
        return path.read_text() if path.exists() else "{}"

    def _save(self, _schemas: str, _folder: str, schema_name: str, raw: str) -> None:
        self._path(schema_name).parent.mkdir(parents=True, exist_ok=True)
        self._path(schema_name).write_text(raw)

    def get(self, name: str = THEMES) -> Any:
        return vars(self.modules[0])["get_settings"]("app", "schemas", str(self.folder), schema_name=name)

    def save(self, name: str, raw: str) -> None:
        vars(self.modules[1])["save_settings"]("schemas", str(self.folder), name, raw)

    @property
    def kept(self) -> dict[str, str]:
        return dict(json.loads(self.file.read_text())) if self.file.exists() else {}


class Labs:
    """Containers of one project, one after the other."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project, self._root, self._monkeypatch = root / "project", root, monkeypatch
        (self.project / ".melda-jupyter").mkdir(parents=True)
        self.file = self.project / ".melda-jupyter" / lab_settings.NAME
        self._made = 0

    def next(self) -> Lab:
        self._made += 1
        return Lab(self.project, self._root / f"home-{self._made}", self._monkeypatch)


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Labs:
    return Labs(tmp_path, monkeypatch)


def test_what_is_set_is_set_in_the_next_container(labs: Labs) -> None:
    one = labs.next()
    assert one.get() == "{}" and not labs.file.exists()
    one.save(THEMES, DARK)
    until(lambda: one.kept == {THEMES: DARK}, "it is kept", 10)
    one.save("mine:plugin", '{"a": 1}')
    until(lambda: len(one.kept) == 2, "so is another", 10)
    two = labs.next()
    assert (two.get(), two.get("mine:plugin")) == (DARK, '{"a": 1}')
    two.save(THEMES, "{}")
    until(lambda: set(two.kept) == {"mine:plugin"}, "defaults need not be kept", 10)


def test_what_this_container_has_is_newer(labs: Labs) -> None:
    labs.file.write_text(json.dumps({THEMES: DARK, "mine:plugin": '{"a": 1}'}))
    lab = labs.next()
    lab.folder.mkdir()
    lab._save("", "", THEMES, '{"theme": "here"}')
    assert lab.get() == '{"theme": "here"}' and lab.get("mine:plugin") == '{"a": 1}'


BAD = {
    "no text": 1,
    "@jupyterlab/a:no-json": "{",
    "@jupyterlab/a:number": "1",
    "@jupyterlab/a:deep": "[" * 20_000,
    "../../../.bashrc:x": '{"a": 1}',
    "@jupyterlab/../../x:y": '{"a": 1}',
    "/etc:x": '{"a": 1}',
    "a/b/c:x": '{"a": 1}',
    "@jupyterlab/apputils-extension:sanitizer": '{"allowCommandLinker": true}',
    "@jupyterlab/htmlviewer-extension:plugin": '{"trustByDefault": true}',
    "@jupyterlab/a:half-a-character": '{"a": "\ud800"}',
    "@jupyterlab/" + "a" * 300 + ":too-long": '{"a": 1}',
}


def test_one_that_cannot_be_used_costs_itself_alone(labs: Labs) -> None:
    labs.file.write_text(json.dumps({**BAD, THEMES: DARK}))
    lab = labs.next()
    assert lab.get() == DARK
    assert [path.relative_to(lab.folder.parent) for path in lab.folder.parent.rglob("*.jupyterlab-settings")] == [
        lab._path(THEMES).relative_to(lab.folder.parent)
    ]
    lab.save("mine:plugin", '{"a": 1}')
    until(lambda: lab.kept.get("mine:plugin") == '{"a": 1}', "the next change is kept", 10)


@pytest.mark.parametrize(
    "name", ["@jupyterlab/apputils-extension:sanitizer", "@jupyterlab/htmlviewer-extension:plugin"]
)
def test_what_a_page_trusts_more_ends_with_the_container(labs: Labs, name: str) -> None:
    lab = labs.next()
    lab.save(name, '{"allowCommandLinker": true}')
    lab.save(THEMES, DARK)
    until(lambda: lab.kept == {THEMES: DARK}, "only the other is kept", 10)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 50_000, b'{"a":"' + b"x" * (1 << 17) + b'"}'])
def test_a_file_that_is_none_of_ours_is_no_reason_for_a_page_without_settings(labs: Labs, content: bytes) -> None:
    labs.file.write_bytes(content)
    lab = labs.next()
    assert lab.get() == "{}"
    lab.save(THEMES, DARK)
    until(lambda: labs.file.read_bytes() != content and lab.kept == {THEMES: DARK}, "the next change replaces it", 10)


def test_storage_that_hangs_is_waited_for_once_and_loses_nothing(
    labs: Labs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    labs.file.write_text(json.dumps({"mine:plugin": '{"a": 1}'}))
    monkeypatch.setattr(lab_settings, "PATIENCE", 0.2)
    monkeypatch.setattr(lab_settings.LabSettings.__init__, "__defaults__", (0.2,))
    answers = tmp_path / "answers"
    read = lab_settings.kept

    def slow(path: str) -> dict[str, str]:
        until(answers.exists, "storage answers")
        return read(path)

    monkeypatch.setattr(lab_settings, "kept", slow)
    lab = labs.next()
    began = time.monotonic()
    for _ in range(20):
        assert lab.get("mine:plugin") == "{}"
    assert time.monotonic() - began < 2
    lab.save(THEMES, DARK)
    assert lab.kept == {"mine:plugin": '{"a": 1}'}, "nothing is written before it was read"
    answers.touch()
    until(lambda: set(lab.kept) == {THEMES, "mine:plugin"}, "both are kept", 10)
    assert lab.get("mine:plugin") == '{"a": 1}'


def test_what_could_not_be_read_is_not_written_over(labs: Labs, unreadable: Callable[[str, int], list[int]]) -> None:
    labs.file.write_text(json.dumps({"mine:plugin": '{"a": 1}'}))
    left = unreadable(lab_settings.NAME, 2)
    lab = labs.next()
    assert lab.get("mine:plugin") == "{}"
    lab.save(THEMES, DARK)
    until(lambda: not left, "it was tried to keep it", 10)
    assert lab.kept == {"mine:plugin": '{"a": 1}'}
    lab.save("other:plugin", '{"b": 1}')
    until(lambda: set(lab.kept) == {"mine:plugin", "other:plugin", THEMES}, "the next change keeps both", 10)


def test_of_two_containers_each_writes_what_was_changed_in_it(labs: Labs) -> None:
    labs.file.write_text(json.dumps({"mine:plugin": '{"a": 1}', "old:plugin": '{"a": 1}'}))
    one, two = labs.next(), labs.next()
    ours = [lab_settings.LabSettings(str(lab.file)) for lab in (one, two)]
    for lab, settings in zip((one, two), ours):
        settings.come_back(str(lab.folder))
    for lab, settings, name, raw in (
        (one, ours[0], THEMES, DARK),
        (one, ours[0], "old:plugin", "{}"),
        (two, ours[1], "mine:plugin", '{"a": 2}'),
        (one, ours[0], "one:plugin", '{"b": 1}'),
    ):
        lab._save("", "", name, raw)
        settings.keep(str(lab.folder))
        assert settings.settle(10)
    assert one.kept == {"mine:plugin": '{"a": 2}', THEMES: DARK, "one:plugin": '{"b": 1}'}


def test_what_cannot_be_written_is_said(labs: Labs, caplog: pytest.LogCaptureFixture) -> None:
    lab = labs.next()
    with caplog.at_level(logging.WARNING, "ServerApp"):
        lab.save(THEMES, json.dumps({"theme": "x" * lab_settings.LARGEST}))
        until(lambda: "more than 65536 bytes" in caplog.text, "it is too much", 10)
        os.rmdir(labs.file.parent)
        lab.save(THEMES, DARK)
        until(lambda: "are not kept in the project: [Errno 2]" in caplog.text, "there is no folder", 10)
    labs.file.parent.mkdir()
    lab.save(THEMES, DARK)
    until(lambda: lab.kept == {THEMES: DARK}, "the next one is kept", 10)


def test_no_thread_is_no_reason_to_keep_nothing_any_more(labs: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    labs.file.write_text(json.dumps({"mine:plugin": '{"a": 1}'}))
    lab = labs.next()
    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", refuse)
        assert lab.get() == "{}"
        lab.save(THEMES, DARK)
    assert lab.get("mine:plugin") == '{"a": 1}'
    lab.save(THEMES, DARK)
    until(lambda: set(lab.kept) == {THEMES, "mine:plugin"}, "both are kept", 10)


def test_a_fifo_is_not_waited_for(labs: Labs) -> None:
    os.mkfifo(labs.file)
    assert labs.next().get() == "{}"


def test_a_jupyter_without_a_lab_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in lab_settings.MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    lab_settings.install(str(tmp_path))


@pytest.mark.parametrize("seconds", [5.0, 0.1])
def test_at_the_end_what_was_changed_last_is_waited_for(
    labs: Labs, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    lab, go_on = labs.next(), threading.Event()
    replace = lab_settings.textfiles.replace
    monkeypatch.setattr(lab_settings.textfiles, "replace", lambda *given: go_on.wait(20) and replace(*given))
    ours = lab_settings.LabSettings(str(lab.file))
    assert ours.settle(0.0), "nothing was changed"
    lab.save(THEMES, DARK)
    ours.keep(str(lab.folder))
    threading.Timer(0.3, go_on.set).start()
    began = time.monotonic()
    assert ours.settle(seconds) is (seconds > 1) and time.monotonic() - began < 5
    assert seconds < 1 or lab.kept == {THEMES: DARK}
    assert ours.settle(5.0)
