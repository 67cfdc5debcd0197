"""Files of metadata that are none, or giants: they cost their package's entry, and no time."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from melda.envs import document
from melda.envs.capture import pack
from melda.envs.errors import UsageError

from tests.unit.melda.envs.conftest import Image, distribution, r_package
from tests.unit.melda.envs.test_capture import packages


class TestOddFiles:
    """What is no regular file, or a giant: its entry, and no time."""

    def odd(self, path: Path, how: str) -> None:
        path.unlink(missing_ok=True)
        if how == "fifo":
            os.mkfifo(path)
        elif how == "folder":
            path.mkdir()
        elif how == "circle":
            path.symlink_to(path.name)
        elif how == "device":
            path.symlink_to("/dev/zero")
        else:
            with path.open("wb") as stream:
                stream.truncate(10 << 30)

    @pytest.mark.parametrize("how", ["fifo", "folder", "circle", "device", "giant"])
    @pytest.mark.parametrize(
        "name", ["METADATA", "RECORD", "direct_url.json", "top_level.txt", "WHEEL", "entry_points.txt"]
    )
    def test_of_python(self, image: Image, name: str, how: str) -> None:
        distribution(image.own_python, "good", "1.0")
        self.odd(distribution(image.own_python, "zebra", "1.0", {"url": "file:///x.whl"}) / name, how)
        began = time.monotonic()
        found = image.look()
        kept, failures = pack.keep(found, str(image.root / "files"))
        assert time.monotonic() - began < 5
        names = list(packages(found.document, "python"))
        assert names == (["good"] if name in ("METADATA", "RECORD", "direct_url.json") else ["good", "zebra"])
        assert (list(failures) == ["zebra"]) is (name == "WHEEL")
        document.check(found.document, "x")

    @pytest.mark.parametrize("how", ["fifo", "folder", "circle", "device", "giant"])
    def test_of_r(self, image: Image, how: str) -> None:
        r_package(image.own_r, "good", "1.0", Repository="CRAN")
        self.odd(r_package(image.own_r, "zebra", "1.0", Repository="CRAN") / "DESCRIPTION", how)
        assert list(packages(image.capture(), "r")) == ["good"]

    def test_what_the_callers_shell_hands_over_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        read, write = os.pipe()
        os.write(write, b"zebra==1.0\n")
        os.close(write)
        assert document.read_text(f"/dev/fd/{read}") == "zebra==1.0\n"
        os.close(read)
        with pytest.raises(UsageError, match="is larger than"):
            document.read_text(f"/dev/fd/{os.open('/dev/zero', os.O_RDONLY)}")


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("where", ["own_python", "own_r", "status"])
def test_what_cannot_be_read_is_not_taken_for_removed(
    image: Image, monkeypatch: pytest.MonkeyPatch, where: str, number: int
) -> None:
    """A snapshot without it would take the place of the one in the project, and no other container would have it again."""
    distribution(image.own_python, "good", "1.0")
    r_package(image.own_r, "good", "1.0", Repository="CRAN")
    bad = str(getattr(image, where))

    def failing(real: Any) -> Any:
        def call(path: Any, *more: Any, **named: Any) -> Any:
            if str(path) == bad:
                raise OSError(number, os.strerror(number), bad)
            return real(path, *more, **named)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", failing(os.listdir))
        patched.setattr("builtins.open", failing(open))
        with pytest.raises(UsageError) as told:
            image.look()
    reason = os.strerror(number)
    assert str(told.value) == f"{bad} cannot be read: {reason}; what was written down before stays"
    assert packages(image.capture(), "python") and packages(image.capture(), "r")


@pytest.mark.parametrize("how", ["gone", "file"])
def test_a_folder_that_is_not_there_has_nothing(image: Image, how: str) -> None:
    for folder in (image.own_python, image.own_r):
        shutil.rmtree(folder)
        if how == "file":
            folder.touch()
    image.status.unlink()
    assert not packages(image.capture(), "python") and not packages(image.capture(), "r")
