"""A CRAN-like repository of what Debian's source packages carry, for machines that do not reach CRAN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.workbench import Workbench
from builder.errors import BuildError
from tests.fakes import cran_repository

# Downloads the sources of NAMES and of all they need, as far as the mirror has them, into /out, one tarball each.
_DOWNLOAD = r"""
set -e
sed 's/^deb /deb-src /' /etc/apt/sources.list > /etc/apt/sources.list.d/melda-bench.list
apt-get update -qq
all=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
    $NAMES | grep '^r-cran-' | sort -u)
apt-get source -qq --print-uris $all 2>/dev/null | grep -E "_[^']*\.orig\.tar\.[a-z0-9]+' " | tr -d "'" > /tmp/uris
while read uri file size hash; do
    /usr/lib/apt/apt-helper -o Acquire::Retries=2 download-file $uri /out/$file $hash </dev/null >/dev/null 2>&1 ||
        rm -f /out/$file
done < /tmp/uris
wc -l < /tmp/uris
"""


def repository(workbench: Workbench, names: Sequence[str], root: Path) -> list[str]:
    """Make a repository of R source packages.

    Args:
        workbench: of the run.
        names: packages as Debian calls them; what they need is taken too.
        root: a folder; served, its URL is what ``repos`` takes. bspm's stand-in is in it too.

    Returns:
        The R packages it has of those.

    Raises:
        BuildError: the mirror has none.
    """
    contrib = cran_repository.build(root)
    got = root / "debian"
    got.mkdir()
    mount = ["--volume", f"{got}:/out", "--env", f"NAMES={' '.join(names)}"]
    command = [workbench.docker, "run", "--rm", *mount, workbench.image(), "sh", "-c", _DOWNLOAD]
    wanted = workbench.run("downloading Debian's sources", command).split()[-1]
    found = cran_repository.add(contrib, got.iterdir())
    print(f"    sources of {len(found)} of the {wanted} packages can be had", flush=True)
    if not found:
        raise BuildError("Debian's mirror has no sources of R packages: there is nothing to compile")
    return found
