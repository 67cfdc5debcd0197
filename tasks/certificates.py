"""The site's own certificate authorities, trusted for good: by curl, R, Python, pip and uv."""

from __future__ import annotations

import re
from typing import Dict, Generator, List

from pyinfra import host
from pyinfra.api import StringCommand, deploy, operation

from tasks.lib import facts, files, workplace

FOLDER = "/usr/local/share/ca-certificates"
NAME = "melda-jupyter-{0}.crt"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def split(bundle: bytes) -> List[bytes]:
    """The certificates of a PEM file, each as a file of its own: update-ca-certificates links no file with two."""
    return [found.replace(b"\r", b"") + b"\n" for found in _PEM.findall(bundle)]


class Ours(facts.Lines):
    """Paths of the certificates that an earlier run put there."""

    def command(self) -> str:
        return "ls {0}/{1} 2>/dev/null || true".format(FOLDER, NAME.format("*"))


@operation()
def trusted(wanted: Dict[str, bytes]) -> Generator[workplace.Command, None, None]:
    """Let the system trust exactly these beside the public authorities.

    Args:
        wanted: path -> certificate.
    """
    entries = [files.Entry(path, content) for path, content in wanted.items()]
    put = list(files.changes(entries, facts.at(files.Paths, list(wanted)) if wanted else {}))
    gone = [path for path in facts.get(Ours) if path not in wanted]
    yield from put
    if gone:
        yield StringCommand("rm -f " + " ".join(gone))
    if put or gone:
        yield StringCommand("update-ca-certificates --fresh >/dev/null")


@deploy("Certificates")
def certificates() -> None:
    path = host.data.ca_certificates
    found: List[bytes] = []
    if path:
        with open(path, "rb") as bundle:
            found = split(bundle.read())
    wanted = {"{0}/{1}".format(FOLDER, NAME.format(number)): text for number, text in enumerate(found, 1)}
    trusted(name="Let the system trust the site's certificate authorities", wanted=wanted)
    # requests, and what is built on it, has a list of its own.
    files.block(
        name="Let Python's requests trust what the system trusts",
        path="/etc/environment",
        marker="melda-jupyter certificates",
        content="REQUESTS_CA_BUNDLE={0}\n".format(workplace.SYSTEM_BUNDLE) if found else "",
    )
