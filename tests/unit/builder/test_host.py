"""builder/host.py: the build host's CA bundle, and what it cannot install."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder import host
from builder.errors import BuildError

NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(host, "_BUNDLES", ())
    return monkeypatch


def test_no_bundle(bare: pytest.MonkeyPatch) -> None:
    assert host.ca_bundle() == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_named_bundle(bare: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "ca.pem"
    bare.setenv(name, str(bundle))
    assert host.ca_bundle() == "", "a file that is not there is none"
    bundle.touch()
    assert host.ca_bundle() == str(bundle)


def test_the_systems_bundle(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    bare.setattr(host, "_BUNDLES", (str(tmp_path / "none"), str(tmp_path / "ca.pem")))
    assert host.ca_bundle() == str(tmp_path / "ca.pem")


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt that knows one optional package, fails where the file ``fails`` is, and writes down what it was asked."""
    (tmp_path / "apt-get").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n[ ! -e {tmp_path}/fails ] || '
        "{ echo 'Reading...'; echo 'E: Unable to locate package'; echo 'E: and so on'; exit 100; }\n"
    )
    (tmp_path / "apt-cache").write_text('#!/bin/sh\n[ "$2" = known ]\n')
    for tool in ("apt-get", "apt-cache"):
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return tmp_path


def test_only_what_the_release_knows_is_installed_and_nothing_removed(apt: Path) -> None:
    host.install("it", ["always"], ("known", "unknown"))
    update, install = (apt / "calls").read_text().splitlines()
    assert update.split()[-1] == "update"
    assert install.endswith("install --no-install-recommends --no-remove always known")


def test_apt_fails(apt: Path) -> None:
    (apt / "fails").touch()
    with pytest.raises(
        BuildError, match="^it is missing and cannot be installed by 'apt-get install x': E: Unable to locate"
    ):
        host.install("it", ["x"])


def test_not_root(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(BuildError, match="^it is missing: run 'apt-get install x' as root, or make as root$"):
        host.install("it", ["x"])
    assert not (apt / "calls").exists()


def test_not_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(BuildError, match="^it is missing: install it with this system's package manager"):
        host.install("it", ["x"])
