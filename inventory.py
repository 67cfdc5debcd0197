"""Hosts only. ``MELDA_HOSTS`` names them, separated by commas: ``root@198.51.100.7,admin@notebooks:2222``, or any name
from your ssh configuration. Without it: the container that ``make up`` started."""

import os
from typing import Dict, List, Tuple, Union

hosts: List[Union[str, Tuple[str, Dict[str, object]]]] = []
for name in filter(None, (part.strip() for part in os.environ.get("MELDA_HOSTS", "").split(","))):
    user, _, address = name.rpartition("@")
    address, _, port = address.partition(":")
    data = {"ssh_user": user, "ssh_port": int(port) if port else None, "_sudo": bool(user) and user != "root"}
    hosts.append((address, {key: value for key, value in data.items() if value}))

if not hosts:
    hosts = ["@docker/melda-jupyter"]
