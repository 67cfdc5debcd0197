"""builder/overrides.py: DATA's words, and that passwords and files travel as secrets, not as arguments."""

from __future__ import annotations

from pathlib import Path

import certifi
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
        ("apt_miror=http://x", "'apt_miror': expected NAME=VALUE"), ("apt_miror=http://x", ", perhaps apt_mirror"),
        ("x=http://x", "'a word'"), ("usrname=hushhush", "perhaps username"),
        ("r2u_key=/there/key", "expected r2u/FILE, in this repository"),
        ("r2u_key=ssh/sshd.conf", "expected r2u/FILE, in"), ("r_key=files/r2u/../ssh/sshd.conf", "expected files/r2u/FILE, in"),
        ("ssh_public_key=garbage", "invalid ssh_public_key='garbage': expected "), ("locale=en", "invalid locale='en'"),
        ("uid=many", "invalid uid='many': expected a whole number"), ("cran_mirror=https://jo:hushhush@x", "https://***@x"),
        ("apt_mirror", "'apt_mirror'"), ("http://jo:hushhush@x", "'a word'"),
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
        (tmp_path / name).write_text("hushhush" if name == "netrc" else certifi.contents())
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


@pytest.fixture
def all_py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """group_data/all.py in a copy of its own, to be changed."""
    file = tmp_path / "group_data" / "all.py"
    file.parent.mkdir()
    file.write_text((overrides.ROOT / "group_data" / "all.py").read_text())
    monkeypatch.setattr(overrides, "ROOT", tmp_path)
    return file


def test_what_an_image_would_read_otherwise_travels(all_py: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environ is another one, and before the deploy it may have no Python."""
    monkeypatch.setenv("SITE", "https://site")
    mirrors = """apt_mirror = "http://" + "mirror"  # ours\ncran_mirror = os.environ.get("SITE", "https://cran")\n"""
    all_py.write_text(all_py.read_text() + mirrors + "username = 'jo'\n")
    assert overrides.arguments({}) == "cran_mirror=https://site apt_mirror=http://mirror"
    assert overrides.arguments({"apt_mirror": ""}) == "cran_mirror=https://site apt_mirror="
    assert overrides.image_arguments({"uhome": "/srv/jo"}) == {
        "username": "jo", "uhome": "/srv/jo", "jupyter_workdir": "/home/melda/project", "src": "/usr/src/melda-jupyter",
        "python_env": "/opt/jupyter", "locale": "en_US.UTF-8",
    }  # fmt: skip


def test_what_is_wrong_in_the_file_itself_is_refused_before_a_build(all_py: Path) -> None:
    all_py.write_text(all_py.read_text() + "uid = 'many'\n")
    with pytest.raises(BuildError, match="^invalid uid='many': expected a whole number"):
        overrides.parse("")


def test_no_setting_is_cut_at_a_blank(all_py: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "ssh-ed25519 AAAA")
    all_py.write_text(all_py.read_text() + "ssh_public_key = os.environ.get('KEY', '')\n")
    with pytest.raises(BuildError, match="^invalid ssh_public_key='ssh-ed25519 AAAA': expected no blank"):
        overrides.arguments({})


@pytest.mark.parametrize("text", ["true", "False", "1", "[1]", "", "en_US.UTF-8", "1d", '{"a": 1}', "1.5", "null"])
def test_a_value_is_what_pyinfra_makes_of_it(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gevent.monkey.patch_all", lambda: None)
        from pyinfra_cli.util import parse_cli_arg
    assert overrides.value(text) == parse_cli_arg(text)
