"""What belongs to installed packages. pyinfra's operations take a package for whole whatever is left of it."""

from __future__ import annotations

import secrets
import shlex
from typing import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation

from tasks.facts.dpkg import FAILED, BrokenAlternatives, LackingFiles
from tasks.lib import apt_get, staging
from tasks.lib.progress import say
from tasks.lib.staging import Command, refuse

# So many paths are named: of R's packages there may be thousands, more than a command takes too.
_SHOWN = 20
_UNTOLD = "{} cannot be told: expected perl to run, and the files of /var/lib/dpkg to be whole"
_UNPACK = "tar -C / -xpf tree --keep-directory-symlink"

# dpkg itself does so when it unpacks. "#" begins a number.
_OVERRIDE = (
    'dpkg-statoverride --list | while read -r u g m p; do if [ -e "$p" ] && [ ! -L "$p" ]; then'
    ' chown "${u#\\#}:${g#\\#}" "$p" && chmod "$m" "$p"; fi; done'
)


@operation()
def files_restored(packages: Sequence[str]) -> Generator[Command, None, None]:
    """Restore what :class:`LackingFiles` finds, from the packages themselves.

    pyinfra's apt.packages takes a package for installed whatever is left of it. ``apt-get --reinstall`` runs scripts of the
    package, which need what is not there: without python3 its own package cannot be installed again.
    """
    lacking = host.get_fact(LackingFiles, names=packages)
    if FAILED in lacking:
        yield refuse(_UNTOLD.format("what is left of packages"))
        return
    if not lacking:
        return
    paths = sorted(path for found in lacking.values() for path in found)
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    say("missing, empty, of no use or not root's, and restored: " + " ".join(paths[:_SHOWN]) + more)
    names = " ".join(shlex.quote(name) for name in sorted(lacking))
    download = apt_get.apt_get('download "$p=$(dpkg-query -W -f \'${Version}\' "$p")"')
    aside = f'if [ -d "$p" ] && [ ! -L "$p" ]; then mv -T "$p" "$p.set-aside-{secrets.token_hex(4)}"; fi'
    each = 'while IFS="$(printf "\\t")" read -r n p; do'
    yield from staging.run(
        f"mkdir debs; cd debs; for p in {names}; do {download}; done; {each} {aside}; done <../lacking.txt;"
        ' cut -f 2 ../lacking.txt | sed s/^/./ >members; for d in *.deb; do dpkg-deb --fsys-tarfile "$d" >tree;'
        # Only what is not there, and nothing that an administrator may have changed, or does not want: pages, logs.
        f" {_UNPACK} --skip-old-files --exclude=./etc --exclude=./usr/share --exclude=./var;"
        " tar -tf tree --quoting-style=literal | grep -Fxf members >these || [ $? = 1 ];"
        # One after the other takes the old one's place: of all programs at once, nothing would be left to put them back with.
        f" {_UNPACK} --unlink-first --no-recursion -T these; done; ldconfig; {_OVERRIDE};"
        # A link to what the package's script made, as R's Renviron: ucf takes what is gone for what nobody wants.
        f' {each} if [ -L "$p" ] && [ ! -e "$p" ]; then echo "$n"; fi; done <../lacking.txt | sort -u >made;'
        " export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFMISS=1; xargs -r -n 1 dpkg-reconfigure <made",
        {"lacking.txt": "".join(f"{n}\t{p}\n" for n, found in sorted(lacking.items()) for p in sorted(found)).encode()},
    )


@operation()
def alternatives_restored(whole: bool) -> Generator[StringCommand, None, None]:
    """Let names of alternatives lead to what is there for them. pyinfra has no operation for it.

    Args:
        whole: only those names of which nothing is missing.
    """
    found = host.get_fact(BrokenAlternatives, whole=whole)
    if [] in found:
        yield refuse(_UNTOLD.format("where alternatives lead"))
        return
    if found:
        say("led nowhere, and restored: " + " ".join(arguments[1] for arguments in found))
    for arguments in found:
        yield StringCommand(" ".join(["update-alternatives --quiet", *(shlex.quote(word) for word in arguments)]))
