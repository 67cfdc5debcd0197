"""The user whose notebooks run, the project folder, and environment variables that survive without Docker's ENV."""

from __future__ import annotations

import posixpath
import shlex
from typing import Dict, Generator, List

from pyinfra import host
from pyinfra.api import DeployError, FactBase, StringCommand, deploy, operation

from tasks.lib import facts, files
from tasks.lib.workplace import refuse


def environment() -> Dict[str, str]:
    """The variables of the contract, by the settings. The ENV of Dockerfile.base says the same (a test compares them)."""
    data = host.data
    return {
        "username": data.username,
        "UHOME": data.uhome,
        "JUPYTER_WORKDIR": data.jupyter_workdir,
        "SRC": data.src,
        "LANG": data.locale,
        "LC_ALL": data.locale,
        "PATH": "{0}:{1}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".format(
            data.src, data.python_env
        ),
    }


class Account(FactBase[Dict[str, List[str]]]):
    """The passwd and group entries of a name and of a number, split at the colons."""

    def command(self, username: str, uid: int) -> str:
        return (
            "getent passwd {0} | sed s/^/name:/; getent passwd {1} | sed s/^/number:/;"
            " getent group {0} | sed s/^/group:/; getent group {1} | sed s/^/gid:/"
        ).format(username, uid)

    @staticmethod
    def default() -> Dict[str, List[str]]:
        return {}

    def process(self, output: List[str]) -> Dict[str, List[str]]:
        return {line.split(":", 1)[0]: line.split(":")[1:] for line in output}


def conflict(found: Dict[str, List[str]], username: str, uid: int) -> str:
    """What makes the account impossible, in one line, or empty.

    Args:
        found: what :class:`Account` found.
        username, uid: the settings.
    """
    for kind in ("number", "gid"):
        if kind in found and found[kind][0] != username:
            return "uid={0} is not right: on this system it belongs to {1}".format(uid, found[kind][0])
    for kind in ("name", "group"):
        if kind in found and found[kind][2] != str(uid):
            return "username={0!r} is not right: on this system it has number {1}, not uid={2}".format(
                username, found[kind][2], uid
            )
    return ""


@operation()
def account(username: str, uid: int, home: str) -> Generator[StringCommand, None, None]:
    """A login user with its own group of the same name and number, a home and bash."""
    found = facts.get(Account, username=username, uid=uid)
    if "group" not in found:
        yield StringCommand("groupadd --gid {0} {1}".format(uid, username))
    if "name" not in found:
        yield StringCommand(
            "useradd {0} --create-home --home-dir {1} --shell /bin/bash --uid {2} --gid {2}".format(username, home, uid)
        )
    elif [found["name"][3]] + found["name"][5:7] != [str(uid), home, "/bin/bash"]:
        yield StringCommand("usermod --gid {0} --home {1} --shell /bin/bash {2}".format(uid, home, username))


class Project(FactBase[List[str]]):
    """What is at a path in the user's home: its kind, and of a folder mode, user and the type of its file system; nothing: none.

    Nothing is opened, and no link at its end is followed.
    """

    def command(self, path: str) -> str:
        return "exec 2>/dev/null; stat -c '%F|%a|%U|%G' {0} && stat -f -c %T {0}; true".format(shlex.quote(path))

    @staticmethod
    def default() -> List[str]:
        return []

    def process(self, output: List[str]) -> List[str]:
        return [part for line in output for part in line.split("|")]


# The user may put a link in the place of any folder of the home, at any moment: root goes into the folder above, makes sure
# that it stands where it should, and only then hands over what is called so there, itself and not what it points to.
_PROJECT = """\
as_user() {{ setpriv --reuid={uid} --regid={uid} --clear-groups --no-new-privs "$@"; }}
home=$(cd -P {home} && pwd -P) && as_user mkdir -p {above} && cd -P {above}
[ "$(pwd -P)" = "$home"{rest} ] || {{ {moved}; }}
if [ -L {name} ]; then {link}; fi
{{ [ -d {name} ] || as_user mkdir {name}; }} && chown -h {username}:{username} {name} && as_user chmod 755 {name}"""


@operation()
def project(username: str, uid: int, home: str, path: str) -> Generator[StringCommand, None, None]:
    """The project's folder, the user's, in a home that the user may change meanwhile; one that is mounted stays as it is."""
    found = facts.get(Project, path=path)
    if found[:4] == ["directory", "755", username, username] or (
        found[:1] == ["directory"] and found[4:] == ["fuseblk"]
    ):
        return
    above, name = posixpath.split(path)
    yield StringCommand(
        _PROJECT.format(
            uid=uid,
            username=username,
            home=shlex.quote(home),
            above=shlex.quote(above),
            rest=shlex.quote(above[len(home) :]),
            name=shlex.quote("./" + name),
            moved=refuse("{0} is a symbolic link, or on the way to it there is one".format(above)).get_raw_value(),
            link=refuse("{0} is a symbolic link: it must be a folder".format(path)).get_raw_value(),
        )
    )


@deploy("User")
def user() -> None:
    data = host.data
    # Here, not in the operation: before anything changes.
    reason = conflict(facts.get(Account, username=data.username, uid=data.uid), data.username, data.uid)
    if reason:
        raise DeployError(reason)
    account(name="Add the user", username=data.username, uid=data.uid, home=data.uhome)
    # The folders above it are root's: nobody puts a link in its place.
    files.installed(
        name="Make the home",
        entries=[files.Entry(data.uhome, mode="755", user=data.username, group=data.username)],
    )
    project(
        name="Make the project folder",
        username=data.username,
        uid=data.uid,
        home=data.uhome,
        path=data.jupyter_workdir,
    )
    files.block(
        name="Write the environment variables where every login and start-jupyter find them",
        path="/etc/environment",
        marker="melda-jupyter",
        content="".join("{0}={1}\n".format(name, value) for name, value in environment().items()),
    )
    # /etc/profile sets PATH anew in every login shell, whatever PAM had set before.
    profile = "export PATH={0}\n".format(environment()["PATH"])
    files.installed(
        name="Set PATH in login shells",
        entries=[files.Entry("/etc/profile.d/melda-jupyter.sh", profile.encode())],
    )
