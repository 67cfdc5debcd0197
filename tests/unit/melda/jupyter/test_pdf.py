"""PDF in the menu of exports, set from nbconvert's HTML by a program of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from melda.jupyter import pdf


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("$x^2$", ["<x^2>"]),
        ("a $x$ and \\(y\\).", ["a ", "<x>", " and ", "<y>", "."]),
        ("$$a\nb$$ \\[c\\]", ["<a\nb>!", " ", "<c>!"]),
        ("it costs $5, or $ 6 $", ["it costs $5, or $ 6 $"]),
        ("\\$5 and $unknown$ left", ["\\$5 and $unknown$ left"]),
    ],
)
def test_formulas_are_found_and_prices_are_none(monkeypatch: pytest.MonkeyPatch, text: str, parts: list[str]) -> None:
    monkeypatch.setattr(pdf, "drawn", lambda formula: "" if formula == "unknown" else f"<{formula}>")
    found = [part + "!" * alone for part, alone in pdf._parts(text) if part]
    assert found == parts


class HTMLExporter:
    """nbconvert's."""

    embed_images = True
    output_mimetype = "text/html"

    def __init__(self, **given: Any) -> None:
        assert self.output_mimetype == "text/html", "else it finds no template"
        self.given = given

    def from_notebook_node(self, nb: str, resources: Any = None, **_: Any) -> tuple[str, dict[str, Any]]:
        return f"<p>{nb}", {"output_extension": ".html", **(resources or {})}


def test_a_notebook_is_set_from_its_html(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "run", lambda html, folder: f"%PDF {html} in {folder}".encode())
    exporter = pdf.exporter(HTMLExporter)(config="c")
    resources = {"metadata": {"path": "/p"}}
    assert exporter.from_notebook_node("nb", resources) == (
        b"%PDF <p>nb in /p",
        {"output_extension": ".pdf", **resources},
    )
    assert exporter.from_notebook_node("nb") == (b"%PDF <p>nb in ", {"output_extension": ".pdf"})
    assert exporter.given == {"config": "c"}
    assert not exporter.embed_images, "nbconvert would read what the notebook names in Jupyter's process"
    assert type(exporter).output_mimetype == exporter.output_mimetype == "application/pdf"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A notebook's folder, and what a notebook may name."""
    folder = tmp_path / "nb"
    (folder / "below").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    for name in ("a.png", "my pic.png", "below/b.png"):
        (folder / name).write_bytes(b"picture")
    (folder / "inside.png").symlink_to("below/b.png")
    (folder / "outside.png").symlink_to("../secret.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "fifo.png")
    with (folder / "large.png").open("wb") as stream:
        stream.truncate(pdf.PICTURE + 1)
    return folder


@pytest.mark.parametrize("name", ["a.png", "./a.png", "my%20pic.png", "below/b.png", "inside.png"])
def test_pictures_of_the_notebooks_folder_are_read(folder: Path, name: str) -> None:
    assert pdf.picture(name, str(folder)) == b"picture"
    assert pdf.picture(name, "") == b"", "a notebook without a folder"


@pytest.mark.parametrize(
    "name",
    [
        *("/dev/zero", "../secret.png", "below/../../secret.png", "%2e%2e/secret.png", "outside.png", "zero.png"),
        *("fifo.png", "large.png", "none.png", "below", "", ".", "data:image/png;base64,aa", "http://a/a.png"),
        *("file:a.png", "//a/a.png", "http://[", "a\0.png", "x" * 300),
    ],
)
def test_nothing_else_is_read_or_waited_for(folder: Path, name: str) -> None:
    """A link to a device filled the memory, and a FIFO held Jupyter's thread for ever."""
    assert pdf.picture(name, str(folder)) == b""


def test_pictures_are_put_into_the_page_up_to_a_limit(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(pdf, "PICTURES", 20)
    images = [{"src": name} for name in ("a.png", "none.png", "my%20pic.png", "below/b.png")]
    pdf.with_pictures(images, str(folder))
    data = "data:image/png;base64,cGljdHVyZQ=="
    assert [image["src"] for image in images] == [data, "none.png", data, "below/b.png"]


def test_an_export_ends_and_the_next_begins_then(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(pdf.sys, "executable", str(program))
    monkeypatch.setattr(pdf, "SECONDS", 0.2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="takes longer than"):
            pdf.run("<p>")
    with pdf._one, pytest.raises(RuntimeError, match="others are being made"):
        pdf.run("<p>")


def test_a_page_that_cannot_be_set_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\ncat >/dev/null; echo Traceback >&2; echo 'OSError: no fonts' >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(pdf.sys, "executable", str(program))
    with pytest.raises(RuntimeError, match=r"^the PDF could not be made: OSError: no fonts$"):
        pdf.run("<p>")
    program.write_text("#!/bin/sh\ncat >/dev/null; kill -9 $$\n")
    with pytest.raises(RuntimeError, match="exit code -9"):
        pdf.run("<p>")
    program.write_text("#!/bin/sh\ncat\n")
    assert pdf.run("page") == b"page"


@pytest.mark.parametrize("old", [False, True])
def test_only_what_is_in_the_page_is_read(monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    urls = ModuleType("weasyprint.urls")
    if not old:
        vars(urls)["URLFetcher"] = lambda allowed_protocols: allowed_protocols
    monkeypatch.setitem(sys.modules, "weasyprint", ModuleType("weasyprint"))
    monkeypatch.setitem(sys.modules, "weasyprint.urls", urls)
    fetch = pdf._fetcher(SimpleNamespace(default_url_fetcher=lambda url: url))
    if not old:
        assert fetch == ("data",)
        return
    assert fetch("data:x") == "data:x"
    for url in ("file:///etc/passwd", "http://169.254.169.254/"):
        with pytest.raises(ValueError, match="only what is in the notebook"):
            fetch(url)


@pytest.mark.parametrize(("latex", "library"), [(False, True), (True, True), (False, False)])
def test_it_stands_in_for_tex_where_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, latex: bool, library: bool
) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda _: "/usr/bin/xelatex" if latex else None)
    monkeypatch.setattr(pdf, "find_spec", lambda _: object() if library else None)
    exporters = ModuleType(pdf.EXPORTERS)
    tex = object()
    vars(exporters).update(HTMLExporter=HTMLExporter, PDFExporter=tex)
    monkeypatch.setitem(sys.modules, "nbconvert", ModuleType("nbconvert"))
    monkeypatch.setitem(sys.modules, pdf.EXPORTERS, exporters)

    class Handler:
        def initialize(self, **given: Any) -> Any:
            return given

    Handler.__module__ = pdf.HANDLERS[0]
    handlers = ModuleType(pdf.HANDLERS[0])
    vars(handlers).update(Handler=Handler, other=HTMLExporter)
    for name in ("jupyter_server", "jupyter_server.nbconvert"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, pdf.HANDLERS[0], handlers)
    pdf.install()
    for _ in range(2):
        assert Handler().initialize(path="a") == {"path": "a"}
    assert (vars(exporters)["PDFExporter"] is not tex) is (library and not latex)
