"""sshd for debugging: root, with a key only. It is started by start-jupyter, and only if there is a key."""

from __future__ import annotations

from typing import Generator, List

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation

from tasks.lib import apt, debian, facts, files, machine


class NobodysHostKeys(FactBase[List[str]]):
    """Host keys that identify no running machine: made by the package's installation in an image under construction.

    Where systemd or an sshd runs they are that machine's identity, and the list is empty.
    """

    def command(self) -> str:
        return machine.IS_ONE + " || ls /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub 2>/dev/null || true"

    @staticmethod
    def default() -> List[str]:
        return []

    def process(self, output: List[str]) -> List[str]:
        return [line for line in output if line.startswith("/")]


CONFIG = "/etc/ssh/sshd_config"
# The whole configuration as it will be, not only ours. A host key is needed to check one, and an image has none.
CHECK = (
    "grep -qiE '^[[:space:]]*Include[[:space:]]+/etc/ssh/sshd_config[.]d/' {0}"
    " || {{ echo '{0} does not include our settings: it must begin with Include /etc/ssh/sshd_config.d/*.conf' >&2; false; }}"
    " && {{ k=$(mktemp -d) && mkdir -p /run/sshd && cat {{}} {0} > $k/all && ssh-keygen -q -t ed25519 -N '' -f $k/key"
    " && sshd -t -f $k/all -h $k/key; s=$?; rm -rf $k; (exit $s); }}"
).format(CONFIG)


@operation()
def private(path: str) -> Generator[StringCommand, None, None]:
    """Let only root read a file that is there.

    Args:
        path: the file.
    """
    present = facts.at(files.Paths, [path]).get(path)
    if present and present[0] == "file" and present[1] != "600":
        yield StringCommand("chmod 600 " + path)


@operation()
def no_shared_host_keys() -> Generator[StringCommand, None, None]:
    """Remove host keys from an image, or every container of it would have the same; start-jupyter makes each its own."""
    keys = facts.get(NobodysHostKeys)
    if keys:
        yield StringCommand("rm -f " + " ".join(keys))


@deploy("ssh")
def ssh() -> None:
    apt.installed(name="Install the OpenSSH server", packages=debian.PACKAGES["ssh"])
    files.installed(
        name="Configure sshd: root with a key, nobody with a password",
        entries=[
            files.Entry("/etc/ssh/sshd_config.d/10-melda-jupyter.conf", files.source("ssh/sshd.conf"), mode="600")
        ],
        check=CHECK,
    )
    facts.foresee(files.Paths, [CONFIG])
    private(name="Let only root read sshd's configuration", path=CONFIG)
    files.installed(name="Make root's ssh folder", entries=[files.Entry("/root/.ssh", mode="700")])
    # A block, not the file: on a machine it holds its administrators' keys too.
    files.block(
        name="Put the platform's public key in place",
        path="/root/.ssh/authorized_keys",
        marker="melda-jupyter",
        content=host.data.ssh_public_key,
        mode="600",
    )
    no_shared_host_keys(name="Remove host keys that all containers would share")
