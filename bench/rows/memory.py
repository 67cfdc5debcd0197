"""Memory of everything in a container that is neither Jupyter nor a kernel."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

from bench import project
from bench.results import OURS, Result, Target
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError

NAME = "memory"
REPEATS = 3
NOTE = (
    "Memory: proportional set size (smaps_rollup) of everything that is neither Jupyter nor a kernel in a container with a "
    "project in S3, after `/versions`, `/healthz` and, where bspm could be installed, a call of the service behind "
    "install.packages(); s3fs is told separately."
)
SERVICES = ("start-jupyter", "version service", "sshd", "dbus", "s3fs", "Jupyter")
# Of each process but this one its command and its bytes, as the container's root reads them.
EACH = """
import glob, json, os, re
found = []
for path in glob.glob('/proc/[0-9]*'):
    try:
        command = open(path + '/cmdline').read().replace('\\0', ' ').strip()
        shared = re.search('^Pss: +([0-9]+) kB', open(path + '/smaps_rollup').read(), re.M)
    except (FileNotFoundError, ProcessLookupError):
        continue
    if command and path != '/proc/%d' % os.getpid():
        found.append([command, int(shared[1]) * 1024])
print(json.dumps(found))
"""
NAMES = {
    "start-jupyter": r"start-jupyter",
    "version service": r"version_check_webservice",
    "sshd": r"^(\S*/)?sshd\b",
    "dbus": r"dbus-daemon",
    "bspm": r"bspm-service",
    "s3fs": r"^(\S*/)?s3fs\b",
    "Jupyter": r"jupyter.notebook",
}
ASK_ONCE = "import urllib.request as u; u.urlopen('http://127.0.0.1:2310/versions').read()"
WAKE = ["sh", "-c", "busctl call org.r_project.linux1 / org.freedesktop.DBus.Peer Ping 2>/dev/null || true"]


def shares(processes: list[tuple[str, int]]) -> dict[str, int]:
    """Bytes by the service's name; a process that is none of them is there under its command.

    Args:
        processes: command and bytes of each.
    """
    found: dict[str, int] = {}
    for command, size in processes:
        name = next((name for name, pattern in NAMES.items() if re.search(pattern, command)), command)
        found[name] = found.get(name, 0) + size
    return found


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Megabytes.

    Raises:
        BuildError: one of the services does not run.
    """
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        public = key.with_suffix(".pub").read_text().strip()
    beside, mounted = [], []
    with project.storage(workbench.docker) as s3:
        # SYS_PTRACE is for reading the figures of other users' processes.
        options = [*s3.options("ada"), "--cap-add", "SYS_PTRACE", "--env", f"SSH_AUTHORIZED_KEYS={public}"]
        with workbench.container("memory", workbench.image(), "start-jupyter", options) as name:
            workbench.wait(name, "ready: ")
            for command in (["healthcheck"], ["/usr/bin/python3", "-c", ASK_ONCE], WAKE):
                client.call(workbench.docker, "exec", name, *command)
            for _ in range(repeats):
                found = shares(json.loads(client.call(workbench.docker, "exec", name, "/usr/bin/python3", "-c", EACH)))
                missing = set(SERVICES) - found.keys()
                if missing:
                    raise BuildError(
                        f"memory was not measured: {', '.join(sorted(missing))} not found among {sorted(found)}"
                    )
                print(
                    "    " + ", ".join(f"{who} {size / 1e6:.1f} MB" for who, size in sorted(found.items())), flush=True
                )
                del found["Jupyter"]
                mounted.append(sum(found.values()) / 1e6)
                beside.append(mounted[-1] - found["s3fs"] / 1e6)
    return [
        Result("memory beside Jupyter, kernels and s3fs", "MB", {OURS: beside}, [Target(80.0)]),
        Result("the same with s3fs", "MB", {OURS: mounted}, [Target(80.0)]),
    ]
