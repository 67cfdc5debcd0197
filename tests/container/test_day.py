"""A day of somebody who works with data, in a real browser: what is clicked, chosen, moved and downloaded."""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import hashlib
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.s3 import Server

from .chromium import Browser, browser, picture  # noqa: F401
from .machines import until
from .services import BUCKET, MOUNT, Service, bucket_variables

# A map needs a part of its own in the browser, which the user installs.
MAP = ("ipyleaflet==0.20.0", "jupyter-leaflet==0.20.0", "branca==0.8.2", "traittypes==0.2.3", "xyzservices==2026.9.1")
SHELL = ("bash-kernel==0.10.0", "filetype==1.2.0")
PLOT = """import pandas as pd

cars = pd.DataFrame({"weight": [2.6, 2.9, 2.3, 3.2, 3.4, 3.6], "miles": [21, 21, 22.8, 21.4, 18.7, 14.3]})
cars.plot.scatter("weight", "miles", figsize=(5, 2));"""
WIDGET = """from ipywidgets import interact

@interact(times=(0, 10))
def product(times=6):
    print(f"7 x {times} = {7 * times}")"""
LEAFLET = """from ipyleaflet import Map, Marker

Map(center=(52.52, 13.4), zoom=9, layers=(Marker(location=(52.52, 13.4)),))"""
IN_R = ("cat(R.version.string)", "plot(mpg ~ wt, data = mtcars, col = 'steelblue', pch = 19)")
LARGE = 40_000_000  # JupyterLab sends what has more than 15 MB in parts, and s3fs from 25 MB on
DARK = "body[data-jp-theme-name='JupyterLab Dark']"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", "-d", str(folder)]
    subprocess.run([*pip, *MAP, *SHELL], check=True)
    folder.chmod(0o755)
    return folder


Start = Callable[[], Service]


@pytest.fixture(scope="module")
def start(docker: str, image: str, module_s3: Server, wheels: Path) -> Iterator[Start]:
    """Start a container with the project; one after the other."""
    values = bucket_variables(module_s3, BUCKET, module_s3.credentials("melda-test-day", BUCKET), "users/ada/day")
    made: list[Service] = []

    def started() -> Service:
        options = (*MOUNT, "--memory", "1g", "--memory-swap", "1g", "--volume", f"{wheels}:/wheels:ro")
        made.append(Service(docker, image, options, **values))
        return made[-1].ready()

    yield started
    for service in made:
        service.remove()


@pytest.fixture(scope="module")
def day(start: Start) -> Service:
    service = start()
    install = "pip install -q --no-index --no-deps --find-links /wheels --disable-pip-version-check ipyleaflet "
    service.run(f"su - melda -c '{install} jupyter-leaflet branca traittypes xyzservices'")
    return service


def notebook(kernel: str, *cells: str) -> dict[str, Any]:
    made = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "execution_count": None,
            "source": code,
            "outputs": [],
        }
        for number, code in enumerate(cells)
    ]
    language = "R" if kernel == "ir" else "python"
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel, "language": language}}
    return {
        "type": "notebook",
        "format": "json",
        "content": {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5},
    }


def lab(browser: Browser, service: Service, path: str = "") -> Page:
    """Open JupyterLab, and a file in it."""
    page = browser(f"{service.notebook.url}/lab{path}?token={service.token}&reset")
    page.locator("#melda-status").wait_for(state="attached")
    return page


def choose(page: Page, *names: str) -> None:
    """Choose an entry of a menu."""
    page.locator(".lm-MenuBar-itemLabel", has_text=names[0]).click()
    for name in names[1:]:
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(name)}$")).click()


def opened(browser: Browser, service: Service, name: str, kernel: str, *cells: str) -> Page:
    """Open a notebook, and run its cells when its kernel waits for them: before, JupyterLab asks for the kernel."""
    service.notebook.request("PUT", f"/api/contents/{name}", notebook(kernel, *cells))
    page = lab(browser, service, f"/tree/{name}")
    page.get_by_text("| Idle").wait_for()
    choose(page, "Run", "Run All Cells")
    return page


def test_it_opens_and_asks_nothing(day: Service, browser: Browser) -> None:
    page = lab(browser, day)
    page.get_by_text("R", exact=True).first.wait_for()
    page.get_by_text("README.md").first.wait_for()
    expect(page.locator(".Toastify__toast")).to_have_count(0)
    picture(page, "lab")
    page.goto(f"{day.notebook.url}/tree")
    page.get_by_text("README.md").first.wait_for()
    picture(page, "tree", 300)
    page.close()


def test_python_plots_moves_a_widget_and_shows_a_map(day: Service, browser: Browser) -> None:
    page = opened(browser, day, "cars.ipynb", "python3", PLOT, WIDGET, LEAFLET)
    page.locator(".jp-OutputArea-output img").first.wait_for()
    page.get_by_text("7 x 6 = 42").wait_for()
    page.locator(".noUi-handle").press("ArrowRight")
    page.get_by_text("7 x 7 = 49").wait_for()
    page.locator(".leaflet-container .leaflet-marker-icon").wait_for()
    picture(page, "notebook")
    page.close()


def test_a_kernel_that_the_user_installs(day: Service, browser: Browser) -> None:
    install = (
        "pip install -q --no-index --no-deps --find-links /wheels --disable-pip-version-check bash-kernel filetype"
    )
    ran = day.notebook.run("python3", f"!{install} && python -m bash_kernel.install --prefix $VIRTUAL_ENV")
    assert ran.status == "ok", ran.error
    page = opened(browser, day, "shell.ipynb", "bash", "echo $((40 + 2)) in $BASH")
    page.get_by_text("42 in /").wait_for()
    page.close()


def test_r_plots(day: Service, browser: Browser) -> None:
    page = opened(browser, day, "cars-r.ipynb", "ir", *IN_R)
    page.get_by_text(re.compile("^R version")).wait_for()
    page.locator(".jp-OutputArea-output img").wait_for()
    page.close()


def test_a_large_file_goes_up_and_comes_down(day: Service, browser: Browser, module_s3: Server, tmp_path: Path) -> None:
    """In parts from the browser into the bucket, as one upload, and back."""
    source, target = tmp_path / "large.bin", tmp_path / "back.bin"
    source.write_bytes(random.Random(1).randbytes(LARGE))
    page = lab(browser, day)
    with page.expect_file_chooser() as chooser:
        page.get_by_title("Upload Files").first.click()
    chooser.value.set_files(source)
    page.get_by_role("button", name="Upload", exact=True).click()
    file = page.locator(".jp-DirListing-item", has_text=source.name)
    file.wait_for()
    page.locator(".jp-Statusbar-ProgressCircle, .jp-FileUploadStatus").first.wait_for(state="detached")
    until(
        lambda: [one["Size"] for one in listed(module_s3, f"users/ada/day/{source.name}")] == [LARGE], "S3 has it", 180
    )
    file.click(button="right")
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download", exact=True).click()
    download.value.save_as(target)
    assert digest(target) == digest(source)
    file.click(button="right")
    page.get_by_role("menuitem", name=re.compile("^Delete")).click()
    page.get_by_role("button", name="Delete").click()
    file.wait_for(state="detached")
    assert listed(module_s3, f"users/ada/day/{source.name}") == []
    page.close()


def listed(s3: Server, prefix: str) -> list[Any]:
    return list(s3.client().list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []))


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


EXPORTS = (
    "performance.getEntriesByType('resource').some((one) => one.name.includes('/api/nbconvert') && one.responseEnd)"
)
ASKS = ("HTML",)  # whether it is to be without scripts


def test_every_export_of_the_menu_is_a_download(day: Service, browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, day, "export.ipynb", "python3", PLOT)
    page.locator(".jp-OutputArea-output img").wait_for()
    page.wait_for_function(EXPORTS)
    choose(page, "File", "Save and Export Notebook As")
    names = page.locator("#jp-mainmenu-file-notebookexport .lm-Menu-itemLabel").all_inner_texts()
    picture(page, "export")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    found = {}
    for name in names:
        with page.context.expect_event("download") as download:
            choose(page, "File", "Save and Export Notebook As", name)
            if name in ASKS:
                page.locator(".jp-Dialog .jp-mod-accept").click()
        download.value.save_as(tmp_path / name)
        found[name] = download.value.suggested_filename.partition(".")[2]
    assert found == {
        "Asciidoc": "zip", "Executable Script": "py", "HTML": "html", "LaTeX": "zip", "Markdown": "zip", "PDF": "pdf",
        "ReStructured Text": "zip", "Reveal.js Slides": "slides.html",
    }  # fmt: skip
    page_of_paper = (tmp_path / "PDF").read_bytes()
    assert page_of_paper[:5] == b"%PDF-" and b"/Subtype/Image" in page_of_paper.replace(b" ", b"")
    for name in ("HTML", "Reveal.js Slides"):
        assert "data:image/png;base64," in (tmp_path / name).read_text(), f"{name}: the plot is in it"
    page.close()


OVER = """held = []
while True:
    held.append(bytearray(b"x") * (64 << 20))"""


def test_a_kernel_that_uses_up_memory_says_so(day: Service, browser: Browser) -> None:
    page = opened(browser, day, "over.ipynb", "python3", OVER)
    page.get_by_role("dialog").get_by_text("appears to have died").wait_for()
    page.locator("#melda-status").get_by_text("killed by the kernel, as the container's limit of 1.0 GiB").wait_for()
    picture(page, "memory")
    page.close()


def test_the_theme_is_the_same_in_the_next_container(
    day: Service, start: Start, browser: Browser, module_s3: Server
) -> None:
    page = lab(browser, day)
    choose(page, "Settings", "Theme", "JupyterLab Dark")
    page.locator(DARK).wait_for(state="attached")
    key = "users/ada/day/.melda-jupyter/jupyterlab-settings.json"
    # The days before wrote other settings into that file.
    until(lambda: b"JupyterLab Dark" in module_s3.content(BUCKET, key), "it is in the bucket")
    page.close()
    day.remove()
    page = lab(browser, start())
    page.locator(DARK).wait_for(state="attached")
    expect(page.get_by_text("README.md").first).to_be_visible()
