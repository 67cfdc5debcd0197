"""builder/base.py: what BASE stands for, with a docker client that is a small script."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from builder import base
from builder.errors import BuildError


def client(folder: Path, script: str) -> str:
    path = folder / "docker"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(path)


HERE = "exit 0\n"
NOWHERE = 'case "$1" in image) exit 1;; pull) echo "Error response from daemon: no such host" >&2; exit 1;; esac\n'
PULLED = 'case "$1" in image) exit 1;; pull) echo "20.04: Pulling from rocker/r-ubuntu";; esac\n'


@pytest.mark.parametrize(
    ("asked", "script", "chosen", "why"),
    [
        ("debian:trixie", NOWHERE, "debian:trixie", ""),
        ("auto", HERE, "rocker/r-ubuntu:20.04", ""),
        ("auto", PULLED, "rocker/r-ubuntu:20.04", ""),
        ("auto", NOWHERE, "debian:bookworm", "rocker/r-ubuntu:20.04 cannot be had (no such host)"),
        ("example/r:1", HERE, "example/r:1", ""),
    ],
)
def test_choice(tmp_path: Path, asked: str, script: str, chosen: str, why: str) -> None:
    assert base.select(client(tmp_path, script), asked) == (chosen, why)


def test_an_image_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"^invalid BASE=debian:sid: expected auto, an image .*\(no such host\)$"):
        base.select(client(tmp_path, NOWHERE), "debian:sid")


def test_a_registry_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "PULL_ANSWER", 0.2)
    slow = client(tmp_path, 'case "$1" in image) exit 1;; pull) exec sleep 30;; esac\n')
    assert base.select(slow, "auto") == (
        "debian:bookworm",
        "rocker/r-ubuntu:20.04 cannot be had (its registry did not answer within 0.2 s)",
    )


def test_a_pull_that_has_begun_may_take_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "PULL_ANSWER", 0.5)
    # It goes on 1 s after the registry has answered: longer than the registry might take to answer.
    begun = client(tmp_path, 'case "$1" in image) exit 1;; pull) echo "Pulling from r"; sleep 1;; esac\n')
    assert base.pull(begun, "r") == ""


def recorder(folder: Path, recipe: str) -> str:
    """A docker client that has the local base with this recipe and writes down what it was asked."""
    labels = f'[{{"Config": {{"User": "", "Labels": {{"{base.RECIPE_LABEL}": "{recipe}"}}}}}}]'
    return client(folder, f"echo \"$@\" >> {folder}/calls\necho '{labels}'\n")


def mmdebstrap(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    tool = folder / "mmdebstrap"
    tool.write_text("#!/bin/sh\n" + script)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize("user", ["nobody", "1000:0"])
def test_a_base_whose_user_is_not_root_is_one_line_before_the_build(tmp_path: Path, user: str) -> None:
    docker = client(tmp_path, f"""echo '[{{"Config": {{"User": "{user}"}}}}]'\n""")
    with pytest.raises(BuildError, match=f"^invalid BASE=r:1: expected an image whose USER is root, and it is {user}$"):
        base.ensure(docker, "r:1")


def test_a_local_base_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mmdebstrap(tmp_path, monkeypatch, "exit 1\n")
    docker = recorder(tmp_path, base.RECIPE)
    assert base.ensure(docker, "debian:bookworm") == "melda-jupyter-debian:bookworm"
    assert "import" not in (tmp_path / "calls").read_text()


def test_a_local_base_of_an_older_recipe_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mmdebstrap(tmp_path, monkeypatch, "exit 0\n")
    docker = recorder(tmp_path, "older")
    base.ensure(docker, "debian:bookworm")
    assert f"LABEL {base.RECIPE_LABEL}={base.RECIPE}" in (tmp_path / "calls").read_text()


def test_a_full_disk_is_refused_before_a_bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mmdebstrap(tmp_path, monkeypatch, f"touch {tmp_path}/ran\n")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1.9e9))
    with pytest.raises(
        BuildError, match=r"^no space: BASE=debian:bookworm needs 2 GB in .* \(TMPDIR\), 1.9 GB are free$"
    ):
        base.bootstrap(recorder(tmp_path, "older"), "debian:bookworm")
    assert not (tmp_path / "ran").exists()


def test_the_builders_umask_is_not_the_bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mmdebstrap(tmp_path, monkeypatch, f"umask >{tmp_path}/umask; exit 1\n")
    before = os.umask(0o077)
    try:
        with pytest.raises(BuildError):
            base.bootstrap(recorder(tmp_path, "older"), "debian:bookworm")
    finally:
        os.umask(before)
    assert (tmp_path / "umask").read_text() == "0022\n"


def test_who_is_not_root_makes_it_in_a_namespace_whose_users_can_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else mmdebstrap ends with a page of "Permission denied"."""
    mmdebstrap(tmp_path, monkeypatch, f'stat -c %a "$TMPDIR" >{tmp_path}/mode; exit 1\n')
    with pytest.raises(BuildError):
        base.bootstrap(recorder(tmp_path, "older"), "debian:bookworm")
    assert (tmp_path / "mode").read_text() == "711\n"
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    asked: list[list[str]] = []
    monkeypatch.setattr(base.host, "install", lambda _, packages: asked.append(packages))
    with pytest.raises(BuildError):
        base.bootstrap(recorder(tmp_path, "older"), "debian:bookworm")
    assert asked == [["mmdebstrap", "debian-archive-keyring", "uidmap"]]


def test_a_bootstrap_that_fails_is_one_line_and_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mmdebstrap(tmp_path, monkeypatch, "echo 'I: trying'; echo 'E: no mirror' >&2; echo 'E: cleanup' >&2; exit 1\n")
    docker = recorder(tmp_path, "older")
    with pytest.raises(BuildError, match="^BASE=debian:trixie cannot be bootstrapped: E: no mirror$"):
        base.ensure(docker, "debian:trixie")
    assert "import" not in (tmp_path / "calls").read_text()


INSPECTED = '[{"Os": "linux", "Architecture": "amd64", "Config": {"Labels": {}}}]'


@pytest.fixture
def arm64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(base.PLATFORM, "linux/arm64")


@pytest.mark.usefixtures("arm64")
def test_a_local_base_of_another_platform_has_a_name_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mmdebstrap(tmp_path, monkeypatch, f'echo "$@" >{tmp_path}/asked\n')
    found = INSPECTED.replace("amd64", "arm64")
    docker = client(tmp_path, f"echo \"$@\" >> {tmp_path}/calls\necho '{found}'\n")
    assert base.ensure(docker, "debian:bookworm") == "melda-jupyter-debian:bookworm-arm64"
    assert "--architectures=arm64" in (tmp_path / "asked").read_text()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert any(call.startswith("build --quiet --tag melda-jupyter-debian:bookworm-arm64 ") for call in calls), calls
    assert calls[-1].startswith("run --rm "), "it is tried"


@pytest.mark.usefixtures("arm64")
def test_a_base_of_another_platform_is_pulled_again_and_else_refused(tmp_path: Path) -> None:
    script = (
        f"""case "$1" in image) echo '{INSPECTED}';; pull) echo "1: Pulling from r"; touch {tmp_path}/pulled;; esac\n"""
    )
    docker = client(tmp_path, script)
    assert base.select(docker, "r:1") == ("r:1", "")
    assert (tmp_path / "pulled").exists()
    with pytest.raises(
        BuildError, match=r"^invalid PLATFORM=linux/arm64: expected linux/amd64, which r:1 is made for$"
    ):
        base.ensure(docker, "r:1")


@pytest.mark.usefixtures("arm64")
def test_a_platform_that_the_engine_cannot_run_is_one_line(tmp_path: Path) -> None:
    found = INSPECTED.replace("amd64", "arm64")
    docker = client(
        tmp_path,
        f"""case "$1" in image) echo '{found}';; run) echo "exec /bin/true: exec format error" >&2; exit 1;; esac\n""",
    )
    with pytest.raises(BuildError, match=r"^invalid PLATFORM=linux/arm64: .*binfmt_misc.*exec format error$"):
        base.ensure(docker, "r:1")
