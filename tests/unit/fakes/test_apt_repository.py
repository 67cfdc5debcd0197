from __future__ import annotations

import gzip
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.apt_repository import LABEL, ORIGIN, Package, Repository, SigningKey, build, sources, twin

PACKAGES = [Package("Digest", "0.0.1-1.ca2004.1"), Package("digest", "99.0-1", recommends=("r-cran-other",))]


@pytest.fixture(scope="module")
def key() -> Iterator[SigningKey]:
    with SigningKey() as made:
        yield made


@pytest.fixture(scope="module")
def repository(key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build(tmp_path_factory.mktemp("r2u") / "ubuntu", "focal", PACKAGES, key)


def accepts(key: SigningKey, repository: Repository, tmp_path: Path) -> list[bool]:
    """Does gpg, knowing only ``key``, accept InRelease, and Release with Release.gpg?"""
    keyring = tmp_path / "key.asc"
    keyring.write_text(key.armored)
    ring = tmp_path / "key.gpg"
    subprocess.run(["gpg", "--batch", "--yes", "--dearmor", "--output", str(ring), str(keyring)], check=True)
    verify = ["gpg", "--no-default-keyring", "--keyring", str(ring), "--batch", "--verify"]
    release = repository.release
    asked = [[str(release.with_name("InRelease"))], [str(release.with_name("Release.gpg")), str(release)]]
    return [
        subprocess.run([*verify, *files], check=False, stderr=subprocess.DEVNULL).returncode == 0 for files in asked
    ]


def test_the_release_says_it_is_r2u(repository: Repository) -> None:
    fields = dict(line.split(": ", 1) for line in repository.release.read_text().splitlines() if ": " in line)
    assert (fields["Origin"], fields["Label"]) == (ORIGIN, LABEL) == ("CRAN-Apt Project", "CRAN-Apt Packages")
    assert (fields["Suite"], fields["Codename"], fields["Components"]) == ("focal", "focal", "main")


def test_the_checksums_lead_from_the_release_to_each_deb(repository: Repository) -> None:
    sums = [line.split() for line in repository.release.read_text().splitlines() if line.startswith(" ")]
    assert len(sums) == 2
    for digest, size, name in sums:
        raw = (repository.release.parent / name).read_bytes()
        assert (hashlib.sha256(raw).hexdigest(), len(raw)) == (digest, int(size))
    listing = gzip.decompress((repository.release.parent / sums[1][2]).read_bytes()).decode()
    paragraphs = [dict(line.split(": ", 1) for line in text.splitlines()) for text in listing.split("\n\n")]
    assert [(entry["Package"], entry["Version"]) for entry in paragraphs] == [
        ("r-cran-digest", "0.0.1-1.ca2004.1"),
        ("r-cran-digest", "99.0-1"),
    ]
    assert paragraphs[1]["Recommends"] == "r-cran-other"
    for entry in paragraphs:
        raw = (repository.root / entry["Filename"]).read_bytes()
        assert (hashlib.sha256(raw).hexdigest(), len(raw)) == (entry["SHA256"], int(entry["Size"]))


def test_a_deb_holds_an_installed_r_package(repository: Repository) -> None:
    deb = next(repository.root.glob("pool/**/r-cran-digest_0.0.1*.deb"))
    listed = subprocess.run(["dpkg-deb", "-c", str(deb)], stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
    names = {line.split()[-1].removeprefix("./usr/lib/R/site-library/Digest/") for line in listed.splitlines()}
    assert {"DESCRIPTION", "NAMESPACE", "Meta/package.rds", "R/Digest"} <= names


def test_its_key_verifies_it_and_no_other_does(key: SigningKey, repository: Repository, tmp_path: Path) -> None:
    with SigningKey("melda-test-other") as other:
        assert accepts(key, repository, tmp_path) == [True, True]
        assert accepts(other, repository, tmp_path) == [False, False]


def test_the_twin_differs_in_nothing_but_the_signature(key: SigningKey, repository: Repository, tmp_path: Path) -> None:
    with SigningKey("melda-test-other") as other:
        wrong = twin(repository, tmp_path / "twin", other)
        assert accepts(key, wrong, tmp_path) == [False, False]
        assert accepts(other, wrong, tmp_path) == [True, True]
    assert wrong.release.read_bytes() == repository.release.read_bytes()


def test_an_armored_key_has_the_fingerprint_that_is_said(key: SigningKey) -> None:
    shown = subprocess.run(
        ["gpg", "--batch", "--with-colons", "--show-keys"],
        input=key.armored,
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    ).stdout
    assert f"fpr:::::::::{key.fingerprint}:" in shown


def test_sources_bind_the_repository_to_the_key(repository: Repository) -> None:
    text = sources(repository, "http://192.0.2.1:1/ubuntu", "/etc/apt/keyrings/key.asc")
    assert "\nSigned-By: /etc/apt/keyrings/key.asc\n" in text
    assert "\nSuites: focal\nComponents: main\n" in text
