"""The programs of the image, and the module whose ``main`` each of them runs."""

from __future__ import annotations

import importlib
from typing import Dict

PROGRAMS: Dict[str, str] = {
    "bspm-service": "melda.bspm.service",
    "copy-archives": "melda.sync.copy_archives",
    "copy-fork": "melda.sync.copy_fork",
    "get-versions": "melda.versions.get_versions",
    "healthcheck": "melda.boot.health",
    "plugin-sync": "melda.sync.daemon",
    "melda-env": "melda.envs.cli",
    "melda-unit": "melda.boot.systemd",
    "restore-fork": "melda.envs.restore_fork",
    "set-paths": "melda.plugins.set_paths",
    "upgrade-packages": "melda.envs.upgrade.command",
    "start-jupyter": "melda.boot.container",
    "uv": "melda.envs.uv",
    "uvx": "melda.envs.uv",
}


def main(name: str) -> int:
    """Run the program ``name``.

    Args:
        name: one of :data:`PROGRAMS`.

    Returns:
        Its exit code.
    """
    code: int = importlib.import_module(PROGRAMS[name]).main()
    return code
