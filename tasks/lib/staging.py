"""A folder on the target for what one command needs, gone when it ends.

Uploads (a lock file, the CA bundle) lie in it; a killed run's folder is removed by the next one.
"""

from __future__ import annotations

import io
import os
import shlex
import uuid
from itertools import groupby
from typing import Dict, Generator, Iterable, Optional, Union

from pyinfra import host
from pyinfra.api import FileUploadCommand, Host, State, StringCommand
from pyinfra.api.arguments import ConnectorArguments
from pyinfra.connectors.ssh import SSHConnector

# Not in /tmp: docker cp does not see a tmpfs there (https://github.com/moby/moby/issues/22020), and Docker's may not be
# executed from.
FOLDER = "/var/lib/melda-jupyter.provision"
CA = FOLDER + "/ca.crt"
# Passwords, for root alone. A name that * does not match.
SECRETS = FOLDER + "/.secrets"
NETRC = SECRETS + "/netrc"
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
RSCRIPT = "/usr/bin/Rscript"  # the distribution's: conda has one too, and may be first on PATH
# In shell: does a command of another run work there? A killed run's last one may, too. It is root's by its real number: anybody
# may go into the folder, and start a setuid program there, and would hold each run up. Where the folder is gone it ends.
IN_USE = (
    'grep -ls "^Uid:[[:space:]]*$(id -ru)[[:space:]]" /proc/[0-9]*/status | sed s/status$/cwd/ |'
    f" xargs -r ls -l 2>/dev/null | grep -v ' (deleted)$' | grep -q ' {FOLDER}'"
)
# From when the folder is made until the command works there, while files travel, a program stands in it for that command.
HELD = ".held"  # its number
HOLD = 60  # seconds; so long the next run waits for one that was killed just then
ENTER = f"cd {FOLDER} && {{ kill $(cat {HELD}) 2>/dev/null; rm -f {HELD}; }}"
PATIENCE = 600  # seconds
R_LIBRARY = "/usr/local/lib/R/site-library"
# Before a compilation, in a command with uploads. R executes what it unpacks in TMPDIR, and /tmp and /var/tmp may be mounted
# noexec. An own library of root's would be taken first, which nobody else reads; --vanilla takes it too (Renviron of R itself).
# One that was interrupted leaves a lock that no later one removes.
PREPARE_R = (
    "mkdir -m 700 tmp; export TMPDIR=$PWD/tmp R_LIBS= R_LIBS_USER=/nonexistent;"
    f" mkdir -p {R_LIBRARY}; rm -rf {R_LIBRARY}/00LOCK*"
)
_OTHERS = ("_sudo", "_doas", "_dzdo", "_su_user")
Command = Union[StringCommand, FileUploadCommand]

# The names under which apt, pip, uv, R (libcurl) and Python look for a CA bundle.
_CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


def _content(setting: str) -> bytes:
    path = host.data.get(setting)
    if not isinstance(path, str) or not os.path.isfile(path):
        return b""
    with open(path, "rb") as stream:
        return stream.read()


def ca_bundle() -> bytes:
    """Return what to trust while provisioning beside what the target does: the CA bundle and the site's own authorities."""
    return b"\n".join(filter(None, (_content("ca_bundle"), _content("ca_certificates"))))


def proxies() -> Dict[str, str]:
    """Return the proxies for downloads, by the names programs read them under."""
    found = {name: host.data.get(name) for name in ("http_proxy", "https_proxy", "no_proxy")}
    return {spelt: value for name, value in found.items() if value for spelt in (name, name.upper())}


def has_netrc() -> bool:
    """Is there a netrc file for downloads?"""
    return bool(host.data.get("netrc"))


def _secrets() -> Dict[str, bytes]:
    """Files for a command that nobody but root may read: what it sources, and a netrc."""
    if host.data.get("mirror"):
        return {}  # nothing is fetched
    variables = proxies()
    index = host.data.get("pypi_index")
    if index:
        variables.update({"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index})
        if index.startswith("http://"):
            variables["PIP_TRUSTED_HOST"] = index.split("/")[2]  # each package is checked by its hash
    found = {}
    if has_netrc():
        found["netrc"] = _content("netrc")
        variables["NETRC"] = NETRC
    if variables:
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        found["environment"] = "".join(lines).encode()
    return found


def refuse(message: str) -> StringCommand:
    """Return a command that fails with one line. An exception raised in an operation would show a traceback instead."""
    return StringCommand(f"echo {shlex.quote(message)} >&2; exit 1")


def fresh(folder: str, mode: str) -> StringCommand:
    """Return a command that makes the folder anew, once no other run is at work in it; :data:`ENTER` begins the one for it."""
    refused = refuse("another run is at work on this target: expected one at a time").get_raw_value()
    # Under a lock, which ends with this command: of two runs that wait, one makes it. Of a file that nobody else may open: a
    # folder that all may read, all may lock.
    lock = f"{folder}.lock"
    return StringCommand(
        f"( umask 077; : >>{lock} ) && exec 9<{lock}; n=0; until flock -n 9 && ! {IN_USE}; do flock -u 9;"
        f" if [ $n = {PATIENCE} ]; then {refused}; fi; n=$((n + 1)); sleep 1; done;"
        f" rm -rf {folder} && mkdir -m {mode} {folder} && cd {folder} &&"
        f" {{ setsid sleep {HOLD} 9<&- </dev/null >/dev/null 2>&1 & echo $! >{HELD}; }}"
    )


def joined(commands: Iterable[Command]) -> Generator[Command, None, None]:
    """Make neighbouring shell commands one, which ends at the first that fails: a connector takes longer for a command than most
    of these do."""
    for uploads, several in groupby(commands, lambda command: isinstance(command, FileUploadCommand)):
        if uploads:
            yield from several
            continue
        # In a shell of its own each keeps its folder, its locks and its exit to itself.
        texts = [command.get_raw_value() for command in several if isinstance(command, StringCommand)]
        yield StringCommand(texts[0] if len(texts) == 1 else " && ".join(f"( {text} )" for text in texts))


class _Upload(FileUploadCommand):
    """pyinfra's, whose temporary file nobody else can read: over ssh with sudo SFTP makes it with the login's umask."""

    def execute(self, state: State, host: Host, connector_arguments: ConnectorArguments) -> bool:
        arguments = {**connector_arguments, **self.connector_arguments}
        # The same condition as that of pyinfra's connector, which writes to the file that is there.
        if isinstance(host.connector, SSHConnector) and any(map(arguments.get, _OTHERS)):
            made, _ = host.run_shell_command(StringCommand(f"( umask 077; : >{self.remote_temp_filename} )"))
            if not made:
                return False
        return bool(super().execute(state, host, connector_arguments))


def upload(content: bytes, path: str) -> FileUploadCommand:
    """Return a command that writes ``content`` to ``path``.

    Over ssh with sudo it travels through a file of the login's: not at ``path``, where the login may not write, not
    under a name that others can guess, and for nobody else to read.
    """
    temporary = f"/tmp/melda-jupyter.{uuid.uuid4().hex}"
    return _Upload(io.BytesIO(content), path, remote_temp_filename=temporary)


def run(command: str, uploads: Optional[Dict[str, bytes]] = None) -> Generator[Command, None, None]:
    """Run a shell command with files beside it, HTTPS that trusts the CA bundle, and the site's proxies and passwords.

    Args:
        command: shell text; with any file beside it, it runs in the folder.
        uploads: file name -> content.
    """
    uploads = dict(uploads or {})
    exports = ""
    if ca_bundle():
        uploads["ca.crt"] = ca_bundle()
        exports = f"export {' '.join(f'{name}={CA}' for name in _CA_VARIABLES)}; "
        if host.data.get("ca_certificates"):
            # They alone would shut out what has a public authority's certificate.
            exports = f"cat {SYSTEM_BUNDLE} >>ca.crt 2>/dev/null || :; {exports}"
    secrets = _secrets()
    if secrets:
        exports += f". {SECRETS}/environment; "
    if not uploads and not secrets:
        yield StringCommand(f"( set -e; {command} )")
        return
    # apt's own user must be able to read the bundle.
    yield fresh(FOLDER, "755")
    for name, content in uploads.items():
        yield upload(content, f"{FOLDER}/{name}")
    if secrets:
        yield StringCommand(f"mkdir -m 700 {SECRETS}")
    for name, content in secrets.items():
        yield upload(content, f"{SECRETS}/{name}")
    readable = "chmod 644 * &&" if uploads else ""
    yield StringCommand(
        f"{ENTER} && {readable} ( set -e; {exports}{command} ); status=$?; cd / && rm -rf {FOLDER}; exit $status"
    )
