"""Facts about the machine and the versions, without which a number means nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _said(*command: str, cwd: Path = ROOT) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    except OSError:
        return ""
    return done.stdout.strip()


def _from(path: str, name: str) -> str:
    """Return the value of the first line ``NAME: value`` of a file in /proc."""
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def revision(root: Path = ROOT) -> str:
    """Return the commit that is measured, and whether something differs from it."""
    commit = _said("git", "rev-parse", "--short=12", "HEAD", cwd=root) or "unknown"
    # What a run writes itself is no change of what it measures.
    written = (":!bench/results.*", ":!bench/charts")
    changed = _said("git", "status", "--porcelain", "--untracked-files=no", "--", ".", *written, cwd=root)
    return commit + (" with changes" if changed else "")


def facts(docker: str, base: str, base_image: str) -> dict[str, str]:
    """Name -> value: processor, memory, load before the run, date, versions, revision, base.

    Args:
        docker: the docker client.
        base: what the base is called.
        base_image: its image.
    """
    return {
        "processor": f"{_from('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(_from('/proc/meminfo', 'MemTotal').split()[0]) / 1e6:.1f} GB",
        "load before": f"{os.getloadavg()[0]:.2f} (one minute)",
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "kernel": platform.release(),
        "Docker engine": _said(docker, "version", "--format", "{{.Server.Version}}"),
        "storage driver": _said(docker, "info", "--format", "{{.Driver}}"),
        "Python": platform.python_version(),
        "pyinfra": version("pyinfra"),
        "Ansible": f"core {version('ansible-core')}, package {version('ansible')}",
        "base": f"{base} ({_said(docker, 'image', 'inspect', '--format', '{{.Id}}', base_image)[7:19]})",
        "revision": revision(),
    }
