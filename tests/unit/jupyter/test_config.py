"""jupyter_notebook_config.py: the same file for notebook 6 and 7."""

from __future__ import annotations

import fnmatch
import os
import re
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

CONFIG = Path(__file__).resolve().parents[3] / "files" / "jupyter" / "jupyter_notebook_config.py"
EXPORTERS = ("LatexExporter", "RSTExporter", "ASCIIDocExporter", "PDFExporter", "WebPDFExporter", "QtPDFExporter",
             "QtPNGExporter")  # fmt: skip
SECTIONS = ("NotebookApp", "ServerApp", "IdentityProvider", "KernelManager", "LanguageServerManager",
            "FileContentsManager", "ContentsManager", "LabApp", "LabServerApp",
            "TemplateExporter", *EXPORTERS)  # fmt: skip


@pytest.fixture(params=["6.5.7", "7.4.1"])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``read(variable=value)`` -> what a notebook of this version reads: its server's section, and all."""
    paths = ModuleType("jupyter_core.paths")
    vars(paths)["jupyter_path"] = lambda kind: ["/image/" + kind]
    monkeypatch.setitem(sys.modules, "jupyter_core", ModuleType("jupyter_core"))
    monkeypatch.setitem(sys.modules, "jupyter_core.paths", paths)
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
    assert vars(config.FileContentsManager) == {"delete_to_trash": False, "always_delete_dir": True}
    assert (server.ip, server.port, server.port_retries, server.open_browser) == ("0.0.0.0", 8888, 0, False)
    assert [vars(server).get(name) for name in ("notebook_dir", "root_dir")].count("/home/melda/project") == 1
    assert not {"allow_origin", "disable_check_xsrf", "token"} & {*vars(server), *vars(config.IdentityProvider)}


def test_no_extensions_are_asked_for_by_a_proxy_with_a_password(read: Any) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        for address, manager in (("http://jo:x@proxy:3128", "readonly"), ("http://proxy:3128", None)):
            server, config = read(**{name: address})
            old = server is config.NotebookApp
            assert getattr(config.LabApp, "extension_manager", None) == (None if old else manager)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("Python-3.11.2", True),
        ("R-4.10.0", True),
        ("Python-3.8.20", True),
        ("R-4-all", False),
        ("R-course", False),
        ("python-3.11.2.md", False),
        ("R-4.2.2-report.ipynb", False),
        ("Python-3.12.1.tgz", False),
        ("R-3.5 vs 4.0.1.txt", False),
        ("R-4.2.2.ipynb", False),
    ],  # fmt: skip
)
def test_the_folders_of_packages_are_hidden_and_nothing_of_the_users(read: Any, name: str, hidden: bool) -> None:
    globs = read()[1].ContentsManager.hide_globs
    assert any(fnmatch.fnmatchcase(name, glob) for glob in globs) is hidden
    assert any(fnmatch.fnmatchcase("__pycache__", glob) for glob in globs)


@pytest.mark.parametrize(
    ("programs", "left"),
    [
        ((), set()),
        (("pandoc",), {"LatexExporter", "RSTExporter", "ASCIIDocExporter"}),
        (("pandoc", "xelatex"), {"LatexExporter", "RSTExporter", "ASCIIDocExporter", "PDFExporter"}),
        (("weasyprint",), {"PDFExporter"}),
    ],
)
def test_what_cannot_be_exported_is_not_in_the_menu(
    read: Any, monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...], left: set[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if name in programs else None)
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name: SimpleNamespace(submodule_search_locations=[]) if name in programs else None,
    )
    config = read()[1]
    assert {name for name in EXPORTERS if getattr(vars(config)[name], "enabled", True)} == left


@pytest.mark.parametrize("root", ["/srv/p/Python-3.11.2", "/elsewhere", ""])
def test_what_the_user_installs_is_served_behind_the_images(read: Any, root: str) -> None:
    config = read(JUPYTER_WORKDIR="/srv/p", VIRTUAL_ENV=root)[1]
    if config.ServerApp.__dict__ == {} or not root.startswith("/srv"):
        assert not vars(config.LabServerApp)
        return
    own = root + "/share/jupyter"
    assert config.LabServerApp.labextensions_path == ["/image/labextensions", own + "/labextensions"]
    assert config.TemplateExporter.extra_template_basedirs == [own + "/nbconvert/templates"]


def test_the_project(read: Any) -> None:
    server, _ = read(JUPYTER_WORKDIR="/srv/p")
    assert [vars(server).get(name) for name in ("notebook_dir", "root_dir")].count("/srv/p") == 1


@pytest.mark.parametrize("text", ["token\n", ""])
def test_the_token(read: Any, tmp_path: Path, text: str) -> None:
    """Without one the platform's server cannot prove that it is no page: the guard does."""
    (tmp_path / "token").write_text(text)
    server, config = read(MELDA_TOKEN_FILE=str(tmp_path / "token"), PGEO_IPS="192.0.2.7")
    assert {**vars(config.IdentityProvider), **vars(server)}["token"] == text.strip()
    assert server.disable_check_xsrf is (not text)
    assert not hasattr(server, "allow_origin"), "no origin may but those that are named"


def test_cookies_are_strict_but_a_hubs(read: Any) -> None:
    server, config = read()
    given = {**vars(config.IdentityProvider), **vars(server)}
    assert given["cookie_options"] == {"samesite": "Strict"}
    assert given["tornado_settings"] == {"xsrf_cookie_kwargs": {"path": "/", "samesite": "Strict"}}
    server, config = read(JUPYTERHUB_API_TOKEN="t", ALLOWED_ORIGINS="https://a.example")
    given = {**vars(config.IdentityProvider), **vars(server)}
    assert not {"cookie_options", "tornado_settings", "disable_check_xsrf", "allow_origin_pat"} & set(given)


@pytest.mark.parametrize("how", [re.match, re.fullmatch])
def test_origins_that_are_named(read: Any, how: Any) -> None:
    server, _ = read(ALLOWED_ORIGINS="https://a.example.org,http://b:8080")
    may = [origin for origin in ("https://a.example.org", "http://b:8080") if how(server.allow_origin_pat, origin)]
    assert len(may) == 2 and server.allow_credentials is True
    for origin in ("https://a.example.org.evil", "https://axexample.org", "http://b:80800", "http://b", "null", ""):
        assert not how(server.allow_origin_pat, origin), origin
    assert not hasattr(read()[0], "allow_origin_pat")
