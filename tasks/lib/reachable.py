"""Do the sources of packages answer, through the site's proxies?"""

from __future__ import annotations

import re
import shlex
from typing import Any, Dict

from pyinfra import host

from tasks.facts.apt import Reachable
from tasks.lib import staging


def answers(url: str) -> bool:
    """Return whether ``url`` answers. See :class:`Reachable`."""
    proxies = staging.proxies()
    shown = {name: re.sub("//.*@", "//", value) for name, value in proxies.items()}
    more: Dict[str, Any] = {}
    if shown:
        more["proxies"] = " ".join(shlex.quote("=".join(pair)) for pair in shown.items())
    if shown != proxies or staging.has_netrc():
        more["accept_auth_challenge"] = True
    return host.get_fact(Reachable, url=url, **more)


def cran() -> str:
    """Return CRAN's address: of the folder that ``make mirror`` made, if there is one, else of its mirror."""
    folder = host.data.get("mirror")
    return f"file://{folder}/cran" if folder else str(host.data.cran_mirror)


def cran_answers() -> bool:
    """Return whether CRAN answers."""
    return answers(cran().rstrip("/") + "/src/contrib/PACKAGES.gz")
