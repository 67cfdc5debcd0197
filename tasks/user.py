"""The user whose notebooks run, the project folder, and environment variables that survive without Docker's ENV."""

from __future__ import annotations

from typing import Dict, List

from melda.base.paths import ENVIRONMENT
from pyinfra import host
from pyinfra.api import DeployError
from pyinfra.facts.files import Directory
from pyinfra.facts.server import Groups, Os
from pyinfra.operations import files, server

from tasks.facts.files import UserFolder
from tasks.facts.server import Account, AccountRights, OneOfUsers
from tasks.lib.fact_cache import prefetch
from tasks.lib.identity import roots_groups
from tasks.lib.managed_files import ManagedFile
from tasks.operations import managed_files
from tasks.operations.server import project_folder, rights_taken_back
from tasks.settings import deploy

SUDOERS = (
    "invalid username={0!r}: expected an account without sudo, on this host sudo has a rule for it (sudo -l -U {0})"
)


def environ() -> Dict[str, str]:
    """Return the variables that the image sets (docs/reference/variables.md), as ENV of Dockerfile.base: a test compares."""
    data = host.data
    return {
        "username": data.username,
        "UHOME": data.uhome,
        "JUPYTER_WORKDIR": data.jupyter_workdir,
        "SRC": data.src,
        "LANG": data.locale,
        "LC_ALL": data.locale,
        "PATH": f"{data.src}:{data.python_env}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }


def conflict(found: Dict[str, List[str]], username: str, uid: int) -> str:
    """Say what makes the account impossible, in one line, or nothing."""
    for kind in ("number", "gid"):
        if kind in found and found[kind][0] != username:
            return f"invalid uid={uid}: expected a number that is free, on this host it belongs to {found[kind][0]}"
    for kind in ("name", "group"):
        if kind in found and found[kind][2] != str(uid):
            return f"invalid username={username!r}: expected the number uid={uid}, on this host it has {found[kind][2]}"
    return ""


@deploy("User")
def user() -> None:
    data = host.data
    # In the prepare phase, not in an operation: before anything changes.
    reason = conflict(host.get_fact(Account, username=data.username, uid=data.uid), data.username, data.uid)
    # pyinfra's files.directory ends with a traceback there.
    if not reason and host.get_fact(Directory, path=data.uhome) is False:
        reason = f"invalid uhome={data.uhome!r}: expected a folder, or nothing, on this host it is a link or a file"
    rights = host.get_fact(AccountRights, username=data.username)
    # Such a rule may be what its administrator logs in with, so it is not ours to take away.
    if not reason and "sudo" in rights and not roots_groups(rights):
        reason = SUDOERS.format(data.username)
    if reason:
        raise DeployError(reason)
    for fact in (Groups, Os):
        prefetch(fact)
    prefetch(OneOfUsers, username=data.username)
    prefetch(UserFolder, path=data.jupyter_workdir)
    server.group(name="Add the user's group", group=data.username, gid=data.uid)
    server.user(  # nosec B604 # noqa: S604 - the shell of an account
        name="Add the user",
        user=data.username,
        uid=data.uid,
        group=data.username,
        home=data.uhome,
        shell="/bin/bash",
        create_home=True,
        ensure_home=False,  # below, with its mode
    )
    rights_taken_back(
        name="Take from the user what could make it root",
        username=data.username,
        sudoers=SUDOERS.format(data.username),
    )
    # The folders above it are root's: nobody puts a link in its place.
    files.directory(name="Make the home", path=data.uhome, user=data.username, group=data.username, mode="755")
    project_folder(
        name="Make the project folder",
        username=data.username,
        uid=data.uid,
        home=data.uhome,
        path=data.jupyter_workdir,
    )
    managed_files.block(
        name="Write the environment variables where every login and start-jupyter find them",
        path=ENVIRONMENT,
        marker="melda-jupyter",
        content="".join(f"{name}={value}\n" for name, value in environ().items()),
        variables=True,
    )
    # /etc/profile sets PATH again in every login shell, whatever PAM had set before. The others are for a shell without PAM in
    # an image without ENV: docker exec CONTAINER bash -l.
    profile = "".join(
        f"export {name}={value}\n" if name == "PATH" else f'[ -n "${{{name}-}}" ] || export {name}={value}\n'
        for name, value in environ().items()
    )
    managed_files.put(
        name="Set PATH in login shells, and what ENV would",
        entries=[ManagedFile("/etc/profile.d/melda-jupyter.sh", profile.encode())],
    )
