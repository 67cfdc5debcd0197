"""What apt and dpkg are asked, by a real shell in a folder that stands in for a target's."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.facts.apt import BROKEN, REFUSED, AptState, Reachable, Upgradable
from tasks.facts.r import PackageOrigins
from tasks.lib import apt_get, staging

ORIGINS = {"users": "/var/lib/melda-jupyter/bspm.json", "listed": "/usr/local/share/melda-jupyter/r-packages"}


class Target:
    """A folder with the files of a target that the commands name, and programs that stand in for apt's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, path: str) -> Path:
        return self.folder / path[1:]

    def write(self, path: str, text: str) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)
        if path.startswith("/bin"):
            self.path(path).chmod(0o755)

    def ask(self, fact: Any, **arguments: str) -> Any:
        command = fact.command(**arguments)
        for top in ("var", "etc", "usr"):
            command = command.replace(f" /{top}/", f" {self.folder}/{top}/")
        shown = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=True, env={"PATH": f"{self.folder}/bin:/usr/bin:/bin"}
        )  # fmt: skip
        assert shown.stderr == ""
        return fact.process(shown.stdout.splitlines())


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


MAIN, UPDATES = "mirror_dists_bookworm_", "mirror_dists_bookworm-updates_"
PACKAGES = "main_binary-amd64_Packages"
SIGNED = "SHA256:\n {0} 9 main/binary-amd64/Packages\n {0} 0 main/binary-all/Packages\n-----END PGP SIGNATURE-----\n"


@pytest.mark.parametrize(
    ("path", "text", "damaged"),
    [
        ("", "", False),
        (MAIN + PACKAGES, "", True),
        (MAIN + PACKAGES, "12345678", True),
        (MAIN + PACKAGES, None, True),
        (UPDATES + PACKAGES + ".lz4", "", True),
        (UPDATES + PACKAGES + ".lz4", "12345678", True),
        (MAIN + "InRelease", "", True),
        (MAIN + "InRelease", SIGNED.format("a" * 64)[:90], True),
    ],
)
def test_lists_that_are_cut_off_or_gone(tmp_path: Path, path: str, text: str | None, damaged: bool) -> None:
    """The stamp and the signed files are as they were, so nothing was fetched, and what apt has was said to be not available."""
    programs, lists = tmp_path / "bin", tmp_path / "lists"
    programs.mkdir()
    lists.mkdir()
    (lists / (MAIN + "InRelease")).write_text(SIGNED.format("a" * 64))
    (lists / (UPDATES + "Release")).write_text(SIGNED.format("a" * 64))
    (lists / (MAIN + PACKAGES)).write_text("123456789")
    (lists / (UPDATES + PACKAGES + ".lz4")).write_text("123456789")
    keys = [f"main/binary-{arch}/Packages" for arch in ("amd64", "all", "armhf")]
    rows = "".join(
        f"echo {key} /nonexistent/{start}{key.replace('/', '_')}\n" for key in keys for start in (MAIN, UPDATES)
    )
    for name, script in {"apt-get": rows, "dpkg": "", "helper": 'exec cat "$2"\n'}.items():
        (programs / name).write_text("#!/bin/sh\n" + script)
        (programs / name).chmod(0o755)
    if text is None:
        (lists / path).unlink()
    elif path:
        (lists / path).write_text(text)
    command = AptState().command().replace(apt_get.LISTS, str(lists)).replace(apt_get.HELPER, f"{programs}/helper")
    shown = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True, env={"PATH": f"{programs}:/usr/bin:/bin"}
    )
    assert AptState().process(shown.stdout.splitlines()).damaged == ((f"{lists}/{path}",) if damaged else ())


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt itself")
def test_the_state_of_the_lists_leaves_the_cache_of_apt_as_it_is(tmp_path: Path) -> None:
    """It was made anew, of no lists, by each run: the next apt read all lists again, 0.7 s of the processor."""
    (tmp_path / "cache").mkdir()
    # In Docker's own images a part of the configuration says that there is no cache.
    (tmp_path / "apt.conf").write_text(f'Dir::Cache "{tmp_path}/cache/"; Dir::Etc "{tmp_path}/";\n')
    environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "APT_CONFIG": str(tmp_path / "apt.conf")}
    subprocess.run(["sh", "-c", AptState().command()], capture_output=True, check=True, env=environ)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("names", [(), ("bash", "libc6")])
def test_what_apt_would_upgrade_and_asking_writes_nothing(target: Target, names: tuple[str, ...]) -> None:
    lines = "".join(f"echo 'Inst {name} [1] (2 Debian:12 [amd64])'\n" for name in names)
    target.write("/bin/apt-get", f"#!/bin/sh\n{lines}echo 'Conf libc6'\n")
    before = sorted(target.folder.rglob("*"))
    assert target.ask(Upgradable()) == list(names)
    assert sorted(target.folder.rglob("*")) == before


def test_a_broken_apt_says_so(target: Target) -> None:
    target.write(
        "/bin/apt-get", "#!/bin/sh\necho 'E: Unmet dependencies. Try apt --fix-broken install' >&2\nexit 100\n"
    )
    assert target.ask(Upgradable()) == [BROKEN]


@pytest.mark.parametrize(
    ("line", "code"), [("E: The value 'x' is invalid for APT::Default-Release", 100), ("", 100), ("E: x", 0)]
)
def test_an_apt_that_refuses_is_no_answer(target: Target, line: str, code: int) -> None:
    """It was taken for one that has nothing to upgrade: no security update came any more, and each run said that all was well."""
    target.write("/bin/apt-get", f'#!/bin/sh\necho Reading...; echo "{line}" >&2; exit {code}\n')
    assert target.ask(Upgradable()) == [REFUSED]


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt itself")
@pytest.mark.parametrize("fault", ["preferences", "release"])
def test_what_the_real_apt_refuses(tmp_path: Path, fault: str) -> None:
    (tmp_path / "preferences").write_text("Pin: nothing\n" if fault == "preferences" else "")
    settings = [f'Dir::Etc::preferences "{tmp_path}/preferences";']
    settings += ['APT::Default-Release "gone";'] if fault == "release" else []
    (tmp_path / "apt.conf").write_text("\n".join(settings) + "\n")
    environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "APT_CONFIG": str(tmp_path / "apt.conf")}
    shown = subprocess.run(
        ["sh", "-c", Upgradable().command()], capture_output=True, text=True, check=True, env=environ
    )
    assert Upgradable().process(shown.stdout.splitlines()) == [REFUSED]


def test_who_brought_an_r_package(target: Target) -> None:
    target.write(
        "/bin/dpkg-query",
        "#!/bin/sh\necho 'installed:r-cran-zoo\ninstalled:r-cran-lattice\nconfig-files:r-cran-ape'\n",
    )
    states = "Package: {}\nArchitecture: amd64\nAuto-Installed: {}\n\n"
    text = states.format("r-cran-lattice", 1) + states.format("r-cran-zoo", 0) + states.format("libc6", 1)
    target.write("/var/lib/apt/extended_states", text)
    target.write(ORIGINS["listed"], "zoo\n")
    assert target.ask(PackageOrigins(), **ORIGINS) == {"manual": {"r-cran-zoo"}, "listed": {"zoo"}}


HOLD = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"


def test_whoever_has_apt_is_waited_for(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("")
    wait = ["perl", "-MFcntl", "-e", apt_get._WAIT]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin and holder.stdout and holder.stdout.readline()
        before = time.monotonic()
        subprocess.run([*wait, "1", tmp_path / "missing", lock], check=True)
        assert time.monotonic() - before > 0.9, "not for ever"
        with subprocess.Popen([*wait, "60", lock]) as waiting:
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(0.5)
            holder.communicate("\n")
            assert waiting.wait(10) == 0


def test_a_run_that_is_at_work_is_waited_for_and_its_folder_left(tmp_path: Path) -> None:
    """Two runs on one target removed each other's uploads."""
    folder = tmp_path / "provision"
    folder.mkdir()
    command = staging.fresh(str(folder), "755").get_raw_value().replace(staging.FOLDER, str(folder))
    in_use = staging.IN_USE.replace(staging.FOLDER, str(folder))
    with subprocess.Popen(["cat"], cwd=folder, stdin=subprocess.PIPE) as other:
        assert subprocess.run(["sh", "-c", in_use], check=False).returncode == 0
        impatient = command.replace(f"= {staging.PATIENCE} ]", "= 1 ]")
        refused = subprocess.run(["sh", "-c", impatient], check=False, capture_output=True, text=True)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1) and "expected one at a time" in refused.stderr
        assert folder.is_dir()
        other.communicate(b"")
    subprocess.run(["sh", "-c", command], check=True)
    assert subprocess.run(["sh", "-c", in_use], check=False).returncode == 0, "what travels there is not removed"
    enter = staging.ENTER.replace(staging.FOLDER, str(folder))
    subprocess.run(["sh", "-c", f"{enter} && ls -A . >{tmp_path}/there; rm -r {folder}"], check=True)
    until_free = f"n=0; while {in_use}; do n=$((n + 1)); [ $n -lt 50 ] || exit 9; sleep 0.1; done"
    assert subprocess.run(["sh", "-c", until_free], check=False).returncode == 0
    assert (tmp_path / "there").read_text() == ""


def test_of_two_runs_that_wait_one_makes_the_folder(tmp_path: Path) -> None:
    """Between a folder that was made and the command that works in it nobody was seen there, and the other run removed it."""
    folder = tmp_path / "provision"
    command = staging.fresh(str(folder), "755").get_raw_value().replace(staging.FOLDER, str(folder))
    enter = staging.ENTER.replace(staging.FOLDER, str(folder))
    use = f"echo $$ >{folder}/mine; sleep 0.5; {enter} && [ $(cat mine) = $$ ]; status=$?; cd / && rm -rf {folder}; exit $status"
    runs = [subprocess.Popen(["sh", "-c", f"( {command} ) && {use}"]) for _ in range(3)]
    assert [one.wait(30) for one in runs] == [0, 0, 0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_nobody_else_holds_a_run_up_by_a_lock(tmp_path: Path) -> None:
    """Whoever locked a folder that all may read hung each run, without a line; root's lock ends it with one."""
    folder = tmp_path / "all/provision"
    folder.parent.mkdir(mode=0o755)
    lock = Path(f"{folder}.lock")
    command = staging.fresh(str(folder), "755").get_raw_value().replace(staging.FOLDER, str(folder))
    command = command.replace(f"= {staging.PATIENCE} ]", "= 1 ]")
    for user, status in ((65534, 0), (0, 1)):
        lock.touch(0o600)
        with contextlib.ExitStack() as held:
            above = os.open(folder.parent, os.O_RDONLY)  # somebody else cannot come here by the path of a test
            held.callback(os.close, above)
            os.seteuid(user)
            try:
                for path in (lock.name, "."):
                    with contextlib.suppress(PermissionError):
                        locked = os.open(path, os.O_RDONLY, dir_fd=above)
                        held.callback(os.close, locked)
                        fcntl.flock(locked, fcntl.LOCK_EX)
            finally:
                os.seteuid(0)
            done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True, timeout=20)
            assert (done.returncode, done.stderr.count("\n")) == (status, status), done.stderr
        subprocess.run(["sh", "-c", f"kill $(cat {folder}/{staging.HELD}); rm -r {folder} {lock}"], check=False)
    subprocess.run(["sh", "-c", command], check=True)
    assert lock.stat().st_mode & 0o777 == 0o600
    subprocess.run(["sh", "-c", f"kill $(cat {folder}/{staging.HELD})"], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_nobody_else_holds_a_run_up_by_going_into_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "provision"
    folder.mkdir()
    in_use = staging.IN_USE.replace(staging.FOLDER, str(folder))
    with subprocess.Popen(["cat"], cwd=folder, stdin=subprocess.PIPE, user=65534) as other:
        assert subprocess.run(["sh", "-c", in_use], check=False).returncode == 1
        other.communicate(b"")


@pytest.mark.parametrize(("made", "helper"), [(False, True), (True, False), (True, True)])
def test_a_question_that_cannot_be_asked_is_no_answer(tmp_path: Path, made: bool, helper: bool) -> None:
    """Without inodes in /tmp each source was called silent, and what it has was left out."""
    mktemp, program = tmp_path / "mktemp", tmp_path / "helper"
    mktemp.write_text(f"#!/bin/sh\nmkdir {tmp_path}/made && echo {tmp_path}/made\n" if made else "#!/bin/sh\nexit 1\n")
    program.write_text("#!/bin/sh\nexit 100\n")
    for path in (mktemp, program) if helper else (mktemp,):
        path.chmod(0o755)
    command = Reachable().command("https://cran.example").replace(apt_get.HELPER, str(program))
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env={"PATH": path})
    assert (done.returncode == 0, done.stdout) == (made and helper, "")


@pytest.mark.parametrize(("sums", "interrupted"), [("a  b\n", True), ("", False)])
def test_an_empty_list_of_a_package_without_files_is_whole(target: Target, sums: str, interrupted: bool) -> None:
    target.write("/bin/dpkg", "#!/bin/sh\n")
    target.write("/bin/apt-get", "#!/bin/sh\n")
    target.write("/var/lib/dpkg/info/meta.list", "")
    target.write("/var/lib/dpkg/info/meta.md5sums", sums)
    assert target.ask(AptState()).interrupted is interrupted
