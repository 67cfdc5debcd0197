"""builder/sbom.py: where the bill lies and what it is called; that it names what is installed is in tests/container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder import docker as client
from builder import sbom
from builder.errors import BuildError


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("melda-jupyter:latest", "melda-jupyter_latest.cdx.json"),
        ("registry.example:5000/team/melda:1", "registry.example_5000_team_melda_1.cdx.json"),
        ("../../etc/x:1", ".._.._etc_x_1.cdx.json"),
    ],
)
def test_the_file_is_called_after_the_image(image: str, name: str, tmp_path: Path) -> None:
    assert sbom.path(image, tmp_path) == tmp_path / name


def test_it_is_of_an_image_and_complete_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ['{"metadata": {"component": {"type": "file", "name": "/"}}, "components": []}', "interrupted {"]
    monkeypatch.setattr(client, "inspect", lambda *_: {"Id": "sha256:1"})
    monkeypatch.setattr(client, "call", lambda *_: answers.pop(0))
    written = sbom.write("docker", "melda:1", tmp_path)
    component = json.loads(written.read_text())["metadata"]["component"]
    assert component == {"type": "container", "name": "melda:1", "version": "sha256:1"}
    before = written.read_text()
    assert sbom.write("docker", "melda:1", tmp_path) == written and len(answers) == 1, (
        "the same image is not read again"
    )
    monkeypatch.setattr(client, "inspect", lambda *_: {"Id": "sha256:2"})
    with pytest.raises(BuildError, match="syft"):
        sbom.write("docker", "melda:1", tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize("broken", ["", "{}", "[1]", '{"metadata": {"component": {"name": "melda:1"}}}'])
def test_a_bill_that_cannot_be_read_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(client, "inspect", lambda *_: {"Id": "sha256:1"})
    monkeypatch.setattr(client, "call", lambda *_: '{"metadata": {"component": {}}}')
    sbom.path("melda:1", tmp_path).write_text(broken)
    assert (
        json.loads(sbom.write("docker", "melda:1", tmp_path).read_text())["metadata"]["component"]["version"]
        == "sha256:1"
    )
