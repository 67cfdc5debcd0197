"""The user whose notebooks run, the project folder, and environment variables that survive without Docker's ENV."""

from __future__ import annotations

from typing import Dict, Generator, List

from pyinfra import host
from pyinfra.api import FactBase, OperationError, StringCommand, deploy, operation

from tasks.lib import files


def environment() -> Dict[str, str]:
    """The variables of the contract, by the settings. The ENV of Dockerfile.base says the same (a test compares them)."""
    data = host.data
    return {
        "username": data.username,
        "UHOME": data.uhome,
        "JUPYTER_WORKDIR": data.jupyter_workdir,
        "SRC": data.src,
        "LANG": data.locale,
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


@operation()
def account(username: str, uid: int, home: str) -> Generator[StringCommand, None, None]:
    """A login user with its own group of the same name and number, a home and bash.

    Raises:
        OperationError: the name or the number belongs to somebody else.
    """
    found = host.get_fact(Account, username=username, uid=uid)
    for kind, setting, value in (("number", "uid", uid), ("gid", "uid", uid)):
        if kind in found and found[kind][0] != username:
            raise OperationError("{0}={1} is not right: it belongs to {2}".format(setting, value, found[kind][0]))
    if "group" in found and found["group"][2] != str(uid):
        raise OperationError("username={0!r} is not right: a group of that name has number {1}".format(username, found["group"][2]))
    if "group" not in found:
        yield StringCommand("groupadd --gid {0} {1}".format(uid, username))
    if "name" not in found:
        yield StringCommand(
            "useradd {0} --create-home --home-dir {1} --shell /bin/bash --uid {2} --gid {2}".format(username, home, uid)
        )
    elif found["name"][2:4] != [str(uid), str(uid)]:
        raise OperationError(
            "username={0!r} is not right: that user exists with number {1}".format(username, ":".join(found["name"][2:4]))
        )
    elif found["name"][5:7] != [home, "/bin/bash"]:
        yield StringCommand("usermod --home {0} --shell /bin/bash {1}".format(home, username))


@deploy("User")
def user() -> None:
    data = host.data
    account(name="Add the user", username=data.username, uid=data.uid, home=data.uhome)
    own = {"mode": "755", "user": data.username, "group": data.username}
    files.installed(
        name="Make the home and the project folder",
        entries=[files.Entry(data.uhome, **own), files.Entry(data.jupyter_workdir, **own)],
    )
    files.block(
        name="Write the environment variables where every login and start-jupyter find them",
        path="/etc/environment",
        marker="melda-jupyter",
        content="".join("{0}={1}\n".format(name, value) for name, value in environment().items()),
    )
