"""builder/mirror.py: a folder that is not as it was made, or was made for something else, builds nothing."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
from pathlib import Path

import pytest

from builder import mirror
from builder.errors import BuildError
from builder.settings import Settings

MANIFEST = {
    "base": "debian:bookworm",
    "base_image": "b:1",
    "packages": "core",
    "data": {"apt_mirror": "http://m/debian"},
}


def asked(base: str = "auto", packages: str = "core", **data: str) -> Settings:
    return Settings(base, "melda-jupyter:latest", packages, "8888", strict=False, data=data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/x.whl").write_text("x")
    (tmp_path / mirror.MANIFEST).write_text(json.dumps(MANIFEST))
    (tmp_path / mirror.SUMS).write_text(mirror.sums(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "right", [asked(), asked(packages="none"), asked("debian:bookworm"), asked(apt_mirror="http://m/debian")]
)
def test_as_it_was_made(folder: Path, right: Settings) -> None:
    assert mirror.check(folder, right) == MANIFEST
    subprocess.run(["sha256sum", "--quiet", "--check", mirror.SUMS], cwd=folder, check=True)
    assert len(mirror.number(folder)) == 64


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (asked("debian:trixie"), "invalid BASE=debian:trixie: expected debian:bookworm, which MIRROR="),
        (asked(packages="datascience"), "invalid PACKAGES=datascience: expected core or less, which MIRROR="),
        (asked(apt_mirror="http://other"), "invalid DATA=apt_mirror=...: expected the value that MIRROR="),
        (asked(pypi_index="http://other"), "invalid DATA=pypi_index=...: expected the value that MIRROR="),
    ],
)
def test_for_something_else(folder: Path, wrong: Settings, words: str) -> None:
    with pytest.raises(BuildError) as refused:
        mirror.check(folder, wrong)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize(
    "text", ["", json.dumps(MANIFEST)[:20], "[]", "{}", json.dumps({**MANIFEST, "packages": "all"})]
)
def test_a_damaged_manifest_is_told_in_one_line(folder: Path, text: str) -> None:
    (folder / mirror.MANIFEST).write_text(text)
    with pytest.raises(BuildError) as refused:
        mirror.check(folder, asked())
    assert str(refused.value) == (
        f"invalid MIRROR={folder}: expected a folder of `make mirror`; its mirror.json is damaged"
    )


def test_changed_missing_added(folder: Path) -> None:
    wheel = folder / "wheels/x.whl"
    for change in (lambda: wheel.write_text("y"), wheel.unlink):
        change()
        with pytest.raises(
            BuildError, match=r"expected it as it was made; wheels/x\.whl is missing, was changed or was added"
        ):
            mirror.check(folder, asked())
    wheel.write_text("x")
    mirror.check(folder, asked())
    (folder / "wheels/evil.whl").write_text("")
    with pytest.raises(BuildError, match=r"wheels/evil\.whl"):
        mirror.check(folder, asked())
    (folder / "wheels/evil.whl").unlink()
    (folder / mirror.SUMS).unlink()
    with pytest.raises(BuildError, match="expected it as it was made"):
        mirror.check(folder, asked())


def test_the_lists_of_python_packages() -> None:
    assert mirror.locks("none", "3.11", {}) == ["files/packages/locks/none-3.11.txt"]
    assert mirror.locks("core", "3.8", {"jupyterhub": "true"}) == [
        "files/packages/locks/none-3.8.txt", "files/packages/locks/core-3.8.txt", "files/jupyterhub/locks/3.8.txt",
    ]  # fmt: skip


def test_each_file_of_the_settings_is_mounted_where_a_build_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path was taken for a volume's name, and of two settings with one file the container had one."""
    monkeypatch.chdir(tmp_path)
    for name in ("bundle.pem", "net,rc:"):
        Path(name).write_text("x")
    Path("link").symlink_to("net,rc:")
    monkeypatch.setenv("SSL_CERT_FILE", f"{tmp_path}/bundle.pem")
    ran: list[list[str]] = []
    monkeypatch.setattr(mirror.screen, "run", lambda command, *_: ran.append(command))
    settings = {"ca_certificates": "bundle.pem", "netrc": "link"}
    mirror._record("docker", "image", "3.11", asked(**settings), tmp_path / "new")
    mounts = [next(csv.reader([word])) for option, word in itertools.pairwise(ran[0]) if option == "--mount"]
    wanted = {"ca": "bundle.pem", "certificates": "bundle.pem", "netrc": "net,rc:"}
    assert [mount for mount in mounts if "target=/tmp/secrets/" in mount[2]] == [
        ["type=bind", f"source={tmp_path}/{file}", f"target=/tmp/secrets/{secret}", "readonly"]
        for secret, file in wanted.items()
    ]
    assert ["type=bind", f"source={tmp_path}/new/apt/lists", "target=/var/lib/apt/lists"] in mounts
    assert "--volume" not in ran[0]
