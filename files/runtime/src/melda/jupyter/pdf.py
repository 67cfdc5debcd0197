"""PDF in the menu of exports without TeX: nbconvert's HTML, set by WeasyPrint; formulas are drawn by matplotlib.

The setting is done by a program of its own, which is this file: it takes seconds, and memory as it likes. It reads what is in
the page, and pictures of the notebook's folder up to a limit, and nothing else, neither other files nor the network: notebooks
come from anywhere. nbconvert would read what they name in Jupyter's own process, as a whole, and wait for a FIFO.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import io
import mimetypes
import os
import re
import shutil
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Tuple
from urllib.parse import unquote, urlsplit

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[2]))  # -I leaves it out

from melda.base import oom, regular_files

LATEX, LIBRARY = "xelatex", "weasyprint"
EXPORTERS = "nbconvert.exporters"
HANDLERS = ("jupyter_server.nbconvert.handlers", "jupyter_server.services.nbconvert.handlers")
STYLE = """
@page { size: A4; margin: 16mm 14mm; @bottom-center { content: counter(page); font-size: 8pt } }
body { padding: 0 !important }
pre, code { white-space: pre-wrap !important; overflow-wrap: anywhere }
img, svg { max-width: 100%; height: auto }
h1, h2, h3, h4 { break-after: avoid }
.jp-InputPrompt, .jp-OutputPrompt { min-width: 48px !important; max-width: 48px !important }
"""
# Formulas as they stand in the page: nbconvert leaves them to MathJax, which is a program of a browser's.
FORMULA = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|(?<![\\$])\$(?!\s)([^$]+?)(?<![\s\\])\$|\\\((.+?)\\\)", re.DOTALL)
POINTS = 10.5
SECONDS = 300.0  # for one export
PICTURE, PICTURES = 32 << 20, 256 << 20  # bytes of one file, and of all in a notebook
HIGHEST = 1000  # score: what is killed before the kernels
_one = threading.Lock()  # held by who exports


def drawn(formula: str) -> str:
    """Return an ``img`` of a formula; empty if it is none that matplotlib knows (environments, for instance)."""
    mathtext, fonts = (importlib.import_module("matplotlib." + name) for name in ("mathtext", "font_manager"))
    target = io.BytesIO()
    size = fonts.FontProperties(size=POINTS)
    try:
        depth = mathtext.math_to_image(f"${' '.join(formula.split())}$", target, prop=size, dpi=72, format="svg")
    except (ValueError, RuntimeError):
        return ""
    data = base64.b64encode(target.getvalue()).decode("ascii")
    return f'<img alt="" style="vertical-align: {-depth:.1f}pt" src="data:image/svg+xml;base64,{data}">'


def _parts(text: str) -> Iterator[Tuple[str, bool]]:
    """Split a text at its formulas, and say of each part whether it stands alone in a line."""
    end = 0
    for found in FORMULA.finditer(text):
        formula = next(part for part in found.groups() if part is not None)
        image = drawn(formula)
        if image:
            yield text[end : found.start()], False
            yield image, found.group(1) is not None or found.group(2) is not None
            end = found.end()
    yield text[end:], False


def picture(source: str, folder: str, most: int = PICTURE) -> bytes:
    """Return a picture of the notebook's folder; empty if it is none, is larger or cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        path = os.path.realpath(os.path.join(folder, unquote(source)))
        beside = folder and not urlsplit(source).scheme and path.startswith(os.path.realpath(folder) + os.sep)
        return regular_files.read(path, most) if beside else b""
    return b""


def with_pictures(images: Iterable[Any], folder: str) -> None:
    """Put the pictures of the notebook's folder into the page."""
    left = PICTURES
    for image in images:
        content = picture(image["src"], folder, min(PICTURE, left))
        left -= len(content)
        if content:
            kind = mimetypes.guess_type(image["src"])[0] or "application/octet-stream"
            image["src"] = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def completed(html: str, folder: str) -> str:
    """Return a page with its pictures, and whose formulas are drawn."""
    soup = importlib.import_module("bs4")
    page = soup.BeautifulSoup(html, "html.parser")
    with_pictures(page.find_all("img", src=True), folder)
    for cell in page.select(".jp-RenderedMarkdown, .jp-RenderedLatex, .jp-RenderedHTMLCommon"):
        for text in cell.find_all(string=FORMULA):
            if text.find_parent(["code", "pre", "script", "style"]) is not None:
                continue
            new: List[Any] = []
            for part, alone in _parts(str(text)):
                if part.startswith("<img alt"):
                    image = soup.BeautifulSoup(part, "html.parser").img
                    if alone:
                        image["style"] = "display: block; margin: 8pt auto"
                    new.append(image)
                elif part:
                    new.append(soup.NavigableString(part))
            text.replace_with(*new)
    return str(page)


def _fetcher(library: Any) -> Any:
    """Return what fetches only what is in the page itself; WeasyPrint 70 wants an object, those before it a function."""
    fetcher = getattr(importlib.import_module(LIBRARY + ".urls"), "URLFetcher", None)
    if fetcher is not None:
        return fetcher(allowed_protocols=("data",))

    def fetch(url: str, *args: Any, **given: Any) -> Any:
        if not url.startswith("data:"):
            raise ValueError("only what is in the notebook is read")
        return library.default_url_fetcher(url, *args, **given)

    return fetch


def set_page(html: str, folder: str) -> bytes:
    """Return a page of a notebook in a folder as PDF."""
    library: Any = importlib.import_module(LIBRARY)
    page = library.HTML(string=completed(html, folder), url_fetcher=_fetcher(library))
    return bytes(page.write_pdf(stylesheets=[library.CSS(string=STYLE)]))


def run(html: str, folder: str = "") -> bytes:
    """Return a page as PDF, made by a program of its own, one at a time."""
    if not _one.acquire(timeout=SECONDS):
        raise RuntimeError("the PDF could not be made: others are being made")
    try:
        done = subprocess.run(
            [sys.executable, "-I", os.path.abspath(__file__), folder],
            input=html.encode(),
            capture_output=True,
            check=False,
            cwd="/",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the PDF could not be made: it takes longer than {SECONDS:.0f} s") from None
    finally:
        _one.release()
    if done.returncode or not done.stdout:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"the PDF could not be made: {lines[-1][:300]}")
    return done.stdout


def exporter(base: Any) -> Any:
    """Return a class of exporters."""

    class PDFExporter(base):  # type: ignore[misc]
        """Under the name of nbconvert's own, which needs TeX."""

        export_from_notebook = "PDF"
        output_mimetype = "application/pdf"

        def __init__(self, **given: Any) -> None:
            self.output_mimetype = base.output_mimetype  # by which nbconvert finds the template
            super().__init__(**given)
            self.embed_images = False  # whatever a configuration says

        def from_notebook_node(self, nb: Any, resources: Any = None, **given: Any) -> Tuple[bytes, Dict[str, Any]]:
            """Convert a notebook."""
            html, resources = super().from_notebook_node(nb, resources=resources, **given)
            resources["output_extension"] = ".pdf"
            self.output_mimetype = type(self).output_mimetype
            return run(html, resources.get("metadata", {}).get("path", "")), resources

    return PDFExporter


def _replace() -> None:
    module: Any = importlib.import_module(EXPORTERS)
    if not isinstance(getattr(module, "MELDA", None), type):
        module.MELDA = module.PDFExporter = exporter(module.HTMLExporter)


def install() -> None:
    """Let the Jupyter that was loaded have it, where there is no TeX; nbconvert itself is loaded when it is asked for."""
    if shutil.which(LATEX) or find_spec(LIBRARY) is None:
        return
    for name in HANDLERS:
        with contextlib.suppress(ImportError):  # an older Jupyter
            for handler in vars(importlib.import_module(name)).values():
                if isinstance(handler, type) and handler.__module__ == name:
                    _before(handler)


def _before(handler: Any) -> None:
    initialize = handler.initialize

    def initialized(self: Any, *args: Any, **given: Any) -> Any:
        _replace()
        return initialize(self, *args, **given)

    handler.initialize = initialized


if __name__ == "__main__":
    oom.offer(HIGHEST)
    sys.stdout.buffer.write(set_page(sys.stdin.buffer.read().decode(), sys.argv[1]))
