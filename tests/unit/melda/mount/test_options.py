"""The options of s3fs: the specification's, those that spare requests, and where the bucket is."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.base import users
from melda.config.bucket import Bucket
from melda.mount import options

USER = users.Account("melda", 1001, 1001, (1001,), "/home/melda", "/bin/bash")
ALWAYS = ["stat_cache_expire=60", "negative_timeout=61", "auto_cache", "ac_attr_timeout=0"]
# From 1.94 on it does not start by itself while less than a tenth of the disk is free.
ROOM = "free_space_ratio=0"


def given(bucket: Bucket, version: options.Version = options.UNKNOWN) -> list[str]:
    """Return them, each of which has a ``-o`` of its own."""
    found = options.given(bucket, USER, version)
    assert set(found[::2]) == {"-o"}
    return found[1::2]


def test_the_options_of_the_specification(project: Bucket) -> None:
    plain = given(project._replace(endpoint=""))
    assert plain == [
        "umask=0007,uid=1001,gid=1001", "allow_other", "passwd_file=/root/.passwd-s3fs", "dbglevel=err",
    ]  # fmt: skip
    assert given(project._replace(debug=True))[-2:] == ["dbglevel=debug", "curldbg"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((1, 86), ["enable_noobj_cache", *ALWAYS]),
        ((1, 89), ["enable_noobj_cache", *ALWAYS]),
        ((1, 90), ["enable_noobj_cache", *ALWAYS]),
        ((1, 93), ALWAYS),  # where enable_noobj_cache is a warning at each start
        ((1, 95), [*ALWAYS, ROOM]),
        ((1, 97), [*ALWAYS, ROOM]),
        ((1, 94), [*ALWAYS, ROOM]),
        ((2, 0), [*ALWAYS, ROOM]),
        (options.UNKNOWN, []),
    ],
)
def test_what_spares_requests_and_room_goes_by_the_version(
    project: Bucket, version: options.Version, expected: list[str]
) -> None:
    assert options.sparing(version) == expected
    assert [one for one in given(project, version) if one in expected] == expected


def test_what_is_not_there_is_forgotten_before_the_kernel_asks_again() -> None:
    """Else s3fs lets it be not there for that long again, and so on for ever."""
    found = dict(one.split("=") for one in options.sparing((1, 90)) if "=" in one)
    assert int(found["negative_timeout"]) > int(found["stat_cache_expire"])


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("Amazon Simple Storage Service File System V1.86 (commit:unknown) with GnuTLS(gcrypt)", (1, 86)),
        ("Amazon Simple Storage Service File System V1.95 with GnuTLS(gcrypt)", (1, 95)),
        ("something else", options.UNKNOWN),
        (None, options.UNKNOWN),
    ],
)
def test_the_version_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str | None, version: options.Version
) -> None:
    monkeypatch.setattr(options, "S3FS", str(tmp_path / "s3fs"))
    if printed:
        (tmp_path / "s3fs").write_text(f"#!/bin/sh\necho '{printed}'\n")
        (tmp_path / "s3fs").chmod(0o755)
    assert options.version() == version


def test_another_service_and_another_region(project: Bucket) -> None:
    assert given(project)[-3:-1] == ["url=http://127.0.0.1:9", "use_path_request_style"]
    region = given(project._replace(endpoint="", region="eu-west-1"))
    assert region[-3:-1] == ["url=https://s3.eu-west-1.amazonaws.com", "endpoint=eu-west-1"]


@pytest.mark.parametrize(("name", "path_style"), [("my.bucket", True), ("my-bucket", False)])
def test_a_name_with_dots_is_no_host_of_a_certificate(project: Bucket, name: str, path_style: bool) -> None:
    found = given(project._replace(name=name, endpoint="", region="cn-north-1"))
    assert ("use_path_request_style" in found) is path_style and "url=https://s3.cn-north-1.amazonaws.com.cn" in found
