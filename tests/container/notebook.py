"""A client that runs cells in a Jupyter server from outside, over HTTP and WebSocket."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests
import websocket


@dataclass
class Outputs:
    """What a cell gave.

    Attributes:
        status: ``ok`` or ``error``, as the kernel replied.
        stdout, stderr: the text of its streams.
        results: the ``text/plain`` of execute_result and display_data, in order.
        first: type of its first output message; ``""`` if it gave none.
        error: name, value and traceback of an error in one text.
        arrivals: when (time.monotonic()) each stream message came, and its text.
        ended: when the reply came.
    """

    status: str = ""
    stdout: str = ""
    stderr: str = ""
    results: list[str] = field(default_factory=list)
    first: str = ""
    error: str = ""
    arrivals: list[tuple[float, str]] = field(default_factory=list)
    ended: float = 0.0


class Kernel:
    """A running kernel and its WebSocket; a context manager that shuts the kernel down."""

    def __init__(self, notebook: Notebook, kernel_id: str, timeout: float) -> None:
        self.id = kernel_id
        self._notebook: Notebook | None = notebook
        self._session = uuid.uuid4().hex
        url = notebook.url.replace("http", "ws", 1) + f"/api/kernels/{kernel_id}/channels?session_id={self._session}"
        self._socket = websocket.create_connection(url, timeout=timeout, header=notebook.headers)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        if self._notebook:
            self._notebook.request("DELETE", f"/api/kernels/{self.id}")

    def close(self) -> None:
        """Forget the kernel: its server is gone."""
        self._socket.close()
        self._notebook = None

    def send(self, code: str, asks: bool = False) -> str:
        """Begin to execute ``code``, which may ask; return the message's number."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": asks,
        }
        return self._message("execute_request", "shell", content)

    def _message(self, kind: str, channel: str, content: dict[str, Any]) -> str:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "username": "test",
            "session": self._session,
            "version": "5.3",
            "date": "",
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": channel,
        }
        self._socket.send(json.dumps(message))
        return str(header["msg_id"])

    def run(self, code: str, timeout: float = 60.0, typed: tuple[str, ...] = ()) -> Outputs:
        """Execute ``code``; wait at most ``timeout`` seconds until the kernel has replied and is idle.

        What it asks for is answered with ``typed``, one after the other.

        Raises:
            TimeoutError: it has not.
        """
        number = self.send(code, bool(typed))
        left_to_type = iter(typed)
        outputs = Outputs()
        idle = False
        deadline = time.monotonic() + timeout
        while not (outputs.status and idle):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no end of {code!r} within {timeout} s; so far: {outputs}")
            self._socket.settimeout(left)
            try:
                # With the server's pings, one every 30 s: recv() goes on behind each, and would never end.
                kind, content = self._socket.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                continue
            if kind in (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG):
                continue
            if kind == websocket.ABNF.OPCODE_CLOSE:
                raise ConnectionError(f"closed at {code!r}; so far: {outputs}")
            received = json.loads(content)
            if received["msg_type"] == "input_request":
                self._message("input_reply", "stdin", {"value": next(left_to_type)})
            elif received["parent_header"].get("msg_id") == number:
                idle = _take(outputs, received["msg_type"], received["content"]) or idle
        return outputs


def _take(outputs: Outputs, kind: str, content: dict[str, Any]) -> bool:
    """Add one message to ``outputs``; is it the one that says the kernel is idle?"""
    if kind in ("stream", "execute_result", "display_data", "error"):
        outputs.first = outputs.first or kind
    if kind == "stream":
        outputs.arrivals.append((time.monotonic(), content["text"]))
    if kind == "stream" and content["name"] == "stdout":
        outputs.stdout += content["text"]
    elif kind == "stream":
        outputs.stderr += content["text"]
    elif kind in ("execute_result", "display_data"):
        outputs.results.append(content["data"].get("text/plain", ""))
    elif kind == "error":
        outputs.error = "\n".join([content["ename"], content["evalue"], *content["traceback"]])
    elif kind == "execute_reply":
        outputs.status = content["status"]
        outputs.ended = time.monotonic()
    return kind == "status" and content["execution_state"] == "idle"


class Notebook:
    """A Jupyter server.

    Args:
        url: like ``http://127.0.0.1:8888``.
        token: empty for a server that wants none.
        timeout: seconds for one HTTP request or one WebSocket connection.
    """

    def __init__(self, url: str, token: str = "", timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self.headers = {"Authorization": f"token {token}"} if token else {}
        self.timeout = timeout

    def request(self, method: str, path: str, body: object = None) -> requests.Response:
        """Send one request; the answer must be a success."""
        answer = requests.request(method, self.url + path, json=body, headers=self.headers, timeout=self.timeout)
        answer.raise_for_status()
        return answer

    def start(self, kernel_name: str) -> Kernel:
        """Start a kernel, ``python3`` or ``ir``."""
        answer = self.request("POST", "/api/kernels", {"name": kernel_name})
        return Kernel(self, answer.json()["id"], self.timeout)

    def run(self, kernel_name: str, code: str, timeout: float = 60.0) -> Outputs:
        """Run one cell in a new kernel and shut the kernel down."""
        with self.start(kernel_name) as kernel:
            return kernel.run(code, timeout)
