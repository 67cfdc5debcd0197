"""sshd for debugging: root, with a key only. It is started by start-jupyter, and only if there is a key."""

from __future__ import annotations

from pyinfra import host

from tasks.debian_packages import PACKAGES
from tasks.facts.files import FileContents, PathStats
from tasks.facts.ssh import ImageHostKeys
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile, source
from tasks.operations import apt, managed_files
from tasks.operations import ssh as operations
from tasks.settings import deploy

CONFIG = "/etc/ssh/sshd_config"
TEMPLATE = "/usr/share/openssh/sshd_config"  # which the package makes it of (ucf)
FOLDER = "/root/.ssh"
# The whole configuration as it will be, not only ours. A host key is needed to check one, and an image has none.
CHECK = (
    f"grep -qiE '^[[:space:]]*Include[[:space:]]+/etc/ssh/sshd_config[.]d/' {CONFIG}"
    f" || {{ echo '{CONFIG} does not include our settings:"
    " it must begin with Include /etc/ssh/sshd_config.d/*.conf' >&2; false; }"
    f" && {{ k=$(mktemp -d) && mkdir -p /run/sshd && cat {{}} {CONFIG} > $k/all && ssh-keygen -q -t ed25519 -N '' -f $k/key"
    " && sshd -t -f $k/all -h $k/key; s=$?; rm -rf $k; (exit $s); }"
)


@deploy("ssh")
def ssh() -> None:
    apt.packages(name="Install the OpenSSH server", packages=PACKAGES["ssh"])
    prefetch(PathStats, paths=[CONFIG])
    prefetch(FileContents, path=CONFIG)
    operations.config_restored(name="Let only root read sshd's configuration", path=CONFIG, template=TEMPLATE)
    managed_files.put(
        name="Configure sshd: root with a key, nobody with a password",
        entries=[
            ManagedFile("/etc/ssh/sshd_config.d/10-melda-jupyter.conf", source("ssh/sshd.conf"), mode="600"),
        ],
        check=CHECK,
    )
    managed_files.put(name="Make root's ssh folder", entries=[ManagedFile(FOLDER, mode="700", linked=True)])
    # A block, not the file: on a host it holds its administrators' keys too.
    managed_files.block(
        name="Put the platform's public key in place",
        path=f"{FOLDER}/authorized_keys",
        marker="melda-jupyter",
        content=host.data.ssh_public_key,
        mode="600",
    )
    managed_files.found_absent(name="Remove host keys that all containers would share", fact=ImageHostKeys)
