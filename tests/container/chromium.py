"""A headless Chromium, steered over its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from .machines import until

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--remote-allow-origins=*", "--password-store=basic",
)  # fmt: skip


class Page:
    """One tab of the browser."""

    def __init__(self, url: str) -> None:
        self._socket = websocket.create_connection(url, timeout=60)
        self._numbers = itertools.count(1)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, url: str) -> None:
        """Go to an address as if it was typed, and wait until the page is there."""
        failed = self.send("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"
        self.until("document.readyState == 'complete' && location.href != 'about:blank'")

    def run(self, code: str) -> Any:
        """What an expression of JavaScript gives; a promise is waited for."""
        answer = self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, code: str) -> None:
        """Wait until an expression is true."""
        until(lambda: bool(self.run(code)), code)

    def close(self) -> None:
        """Forget it; the browser ends with the test."""
        self._socket.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Callable[[str], Page]]:
    """``browser(url)`` opens a page in a new tab; all tabs share cookies."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("there is no chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            pages = []
            try:
                port = Path(profile) / "DevToolsActivePort"
                until(lambda: port.exists() and len(port.read_text().splitlines()) > 1, "chromium listens")
                address = f"http://127.0.0.1:{port.read_text().split()[0]}"

                def page(url: str) -> Page:
                    made = requests.put(f"{address}/json/new?about:blank", timeout=30).json()
                    pages.append(Page(made["webSocketDebuggerUrl"]))
                    pages[-1].open(url)
                    return pages[-1]

                yield page
            finally:
                for made in pages:
                    made.close()
                process.terminate()
                process.wait(30)
