"""A folder on the target for what one command needs, gone when it ends.

Uploads (a lock file, the CA bundle) lie in it; a killed run's folder is removed by the next one.
"""

from __future__ import annotations

import io
import os
import shlex
import uuid
from typing import Dict, Generator, Optional, Union

from pyinfra import host
from pyinfra.api import FileUploadCommand, StringCommand

FOLDER = "/tmp/melda-jupyter.provision"
CA = FOLDER + "/ca.crt"
# A compilation that was cut off leaves a lock that no later one removes.
UNLOCK_R = "rm -rf /usr/local/lib/R/site-library/00LOCK*"
Command = Union[StringCommand, FileUploadCommand]

# The names under which apt, pip, uv, R (libcurl) and Python look for a CA bundle.
_CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


def ca_bundle() -> str:
    """Path of the CA bundle to use while provisioning on the machine that runs pyinfra, or empty."""
    path = host.data.get("ca_bundle")
    return path if isinstance(path, str) and os.path.isfile(path) else ""


def refuse(message: str) -> StringCommand:
    """A command that fails with one line. An exception raised in an operation would show a traceback instead."""
    return StringCommand("echo {0} >&2; exit 1".format(shlex.quote(message)))


def upload(content: bytes, path: str) -> FileUploadCommand:
    """A command that writes ``content`` to ``path``.

    Over ssh with sudo it travels through a file of the login's: not at ``path``, where the login may not write, and
    not under a name that others can guess.
    """
    temporary = "/tmp/melda-jupyter.{0}".format(uuid.uuid4().hex)
    return FileUploadCommand(io.BytesIO(content), path, remote_temp_filename=temporary)


def run(command: str, uploads: Optional[Dict[str, bytes]] = None) -> Generator[Command, None, None]:
    """Run a shell command with files beside it and HTTPS that trusts the CA bundle.

    Args:
        command: shell text; with uploads or a CA bundle it runs in the folder.
        uploads: file name -> content.
    """
    uploads = dict(uploads or {})
    exports = ""
    if ca_bundle():
        with open(ca_bundle(), "rb") as bundle:
            uploads["ca.crt"] = bundle.read()
        exports = "export {0}; ".format(" ".join("{0}={1}".format(name, CA) for name in _CA_VARIABLES))
    if not uploads:
        yield StringCommand("( set -e; {0} )".format(command))
        return
    # apt's own user must be able to read the bundle.
    yield StringCommand("rm -rf {0} && mkdir -m 755 {0}".format(FOLDER))
    for name, content in uploads.items():
        yield upload(content, "{0}/{1}".format(FOLDER, name))
    yield StringCommand(
        "cd {0} && chmod 644 * && ( set -e; {1}{2} ); status=$?; cd / && rm -rf {0}; exit $status".format(
            FOLDER, exports, command
        )
    )
