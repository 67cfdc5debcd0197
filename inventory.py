"""Hosts only. ``MELDA_HOSTS`` names them, separated by commas: ``root@198.51.100.7,admin@notebooks:2222,[2001:db8::7]``, or any
name from your ssh configuration. Without it: the container that ``make up`` started."""

import os
import re
from typing import Dict, List, Tuple, Union

from pyinfra.api.exceptions import InventoryError

hosts: List[Union[str, Tuple[str, Dict[str, object]]]] = []
for name in filter(None, (part.strip() for part in os.environ.get("MELDA_HOSTS", "").split(","))):
    parts = re.fullmatch(
        r"(?:(?P<user>\w[\w.-]*)@)?(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>\w[\w.-]*))(?::(?P<port>\d{1,5}))?", name
    )
    if not parts:
        raise InventoryError("MELDA_HOSTS={0!r} is not right: it must be [USER@]HOST[:PORT]".format(name))
    user, port = parts["user"], parts["port"]
    data = {"ssh_user": user, "ssh_port": int(port) if port else None, "_sudo": user not in (None, "root")}
    hosts.append((parts["v6"] or parts["host"], {key: value for key, value in data.items() if value}))

if not hosts:
    hosts = ["@docker/melda-jupyter"]
