"""``DATA``: settings for one build, and the files they name, which travel as secrets."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path
from typing import Any

from builder import docker as client
from builder import host
from builder.errors import BuildError

ROOT = Path(__file__).resolve().parent.parent
# Settings that name a file of the build host -> the secret it becomes in a build.
FILES = {"ca_bundle": "ca", "ca_certificates": "certificates", "netrc": "netrc"}
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
# The Makefile's variables say these.
TAKEN = ("packages", "strict", "mirror")


def defaults() -> dict[str, Any]:
    """Return the settings of group_data/all.py."""
    found = runpy.run_path(str(ROOT / "group_data" / "all.py"))
    return {name: value for name, value in found.items() if name.islower() and name[0] != "_" and name != "os"}


def parse(data: str) -> dict[str, str]:
    """``name=value name=value`` as a table.

    Raises:
        BuildError: a word is no setting; its value is not shown, it may be a password.
    """
    known = defaults()
    found = {}
    for word in data.split():
        name, equals, value = word.partition("=")
        if not equals or not re.fullmatch("[a-z0-9_]+", name) or name not in known:
            raise BuildError(
                f"invalid DATA: {name if name in known else 'a word'!r}: expected NAME=VALUE NAME=VALUE,"
                " with names of group_data/all.py"
            )
        if name in TAKEN:
            raise BuildError(f"invalid DATA={name}=...: expected the variable {name.upper()}")
        if name in PROXIES:
            # Others can read a command line.
            raise BuildError(f"invalid DATA={name}=...: expected it in the environment, where nobody else reads it")
        if name in FILES and value and not Path(value).is_file():
            raise BuildError(f"invalid DATA={name}={value}: expected the path of a file")
        found[name] = value
    return found


def arguments(data: dict[str, str]) -> str:
    """Return the settings that a build gets as PROVISION_DATA: those that name no file of the build host."""
    return " ".join(f"{name}={value}" for name, value in data.items() if name not in FILES)


def to_build(data: dict[str, str], *, offline: bool = False) -> client.BuildInputs:
    """Files and proxies of a build.

    Args:
        data: of :func:`parse`.
        offline: nothing is fetched, so no password is needed.

    Raises:
        BuildError: a setting of group_data/all.py names no file.
    """
    values = defaults() | data
    # The build host's own, if none is named: behind a proxy that inspects TLS no download works without.
    paths = {secret: str(values[name]) for name, secret in FILES.items()}
    if not Path(paths["ca"]).is_file():
        paths["ca"] = host.ca_bundle()
    for name, secret in FILES.items():
        if paths[secret] and not Path(paths[secret]).is_file():
            raise BuildError(f"invalid {name}={paths[secret]}: expected the path of a file, or empty")
    if offline:
        return client.BuildInputs({**paths, "netrc": ""}, {}, offline=True)
    proxies = {name: str(values[name]) for name in PROXIES if values[name] and not os.environ.get(name)}
    return client.BuildInputs(paths, proxies)
