"""uv of the image: fetched once, told where pip looks, and never root's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from melda.config import environ
from melda.envs import uv
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import tools


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, place: environ.ImageLayout) -> list[Any]:
    """What it becomes: path, arguments, variables."""
    became: list[Any] = []
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    monkeypatch.setattr(os, "execve", lambda *given: became.extend(given))
    monkeypatch.setattr(uv.environ, "image_layout", lambda _: place)
    monkeypatch.setattr(uv.tools, "uv", lambda *_: "/fetched/uv")
    monkeypatch.setattr("sys.argv", ["/src/uv", "pip", "list"])
    return became


def test_it_becomes_uv_with_pips_settings(
    called: list[Any], place: environ.ImageLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = Path(place.user.home, ".pip", "pip.conf")
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.write_text("[global]\nindex-url = https://index.example/\n")
    monkeypatch.setattr(os, "environ", {"VIRTUAL_ENV": "/project/Python-3.11.2", "UV_LINK_MODE": "clone"})
    uv.main()
    path, argv, variables = called
    assert (path, argv) == ("/fetched/uv", ["uv", "pip", "list"])
    assert variables["VIRTUAL_ENV"] == "/project/Python-3.11.2", "it installs there"
    assert variables["UV_DEFAULT_INDEX"] == "https://index.example/" and variables["UV_LINK_MODE"] == "clone"
    called.clear()
    monkeypatch.setattr(os, "environ", {})
    uv.main()
    assert called[2]["UV_LINK_MODE"] == "copy"


def test_uvx_runs_a_tool(called: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/src/uvx", "ruff", "--version"])
    uv.main()
    assert called[:2] == ["/fetched/uv", ["uv", "tool", "run", "ruff", "--version"]]


def test_root_does_not_run_what_the_user_can_change(
    called: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert uv.main() == 2 and not called
    assert capsys.readouterr().err == "uv: it installs for the user: expected the user to call it, not root\n"


def test_why_there_is_none(
    called: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> str:
        raise PackageUnavailable("uv cannot be fetched: no network")

    monkeypatch.setattr(uv.tools, "uv", refuse)
    assert uv.main() == 1 and not called
    assert capsys.readouterr().err == "uv: uv cannot be fetched: no network\n"


def test_it_does_not_find_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: environ.ImageLayout) -> None:
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)
    monkeypatch.setattr(tools.environ, "SRC", str(tmp_path))
    with pytest.raises(PackageUnavailable):
        tools.uv(place, {"PATH": str(tmp_path)})
