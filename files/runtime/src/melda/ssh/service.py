"""sshd, for debugging: root, with a key only, and only if there is a key."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import subprocess
from typing import Optional, Sequence

from melda.base import capabilities, textfiles, users
from melda.base.errors import ConfigError
from melda.base.paths import RUN
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.config import container_limits, ipv6
from melda.config.environ import Settings, for_root

SSHD = "/usr/sbin/sshd"
DISTRIBUTIONS = "/etc/ssh/sshd_config"
PRIVILEGE_SEPARATION = "/run/sshd"  # sshd(8) wants this folder
BUILT_IN = "/root/.ssh/authorized_keys"
# In the image's too, where a file that sshd reads before ours could say otherwise. The last is the old name of one more.
KEYS_ONLY = ("PermitRootLogin prohibit-password", "PasswordAuthentication no", "ChallengeResponseAuthentication no")
NEEDS = "sshd needs the capability SYS_CHROOT, which Docker gives unless it is dropped"
# Key exchanges that keep what is recorded today from the quantum computers of later: OpenSSH 9.9's, 8.5's under both names.
QUANTUM_SAFE = ("mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com")


def has_keys(path: str) -> bool:
    """Return whether the file holds anything but comments."""
    return any(line.strip() and not line.strip().startswith("#") for line in textfiles.read(path).splitlines())


def fingerprint(public_key: str) -> str:
    """Return a public key's fingerprint, as ssh shows it at the first connection.

    Args:
        public_key: a line as ``ssh-keygen`` writes it.
    """
    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def configuration(host_key: str, added: str, key_exchanges: Sequence[str], set_env: str = "") -> str:
    """sshd's configuration in this container: ours first, because the first value counts, then the image's.

    Args:
        host_key: path of the private host key.
        added: path of the keys that were given beside the one built in.
        key_exchanges: those that are quantum-safe and that this sshd knows; none: the image's configuration says which.
        set_env: a line that counts where the image's configuration has none of its kind; or none.
    """
    lines = [
        "HostKey " + host_key,
        "AllowUsers root",
        *KEYS_ONLY,
        f"AuthorizedKeysFile {BUILT_IN} {added}",
        *(["KexAlgorithms " + ",".join(key_exchanges)] if key_exchanges else []),
        "Include " + DISTRIBUTIONS,
        *([set_env] if set_env else []),
    ]
    return "\n".join(lines) + "\n"


def _run(*command: str) -> str:
    """Return the standard output of a program, which gets none of our environment: that holds the secrets."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        encoding="utf-8", errors="replace", env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )  # fmt: skip
    if done.returncode:
        output = " ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
        raise ConfigError("ssh cannot be started: {0}: {1}".format(command[0], output or "no reason given"))
    return done.stdout


def host_key_path(run: str) -> str:
    """Return where the private host key is.

    It is called after the container (Docker gives each its own host name), so an image committed from one does not
    hand its identity to others.
    """
    return os.path.join(run, "ssh_host_ed25519_key-" + socket.gethostname())


def _made(key: str) -> str:
    """``key``, made if this container has none."""
    if not (textfiles.read(key) and textfiles.read(key + ".pub")):  # a start that was interrupted leaves half of it
        for half in (key, key + ".pub"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(half)
        _run("/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
    return key


def can_let_in() -> bool:
    """Return whether sshd can let anybody in: each connection begins in a folder without files (sshd(8), /run/sshd)."""
    return capabilities.has(capabilities.SYS_CHROOT)


def is_wanted(settings: Settings) -> bool:
    """Return whether there is a key."""
    return bool(settings.ssh_keys) or has_keys(BUILT_IN)


def service(settings: Settings, run: str = RUN) -> Optional[Service]:
    """sshd as a service; None without a key.

    Args:
        settings: of the container.
        run: folder for what is this container's own.

    Raises:
        ConfigError: there are keys, and sshd is missing or does not take its configuration.
    """
    if not is_wanted(settings):
        return None
    if not os.path.exists(SSHD):
        raise ConfigError(f"SSH_AUTHORIZED_KEYS is set, and this image has no {SSHD}: build it with the ssh task")
    if not can_let_in():
        raise ConfigError(f"ssh cannot be started: {NEEDS}")
    added, config = os.path.join(run, "authorized_keys"), os.path.join(run, "sshd.conf")
    try:
        os.makedirs(run, mode=0o755, exist_ok=True)
        os.makedirs(PRIVILEGE_SEPARATION, mode=0o755, exist_ok=True)
        textfiles.write_if_changed(added, "".join(key + "\n" for key in settings.ssh_keys), mode=0o600)
        host_key = _made(host_key_path(run))
        known = _run("/usr/bin/ssh", "-Q", "kex").split()
        quantum_safe = [name for name in QUANTUM_SAFE if name in known]
        text = configuration(host_key, added, quantum_safe, container_limits.ssh(settings.variables))
        textfiles.write_if_changed(config + ".new", text, mode=0o600)
        _run(SSHD, "-t", "-f", config + ".new")
        os.replace(config + ".new", config)
    except OSError as error:
        raise ConfigError(f"ssh cannot be prepared: {error}") from None
    family = () if ipv6.listens(settings.variables) else ("-4",)
    return Service("sshd", (SSHD, "-D", "-e", "-f", config, *family), users.ROOT, for_root(settings))


def start(settings: Settings, supervisor: Supervisor, run: str = RUN) -> str:
    """Start sshd if there is a key for it.

    Returns:
        What became of it, for the log.

    Raises:
        ConfigError: see :func:`service`.
    """
    sshd = service(settings, run)
    if sshd is None:
        return "off, there is no authorized key"
    supervisor.start(sshd)
    return "started, its host key is " + fingerprint(textfiles.read(host_key_path(run) + ".pub"))
