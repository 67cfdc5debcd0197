"""tasks/operations/dpkg.py: what is missing of installed packages comes back, and what somebody changed stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tasks import system
from tasks.facts.dpkg import FAILED, BrokenAlternatives, LackingFiles
from tasks.operations import apt

from .conftest import Run
from .test_system import DONE


def test_a_program_that_is_missing_is_put_back_from_its_package(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Not by installing it again: without python3 the scripts of its package fail."""
    lacking = {"s3fs": {"/usr/bin/s3fs"}, "python3-minimal": {"/usr/bin/python3"}}
    commands = run(system.system, DONE | {LackingFiles: lacking})
    ((*_, command),) = commands.values()
    assert " download " in command and "for p in python3-minimal s3fs;" in command and "--skip-old-files" in command
    assert "--reinstall" not in command
    listed = b"python3-minimal\t/usr/bin/python3\ns3fs\t/usr/bin/s3fs\n"
    assert commands.uploads["/var/lib/melda-jupyter.provision/lacking.txt"] == listed
    assert "missing, empty, of no use or not root's, and restored: /usr/bin/python3 /usr/bin/s3fs" in caplog.text


def test_where_nobody_can_tell_what_is_missing_the_run_ends(run: Run) -> None:
    commands = run(system.system, DONE | {LackingFiles: {FAILED: set()}, BrokenAlternatives: [[]]})
    assert [command.split(": expected")[0] for (command,) in commands.values()] == [
        "echo 'where alternatives lead cannot be told",
        "echo 'what is left of packages cannot be told",
        "echo 'where alternatives lead cannot be told",
    ]
    assert all(command.endswith("; exit 1") for (command,) in commands.values())


def test_alternatives_lead_somewhere_before_apt_is_called_and_after_files_were_put_back(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """apt checks signatures with awk, which is an alternative; and update-alternatives forgets what is missing."""
    found = {True: [["--auto", "awk"]], False: [["--set", "editor", "/bin/nano"]]}
    commands = run(system.system, DONE | {BrokenAlternatives: lambda whole: found[whole]})
    assert commands == {
        "Let alternatives lead to programs that are there": ["update-alternatives --quiet --auto awk"],
        "Let alternatives lead to what was put back": ["update-alternatives --quiet --set editor /bin/nano"],
    }
    assert [name.split(" | ")[-1] for name in commands.names][1] == "Let alternatives lead to programs that are there"
    assert "led nowhere, and restored: awk" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dpkg-deb"), reason="root's files, and dpkg itself")
def test_of_a_package_what_is_missing_comes_back_and_what_is_changed_stays(run: Run, tmp_path: Path) -> None:
    root, tree = tmp_path / "root", tmp_path / "tree"
    files = (
        "usr/bin/it",
        "etc/it/gone",
        "etc/it/changed",
        "etc/it/unwanted",
        "usr/share/R/x",
        "usr/share/doc/it",
        "usr/lib/it",
        "usr/lib/theirs",
        "usr/lib/cut",
        "usr/lib/gone.so",
    )
    for name in files:
        for top in (tree, root):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(f"{name}\n")
    (root / "etc/it/changed").write_text("an administrator's\n")
    (root / "usr/bin/it/in").mkdir(parents=True)
    for name in ("theirs", "cut"):
        (root / "usr/lib" / name).touch()
        os.chown(root / "usr/lib" / name, 4242, 4242)
    (root / "usr/lib/gone.so").symlink_to("nowhere")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: it\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: a\n"
    )
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", tree, tmp_path / "it.deb"], check=True, stdout=subprocess.DEVNULL
    )
    for name, text in (
        ("apt-get", f"cp {tmp_path}/it.deb ."),
        ("dpkg-query", ""),
        ("ldconfig", ""),
        ("dpkg-reconfigure", "exit 9"),
        # Where all programs were somebody's it had removed them all, itself too, and nothing could put them back.
        ("rm", "exit 9"),
        ("dpkg-statoverride", f"echo root '#3' 2750 {root}/usr/bin/it; echo root root 0 /nowhere"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    restored = ("usr/bin/it", "etc/it/gone", "usr/lib/theirs", "usr/lib/cut", "usr/lib/gone.so")
    lacking = {"it": {f"/{name}" for name in (*restored, "usr/share/R/x")}}
    commands = run(system.system, DONE | {LackingFiles: lacking})
    (work := tmp_path / "work").mkdir()
    listed = commands.uploads["/var/lib/melda-jupyter.provision/lacking.txt"].decode()
    (work / "lacking.txt").write_text(listed.replace("\t/", f"\t{root}/"))
    command = (
        commands["Put files of these packages back that are missing"][-1]
        .partition(" ( set -e; ")[2]
        .rpartition(" ); status")[0]
    )
    command = command.replace("tar -C /", f"tar -C {root}").replace("sed s/^/./", f"sed s,^{root},.,")
    environ = {"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run(["sh", "-c", f"set -e; {command}"], cwd=work, env=environ, check=True)
    there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert there == {*restored, "usr/lib/it", "etc/it/changed", "usr/share/R/x"}
    for name in restored:
        assert (root / name).read_text() == f"{name}\n" and (root / name).lstat().st_uid == 0
    assert (root / "etc/it/changed").read_text() == "an administrator's\n"
    about = (root / "usr/bin/it").stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o7777) == (0, 3, 0o2750), "as dpkg-statoverride says"
    assert [path.name[:13] for path in (root / "usr/bin").iterdir() if path.is_dir()] == ["it.set-aside-"]


def test_packages_of_r_and_of_the_set_are_among_those_that_are_put_back(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder of R's library that was removed stayed away for ever, and each run installed what apt took for installed."""
    asked: set[str] = set()
    run(system.system, DONE | {LackingFiles: lambda names: asked.update(names) or {}}, packages="datascience")
    assert {"r-cran-*", "graphviz", "s3fs", "r-base-core"} <= asked
    many = {"r-cran-dplyr": {f"/usr/lib/R/site-library/dplyr/R/{number:04}" for number in range(4000)}}
    commands = run(system.system, DONE | {LackingFiles: many})
    assert max(len(text) for texts in commands.values() for text in texts) < 2000, "a command line has an end"
    assert "dplyr/R/0019 and 3980 more" in caplog.text


def test_what_is_unpacked_again_was_cut_off_or_lacks_a_file_of_dpkgs(tmp_path: Path) -> None:
    """dpkg --audit calls it broken for ever, and dpkg --configure mends nothing of it."""
    packages = (
        "libc6 amd64",
        "sed amd64",
        "tzdata all",
        "libgone amd64",
        "bash amd64",
        "empty all",
        "meta all",
        "lost all",
    )
    lines = ["reinstreq half-installed tree amd64", *(f"ok installed {package}" for package in packages)]
    lines += ["reinstreq half-installed new ", "ok config-files gone amd64", "ok unpacked git amd64"]
    for name in ("libc6:amd64.list", "libc6:amd64.md5sums", "sed.md5sums", "tzdata.list", "bash.list", "bash.md5sums"):
        (tmp_path / name).write_text("/.\n")
    (tmp_path / "empty.list").write_text("")
    (tmp_path / "empty.md5sums").write_text("a  b\n")
    # A package without files has nothing that could be cut off.
    (tmp_path / "meta.list").write_text("")
    (tmp_path / "meta.md5sums").write_text("")
    (tmp_path / "lost.md5sums").write_text("")
    only = apt._HALF.partition(" | ")[2].replace(apt._INFO, str(tmp_path))
    shown = subprocess.run(
        ["sh", "-c", only], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True
    )
    assert (
        shown.stdout.split() == ["tree:amd64", "sed:amd64", "tzdata", "libgone:amd64", "empty", "lost", "new"]
        and not shown.stderr
    )
