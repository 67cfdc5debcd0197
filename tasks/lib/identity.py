"""Who the user is and where things are does not change under a target that has been provisioned: files and ENV say it too."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List

from pyinfra import host

from tasks.facts.server import OthersFolders
from tasks.facts.variables import Variables

# Setting -> its variable.
NAMES = {"username": "username", "uhome": "UHOME", "jupyter_workdir": "JUPYTER_WORKDIR", "src": "SRC"}
# Whose members can become root: by sudo, by a container, or by the disk itself. Others, for a graphics card say, are a site's.
ROOTS_GROUPS = (
    "root", "sudo", "wheel", "admin", "google-sudoers", "docker", "lxd", "incus-admin", "libvirt", "disk", "kmem", "shadow",
    "staff",  # may write to /usr/local, where root's R and shell look
)  # fmt: skip
# What the deploy's own packages call their accounts and groups. Those that a target has already are found there.
_PACKAGES_ACCOUNTS = ("crontab", "fuse", "messagebus", "polkitd", "sasl", "ssh", "sshd")


def roots_groups(rights: Iterable[str]) -> List[str]:
    """Return the groups of an account whose members can become root, of what the fact AccountRights says."""
    parts = (right.partition(":") for right in rights)
    return [group for kind, _, group in parts if kind == "root" or group in ROOTS_GROUPS]


def is_free(username: str) -> bool:
    """Is this a name that neither root nor a package needs? The account has a group of it too."""
    return username not in (*ROOTS_GROUPS, *_PACKAGES_ACCOUNTS) and not username.startswith("systemd-")


def settings_of(variables: Dict[str, str]) -> Dict[str, str]:
    """Return the settings that these variables tell; none if they are not ours."""
    if "SRC" not in variables:
        return {}  # a base may have LANG, and always has PATH
    found = {setting: variables[name] for setting, name in NAMES.items() if name in variables}
    folders = variables.get("PATH", "").split(":")
    if folders[0] == variables["SRC"] and folders[1:] and folders[1].endswith("/bin"):
        found["python_env"] = folders[1][: -len("/bin")]
    if "LANG" in variables:
        found["locale"] = variables["LANG"]
    return found


def changed(wanted: Dict[str, Any], found: Variables) -> str:
    """Say which setting asks for another user or another place than the target has, or for somebody else's, in one line; or
    nothing.
    """
    written, docker = settings_of(found.written), settings_of(found.docker)
    # A container may have been given variables of its own (docker run --env): what is written says what it was made with.
    made = {**docker, **written}
    # A locale more does no harm; but Docker's ENV names another one, and wins.
    if docker.get("locale") == wanted["locale"] or "locale" not in docker:
        made["locale"] = wanted["locale"]
    what, another = ("host", "host") if found.is_host else ("image", "image (make image DATA={0}=...)")
    for name, value in made.items():
        if wanted[name] != value:
            return (
                f"invalid {name}={wanted[name]!r}: expected {value!r}, which this {what} was made with;"
                f" another value needs another {another.format(name)}"
            )
    for name in ("src", "python_env"):  # one that an earlier run wrote down is ours
        if name not in made and host.get_fact(OthersFolders, path=wanted[name]):
            return f"invalid {name}={wanted[name]!r}: expected a folder of its own, in this one something else is"
    return ""
