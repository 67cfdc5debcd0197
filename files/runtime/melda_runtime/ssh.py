"""sshd, for debugging: root, with a key only, and only if there is a key."""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import List, Optional

from melda_runtime import account, edit
from melda_runtime.environment import RUN, Settings, for_root
from melda_runtime.errors import Refused
from melda_runtime.supervisor import Service

SSHD = "/usr/sbin/sshd"
BUILT_IN = "/root/.ssh/authorized_keys"
TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")


def public_keys(text: str) -> List[str]:
    """The keys in ``text``, one a line as in authorized_keys(5), without options; empty lines and comments are skipped.

    Raises:
        Refused: a line is no key; its number and beginning are named.
    """
    keys = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(keys, start=1):
        if line and not line.startswith("#") and not _is_key(line):
            reason = "SSH_AUTHORIZED_KEYS is not right: line {0}, {1!r}, is not a public key like 'ssh-ed25519 AAAA... name'"
            raise Refused(reason.format(number, line[:40]))
    return [line for line in keys if line and not line.startswith("#")]


def _is_key(line: str) -> bool:
    found = re.fullmatch(r"([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})( [^\x00-\x1f\x7f]*)?", line)
    if not found or not found.group(1).startswith(TYPES):
        return False
    try:
        blob = base64.b64decode(found.group(2), validate=True)
    except (binascii.Error, ValueError):
        return False
    name = found.group(1).encode()
    # RFC 4253, 6.6: a key begins with the name of its type, and says its length first.
    return len(blob) > len(name) + 4 and blob[: len(name) + 4] == len(name).to_bytes(4, "big") + name


def has_keys(path: str = BUILT_IN) -> bool:
    """Does the file hold anything but comments?"""
    return any(line.strip() and not line.strip().startswith("#") for line in edit.read(path).splitlines())


def service(settings: Settings, run: str = RUN) -> Optional[Service]:
    """sshd as a service; None without a key, or where it is not installed.

    Raises:
        Refused: a key is malformed, or there are keys and no sshd.
    """
    given = public_keys(settings.ssh_keys)
    if not given and not has_keys():
        return None
    if not os.path.exists(SSHD):
        raise Refused("SSH_AUTHORIZED_KEYS is set, and this image has no {0}: build it with the ssh task".format(SSHD))
    try:
        os.makedirs(run, mode=0o755, exist_ok=True)
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        added = os.path.join(run, "authorized_keys")
        edit.update(added, "".join(key + "\n" for key in given), mode=0o600)
    except OSError as error:
        raise Refused("the public keys for ssh cannot be written: {0}".format(error)) from None
    # The host keys are this container's own, made when it starts for the first time. That may take a second, so it is
    # done in sshd's own process, and nothing waits for it.
    script = 'ssh-keygen -A >/dev/null && exec "$0" "$@"'
    keys = "AuthorizedKeysFile={0} {1}".format(BUILT_IN, added)
    return Service("sshd", ("/bin/sh", "-c", script, SSHD, "-D", "-e", "-o", keys), account.ROOT, for_root(settings))
