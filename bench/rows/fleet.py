"""One, four and sixteen targets in one run, nothing to do and from scratch, against Ansible with as many forks."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.alternate import samples
from bench.results import OURS, Result
from bench.rows.nothing_to_do import ANSIBLE, BIN, archive, changes, playbook
from bench.workbench import Workbench

NAME = "fleet"
REPEATS = 2
TARGETS, ONCE = (1, 4, 16), 16
NOTE = (
    "Fleet: one `pyinfra -y @docker/A,@docker/B,... deploy.py --data packages=none` on containers, against "
    "bench/ansible/playbook.yml on as many of its own with as many forks, both as in the row of nothing to do. Nothing to "
    "do: containers of an image that each made by provisioning a container; a run that reports a change makes the row "
    "invalid; sixteen once. From scratch: containers of the bare base, downloads included, once (Ansible's Python "
    "with them); sixteen of them share two cores. `N times one` is ours for one target, multiplied: what one after another "
    "would take."
)


def command(workbench: Workbench, name: str, targets: list[str], packed: Path, bare: bool) -> list[str]:
    """Return what provisions ``targets``."""
    if name == OURS:
        hosts = ",".join(f"@docker/{target}" for target in targets)
        return [str(BIN / "pyinfra"), "-y", hosts, "deploy.py", "--data", "packages=none"]
    return playbook(workbench, targets, packed, bare)


@contextlib.contextmanager
def containers(workbench: Workbench, image: str, number: int) -> Iterator[list[str]]:
    """Running containers of ``image``; their names."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(workbench.container(f"fleet-{one}", image)) for one in range(number)]


def prepared(workbench: Workbench, name: str, packed: Path) -> str:
    """An image of a container that one provisioned, twice: the first run after a change may still settle something."""
    tag = f"{workbench.token}-fleet-{name.lower()}"
    with workbench.container(f"fleet-{name.lower()}") as target:
        for bare in (True, False):
            run(workbench, name, [target], packed, bare)
        workbench.run("committing", [workbench.docker, "commit", target, tag])
    return tag


def run(workbench: Workbench, name: str, targets: list[str], packed: Path, bare: bool) -> tuple[float, int]:
    """Seconds of a run, and how many changes it reports."""
    began = time.monotonic()
    output = workbench.run(
        f"provisioning {len(targets)}: {name}",
        command(workbench, name, targets, packed, bare),
        ANSIBLE_CONFIG="bench/ansible/ansible.cfg",
    )
    return time.monotonic() - began, changes(name, output)


def results(
    workbench: Workbench,
    what: str,
    numbers: tuple[int, ...],
    repeats: int,
    images: dict[str, str],
    packed: Path,
    idle: bool,
) -> list[Result]:
    """Return a result for each number of targets.

    Args:
        what: for the table.
        numbers: of targets.
        repeats: for each.
        images: what each starts from.
        packed: the archive for the playbook.
        idle: a change makes a result invalid.
    """
    found: list[Result] = []
    for number in numbers:
        reported: list[str] = []

        def once(name: str, number: int = number, reported: list[str] = reported) -> float:
            with containers(workbench, images[name], number) as targets:
                took, changed = run(workbench, name, targets, packed, bare=not idle)
            if changed and idle:
                reported.append(f"{name} reported {changed} changes")
            return took

        print(f"    {what}, {number}", flush=True)
        times = samples([OURS, ANSIBLE], once, 1 if number == ONCE else repeats, "s")
        if found:
            times[f"{number} times one"] = [number * sample for sample in found[0].samples[OURS]]
        found.append(Result(f"{what}, {number} target{'s' * (number > 1)}", "s", times, invalid=", ".join(reported)))
    return found


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds of runs with several targets."""
    packed = workbench.tree / "runtime.tar.gz"
    archive(workbench.tree, packed)
    scratch = dict.fromkeys((OURS, ANSIBLE), workbench.base_image)
    ready = {name: prepared(workbench, name, packed) for name in (OURS, ANSIBLE)}
    try:
        return [
            *results(workbench, "nothing to do", TARGETS, repeats, ready, packed, True),
            *results(workbench, "from scratch", TARGETS, 1, scratch, packed, False),
        ]
    finally:
        subprocess.run([workbench.docker, "image", "rm", "--force", *ready.values()], capture_output=True, check=False)
