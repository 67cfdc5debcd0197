"""The system: apt's settings, upgrades, the packages that all concerns need, and the locale."""

from __future__ import annotations

from pyinfra import host
from pyinfra.facts.deb import DebPackages
from pyinfra.facts.files import Directory
from pyinfra.facts.server import Command
from pyinfra.operations import files

from tasks import fonts, r2u
from tasks.debian_packages import PACKAGES
from tasks.facts.apt import AptState, Upgradable
from tasks.facts.dpkg import BrokenAlternatives, LackingFiles
from tasks.facts.files import PathStats
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile, source
from tasks.lib.release import target
from tasks.operations import apt, dpkg, managed_files, server
from tasks.packages import debian_names
from tasks.settings import deploy

MAN = "/usr/bin/man"
TEMPORARY = "/tmp"
DEBCONF = "/var/cache/debconf"
FONTCONFIG = "/var/cache/fontconfig"


@deploy("System")
def system() -> None:
    for fact in (AptState, Upgradable, DebPackages):
        prefetch(fact)
    prefetch(Directory, path=DEBCONF)
    prefetch(Command, command=server.CHARSET.format(host.data.locale))
    prefetch(Command, command=apt.TRUENAME.format(MAN))
    python = f"python{target().release.python}"
    needed = sorted(
        {name for names in PACKAGES.values() for name in names}
        | {
            "python3-minimal",
            f"{python}-minimal",
            f"lib{python}-minimal",
            f"lib{python}-stdlib",
            python,
            "r-base-core",
            "fontconfig-config",  # without it R and matplotlib find no font
            "fuse",
            "r-cran-*",
            *debian_names(host.data.packages),
        }
    )
    prefetch(LackingFiles, names=needed)
    prefetch(BrokenAlternatives, whole=True)
    prefetch(BrokenAlternatives, whole=False)
    for path in (TEMPORARY, FONTCONFIG):
        prefetch(PathStats, paths=[path])
    server.temporary_folder(name="Make the folder for temporary files", path=TEMPORARY)
    # apt checks signatures with awk, which is one.
    dpkg.alternatives_restored(name="Let alternatives lead to programs that are there", whole=True)
    # Whoever may read debconf's databases may lock them, and no package that asks anything could be installed. Of the folder the
    # mode stays; the files are made anew.
    files.directory(name="Let only root lock debconf's databases", path=DEBCONF, mode="700")
    # Likewise fontconfig's: fc-cache waits for them for ever, in the middle of dpkg. Users' programs make caches of their own.
    server.cache_of_roots(name="Let only root lock fontconfig's caches", path=FONTCONFIG)
    managed_files.put(
        name="Configure apt: no Recommends, try a failed download again, with manual pages",
        entries=[
            ManagedFile("/etc/apt/apt.conf.d/90melda-jupyter", source("system/apt.conf")),
            ManagedFile("/etc/dpkg/dpkg.cfg.d/zz-melda-jupyter", source("system/dpkg.cfg")),
        ],
    )
    # After all that changes no package: what apt plans is asked once for this and the upgrade.
    apt.dpkg_configured(name="Finish an interrupted dpkg run")
    apt.update(name="Refresh the package lists", max_age=host.data.apt_cache_time)
    apt.upgrade(name="Upgrade installed packages")
    apt.packages(
        name="Install the Debian packages of all concerns",
        # One transaction takes less time than two.
        packages=[
            *(name for concern, names in PACKAGES.items() if concern != "r" or not r2u.brings_r() for name in names),
            *debian_names(host.data.packages),
            *fonts.wanted(),
        ],
    )
    dpkg.files_restored(name="Put files of these packages back that are missing", packages=needed)
    dpkg.alternatives_restored(name="Let alternatives lead to what was put back", whole=False)
    apt.diversion_removed(name="Remove the stub that stands in for man", path=MAN)
    server.locale(name="Generate the locale", locale=host.data.locale)
