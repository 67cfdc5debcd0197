"""Where a closed network has what others fetch from the internet, for apt: its mirrors and its proxy."""

from __future__ import annotations

import shlex
from typing import Generator

from pyinfra import host
from pyinfra.api import StringCommand, deploy, operation

from tasks.lib import apt, facts, files, optional
from tasks.lib.release import target

PROXY = "/etc/apt/apt.conf.d/91melda-jupyter-proxy"


def script(*arguments: str) -> str:
    """Shell text that runs files/mirrors/mirrors, which needs no file of its own on the target for it."""
    text = files.source("mirrors/mirrors").decode()
    return "sh -c {0} mirrors {1}".format(shlex.quote(text), " ".join(shlex.quote(word) for word in arguments))


class Differing(facts.Lines):
    """The files with the distribution's own sources that do not name these mirrors (empty: the distribution's)."""

    def command(self, codename: str, mirror: str, security: str) -> str:
        return script("--check", codename, mirror, security)


@operation()
def sources(codename: str, mirror: str, security: str) -> Generator[StringCommand, None, None]:
    """Let the distribution's own sources name a mirror, or put back what they said before.

    Args:
        codename: of the release.
        mirror: of the distribution; empty: its own.
        security: of its security updates; empty: its own.
    """
    if facts.get(Differing, codename=codename, mirror=mirror, security=security):
        # The lists are another server's, and apt must not take them for these.
        yield StringCommand("{0} && rm -f {1}".format(script(codename, mirror, security), apt.STAMP))


@deploy("Mirrors")
def mirrors() -> None:
    data = host.data
    sources(
        name="Let apt's sources name the mirrors",
        codename=target().codename,
        mirror=data.apt_mirror,
        security=data.apt_security_mirror,
    )
    proxy = 'Acquire::http::Proxy "{0}";\n'.format(data.apt_proxy) if data.apt_proxy else ""
    # apt takes it for https too (apt-transport-https(1)).
    optional.installed("Tell apt of its proxy", {PROXY: proxy})
