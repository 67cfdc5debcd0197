"""What R has installed on a target. pyinfra knows nothing of R."""

from __future__ import annotations

from typing import Dict, List, Set

from pyinfra.api import FactBase

from tasks.facts.apt import by_key

LIBRARIES = ("/usr/local/lib/R/site-library", "/usr/lib/R/site-library", "/usr/lib/R/library")  # as R looks into them


class RPackages(FactBase[Set[str]]):
    """Names of the R packages in the system's libraries, completely installed. pyinfra has none."""

    def command(self) -> str:
        return f"ls -d {' '.join(f'{folder}/*/Meta/package.rds' for folder in LIBRARIES)} 2>/dev/null || true"

    default = set

    def process(self, output: List[str]) -> Set[str]:
        return {line.split("/")[-3] for line in output}


class PackageOrigins(FactBase[Dict[str, Set[str]]]):
    """What tells who brought an R package: kind -> names. pyinfra has none.

    Kinds are ``manual`` (apt's word for what no other package brought), ``user`` (through bspm's service; these two with
    Debian's names), ``compiled`` (in the library of what apt does not bring) and ``listed``.

    Args:
        users: file in which bspm's service writes what it installed.
        listed: file with a name a line.
    """

    def command(self, users: str, listed: str) -> str:
        return (
            # As apt-mark showmanual, which reads all of apt's lists for it: installed, and not marked as another's need.
            "dpkg-query -W -f '${db:Status-Status}:${Package}\\n' 'r-cran-*' 2>/dev/null | grep ^installed:;"
            " awk '/^Package:/ { name = $2 } /^Auto-Installed: 1/ && name ~ /^r-cran-/ { print \"auto:\" name }'"
            " /var/lib/apt/extended_states 2>/dev/null;"
            # Whatever these files hold by now.
            f" LC_ALL=C grep -ao 'r-cran-[a-z0-9.+-]*' {users} 2>/dev/null | sed s/^/user:/;"
            " ls -d /usr/local/lib/R/site-library/*/Meta/package.rds 2>/dev/null"
            f" | sed 's,/Meta/package.rds$,,; s,.*/,compiled:,';"
            f" LC_ALL=C sed -n 's/^[A-Za-z][A-Za-z0-9.]*$/listed:&/p' {listed} 2>/dev/null || true"
        )

    default = dict

    def process(self, output: List[str]) -> Dict[str, Set[str]]:
        found = by_key(output)
        manual = found.pop("installed", set()) - found.pop("auto", set())
        return {**found, "manual": manual} if manual else found
