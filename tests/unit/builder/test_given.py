"""builder/overrides.py: DATA's words, and that passwords and files travel as secrets, not as arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from builder import docker, overrides
from builder.errors import BuildError


def test_nothing_is_nothing() -> None:
    assert overrides.parse(" ") == {}
    assert overrides.arguments({}) == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("apt_miror=http://x", "'a word'"), ("apt_mirror", "'apt_mirror'"), ("http://jo:hushhush@x", "'a word'"),
        ("packages=core", "the variable PACKAGES"), ("mirror=/m", "the variable MIRROR"),
        ("https_proxy=http://jo:hushhush@x", "in the environment"), ("netrc=/nowhere", "the path of a file"),
    ],
)  # fmt: skip
def test_wrong_words_are_named_and_no_password_is_shown(data: str, words: str) -> None:
    with pytest.raises(BuildError) as refused:
        overrides.parse(data)
    assert words in str(refused.value) and "hushhush" not in str(refused.value) and "\n" not in str(refused.value)


@drawn(st.text())
def test_whatever_is_given_is_a_table_or_one_line(data: str) -> None:
    try:
        assert set(overrides.parse(data)) <= set(overrides.defaults())
    except BuildError as refused:
        assert str(refused).isprintable()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    for name in overrides.FILES:
        (tmp_path / name).write_text("hushhush")
    return {name: str(tmp_path / name) for name in overrides.FILES}


def test_files_are_secrets_and_nothing_else(files: dict[str, str]) -> None:
    data = overrides.parse(" ".join(f"{name}={path}" for name, path in files.items()) + " apt_proxy=http://cache:1")
    assert overrides.arguments(data) == "apt_proxy=http://cache:1"
    assert overrides.to_build(data).secrets == {secret: files[name] for name, secret in overrides.FILES.items()}
    offline = overrides.to_build(data, offline=True)
    assert offline.offline and not offline.proxies and not offline.secrets["netrc"]


def test_a_proxys_password_is_in_no_command_line(
    tmp_path: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "docker"
    client.write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/argv\necho "$https_proxy" >{tmp_path}/environment\n')
    client.chmod(0o755)
    monkeypatch.setenv("https_proxy", "http://jo:hushhush@proxy:1")
    docker.build(str(client), "Dockerfile", "x:1", {"A": "b"}, str(tmp_path), overrides.to_build(files))
    argv = (tmp_path / "argv").read_text()
    assert "hushhush" not in argv
    assert " --build-arg https_proxy " in argv and f"--secret id=netrc,src={files['netrc']}" in argv
    assert "--network" not in argv
    assert (tmp_path / "environment").read_text() == "http://jo:hushhush@proxy:1\n"
