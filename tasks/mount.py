"""s3fs, with which start-jupyter mounts the project from S3."""

from __future__ import annotations

from melda.base.paths import SHARE
from pyinfra import host

from tasks.debian_packages import PACKAGES
from tasks.lib.managed_files import ManagedFile, source, tree
from tasks.operations import apt, managed_files
from tasks.settings import deploy

PROFILE = "/etc/profile.d/melda-mount.sh"
GIT = "/etc/gitconfig"
TEMPLATE = f"{SHARE}/git-template"


@deploy("Mount")
def mount() -> None:
    apt.packages(name="Install s3fs", packages=PACKAGES["mount"])
    managed_files.put(
        name="Let terminals say what is slow in a bucket",
        entries=[ManagedFile(PROFILE, source("mount/profile.sh").replace(b"@USER@", host.data.username.encode()))],
    )
    # git's own template has 13 samples of hooks, which are three of ten requests of a new repository. A folder whose name
    # begins with a dot is not copied, an empty one is (https://git-scm.com/docs/git-init#_template_directory).
    managed_files.put(
        name="Put a template of few files for git's repositories",
        entries=[
            ManagedFile(SHARE, mode="755"),
            *tree("mount/git-template", TEMPLATE),
            ManagedFile(f"{TEMPLATE}/hooks", mode="755"),
        ],
    )
    managed_files.block(
        name="Let git begin a repository with it",
        path=GIT,
        marker="melda-jupyter template",
        content=f"[init]\n\ttemplateDir = {TEMPLATE}",
    )
