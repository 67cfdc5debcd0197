"""r2u's key, and the names by which apt and r2u know a repository."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib import openpgp
from tasks.lib.managed_files import source
from tasks.operations.apt import list_name, release_file
from tasks.r2u import sources
from tests.operations.conftest import settings

KEY = source("r2u/dirk_eddelbuettel_key.asc")
FINGERPRINT = "AE89DB0EE10E60C01100A8F2A1489FE2AB99A21A"


def by_gpg(key: bytes, home: Path) -> list[str]:
    """Fingerprints of the primary keys, as GnuPG reads them."""
    shown = subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--with-colons", "--show-keys"],
        input=key,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return re.findall(r"^pub:.*\nfpr:+([0-9A-F]+):", shown, re.MULTILINE)


def test_r2us_key_is_the_one_of_the_specification(tmp_path: Path) -> None:
    assert settings()["r2u_fingerprint"] == FINGERPRINT
    assert openpgp.fingerprint(KEY) == FINGERPRINT
    assert shutil.which("gpg"), "gpg is needed as a second opinion"
    assert by_gpg(KEY, tmp_path) == [FINGERPRINT]


@pytest.mark.parametrize("algorithm", ["ed25519", "rsa2048", "dsa2048"])
def test_the_fingerprint_is_gpgs(algorithm: str, tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--passphrase", ""]
    try:
        subprocess.run(
            [*gpg, "--quick-generate-key", "a@example.org", algorithm, "sign"], check=True, capture_output=True
        )
        key = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
        assert [openpgp.fingerprint(key)] == by_gpg(key, home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def armored(data: bytes) -> bytes:
    lines = base64.encodebytes(data)
    return b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + lines + b"-----END PGP PUBLIC KEY BLOCK-----\n"


BINARY = openpgp._binary(KEY)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (b"", "it is not one armored public key block"),
        (BINARY, "it is not an armored OpenPGP key"),
        (KEY + KEY, "it is not one armored public key block"),
        (armored(BINARY + BINARY), "it holds 2 keys, not one"),
        (armored(b""), "it holds 0 keys, not one"),
        (armored(BINARY[:100]), "it is interrupted"),
        (armored(b"\x05\x06"), "it is not made of OpenPGP packets"),
        (armored(b"\xc6\x01\x06"), "it is not a version 4 key"),
        (KEY.replace(b"PUBLIC", b"PRIVATE"), "it is not one armored public key block"),
        (KEY[:40] + b"\n\n%%%\n", "it is not an armored OpenPGP key"),
    ],
)
def test_what_is_no_key_is_refused(key: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        openpgp.fingerprint(key)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(armored)))
def test_no_bytes_end_in_another_error(key: bytes) -> None:
    try:
        openpgp.fingerprint(key)
    except ValueError as error:
        assert str(error).isprintable()


@given(st.integers(0, len(BINARY) - 1), st.integers(1, 255))
def test_a_key_with_one_byte_changed_is_another_or_none_or_changed_outside_the_key(at: int, by: int) -> None:
    changed = BINARY[:at] + bytes([BINARY[at] ^ by]) + BINARY[at + 1 :]
    size = next(len(body) for _, body in openpgp._packets(BINARY))
    try:
        found = openpgp.fingerprint(armored(changed))
    except ValueError:
        return
    assert found != FINGERPRINT or at >= size


# The names as apt itself wrote them (Debian 12).
@pytest.mark.parametrize(
    ("mirror", "suite", "release", "name"),
    [
        (
            "https://r2u.stat.illinois.edu/ubuntu", "focal",
            "https://r2u.stat.illinois.edu/ubuntu/dists/focal/InRelease", "r2u.stat.illinois.edu_ubuntu_dists_focal_",
        ),
        (
            "http://127.0.0.1:8077/a_b~c/", "focal",
            "http://127.0.0.1:8077/a_b~c/dists/focal/InRelease", "127.0.0.1:8077_a%5fb%7ec_dists_focal_",
        ),
        (
            "https://cloud.r-project.org/bin/linux/ubuntu", "focal-cran40/",
            "https://cloud.r-project.org/bin/linux/ubuntu/focal-cran40/InRelease",
            "cloud.r-project.org_bin_linux_ubuntu_focal-cran40_",
        ),
    ],
)  # fmt: skip
def test_a_repository_by_its_urls(mirror: str, suite: str, release: str, name: str) -> None:
    assert release_file(mirror, suite) == release
    assert list_name(mirror, suite) == name


@given(st.lists(st.text("ab_~-.%", min_size=1), min_size=1, max_size=4))
def test_a_list_has_no_folder_in_its_name_and_no_two_share_one(parts: list[str]) -> None:
    name = list_name("http://h/" + "/".join(parts), "s")
    assert "/" not in name
    assert name.count("_") == len(parts) + 3, "what was _ in the URL is quoted"


def test_a_sources_file_binds_the_repository_to_its_key() -> None:
    assert sources("http://m", "s", "arm64", "/k.asc", "main").decode().split("\n", 1)[1] == (
        "Types: deb\nURIs: http://m\nSuites: s\nComponents: main\nArchitectures: arm64\nSigned-By: /k.asc\n"
    )
    assert "Components" not in sources("http://m", "s/", "amd64", "/k.asc", "").decode()
