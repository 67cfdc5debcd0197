"""The system: apt's settings, upgrades, the packages that all concerns need, and the locale."""

from __future__ import annotations

import shlex
from typing import Generator

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation

from tasks.lib import apt, debian, facts, files


class HasLocale(FactBase[bool]):
    """Does the C library know the locale ``locale``?"""

    def command(self, locale: str) -> str:
        return "LC_ALL={0} locale charmap 2>/dev/null".format(shlex.quote(locale))

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: list[str]) -> bool:
        return output == ["UTF-8"]


@operation()
def locale_generated(locale: str) -> Generator[StringCommand, None, None]:
    """Generate ``locale`` if the system has not got it."""
    if not facts.get(HasLocale, locale=locale):
        # localedef adds one locale; locale-gen would make every one that /etc/locale.gen lists again.
        yield StringCommand("localedef -i {0} -f UTF-8 {1}".format(locale.split(".", maxsplit=1)[0], locale))


@deploy("System")
def system() -> None:
    apt.settled(name="Finish an interrupted dpkg run")
    files.installed(
        name="Configure apt: no Recommends, try a failed download again",
        entries=[files.Entry("/etc/apt/apt.conf.d/90melda-jupyter", files.source("system/apt.conf"))],
    )
    apt.refreshed(name="Refresh the package lists", max_age=host.data.apt_cache_time)
    apt.upgraded(name="Upgrade installed packages")
    apt.installed(
        name="Install the Debian packages of all concerns",
        # R's packages wait for r2u, which has newer ones.
        packages=[name for concern, names in debian.PACKAGES.items() if concern != "r" for name in names],
    )
    locale_generated(name="Generate the locale", locale=host.data.locale)
