"""Extensions of JupyterLab that the user installed: one folder that cannot be read costs itself alone."""

from __future__ import annotations

import sys
import threading
from types import ModuleType
from typing import Any

import pytest
from melda.jupyter import extensions, storage_calls


def test_a_folder_that_cannot_be_read_costs_itself_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folders: dict[str, Any] = {"/image": {"a": "image", "b": "image"}, "/user": {"a": "user", "c": "user"}}

    def find(paths: list[str]) -> dict[str, Any]:
        if paths == ["/broken"]:
            raise ValueError("no JSON")
        return dict(folders[paths[0]])

    module = ModuleType(extensions.MODULE)
    vars(module)["get_federated_extensions"] = find
    monkeypatch.setitem(sys.modules, extensions.MODULE, module)
    extensions.install()
    found = vars(module)["get_federated_extensions"](["/image", "/broken", "/user"])
    assert found == {"a": "image", "b": "image", "c": "user"}, "nothing of the user's stands in for the image's"
    assert "the extensions in /broken are left out: ValueError('no JSON')" in caplog.text


def test_kernels_of_the_users_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(extensions.KERNELS)
    vars(module)["jupyter_path"] = lambda *names: ["/".join(("/image", *names))]
    monkeypatch.setitem(sys.modules, extensions.KERNELS, module)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    extensions.install()
    assert vars(module)["jupyter_path"]("kernels") == ["/image/kernels"]
    monkeypatch.setenv("VIRTUAL_ENV", "/p/Python-3.11.2")
    assert vars(module)["jupyter_path"]("kernels") == ["/image/kernels", "/p/Python-3.11.2/share/jupyter/kernels"]


def test_there_is_none_in_notebook_6(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (extensions.MODULE, extensions.KERNELS):
        monkeypatch.delitem(sys.modules, name, raising=False)
    extensions.install()
    assert extensions.MODULE not in sys.modules


def test_while_a_folder_hangs_the_images_come(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()

    def find(paths: list[str]) -> dict[str, Any]:
        assert paths[0].startswith("/usr") or answers.wait(60)
        return {paths[0]: {}}

    module = ModuleType(extensions.MODULE)
    vars(module)["get_federated_extensions"] = find
    monkeypatch.setitem(sys.modules, extensions.MODULE, module)
    monkeypatch.delitem(sys.modules, extensions.KERNELS, raising=False)
    extensions.install()
    try:
        assert list(vars(module)["get_federated_extensions"](["/p/a", "/usr/share/a"])) == ["/usr/share/a"]
    finally:
        answers.set()
        for call in storage_calls.Bounded._hangs.values():
            call.result()
