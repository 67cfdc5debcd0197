"""A headless Chromium, steered by Playwright (https://playwright.dev/python/): Debian's own, none is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

OPTIONS = ("--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update")
SIZE = 1100, 700  # of the window, as of the docs' pictures
PATIENCE = 60.0  # seconds

Browser = Callable[[str], Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """``browser(url)`` opens a page in a new tab; all tabs share cookies."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("there is no chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        context = chromium.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
        context.set_default_timeout(PATIENCE * 1000)

        def page(url: str) -> Page:
            made = context.new_page()
            made.goto(url)
            return made

        yield page
        context.close()
        chromium.close()


def picture(page: Page, name: str, height: int = SIZE[1]) -> None:
    """Take a picture of the docs', if somebody asks for them (`make pictures`): of the page's upper part, or of all."""
    folder = os.environ.get("MELDA_PICTURES")
    if folder:
        clip = {"x": 0, "y": 0, "width": SIZE[0], "height": height}
        page.screenshot(path=f"{folder}/{name}.png", animations="disabled", clip=clip)
