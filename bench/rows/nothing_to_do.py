"""Provisioning again with nothing to do, against an Ansible playbook of the same tasks."""

from __future__ import annotations

import json
import re
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.alternate import samples
from bench.results import OURS, Result, Target
from bench.workbench import Workbench
from builder.errors import BuildError
from tasks.debian_packages import PACKAGES

NAME = "nothing-to-do"
REPEATS = 5
ANSIBLE = "Ansible"
FLOOR = "pyinfra, one command"
NOTE = (
    "Nothing to do: `pyinfra -y @docker/CONTAINER deploy.py --data packages=none` against bench/ansible/playbook.yml over "
    "community.docker's connection, each on its own container, provisioned by itself from the same base. Ansible is tuned: "
    "pipelining, no facts gathered, interpreter given, all Debian packages in one task, the runtime's files as one archive in "
    "place of a task a file, pip only when the lock changed. A run that reports a change makes the row invalid. The floor is "
    "`pyinfra -y @docker/CONTAINER exec -- true`: starting pyinfra, connecting, one command."
)
BIN = Path(sys.executable).parent
PROGRAMS = ("get-versions", "healthcheck", "set-paths", "start-jupyter")


def pyinfra_changes(output: str) -> int:
    """Return how many operations changed something, by pyinfra's own summary.

    Raises:
        BuildError: there is no summary.
    """
    found = re.search(r"^ *Grand total +(\d+) +(\S+) +(\S+) +(\S+) *$", output, re.MULTILINE)
    if not found:
        raise BuildError("pyinfra's output has no line 'Grand total'")
    changed, failed = found[2], found[3]
    return sum(int(count) for count in (changed, failed) if count.isdigit())


def ansible_changes(output: str) -> int:
    """Return how many tasks changed something or failed, by Ansible's own summary.

    Raises:
        BuildError: there is no summary.
    """
    found = re.findall(r"^\S+ +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", output, re.MULTILINE)
    if not found:
        raise BuildError("Ansible's output has no recap")
    return sum(int(count) for counts in found for count in counts)


def changes(name: str, output: str) -> int:
    """Return how many changes or failures ours or Ansible reports."""
    return pyinfra_changes(output) if name == OURS else ansible_changes(output)


def playbook(workbench: Workbench, targets: Sequence[str], packed: Path, bare: bool = False) -> list[str]:
    """Return the command by which Ansible provisions ``targets``, with the Debian packages that the deploy installs.

    Args:
        targets: names of containers, each with a fork of its own.
        packed: what :func:`archive` wrote.
        bare: has a target no Python yet? Ansible needs it there, pyinfra does not.
    """
    names = [name for several in PACKAGES.values() for name in several]
    given = {"runtime_archive": str(packed), "ca_bundle": workbench.ca, "debian_packages": names, "bare": bare}
    hosts = ["-i", ",".join(targets) + ",", "--forks", str(len(targets))]
    return [str(BIN / "ansible-playbook"), *hosts, "-e", json.dumps(given), "bench/ansible/playbook.yml"]


def archive(tree: Path, path: Path) -> None:
    """Pack the runtime's programs and their links as they lie below ``/``, for the playbook's one task."""

    def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        executable = "." not in member.name.rsplit("/", 1)[-1]
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = int(member.mtime)  # a layer holds whole seconds, and the playbook compares
        member.mode = 0o755 if member.isdir() or executable else 0o644
        return member

    with tarfile.open(path, "w:gz", dereference=True) as packed:
        packed.add(tree / "files/runtime/src", "usr/src/melda-jupyter", filter=as_root)
        for name in PROGRAMS:
            link = tarfile.TarInfo(f"usr/local/bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, f"/usr/src/melda-jupyter/{name}"
            link.uname = link.gname = "root"
            packed.addfile(link)


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds of a run that finds everything as it shall be."""
    packed = workbench.tree / "runtime.tar.gz"
    archive(workbench.tree, packed)
    with workbench.container("pyinfra") as ours, workbench.container("ansible") as theirs:
        setup = playbook(workbench, [theirs], packed, bare=True)
        workbench.run("provisioning a bare container: Ansible", setup, ANSIBLE_CONFIG="bench/ansible/ansible.cfg")
        commands: dict[str, tuple[list[str], Callable[[str], int]]] = {
            OURS: (
                [str(BIN / "pyinfra"), "-y", f"@docker/{ours}", "deploy.py", "--data", "packages=none"],
                pyinfra_changes,
            ),
            ANSIBLE: (playbook(workbench, [theirs], packed), ansible_changes),
            FLOOR: ([str(BIN / "pyinfra"), "-y", f"@docker/{ours}", "exec", "--", "true"], lambda _: 0),
        }
        changes: dict[str, list[int]] = {name: [] for name in commands}

        def once(name: str) -> float:
            command, count = commands[name]
            began = time.monotonic()
            output = workbench.run(f"provisioning again: {name}", command, ANSIBLE_CONFIG="bench/ansible/ansible.cfg")
            took = time.monotonic() - began
            changes[name].append(count(output))
            return took

        for name in commands:
            print(f"    {name}: provisioning took {once(name):.0f} s", flush=True)
            # The first run after a change may still settle something, such as the age of the package lists.
            once(name)
            changes[name].clear()
        times = samples(list(commands), once, repeats, "s")
    invalid = ", ".join(f"{name} reported changes {counts}" for name, counts in changes.items() if any(counts))
    return [Result("provisioning with nothing to do", "s", times, [Target(0.3, ANSIBLE), Target(4.0)], invalid)]
