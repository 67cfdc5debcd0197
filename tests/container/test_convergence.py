"""Provisioning again changes nothing, and a run that was killed is repaired by the next one."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from .fixtures import Machines
from .machines import ROOT, Machine, provision, unverified

IDLE = ("tail", "-f", "/dev/null")
# Differs between two runs that end in the same state: times, caches and logs.
VOLATILE = (
    "/proc/*",
    "/sys/*",
    "/dev/*",
    "/run/*",
    "/var/log/*",
    "/var/cache/*",
    "/var/lib/apt/lists/*",
    "/var/lib/systemd/*",
    "/etc/.pwd.lock",
    "/etc/machine-id",
    # Made at random when dbus is installed.
    "/var/lib/dbus/machine-id",
    # Docker's, one a container.
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/ld.so.cache",
    "/etc/*-",
    "/root/.ipython/*",
    # Where the Dockerfile's build mounts something, and the engine's own link.
    "/deploy",
    "/opt/pyinfra",
    "/root/.cache*",
    "/root/.local*",
    "/etc/mtab",
    # In the order in which packages came; what apt's says is compared below.
    "/var/lib/apt/extended_states",
    "/var/lib/dpkg/triggers/*",
    "/var/lib/dpkg/*-old",
    "*/__pycache__/*",
)


def state(machine: Machine) -> dict[str, str]:
    """Every path of the container's file system -> type, mode, owner and, of a file, its checksum."""
    skip = " ".join(f"! -path '{pattern}'" for pattern in VOLATILE)
    listed = machine.run(f"find / -xdev {skip} -printf '%p\\t%y %m %U %G %l\\n'")
    sums = machine.run(f"find / -xdev -type f {skip} -print0 | xargs -0 sha256sum -z")
    found = dict(line.split("\t", 1) for line in listed.splitlines())
    for line in filter(None, sums.split("\0")):
        checksum, path = line.split("  ", 1)
        found[path] = f"{found[path]} {checksum}"
    # The day of the last password change, which useradd writes.
    found.pop("/etc/shadow", None)
    found["packages nobody asked for"] = machine.run("apt-mark showauto | sort")
    return found


def questions(docker: str, machine: Machine, since: float) -> int:
    """How many commands were begun in a container since a time."""
    period = [f"--since={since:.6f}", f"--until={time.time():.6f}"]
    told = subprocess.run(
        [docker, "events", *period, f"--filter=container={machine.name}"], capture_output=True, text=True, check=True
    )
    # The image's health check is no question of the run's.
    return told.stdout.count(" container exec_start: sh -c ")


# In each run of the tests bookworm has nothing to do afterwards either, below, and trixie over ssh (test_machine.py).
@pytest.mark.full
@pytest.mark.parametrize("codename", ["bullseye", "trixie"])
def test_a_second_run_changes_nothing(docker: str, bases: dict[str, str], machines: Machines, codename: str) -> None:
    machine = machines(bases[codename], command=IDLE)
    assert provision(docker, f"@docker/{machine.name}", packages="none").code == 0
    changes_nothing(docker, machine)
    assert unverified(machine) < 20, "a run reads all files of the environment again"


def changes_nothing(docker: str, machine: Machine) -> None:
    """Run the deploy where it has nothing to do."""
    began = time.time()
    again = provision(docker, f"@docker/{machine.name}", packages="none")
    assert again.code == 0, again.output
    assert again.changed == []
    assert "Grand total" in again.output
    # What is not asked for with the rest costs 0.1 s.
    assert questions(docker, machine, began) <= 3, "before it begins, all at once, and whether CRAN answers"


# A run takes seconds even where it has little to do, and there are some seventy operations.
@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.full)])
def test_killed_after_any_operation(
    docker: str, bases: dict[str, str], machines: Machines, request: pytest.FixtureRequest, step: int
) -> None:
    """One container, killed after so many operations, then after some more, and so on: the end is the same state."""
    machine = machines(bases["bookworm"], command=IDLE)
    kills = 0
    for number in range(1, 100, step):
        killed = provision(
            docker,
            f"@docker/{machine.name}",
            "tests/container/killed_after.py",
            {"KILLED_AFTER": str(number)},
            packages="none",
        )
        if killed.code == 0:
            break
        assert killed.code == 137, killed.output
        kills += 1
    assert kills * step > 20, "the run was never killed"
    # Only now: for this one the image is built, meanwhile.
    repaired, whole = state(machine), state(request.getfixturevalue("provisioned"))
    assert {
        path: (repaired.get(path), whole.get(path))
        for path in repaired.keys() | whole.keys()
        if repaired.get(path) != whole.get(path)
    } == {}


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4D3b1Yb9uT0T3mQJx7bqzRnU1xk3m2H0uJ6m6m6m6m platform"


# What a version before this one had, that this one has not.
FORMER = """
from melda.base.paths import RPROFILE
from tasks.lib.managed_files import ManagedFile
from tasks.operations import managed_files
from tasks.settings import deploy

FILES = ("/usr/src/melda-jupyter/bygone/x.py", "/usr/src/melda-jupyter/bygone-launcher", "/etc/profile.d/bygone.sh",
         "/etc/systemd/system/bygone.service", "/etc/ssh/sshd_config.d/bygone.conf", "/etc/apt/sources.list.d/bygone.sources")

@deploy("Former")
def former():
    entries = [ManagedFile("/usr/src/melda-jupyter/bygone", mode="755"), *(ManagedFile(path, b"") for path in FILES)]
    managed_files.put(name="Put", entries=[*entries, ManagedFile("/usr/local/bin/bygone", link=FILES[1])])
    managed_files.block(name="Write", path=RPROFILE, marker="melda-jupyter bygone", content="options(bygone = TRUE)")
"""


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A copy of what the deploy is run from, with more in it."""
    for name in ("group_data", "tasks", "files"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "tasks/former.py").write_text(FORMER)
    deploy = (ROOT / "deploy.py").read_text().replace("    bytecode.b", "    former.former()\n    bytecode.b")
    (tmp_path / "deploy.py").write_text("from tasks import former\n" + deploy)
    return tmp_path


def test_a_run_changes_just_what_differs(docker: str, provisioned: Machine, earlier: Path) -> None:
    """One setting changes just what depends on it. What the project no longer has is removed, files, units, links, folders,
    drop-ins and blocks; what somebody else put beside them stays. Then there is nothing to do."""
    host, ssh = f"@docker/{provisioned.name}", "ssh | Put the platform's public key in place"
    removal, bytecode = (
        "Former files | Remove what the project no longer has",
        "Bytecode | Make the bytecode of the programs",
    )
    find = "find /etc /usr/local/bin /usr/src -newer /tmp/before ! -type d -o -name '*bygone*' | sort; cat /etc/R/Rprofile.site"
    provisioned.run("touch /tmp/before")
    before = provisioned.run(find)
    former = provision(docker, host, root=earlier, packages="none", ssh_public_key=KEY)
    # The list of what is here comes before what is new; that is a program, and has bytecode.
    assert set(former.changed) == {removal, ssh, "Former | Put", "Former | Write", bytecode}, former.output
    assert KEY in provisioned.run("cat /root/.ssh/authorized_keys")
    assert len(re.findall("^/.*bygone", provisioned.run(find), re.MULTILINE)) == 9
    provisioned.run("echo x >/etc/profile.d/somebodys.sh; echo 'x <- 1' >>/etc/R/Rprofile.site")
    done = provision(docker, host, packages="none")
    assert done.changed == [removal, ssh], done.output
    assert provisioned.run("ls -A /root/.ssh") == "", "no trace of it is left"
    assert provisioned.run("tail -n 1 /etc/R/Rprofile.site; rm /etc/profile.d/somebodys.sh") == "x <- 1\n"
    after = provisioned.run("sed -i '$d' /etc/R/Rprofile.site; " + find + "; rm /tmp/before")
    assert after.replace("/etc/R/Rprofile.site\n", "") == before
    changes_nothing(docker, provisioned)
