"""melda-env history and back: what they say, and what is invalid."""

from __future__ import annotations

import json

import pytest
from melda.envs import as_user, cli, going_back
from melda.envs.errors import UsageError
from melda.plugins import state
from melda.sync.history import Listed

from tests.unit.melda.envs.conftest import VERSION, Image

NAME = f"Python-{VERSION}"
MANY = [f"+ x{number} 1" for number in range(7)]
PYTHON = [
    Listed("P2", NAME, "b" * 16, 86400.0, ["~ zebra 1 -> 2"], True),
    Listed("P1", NAME, "a" * 16, 0.0, MANY, False),
]


@pytest.fixture
def project(image: Image, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A project in a bucket; what is gone back to."""
    back: list[object] = []
    monkeypatch.setattr(as_user, "go_on", lambda place: None)
    monkeypatch.setattr(cli, "as_user", lambda place: None)
    monkeypatch.setattr(cli.environ, "load", dict)
    monkeypatch.setattr(going_back, "local_folder", lambda *_: "/local")
    monkeypatch.setattr(cli.environ, "image_layout", lambda _: image.layout)
    monkeypatch.setattr(state, "STATE", str(image.root / "state"))
    monkeypatch.setattr(going_back, "PATIENCE", 0.01)
    monkeypatch.setattr(going_back.history, "listed", lambda _, name: (PYTHON, 1500000) if name == NAME else ([], 0))
    monkeypatch.setattr(going_back.history, "go_back", lambda *given: back.append(given[2]) or ["x"])
    state.write("saved at 12:00:00 UTC")
    return back


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    return (code, *capsys.readouterr())


def test_what_was_installed_when(project: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "history")
    assert code == 0 and out.splitlines() == [
        f"    P2  1970-01-02 00:00:00 UTC  {NAME:<14}  ~ zebra 1 -> 2",
        f"    P1  1970-01-01 00:00:00 UTC  {NAME:<14}  + x0 1, + x1 1, + x2 1, + x3 1, + x4 1 and 2 more"
        " (its archives are gone)",
        "The last 20 generations are kept, and those of 30 days; the earlier ones take 1.5 MB of the bucket.",
    ]
    found = json.loads(said(capsys, "history", "--json")[1])
    assert found["bytes"] == 1500000 and found["generations"][1]["changes"] == MANY


def test_a_name_does_nothing_to_the_terminal(
    project: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = Listed("P1", NAME, "a" * 16, 0.0, ["+ \x1b[2J\nx 1"], True)
    monkeypatch.setattr(going_back.history, "listed", lambda _, name: ([odd], 0) if name == NAME else ([], 0))
    assert said(capsys, "history")[1].splitlines()[0].endswith("+  [2J x 1")


def test_going_back(project: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    line = f"{NAME} is what it was on 1970-01-02 00:00:00 UTC (1 entries changed); restart your kernels\n"
    assert said(capsys, "back", "p2") == (0, line, "")
    assert project == [PYTHON[0]]


@pytest.mark.parametrize(("number", "error"), [
    ("P9", "invalid N='P9': expected a generation that melda-env history lists, such as P3"),
    ("../x", "invalid N='../x': expected a generation that melda-env history lists, such as P3"),
    ("P1", "P1 cannot be had: its archives are gone"),
])  # fmt: skip
def test_no_such_generation(project: list[object], capsys: pytest.CaptureFixture[str], number: str, error: str) -> None:
    assert said(capsys, "back", number) == (2, "", f"melda-env: {error}\n")
    assert project == []


@pytest.mark.parametrize("line", ["saving", "failed: no bucket", "restoring", ""])
def test_not_before_all_is_saved(project: list[object], capsys: pytest.CaptureFixture[str], line: str) -> None:
    state.write(line)
    code, _, err = said(capsys, "back", "P2")
    told = line or "the sync daemon does not run"
    assert (code, err) == (2, f"melda-env: what is new is not in the bucket: {told}\n") and project == []


def test_a_local_folder(
    project: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(going_back, "local_folder", lambda *_: "")
    for arguments in (("history",), ("back", "P1")):
        code, _, err = said(capsys, *arguments)
        assert (code, err) == (
            2,
            "melda-env: the project is a local folder: only a bucket keeps what was there earlier\n",
        )


def test_a_bucket_that_does_not_answer(project: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(going_back.history, "listed", silent)
    with pytest.raises(UsageError, match="the bucket cannot be read: Input/output error"):
        going_back._all(cli.environ.image_layout({}))
