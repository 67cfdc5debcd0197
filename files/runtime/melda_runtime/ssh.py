"""sshd, for debugging: root, with a key only, and only if there is a key."""

from __future__ import annotations

import os
from typing import Optional

from melda_runtime import account, edit
from melda_runtime.environment import RUN, Settings, for_root
from melda_runtime.errors import Refused
from melda_runtime.supervisor import Service

SSHD = "/usr/sbin/sshd"
PRIVILEGE_SEPARATION = "/run/sshd"  # sshd(8) wants this folder
BUILT_IN = "/root/.ssh/authorized_keys"


def has_keys(path: str) -> bool:
    """Does the file hold anything but comments?"""
    return any(line.strip() and not line.strip().startswith("#") for line in edit.read(path).splitlines())


def service(settings: Settings, run: str = RUN) -> Optional[Service]:
    """sshd as a service; None without a key, or where it is not installed.

    Raises:
        Refused: there are keys and no sshd.
    """
    given = settings.ssh_keys
    if not given and not has_keys(BUILT_IN):
        return None
    if not os.path.exists(SSHD):
        raise Refused("SSH_AUTHORIZED_KEYS is set, and this image has no {0}: build it with the ssh task".format(SSHD))
    try:
        os.makedirs(run, mode=0o755, exist_ok=True)
        os.makedirs(PRIVILEGE_SEPARATION, mode=0o755, exist_ok=True)
        added = os.path.join(run, "authorized_keys")
        edit.update(added, "".join(key + "\n" for key in given), mode=0o600)
    except OSError as error:
        raise Refused("the public keys for ssh cannot be written: {0}".format(error)) from None
    # The host keys are this container's own, made when it starts for the first time. That may take a second,
    # so it is done in sshd's own process, and nothing waits for it.
    script = 'ssh-keygen -A >/dev/null && exec "$0" "$@"'
    keys = "AuthorizedKeysFile={0} {1}".format(BUILT_IN, added)
    return Service("sshd", ("/bin/sh", "-c", script, SSHD, "-D", "-e", "-o", keys), account.ROOT, for_root(settings))
