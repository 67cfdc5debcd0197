"""Provisioning again changes nothing, and a run that was killed is repaired by the next one."""

from __future__ import annotations

import pytest

from .fixtures import Machines
from .machines import Machine, Provisioning, provision

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


def converged(docker: str, machine: Machine, **settings: object) -> Provisioning:
    first = provision(docker, f"@docker/{machine.name}", packages="none", **settings)
    assert first.code == 0, first.output
    return provision(docker, f"@docker/{machine.name}", packages="none", **settings)


# In each run of the tests bullseye is built by a Dockerfile (test_releases.py), bookworm is provisioned over ssh
# (test_machine.py), and the latter has nothing to do the second time.
SELDOM = [pytest.param(name, marks=pytest.mark.full) for name in ("bullseye", "bookworm")]


@pytest.mark.parametrize("codename", [*SELDOM, "trixie"])
def test_a_second_run_changes_nothing(docker: str, bases: dict[str, str], machines: Machines, codename: str) -> None:
    second = converged(docker, machines(bases[codename], command=IDLE))
    assert second.code == 0, second.output
    assert second.changed == []
    assert "Grand total" in second.output


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4D3b1Yb9uT0T3mQJx7bqzRnU1xk3m2H0uJ6m6m6m6m platform"


def test_one_setting_changes_just_what_depends_on_it(docker: str, provisioned: Machine) -> None:
    host = f"@docker/{provisioned.name}"
    changed = provision(docker, host, packages="none", ssh_public_key=KEY)
    assert changed.changed == ["ssh | Put the platform's public key in place"], changed.output
    assert KEY in provisioned.run("cat /root/.ssh/authorized_keys")
    back = provision(docker, host, packages="none")
    assert back.changed == ["ssh | Put the platform's public key in place"], back.output
    assert provisioned.run("ls -A /root/.ssh") == "", "no trace of it is left"


# A run takes seconds even where it has little to do, and there are some fifty operations.
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.full)])
def test_killed_after_any_operation(
    docker: str, bases: dict[str, str], machines: Machines, provisioned: Machine, step: int
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
    repaired, whole = state(machine), state(provisioned)
    assert {
        path: (repaired.get(path), whole.get(path))
        for path in repaired.keys() | whole.keys()
        if repaired.get(path) != whole.get(path)
    } == {}
