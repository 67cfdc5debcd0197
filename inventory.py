"""Whom the deploy is for, in groups.

``MELDA_HOSTS`` names them, separated by commas, each as ``[ROLE=][USER@]HOST[:PORT]`` (any name from your ssh configuration,
``[2001:db8::7]`` for IPv6) or ``[ROLE=]@docker/CONTAINER``. Without it: the container that ``make up`` started. The settings of a
group are in group_data/GROUP.py, and each role is a group too: docs/fleets.md.
"""

import fnmatch
import getpass
import os
import re
from typing import Any, Dict, List, Tuple

import click
from paramiko.ssh_exception import SSHException
from pyinfra.api.exceptions import InventoryError
from pyinfra.connectors.sshuserclient.config import SSHConfig

containers: List[Tuple[str, Dict[str, Any]]] = []
machines: List[Tuple[str, Dict[str, Any]]] = []

_TAKEN = {"all", *globals()}
_ENTRY = re.compile(
    r"(?:(?P<role>[a-z][a-z0-9_]*)=)?(?:@docker/(?P<container>\w[\w.-]*)|"
    r"(?:(?P<user>\w[\w.-]*)@)?(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>\w[\w.-]*))(?::(?P<port>\d{1,5}))?)"
)
# sudo does not give it unless its configuration says so, and an administrator's own has no sbin.
_ROOTS = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_RIGHT = "[ROLE=][USER@]HOST[:PORT] or [ROLE=]@docker/CONTAINER"


def _shown(entry: str) -> str:
    """Return an entry that is no host without what may be a password: behind a colon, or a part of one with a comma."""
    return re.sub(r":(?!\d*$).*", ":***", re.sub(r"^[^@:]*[^\w.@:=-][^@:]*@", "***@", entry))


def _login(alias: str) -> str:
    """Return whom ssh logs in as where nobody is named: the ssh configuration's user, else who runs this."""
    file, config = os.path.expanduser("~/.ssh/config"), SSHConfig()  # pyinfra's, because paramiko's knows no Include
    try:
        if os.path.isfile(file):
            with open(file, encoding="utf-8") as stream:
                config.parse(stream)
        user = config.lookup(alias).get("user")
    except (OSError, SSHException, ValueError) as error:
        raise InventoryError(
            f"invalid {file}: expected a configuration of ssh's that paramiko can read ({error})"
        ) from error
    return str(user or getpass.getuser())


_entries = []
for _name in filter(None, (_part.strip() for _part in os.environ.get("MELDA_HOSTS", "").split(","))):
    _parts = _ENTRY.fullmatch(_name)
    if not _parts:
        raise InventoryError(f"invalid MELDA_HOSTS={_shown(_name)!r}: expected {_RIGHT}")
    # The C library takes a port modulo 65536, so another host may answer.
    if _parts["port"] and not 1 <= int(_parts["port"]) <= 65535:
        raise InventoryError(f"invalid MELDA_HOSTS={_name!r}: expected a port from 1 to 65535")
    if _parts["role"] in _TAKEN:
        raise InventoryError(f"invalid MELDA_HOSTS={_name!r}: expected another word as ROLE")
    _entries.append((_name, _parts, _parts["v6"] or _parts["host"]))

_logins: Dict[str, Any] = {}
for _name, _parts, _address in _entries:
    if _parts["container"]:
        _host: Tuple[str, Dict[str, Any]] = ("@docker/" + _parts["container"], {})
        containers.append(_host)
    else:
        _user, _port = _parts["user"], _parts["port"]
        _data: Dict[str, Any] = {"ssh_user": _user, "ssh_port": int(_port) if _port else None}
        if (_user or _login(_address)) != "root":
            _data.update({"_sudo": True, "_env": _ROOTS})
        _title = _address
        # To pyinfra a host is its name, and one address may lead to several (containers, or VMs behind one router).
        if _port and len({_other[1]["port"] for _other in _entries if _other[2] == _address}) > 1:
            _title = f"[{_address}]:{_port}" if _parts["v6"] else f"{_address}:{_port}"
            _data["ssh_hostname"] = _address
        if _logins.setdefault(_title, _user) != _user:
            raise InventoryError(f"invalid MELDA_HOSTS={_name!r}: expected one user for the same host and port")
        _host = (_title, {_key: _value for _key, _value in _data.items() if _value})
        machines.append(_host)
    if _parts["role"]:
        globals().setdefault(_parts["role"], []).append(_host)

if not containers and not machines:
    containers.append(("@docker/melda-jupyter", {}))

# pyinfra runs without a host then, and ends with 0.
_asked = click.get_current_context(silent=True)
_limits = (_asked.params.get("limit") or ()) if _asked else ()
_groups = {_key for _key, _value in globals().items() if isinstance(_value, list) and _value and _key[0] != "_"}
_groups |= {"all", "inventory", *(["@docker"] if containers else [])}
for _limit in _limits:
    if _limit not in _groups and not fnmatch.filter([_title for _title, _ in containers + machines], _limit):
        raise InventoryError(f"invalid --limit={_limit}: expected a host or a group of MELDA_HOSTS")
