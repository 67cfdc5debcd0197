"""Several hosts in one run: what is wrong with one stops no other, each is told, and a preview changes nothing."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from .machines import PYINFRA, ROOT, Machine, provision

IDLE = ("tail", "-f", "/dev/null")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4D3b1Yb9uT0T3mQJx7bqzRnU1xk3m2H0uJ6m6m6m6m platform"
# apt's own cache of its lists and its solver's log, which a question makes too.
ASKED = {
    *("/var", "/var/cache", "/var/cache/apt", "/var/cache/apt/pkgcache.bin", "/var/cache/apt/srcpkgcache.bin"),
    *("/var/log", "/var/log/apt", "/var/log/apt/eipp.log.xz"),
}


def hosts(*machines: Machine) -> dict[str, str]:
    return {"MELDA_HOSTS": ",".join(f"@docker/{machine.name}" for machine in machines)}


def differences(machine: Machine) -> list[str]:
    """What the container's file system has that its image has not."""
    done = subprocess.run([machine.docker, "diff", machine.name], capture_output=True, text=True, check=True)
    return sorted(line for line in done.stdout.splitlines() if line[2:] not in ASKED)


def summary(output: str) -> dict[str, str]:
    """Host -> what the end of the run says of it."""
    told = output.partition("--> Hosts:\n")[2]
    return dict(re.findall(r"^    \[@docker/(\S+)\] (.+)$", told, re.MULTILINE))


def test_what_is_wrong_with_one_stops_no_other(docker: str, image: str, machines) -> None:  # type: ignore[no-untyped-def]
    whole, other, broken, foreign = (machines(image, command=IDLE) for _ in range(4))
    broken.run(
        "echo 'deb [trusted=yes] http://127.0.0.1:9/ ./' >/etc/apt/sources.list.d/silent.list; rm -rf /var/lib/apt/lists"
    )
    foreign.run("printf 'ID=arch\\nVERSION_ID=1\\n' >/etc/os-release")
    before = differences(foreign)
    # And one that cannot be reached, the last of them.
    named = hosts(whole, broken, foreign, other)["MELDA_HOSTS"] + ",127.0.0.1:1"
    run = provision(docker, "inventory.py", environment={"MELDA_HOSTS": named}, packages="core", ssh_public_key=KEY)
    assert run.code == 1, run.output
    assert "    [127.0.0.1] was not reached" in run.output
    told = summary(run.output)
    for machine in (whole, other):
        assert KEY in machine.run("cat /root/.ssh/authorized_keys")
        assert re.fullmatch(r"\d+ changed, \d+ as they were", told[machine.name]), run.output
    assert re.match(r'failed in "System \| .+"', told[broken.name]), run.output
    assert re.match(r"refused, nothing changed: .*arch", told[foreign.name]), run.output
    assert differences(foreign) == before
    # What is repaired is done by the next run, and the others have nothing to do.
    again = provision(docker, "inventory.py", environment=hosts(whole, other), packages="core", ssh_public_key=KEY)
    assert (again.code, again.changed) == (0, []), again.output
    assert {told.split(",")[0] for told in summary(again.output).values()} == {"0 changed"}, again.output


def test_a_preview_changes_nothing(docker: str, bases: dict[str, str], image: str, machines) -> None:  # type: ignore[no-untyped-def]
    """Of a fresh host, of one that has Python and nothing else of ours, as most have, and of one that is provisioned."""
    fresh, with_python, provisioned = (machines(base, command=IDLE) for base in (bases["bookworm"], image, image))
    with_python.run("rm -rf /usr/src/melda-jupyter /opt/jupyter /usr/local/share/melda-jupyter /usr/local/bin/*")
    before = {machine.name: differences(machine) for machine in (fresh, with_python, provisioned)}
    preview = subprocess.run(
        [PYINFRA, "--dry", "inventory.py", "deploy.py", "--data", "packages=none", "--data", f"ssh_public_key={KEY}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={
            **os.environ, "PATH": f"{Path(docker).parent}:{os.environ['PATH']}", **hosts(fresh, with_python, provisioned)
        },
    )  # fmt: skip
    assert preview.returncode == 0, preview.stdout
    for machine in (fresh, with_python, provisioned):
        assert differences(machine) == before[machine.name], preview.stdout
    assert re.search(r"ssh \| Put the platform's public key in place +3\b", preview.stdout), preview.stdout
    # A host may have R, and IRkernel only once the run has installed it.
    assert re.search(r"Make sure that R and Python start +-", preview.stdout), preview.stdout
