"""jupyter_notebook_config.py: the same file for notebook 6 and 7."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

CONFIG = Path(__file__).resolve().parents[3] / "files" / "jupyter" / "jupyter_notebook_config.py"
SECTIONS = ("NotebookApp", "ServerApp", "IdentityProvider", "KernelManager", "LanguageServerManager")


@pytest.fixture(params=["6.5.7", "7.4.1"])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``read(variable=value)`` -> what a notebook of this version reads: its server's section, and all."""
    monkeypatch.setattr("importlib.metadata.version", lambda _: request.param)

    def with_variables(**variables: str) -> tuple[Any, Any]:
        monkeypatch.setattr(os, "environ", dict(variables))
        config = SimpleNamespace(**{section: SimpleNamespace() for section in SECTIONS})
        runpy.run_path(str(CONFIG), {"get_config": lambda: config})
        old = request.param.startswith("6")
        assert vars(config.ServerApp if old else config.NotebookApp) == {}, "the other would complain"
        return (config.NotebookApp if old else config.ServerApp), config

    return with_variables


def test_always(read: Any) -> None:
    server, config = read()
    assert (server.ip, server.port, server.port_retries, server.open_browser) == ("0.0.0.0", 8888, 0, False)
    assert getattr(server, "notebook_dir", "") or server.root_dir == "/home/melda/project"
    assert not {"allow_origin", "disable_check_xsrf", "token"} & {*vars(server), *vars(config.IdentityProvider)}


def test_the_project(read: Any) -> None:
    server, _ = read(JUPYTER_WORKDIR="/srv/p")
    assert [vars(server).get(name) for name in ("notebook_dir", "root_dir")].count("/srv/p") == 1


def test_where_the_firewall_says_who_may_connect_jupyter_does_not(read: Any) -> None:
    server, _ = read(PGEO_IPS="192.0.2.7")
    assert (server.allow_origin, server.disable_check_xsrf) == ("*", True)
    for variables in ({"PGEO_IPS": " "}, {"PGEO_IPS": "192.0.2.7", "JUPYTERHUB_API_TOKEN": "t"}):
        server, _ = read(**variables)
        assert not {"allow_origin", "disable_check_xsrf"} & set(vars(server))


@pytest.mark.parametrize("text", ["token\n", ""])
def test_the_token(read: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    server, config = read(JUPYTER_TOKEN_FILE=str(tmp_path / "token"))
    assert {**vars(config.IdentityProvider), **vars(server)}["token"] == text.strip()
