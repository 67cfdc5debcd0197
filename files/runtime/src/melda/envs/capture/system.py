"""The distribution, and what apt installed: read from dpkg's own list, which takes a fiftieth of starting dpkg-query."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Dict, FrozenSet, Iterable, Mapping, NamedTuple, Tuple

from melda.config import environ
from melda.versions import libraries

STATUS = "/var/lib/dpkg/status"
R_PACKAGE = re.compile(r"r-(cran|bioc|other)-.+")


class Apt(NamedTuple):
    """What apt installed.

    Attributes:
        installed: version by name, of everything.
        brought: names of what came by the user's installations through bspm.
    """

    installed: Dict[str, str]
    brought: FrozenSet[str]

    def of_image(self) -> Dict[str, str]:
        """Version by name of what was in the image."""
        return {name: version for name, version in self.installed.items() if name not in self.brought}

    def beyond_image(self) -> Dict[str, str]:
        """Version by name of what the user's installations brought beside R packages."""
        return {
            name: version
            for name, version in sorted(self.installed.items())
            if name in self.brought and not R_PACKAGE.fullmatch(name)
        }


def installed(path: str = STATUS) -> Dict[str, str]:
    """Version by name of every installed Debian package; none where there is no dpkg.

    Raises:
        OSError: its list cannot be read.
    """
    found: Dict[str, str] = {}
    name = version = ""
    here = False
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith("Package: "):
                    name = line[9:].strip()
                elif line.startswith("Version: "):
                    version = line[9:].strip()
                elif line.startswith("Status: "):
                    here = line.split()[-1] == "installed"
                elif not line.strip():
                    if name and here:
                        found[name] = version
                    name, version, here = "", "", False
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if name and here:
        found[name] = version
    return found


def release(path: str = libraries.OS_RELEASE) -> Dict[str, str]:
    """Distribution, release, code name and full name, as /etc/os-release has them."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            found = environ.parse(stream.read())
    except OSError:
        found = {}
    codename = found.get("VERSION_CODENAME", "")
    return {
        "distribution": found.get("ID", "linux"),
        "release": found.get("VERSION_ID") or codename,
        "codename": codename,
        "base": found.get("PRETTY_NAME", ""),
        "architecture": os.uname().machine,
    }


def fingerprint(*parts: Mapping[str, str]) -> str:
    """Return what stands for the image: a container does not know the number that Docker gave it.

    The same for all containers of one image, whatever their users installed.

    Args:
        parts: version by name: Debian's packages, Python's, R's.
    """
    lines = ["{0}\t{1}\t{2}\n".format(number, *item) for number, part in enumerate(parts) for item in _sorted(part)]
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "replace")).hexdigest()


def _sorted(part: Mapping[str, str]) -> Iterable[Tuple[str, str]]:
    return sorted(part.items())
