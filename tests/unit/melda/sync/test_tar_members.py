"""What an archive of somebody else's may hold: files, folders and links within it, up to a limit."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.sync import programs
from melda.sync.in_bucket import archive, tar_members

Change = Callable[[tarfile.TarFile], object]


def member(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", target: str = "") -> Change:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(content)
    return lambda tar: tar.addfile(info, io.BytesIO(content))


def smuggled(name: str) -> bytes:
    """The header of a FIFO, as the content of something else."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.FIFOTYPE
    return info.tobuf(tarfile.GNU_FORMAT)


def packed(*changes: Change, form: int = tarfile.GNU_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for change in changes:
            change(tar)
    return subprocess.run(["zstd", "-q", "-c"], input=stream.getvalue(), stdout=subprocess.PIPE, check=True).stdout


def unpack(content: bytes, folder: Path, source: object = None) -> None:
    folder.mkdir(exist_ok=True)
    stream = source or io.BytesIO(content)
    archive.unpack(stream, str(folder), hashlib.sha256(content).hexdigest(), len(content))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "odd",
    [
        member("./fifo", tarfile.FIFOTYPE),
        member("./null", tarfile.CHRTYPE),
        member("./disk", tarfile.BLKTYPE),
        member("./hard", tarfile.LNKTYPE, target="./good"),
        member("../above", content=b"x"),
        member("a/../../above", content=b"x"),
        member("/tmp/melda-above", content=b"x"),
        member("./" + "n" * 300, content=b"x"),
        member("./" + "d/" * 3000, tarfile.DIRTYPE),
        member("./other", b"Z", b"content that is skipped" * 100),
        member("./folder/", content=smuggled("./fifo")),
        member("./" + "n" * 120 + "/", content=smuggled("./fifo")),
        member("./link", tarfile.SYMTYPE, smuggled("./fifo"), "good"),
        member("./folder", tarfile.DIRTYPE, smuggled("./fifo")),
    ],
)
def test_what_is_no_file_of_the_folders_own_is_left_out(tmp_path: Path, odd: Change) -> None:
    unpack(packed(member("./before", content=b"1"), odd, member("./good", content=b"22")), tmp_path / "to")
    found = {path.name: path.read_bytes() if path.is_file() else b"" for path in (tmp_path / "to").iterdir()}
    assert found == {"before": b"1", "good": b"22"}
    assert [path.name for path in tmp_path.iterdir()] == ["to"] and not Path("/tmp/melda-above").exists()


def test_a_member_with_two_long_names_is_none_of_ours(tmp_path: Path) -> None:
    """tar takes the last one."""
    longs = [member("././@LongLink", b"L", f"./{char * 120}{end}\0".encode()) for char, end in (("a", ""), ("b", "/"))]
    with pytest.raises(tar_members.Damaged, match="two names"):
        unpack(packed(*longs, member("./x", content=smuggled("./fifo"))), tmp_path / "to")


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    link = member("./link", tarfile.SYMTYPE, target=str(tmp_path / "outside"))
    with pytest.raises(tar_members.Damaged):
        unpack(packed(link, member("./link/x", content=b"x")), tmp_path / "to")
    assert list((tmp_path / "outside").iterdir()) == []


def test_names_and_links_of_any_length_that_can_be_are_unpacked(tmp_path: Path) -> None:
    deep, long = "d" * 200 + "/" + "é" * 100, "t" * 3000
    unpack(packed(member(deep, content=b"x"), member("link", tarfile.SYMTYPE, target=long)), tmp_path / "to")
    assert (tmp_path / "to" / deep).read_bytes() == b"x" and os.readlink(tmp_path / "to" / "link") == long


def test_a_bomb_is_given_up_before_it_fills_the_disk(tmp_path: Path) -> None:
    info = tarfile.TarInfo("./bomb")
    info.size = 3 << 30
    with subprocess.Popen(["zstd", "-q", "-c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as zstd:
        assert zstd.stdin and zstd.stdout
        zstd.stdin.write(info.tobuf(tarfile.GNU_FORMAT))
        zstd.stdin.write(bytes(200 << 20))
        zstd.stdin.close()
        content = zstd.stdout.read()
    with pytest.raises(tar_members.Damaged, match="larger than an archive of its size"):
        unpack(content, tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []
    many = packed(*(member(f"./{number}", content=bytes(1 << 20)) for number in range(40)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(archive, "room", lambda _: 10 << 20)
        with pytest.raises(OSError) as caught:
            unpack(many, tmp_path / "full")
        assert caught.value.errno == errno.ENOSPC, "the disk is to blame, and it is tried again"
        patched.setattr(archive, "ALWAYS", 5 << 20)
        with pytest.raises(tar_members.Damaged):
            unpack(many, tmp_path / "small")
    assert sum(path.stat().st_size for path in (tmp_path / "small").iterdir()) <= 5 << 20


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_another_form_is_none_of_ours(tmp_path: Path, form: int) -> None:
    with pytest.raises(tar_members.Damaged, match="no archive of GNU tar"):
        unpack(packed(member("./good", content=b"22"), form=form), tmp_path / "to")


def test_who_is_killed_says_nothing_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is short: a good archive must not be set aside."""
    content = packed(member("./good", content=b"22"))
    for name in ("UNZSTD", "UNTAR"):
        with monkeypatch.context() as patched:
            patched.setattr(archive, name, ("sh", "-c", "kill -9 $$"))
            with pytest.raises(OSError):
                unpack(content, tmp_path / "to")


def test_who_cannot_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed(member("./good", content=b"22"))

    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(archive._Feeder, "start", fail)
    with pytest.raises(OSError) as caught:
        unpack(content, tmp_path / "to")
    assert caught.value.errno == errno.EAGAIN


def test_programs_are_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed(member("./good", content=b"22"))
    for name in ("tar", "zstd", "choom", "busctl"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TAR_OPTIONS", "--checkpoint=1 --checkpoint-action=exec=true")
    unpack(content, tmp_path / "to")
    assert (tmp_path / "to" / "good").exists() and not (tmp_path / "ran").exists()
    process = programs.start(["sh", "-c", "cat /proc/self/oom_score_adj; echo $PATH"], stdout=subprocess.PIPE)
    assert process.communicate()[0].decode().split() == ["500", programs.PATH]


def test_whoever_talks_a_lot_is_not_waited_for() -> None:
    process = programs.start(["sh", "-c", "yes long | head -c 1000000 >&2; echo last >&2"])
    output = b""
    while process.poll() is None:
        output = programs.said(process, output)
    assert programs.last_line(programs.said(process, output)) == "last" and len(output) <= programs.LAST
    assert process.stderr
    process.stderr.close()


@given(st.binary(max_size=3000), st.integers(0, 600))
def test_no_stream_at_all_breaks_it(data: bytes, cut: int) -> None:
    good = io.BytesIO()
    with tarfile.open(fileobj=good, mode="w", format=tarfile.GNU_FORMAT) as tar:
        member("x", content=b"1")(tar)
    for stream in (data, good.getvalue()[:cut] + data):
        out = SimpleNamespace(size=0)

        def write(part: bytes, out: SimpleNamespace = out) -> None:
            out.size += len(part)

        one = tar_members.Filter(write, 1 << 20, 1 << 20)
        try:
            one.feed(stream)
            one.finish()
        except tar_members.Damaged:
            pass
        assert out.size <= len(stream) + 1024
