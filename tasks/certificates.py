"""The site's own certificate authorities, trusted for good: by curl, R, Python, pip and uv."""

from __future__ import annotations

import re
from typing import List

from melda.base.paths import ENVIRONMENT
from pyinfra import host
from pyinfra.api import deploy
from pyinfra.facts.files import FindFiles

from tasks.facts.files import PathStats
from tasks.lib.fact_cache import prefetch
from tasks.lib.staging import SYSTEM_BUNDLE
from tasks.operations import certificates as operations
from tasks.operations import managed_files

FOLDER = "/usr/local/share/ca-certificates"
NAME = "melda-jupyter-{0}.crt"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def split(bundle: bytes) -> List[bytes]:
    """Split a PEM file into its certificates, each as a file of its own: update-ca-certificates links no file with two."""
    return [found.replace(b"\r", b"") + b"\n" for found in _PEM.findall(bundle)]


@deploy("Certificates")
def certificates() -> None:
    path = host.data.ca_certificates
    found: List[bytes] = []
    if path:
        with open(path, "rb") as bundle:
            found = split(bundle.read())
    wanted = {f"{FOLDER}/{NAME.format(number)}": text for number, text in enumerate(found, 1)}
    prefetch(FindFiles, path=FOLDER, fname=NAME.format("*"))
    if wanted:
        prefetch(PathStats, paths=list(wanted))
    operations.trusted(
        name="Let the system trust the site's certificate authorities",
        wanted=wanted,
        ours=f"{FOLDER}/{NAME.format('*')}",
    )
    # requests, and what is built on it, has a list of its own.
    managed_files.block(
        name="Let Python's requests trust what the system trusts",
        path=ENVIRONMENT,
        marker="melda-jupyter certificates",
        content=f"REQUESTS_CA_BUNDLE={SYSTEM_BUNDLE}\n" if found else "",
    )
