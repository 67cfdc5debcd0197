"""A package of pip's that a lock of conda's has with its file: its address, and that file's hash."""

from __future__ import annotations

import re
from typing import Tuple

from melda.envs import links
from melda.envs.formats import requirements, wheel_tags
from melda.envs.formats.reading import Reading

# Such a package is known by its version: for this Python it may come in another file.
PYPI = re.compile(r"https://(files\.pythonhosted\.org|pypi\.org|pypi\.python\.org)/")
SHA256 = re.compile(r"(?:.*&)?sha256=([0-9a-f]{64})(?:&.*)?")


def read(reading: Reading, name: str, version: str, url: str, sha256: str = "") -> None:
    """Read one package. What comes from elsewhere than PyPI may there have another's name: its file is the package.

    Args:
        reading: collects it.
        name: the package's.
        version: empty: the file's name says it.
        url: of its file, or of its commit; empty: the lock does not say it.
        sha256: of its file; empty: the address says it, or nothing does.
    """
    address, _, fragment = url.partition("#")
    said = SHA256.fullmatch(fragment)
    sha256 = sha256 or (said.group(1) if said else "")
    ours = not url or PYPI.match(url)
    there, fits = _file(address.rpartition("/")[2])
    version = version or there
    if not ours or not version:
        mark = f"#sha256={sha256}" if sha256 and not fragment and address.lower().endswith(links.ENDINGS) else ""
        requirements.into(reading, [f"{name} @ {url}{mark}"])
    else:
        hashed = f" --hash=sha256:{sha256}" if sha256 and fits else ""
        requirements.into(reading, [f"{name}=={version}{hashed}"])


def _file(name: str) -> Tuple[str, bool]:
    """Return the version that a file's name says, and whether it is for this Python and system."""
    from packaging import utils  # noqa: PLC0415 not with the launcher's Python

    try:
        if not name.endswith(".whl"):
            return str(utils.parse_sdist_filename(name)[1]), True
        _, version, _, marks = utils.parse_wheel_filename(name)
        return str(version), not marks.isdisjoint(wheel_tags.of_system())
    except (utils.InvalidSdistFilename, utils.InvalidWheelFilename):
        return "", False
