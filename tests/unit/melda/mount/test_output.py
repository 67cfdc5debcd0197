"""What s3fs says: passed on, its errors kept, and s3fs never kept waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from melda.mount import output as output_of_s3fs
from melda.mount.output import Output

STAMP = "2026-01-02T03:04:05.678Z "
REFUSED = "[ERR] curl.cpp:RequestPerform(2363): HTTP response code 403, returning EPERM. Body Text: <?xml?>\n"


@pytest.fixture
def said() -> Iterator[tuple[Output, int]]:
    """The output, and s3fs's end of it."""
    output = Output()
    writing = os.dup(output.writing)
    output.given()
    yield output, writing
    os.close(writing)
    os.close(output._reading)


@pytest.mark.parametrize("stamp", [STAMP, ""])  # s3fs has them from 1.88 on
def test_an_error_is_kept_and_logged_in_short(
    said: tuple[Output, int], stamp: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output, writing = said
    began = time.monotonic()
    os.write(writing, (stamp + REFUSED + "<Error><Token>CANARY</Token></Error>\n").encode())
    assert output.error(began) == "HTTP response code 403, returning EPERM"
    assert output.error(time.monotonic()) == "", "which was before"
    logged = "start-jupyter: s3fs: HTTP response code 403, returning EPERM\n"
    assert capsys.readouterr().err == logged, "and nothing of S3's answer"
    os.write(writing, (stamp + REFUSED).encode())
    output.poll_once()
    assert capsys.readouterr().err == "", "it is said once"


def test_what_is_tried_again_is_no_error_yet(said: tuple[Output, int]) -> None:
    output, writing = said
    os.write(writing, b"[ERR] curl.cpp:RequestPerform(2410): ### CURLE_COULDNT_CONNECT\n")
    assert output.error(0) == ""
    os.write(writing, b"[ERR] curl.cpp:RequestPerform(2536): ### giving up\n")
    assert output.error(0) == "### giving up"


def test_a_read_that_s3_refuses_is_no_lost_upload_and_hides_none(said: tuple[Output, int]) -> None:
    output, writing = said
    download = "[ERR] fdcache_fdinfo.cpp:Load(1): could not download. start(0), size(4096), errno(-1)\n"
    os.write(writing, (REFUSED + download).encode())
    assert output.error(0) == ""
    os.write(writing, (REFUSED + REFUSED + download).encode())
    assert output.error(0) == "HTTP response code 403, returning EPERM", "one of two requests was no read"


def test_all_else_is_logged_line_by_line(said: tuple[Output, int], capsys: pytest.CaptureFixture[str]) -> None:
    output, writing = said
    os.write(writing, b"[CRT] s3fs.cpp:main(1): bad\n[INF] s3fs.cpp:ma")
    output.poll_once()
    assert capsys.readouterr().err == "[CRT] s3fs.cpp:main(1): bad\n"
    os.write(writing, b"in(2): good\n")
    output.poll_once()
    assert capsys.readouterr().err == "[INF] s3fs.cpp:main(2): good\n"


def test_of_what_has_no_level_only_the_programs_own_lines_are_logged(
    said: tuple[Output, int], capsys: pytest.CaptureFixture[str]
) -> None:
    output, writing = said
    os.write(writing, b"s3fs: unable to access MOUNTPOINT\nEntity: line 1: parser error\n<Key>CANARY</Key>\n")
    output.poll_once()
    assert capsys.readouterr().err == "s3fs: unable to access MOUNTPOINT\n"


def test_nobody_reads_and_nobody_waits(said: tuple[Output, int]) -> None:
    output, writing = said
    with pytest.raises(BlockingIOError):
        for _ in range(100_000):
            os.write(writing, REFUSED.encode())
    assert "403" in output.error(0)
    os.write(writing, b"there is room again\n")


def test_what_it_says_without_an_end_keeps_nobody_from_anything_else(
    said: tuple[Output, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads is PID 1."""
    output, writing = said
    turns, read = 0, os.read

    def endless(number: int, size: int) -> bytes:
        nonlocal turns
        turns += 1
        assert turns <= 2 * output_of_s3fs.SIZE // len(REFUSED), "it ends"
        os.write(writing, REFUSED.encode())
        return read(number, size)

    monkeypatch.setattr(output_of_s3fs.os, "read", endless)
    assert output.poll_once() == output_of_s3fs.PAUSE
    assert len(output._errors) == output_of_s3fs.MOST


def test_s3fs_that_has_ended_is_no_error() -> None:
    output = Output()
    output.given()
    assert output.error(0) == ""
    os.close(output._reading)
