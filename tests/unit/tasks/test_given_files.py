"""tasks/lib/given_files.py: a file that a setting names holds what it must, or is refused before anything changes."""

from __future__ import annotations

import os
from pathlib import Path

import certifi
import pytest

from tasks.lib import given_files
from tests.operations.conftest import ROOT

KEY = (ROOT / "files/r2u/dirk_eddelbuettel_key.asc").read_bytes()
BUNDLE = Path(certifi.where()).read_bytes()
ONE, TWO = given_files.certificates_of(BUNDLE)[:2]


@pytest.mark.parametrize("text", [BUNDLE, ONE, ONE + ONE, b"# Ours\n" + ONE.replace(b"\n", b"\r\n") + TWO])
def test_whole_certificates(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "ca").write_bytes(text)
    assert given_files.certificates(str(tmp_path / "ca"))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"no certificate", ONE + TWO[: len(TWO) // 2], TWO[: len(TWO) // 2] + ONE,
        ONE + TWO.replace(TWO[400:600], b""), ONE + b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        ONE + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)  # fmt: skip
def test_half_a_certificate_is_none_also_beside_others(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "ca").write_bytes(text)
    assert not given_files.certificates(str(tmp_path / "ca"))


@pytest.mark.parametrize("text", [b"", b"melda\n", KEY * 2, KEY[: len(KEY) // 2]])
def test_what_is_no_key(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "key").write_bytes(text)
    assert not given_files.openpgp_key(str(tmp_path / "key"))
    (tmp_path / "key").write_bytes(KEY)
    assert given_files.openpgp_key(str(tmp_path / "key"))


def test_a_file_that_may_not_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "ca").write_bytes(BUNDLE)
    assert given_files.readable(str(tmp_path / "key"))
    # As for who is not root.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)
    assert not given_files.readable(str(tmp_path / "key"))
    assert not given_files.openpgp_key(str(tmp_path / "key")) and not given_files.certificates(str(tmp_path / "ca"))


def test_what_cannot_be_read_is_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    """As /proc/self/mem: a traceback."""

    def refused(self: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert not given_files.openpgp_key(__file__) and not given_files.certificates(__file__)
