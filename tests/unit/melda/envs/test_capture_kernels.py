"""What running kernels have loaded: who is asked, who is not, and what an answer that cannot be trusted becomes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from melda.envs.capture import kernels
from melda.envs.errors import UsageError

from tests.fakes.background import Background

IDLE = {"execution_state": "idle"}


class Jupyter(Background):
    """Answers as Jupyter's server does.

    Args:
        answers: path -> body.
    """

    def __init__(self, answers: dict[str, str], token: str = "") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                right = self.headers.get("Authorization", "") == (f"token {token}" if token else "")
                self.send_response(200 if right else 403)
                self.end_headers()
                self.wfile.write(answers[self.path].encode())

            def log_message(self, *_: Any) -> None:
                pass

        listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        super().__init__(listener)
        self.port = listener.server_port


ANSWERS = {
    "/api/sessions": json.dumps([{"kernel": {"id": "a"}, "path": "work/one.ipynb"}, {"kernel": None}, "garbage"]),
    "/api/kernels": json.dumps([{"id": "a", "name": "python3", **IDLE}, {"id": "b", "name": "ir"}]),
}


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the container keeps the token."""
    monkeypatch.setattr(kernels, "TOKENS", str(tmp_path / "token*"))
    return tmp_path / "token"


def test_a_kernel_is_told_with_its_notebook_and_the_token_is_found(token: Path) -> None:
    token.write_text("secret\n")
    (token.parent / "token-old").mkdir()  # not readable: the next one is taken
    with Jupyter(ANSWERS, "secret") as jupyter:
        first, second = kernels.running(jupyter.port)
    assert first == {"id": "a", "name": "python3", **IDLE, "path": "work/one.ipynb"}
    assert second["path"] == ""


def test_its_port_and_path_are_the_containers(token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Jupyter({"/n/ada" + path: body for path, body in ANSWERS.items()}) as jupyter:
        monkeypatch.setenv("JUPYTER_PORT", str(jupyter.port))
        monkeypatch.setenv("JUPYTER_BASE_URL", "/n/ada/")
        assert len(kernels.running()) == 2


def test_behind_a_firewall_there_is_no_token(token: Path) -> None:
    with Jupyter(ANSWERS) as jupyter:
        assert len(kernels.running(jupyter.port)) == 2


def test_a_jupyter_that_refuses_or_speaks_garbage_or_is_not_there_is_one_line(token: Path) -> None:
    with Jupyter(ANSWERS, "secret") as jupyter, pytest.raises(UsageError, match="^--attached: Jupyter answers 403 "):
        kernels.running(jupyter.port)
    with Jupyter({"/api/sessions": "{"}) as jupyter, pytest.raises(UsageError, match="^--attached: Jupyter does not"):
        kernels.running(jupyter.port)
    with pytest.raises(UsageError, match="^--attached: Jupyter does not answer: .*refused"):
        kernels.running(jupyter.port)


class Client:
    """A kernel that evaluates what a Python kernel is asked, or writes what an R kernel is told to write."""

    output: str | None = None
    error = False

    def __init__(self, connection_file: str) -> None:
        self.connection_file = connection_file
        self.stopped: list[str] = []
        Client.last = self  # type: ignore[attr-defined]

    def load_connection_file(self) -> None:
        assert os.path.basename(self.connection_file) == "kernel-a.json"

    def start_channels(self, **channels: bool) -> None:
        assert [name for name, on in channels.items() if on] == ["shell"], "nobody notices"

    def stop_channels(self) -> None:
        self.stopped.append("all")

    def execute(self, code: str, user_expressions: dict[str, str] | None = None, **options: bool) -> str:
        assert options["silent"] and not options["store_history"] and not options["allow_stdin"]
        if user_expressions:
            self.value = repr(eval(user_expressions["x"], {})) if self.output is None else self.output
        else:
            path = code.split("base::file.rename(f, '")[1].split("') }")[0]
            Path(path).write_text("a stats\na zoo\nl zoo\nl lattice\ngarbage\n")
        return "mine"

    def get_shell_msg(self, timeout: float) -> Any:
        if self.error:
            raise TimeoutError
        self.replies = getattr(self, "replies", 0) + 1
        message = "another's" if self.replies == 1 else "mine"
        data = {"x": {"data": {"text/plain": getattr(self, "value", "")}}}
        return {"parent_header": {"msg_id": message}, "content": {"user_expressions": data}}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Client]]:
    module = ModuleType("jupyter_client")
    module.BlockingKernelClient = Client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jupyter_client", module)
    yield Client
    Client.output, Client.error = None, False


def test_python_tells_what_it_has_loaded_and_what_the_notebook_imported(client: Any, tmp_path: Path) -> None:
    answer = kernels.ask({"id": "a", "name": "python3"}, "/run", str(tmp_path))
    assert answer is not None
    attached, loaded = answer
    assert "pytest" in loaded and "json" in loaded and "pytest" not in attached
    assert client.last.stopped == ["all"]


def test_r_tells_what_is_attached_and_what_is_loaded(client: Any, tmp_path: Path) -> None:
    assert kernels.ask({"id": "../a", "name": "ir"}, "/run", str(tmp_path)) == [["stats", "zoo"], ["zoo", "lattice"]]


@pytest.mark.parametrize("said", ["__import__('os').abort()", "'[1]'", "'[[\"a\"]]'", ""])
def test_what_a_kernel_says_is_never_run_and_garbage_is_no_answer(client: Any, tmp_path: Path, said: str) -> None:
    client.output = said
    assert kernels.ask({"id": "a", "name": "python3"}, "/run", str(tmp_path)) is None
    assert client.last.stopped == ["all"]


def test_a_kernel_that_does_not_answer_is_left_alone(client: Any, tmp_path: Path) -> None:
    client.error = True
    assert kernels.ask({"id": "a", "name": "ir"}, "/run", str(tmp_path)) is None


def test_only_idle_kernels_of_python_and_r_are_asked_and_names_are_distributions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def ask(kernel: Any, *_: str) -> list[list[str]]:
        asked.append(kernel["id"])
        return (
            [["yaml", "os"], ["yaml", "_yaml", "os"]] if kernel["name"] == "python3" else [["zoo"], ["zoo\x1b", "xts"]]
        )

    there = [
        {"id": "1", "name": "python3", "path": "b\n.ipynb", **IDLE},
        {"id": "2", "name": "python3", "path": "a", "execution_state": "busy"},
        {"id": "3", "name": "ir", "path": "c", **IDLE},
        {"id": "4", "name": "julia", "path": "d", **IDLE},
    ]
    monkeypatch.setattr(kernels, "ask", ask)
    monkeypatch.setattr(kernels, "running", lambda _: there)
    texts = {"top_level.txt": "yaml\n_yaml\n", "RECORD": ""}
    found: Any = {"PyYAML": SimpleNamespace(distribution=SimpleNamespace(read_text=texts.get))}
    assert sorted(kernels.find(found, "/run", "/tmp"), key=lambda entry: str(entry["notebook"])) == [
        {"notebook": "a", "language": "python", "asked": False},
        {"notebook": "b.ipynb", "language": "python", "asked": True, "attached": ["PyYAML"], "loaded": ["PyYAML"]},
        {"notebook": "c", "language": "r", "asked": True, "attached": ["zoo"], "loaded": ["xts", "zoo"]},
        {"notebook": "d", "language": "", "asked": False},
    ]
    assert asked == ["1", "3"]
