"""sshd for debugging: root, with a key only. It is started by start-jupyter, and only if there is a key."""

from __future__ import annotations

from pyinfra import host

from tasks.debian_packages import PACKAGES
from tasks.facts.files import FileContents, PathStats
from tasks.facts.ssh import ImageHostKeys, SshdProblem
from tasks.lib import sshd
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile, source
from tasks.operations import apt, managed_files
from tasks.operations import ssh as operations
from tasks.settings import deploy

TEMPLATE = "/usr/share/openssh/sshd_config"  # which the package makes it of (ucf)
FOLDER = "/root/.ssh"


@deploy("ssh")
def ssh() -> None:
    apt.packages(name="Install the OpenSSH server", packages=PACKAGES["ssh"])
    prefetch(PathStats, paths=[sshd.CONFIG])
    prefetch(FileContents, path=sshd.CONFIG)
    prefetch(SshdProblem)
    operations.config_restored(name="Let only root read sshd's configuration", path=sshd.CONFIG, template=TEMPLATE)
    managed_files.put(
        name="Configure sshd: root with a key, nobody with a password",
        entries=[
            ManagedFile("/etc/ssh/sshd_config.d/10-melda-jupyter.conf", source("ssh/sshd.conf"), mode="600"),
        ],
        check=sshd.CHECK,
    )
    operations.key_demanded(name="Make sure that sshd lets in nobody without a key", key=host.data.ssh_public_key)
    managed_files.put(name="Make root's ssh folder", entries=[ManagedFile(FOLDER, mode="700", linked=True)])
    # A block, not the file: on a host it holds its administrators' keys too.
    managed_files.block(
        name="Put the platform's public key in place",
        path=f"{FOLDER}/authorized_keys",
        marker="melda-jupyter",
        content=host.data.ssh_public_key,
        mode="600",
        linked=True,
    )
    managed_files.found_absent(name="Remove host keys that all containers would share", fact=ImageHostKeys)
