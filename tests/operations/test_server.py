"""tasks/operations/server.py: a locale is made, and those that are there stay."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

from tasks import system
from tasks.operations import server

from .conftest import Run
from .test_system import DONE


def put(folder: Path, programs: dict[str, str]) -> None:
    """Write programs that stand in for others: name -> what a shell is to do."""
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize("archive", ["good", "cut off", "refused", "missing"])
def test_an_archive_of_locales_that_cannot_be_added_to_is_made_again(run: Run, tmp_path: Path, archive: str) -> None:
    """Each run ended with localedef's error, or took what an archive names for what works; others' locales are in it, too."""
    path = tmp_path / "archive"
    if archive != "missing":
        path.write_text(archive)
    programs = {
        "localedef": f'[ "$(cat {path} 2>/dev/null)" != refused ] && {{ [ -s {path} ] || echo good >{path}; }}',
        "locale": f"case $(cat {path}) in good) echo UTF-8;; *) echo ANSI_X3.4-1968;; esac",
    }
    put(tmp_path, programs)
    before = path.stat().st_mtime_ns if archive == "good" else 0
    (command,) = run(system.system, DONE | {"charmap": ""})["Generate the locale"]
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", command.replace(server.ARCHIVE, str(path))], env=environ, check=True)
    assert path.read_text().strip() == "good" and (not before or path.stat().st_mtime_ns == before)
    assert not [*tmp_path.glob("archive.*")]


@pytest.mark.parametrize(
    ("archive", "killed", "after"),
    [("whole", 9, "whole"), ("whole", 0, "whole+ours"), ("cut", 0, "de+ours")],
)
@pytest.mark.parametrize("left", [False, True])
def test_other_locales_of_a_host_stay(
    run: Run, tmp_path: Path, archive: str, killed: int, after: str, left: bool
) -> None:
    """localedef that was killed, or found no room, took a healthy archive away, and with it all locales of the host."""
    path = tmp_path / "archive"
    path.write_text(archive)
    if left:  # by a run that was killed
        path.write_text("half")
        Path(f"{path}.melda-old").write_text(archive)
    programs = {
        "localedef": f'[ {killed} = 0 ] || exit {killed}; [ "$(cat {path} 2>/dev/null)" != cut ] || kill -SEGV $$;'
        f" [ ! -s {path} ] || printf + >>{path}; printf ours >>{path}",
        "locale": f"case $(cat {path}) in *ours) echo UTF-8;; *) echo ANSI_X3.4-1968;; esac",
        "locale-gen": f'[ "$*" = --keep-existing ] && [ ! -e {path} ] && printf de >{path}',
    }
    put(tmp_path, programs)
    (command,) = run(system.system, DONE | {"charmap": ""})["Generate the locale"]
    command = command.replace(server.ARCHIVE, str(path))
    done = subprocess.run(["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    assert (done.returncode == 0) is (killed == 0)
    assert path.read_text() == after
    assert not [*tmp_path.glob("archive.*")]


def test_nobody_who_reads_the_archive_holds_a_run_up(run: Run, tmp_path: Path) -> None:
    """localedef waited for ever for a user's lock."""
    path = tmp_path / "archive"
    path.write_text("whole")
    programs = {
        "localedef": f"flock -n {path} true && printf +ours >>{path}",
        "locale": f"case $(cat {path}) in *ours) echo UTF-8;; *) echo ANSI_X3.4-1968;; esac",
    }
    put(tmp_path, programs)
    (command,) = run(system.system, DONE | {"charmap": ""})["Generate the locale"]
    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        command = command.replace(server.ARCHIVE, str(path))
        subprocess.run(["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert path.read_text() == "whole+ours" and not [*tmp_path.glob("archive.*")]
