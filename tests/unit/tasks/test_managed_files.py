"""tasks/lib/managed_files.py: several files in one upload, by the commands themselves in a real shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api import FileUploadCommand, StringCommand

from tasks.facts.files import THEIRS, PathStats
from tasks.lib import managed_files, staging
from tasks.lib.managed_files import ManagedFile

MANY = 40


def put(entries: list[ManagedFile], present: managed_files.Stats | None = None) -> list[str]:
    """Run the commands that make ``entries``; the commands."""
    ran = []
    for command in managed_files.diff(entries, present or {}):
        if isinstance(command, FileUploadCommand):
            Path(command.dest).write_bytes(command.src.getvalue())
            ran.append("put")
        else:
            ran.append(command.get_masked_value())
            subprocess.run(["sh", "-c", ran[-1].replace("chown", "true chown")], check=True)
    return ran


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads lie, of this test alone."""
    found = tmp_path / "melda-jupyter.provision"
    monkeypatch.setattr(managed_files, "FOLDER", str(found))
    monkeypatch.setattr(managed_files, "ENTER", staging.ENTER.replace(staging.FOLDER, str(found)))
    monkeypatch.setattr(managed_files, "RUN", "")
    monkeypatch.setattr(managed_files, "PACKED", f"{found}/files.tar")
    return found


def test_each_gets_its_content_mode_and_name(tmp_path: Path, folder: Path) -> None:
    there = tmp_path / "there"
    contents = {there / f"{'long' * 30}'s {number}": os.urandom(number * 100) for number in range(MANY)}
    entries = [ManagedFile(str(there), mode="755")]
    entries += [ManagedFile(str(path), content, mode="750") for path, content in contents.items()]
    ran = put(entries)
    assert {path: path.read_bytes() for path in contents} == contents
    assert {path.stat().st_mode & 0o7777 for path in contents} == {0o750}
    assert sorted(path.name for path in there.iterdir()) == sorted(path.name for path in contents)
    assert ran.count("put") == 1 and len(ran) == 3, "as many commands however many files"
    assert not folder.exists()


def test_however_many_folders_and_links_are_one_command(tmp_path: Path) -> None:
    folders = [ManagedFile(f"{tmp_path}/it's {number}", mode="755") for number in range(MANY)]
    links = [ManagedFile(f"{folder.path}/link", link="/usr") for folder in folders]
    assert len(put([*folders, *links])) == 1
    assert all(os.readlink(link.path) == "/usr" for link in links)


def test_of_commands_that_were_made_one_none_follows_a_failure(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    theirs = tmp_path / "link"
    theirs.symlink_to("folder")
    entries = [ManagedFile(str(tmp_path / name), mode="755") for name in ("first", "link", "last")]
    with pytest.raises(subprocess.CalledProcessError):
        # What was found is older than the link.
        put(entries)
    assert (tmp_path / "first").is_dir() and theirs.is_symlink() and not (tmp_path / "last").exists()


def test_what_lies_in_the_way_is_not_written_to(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    (tmp_path / "a.melda-new").symlink_to(theirs)
    (tmp_path / "b").symlink_to(theirs)
    put([ManagedFile(str(tmp_path / "a"), b"A"), ManagedFile(str(tmp_path / "b"), b"B")])
    assert theirs.read_text() == "theirs"
    assert (tmp_path / "a").read_text() == "A" and (tmp_path / "b").read_text() == "B"
    assert not (tmp_path / "b").is_symlink()


def test_below_a_link_to_a_folder_all_is_made_again(tmp_path: Path) -> None:
    """What is seen there goes aside with the link."""
    (tmp_path / "real/below").mkdir(parents=True)
    (tmp_path / "real/below/x").write_text("X")
    (tmp_path / "real/file").write_text("")
    (tmp_path / "there").symlink_to(tmp_path / "real")
    folders = [ManagedFile(f"{tmp_path}/there{name}", mode="755") for name in ("", "/below", "/file")]
    file = ManagedFile(f"{tmp_path}/there/below/x", b"X")
    fact = PathStats()
    command = fact.command([entry.path for entry in (*folders, file)])
    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    put([*folders, file], fact.process(shown.stdout.splitlines()))
    assert (tmp_path / "there/below/x").read_text() == "X" and (tmp_path / "there/file").is_dir()
    assert not (tmp_path / "there").is_symlink() and (tmp_path / "real/below/x").read_text() == "X"


def test_a_folder_above_that_is_somebodys_is_given_back_to_root() -> None:
    """Else whose it is puts there what root runs; where an administrator may have folders they stay."""
    for folder, given in (("/usr/local/bin", True), ("/", True), ("/data/app", False)):
        entry = ManagedFile(f"{folder.rstrip('/')}/x", b"X")
        present = {entry.path: managed_files.expected(entry), folder: THEIRS}
        commands = [command.get_masked_value() for command in managed_files.diff([entry], present)]
        assert [c.rpartition("; fi; ")[2] for c in commands] == (
            [f"chown -h root:root {folder} && chmod o-w {folder}/."] if given else []
        )
        assert managed_files.in_sync([entry], present) is not given


def test_a_link_above_to_a_folder_of_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run said that it was given back to root, and changed nothing."""
    (tmp_path / "real").mkdir(mode=0o755)
    (tmp_path / "opt").symlink_to("real")
    monkeypatch.setattr(managed_files, "_SYSTEM", (f"{tmp_path}/",))
    entry = ManagedFile(f"{tmp_path}/opt/x", b"X")
    present = {entry.path: managed_files.expected(entry), f"{tmp_path}/opt": THEIRS}
    (command,) = managed_files.diff([entry], present)
    assert isinstance(command, StringCommand)
    done = subprocess.run(["sh", "-c", command.get_raw_value()], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "/opt is a link" in done.stderr


def test_nothing_is_put_in_place_unless_all_could_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before")
    missing = tmp_path / "file" / "b"
    (tmp_path / "file").write_text("")
    with pytest.raises(subprocess.CalledProcessError):
        put([ManagedFile(str(tmp_path / "a"), b"A"), ManagedFile(str(missing), b"B")])
    assert (tmp_path / "a").read_text() == "before"


def test_two_runs_have_no_unfinished_file_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second to rename one found none, and ended."""
    monkeypatch.undo()
    names = set()
    for mark in (managed_files.RUN, ".another"):
        monkeypatch.setattr(managed_files, "RUN", mark)
        *_, command = managed_files.put(ManagedFile(f"{tmp_path}/a", b"A"))
        names.add(command.get_raw_value().split()[2])
    assert len(names) == 2 and all(name.endswith(managed_files.NEW) for name in names)
