"""Whom the deploy is for, in groups.

``MELDA_HOSTS`` names them, separated by commas, each as ``[ROLE=][USER@]HOST[:PORT]`` (any name from your ssh configuration,
``[2001:db8::7]`` for IPv6) or ``[ROLE=]@docker/CONTAINER``. Without it: the container that ``make up`` started. The settings of a
group are in group_data/GROUP.py, and each role is a group too: docs/fleets.md.
"""

import os
import re
from typing import Any, Dict, List, Tuple

from pyinfra.api.exceptions import InventoryError

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

for _name in filter(None, (_part.strip() for _part in os.environ.get("MELDA_HOSTS", "").split(","))):
    _parts = _ENTRY.fullmatch(_name)
    if not _parts:
        raise InventoryError(f"invalid MELDA_HOSTS={_name!r}: expected {_RIGHT}")
    if _parts["role"] in _TAKEN:
        raise InventoryError(f"invalid MELDA_HOSTS={_name!r}: ROLE must be another word than that")
    if _parts["container"]:
        _host: Tuple[str, Dict[str, Any]] = ("@docker/" + _parts["container"], {})
        containers.append(_host)
    else:
        _user, _port = _parts["user"], _parts["port"]
        _data: Dict[str, Any] = {"ssh_user": _user, "ssh_port": int(_port) if _port else None}
        if _user not in (None, "root"):
            _data.update({"_sudo": True, "_env": _ROOTS})
        _host = (_parts["v6"] or _parts["host"], {_key: _value for _key, _value in _data.items() if _value})
        machines.append(_host)
    if _parts["role"]:
        globals().setdefault(_parts["role"], []).append(_host)

if not containers and not machines:
    containers.append(("@docker/melda-jupyter", {}))
