"""The build host: its packages, its CA bundle."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from builder import screen
from builder.errors import BuildError

# Where the distributions keep the bundle (Debian and Ubuntu; Fedora and RHEL; Alpine).
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def ca_bundle() -> str:
    """Return the path of the CA bundle the build host trusts, or empty.

    Behind a proxy that inspects TLS it holds the proxy's certificate, without which no download inside a build works.
    """
    named = (os.environ.get(name, "") for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE"))
    return next((path for path in (*named, *_BUNDLES) if path and Path(path).is_file()), "")


def _apt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "-q", "-y", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )


def _known(package: str) -> bool:
    shown = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
    return shown.returncode == 0


def install(what: str, packages: list[str], optional: tuple[str, ...] = ()) -> None:
    """Install Debian packages on the build host, without Recommends. Nothing is removed for it.

    Args:
        what: what they are needed for, in the message.
        packages: Debian package names.
        optional: more names, of which those are installed that this release knows.

    Raises:
        BuildError: not root, or not Debian or Ubuntu, or apt failed.
    """
    words = f"apt-get install {' '.join(packages)}"
    if not shutil.which("apt-get"):
        raise BuildError(
            f"{what} is missing: install it with this system's package manager (Debian's names: {' '.join(packages)})"
        )
    if os.geteuid():
        raise BuildError(f"{what} is missing: run '{words}' as root, or make as root")
    screen.say(f"{what} is missing: {words}")
    _apt("update")
    done = _apt("install", "--no-install-recommends", "--no-remove", *packages, *filter(_known, optional))
    if done.returncode:
        output = [line for line in done.stdout.splitlines() if line.startswith("E:")] or ["apt-get failed"]
        raise BuildError(f"{what} is missing and cannot be installed by '{words}': {output[0]}")
