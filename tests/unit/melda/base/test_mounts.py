"""Mounting by descriptor, in a mount namespace of its own: whatever is called what by then."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from melda.base import mounts

from tests.unit.melda.conftest import RUNTIME

MOUNTINFO = """\
22 1 0:20 / / rw - overlay overlay rw
30 22 0:45 / /a\\040b\\134c\\012d rw,nosuid - ext4 /dev/sda1 rw
31 30 0:46 / /a\\040b\\134c\\012d rw shared:1 master:2 - fuse.s3fs s3fs rw,user_id=0
"""
BEGIN = """
import os, sys
from pathlib import Path
sys.path.insert(0, {runtime!r})
from melda.base import descriptors
from melda.base import mounts
top = Path({top!r})
def opened(name): return descriptors.folder(str(top / name), os.O_PATH)
def names(name): return sorted(path.name for path in (top / name).iterdir())
"""


def in_a_namespace(top: Path, code: str, propagation: str = "private") -> None:
    """Run Python where mounts are nobody else's."""
    text = BEGIN.format(runtime=str(RUNTIME), top=str(top)) + textwrap.dedent(code)
    argv = ["unshare", "--mount", "--propagation", propagation, sys.executable, "-c", text]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.stderr.startswith("unshare"):
        pytest.skip(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    if os.getuid() != 0:
        pytest.skip("only root mounts")
    for name in ("bucket/in-the-bucket", "project", "etc/inside", "local/inner"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_a_line_of_mountinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTINFO)
    monkeypatch.setattr(mounts, "MOUNTINFO", str(tmp_path / "mountinfo"))
    assert mounts.at("/a b\\c\nd") == mounts.Mount(31, "0:46", "/a b\\c\nd", "fuse.s3fs"), "it covers the one before"
    assert mounts.at("/none") is None


def test_a_folder_that_was_exchanged_for_a_link_leads_nowhere(top: Path) -> None:
    in_a_namespace(
        top,
        """
        project = opened("project")
        os.rename(top / "project", top / "moved")
        os.symlink(top / "etc", top / "project")
        mounts.bind(opened("bucket"), project)
        assert names("moved") == ["in-the-bucket"] and names("etc") == ["inside"]
        assert mounts.at(str(top / "moved")) and not mounts.at(str(top / "etc"))
        """,
    )


def test_only_the_mount_that_was_found_is_taken_away_with_what_is_in_it(top: Path) -> None:
    in_a_namespace(
        top,
        """
        mounts.bind(opened("bucket"), opened("project"))
        mounts.bind(opened("local"), opened("project/in-the-bucket"))
        found = mounts.at(str(top / "project"))
        assert names("project/in-the-bucket") == ["inner"]
        for other, reason in ((found._replace(number=1), "another folder is there by now"),
                              (found._replace(path=str(top / "none")), "No such file or directory")):
            try:
                mounts.detach(other)
                raise AssertionError(reason)
            except OSError as error:
                assert reason in str(error), error
        mounts.detach(found)
        assert not mounts.at(str(top / "project")) and names("project") == []
        """,
    )


@pytest.mark.parametrize("propagation", ["private", "shared"])
def test_what_is_mounted_in_one_place_does_not_appear_in_the_other(top: Path, propagation: str) -> None:
    """Where systemd runs, mounts are shared."""
    in_a_namespace(
        top,
        """
        mounts.bind(opened("bucket"), opened("bucket"))
        mounts.make_private(str(top / "bucket"))
        mounts.bind(opened("bucket"), opened("project"))
        mounts.bind(opened("local"), opened("project/in-the-bucket"))
        assert names("project/in-the-bucket") == ["inner"] and names("bucket/in-the-bucket") == []
        """,
        propagation,
    )


def test_what_cannot_be_mounted_is_an_error(top: Path) -> None:
    with pytest.raises(OSError):
        mounts.bind(-1, -1)
    with pytest.raises(OSError):
        mounts.make_private(str(top))
