"""What apt knows."""

from __future__ import annotations

import shlex
from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from pyinfra.api import FactBase

from tasks.facts.files import DONE, Judged, Lines
from tasks.lib import apt_get


class AptStatus(NamedTuple):
    """apt's state: is a dpkg run unfinished, the file names of the Release files it has, the seconds since all lists were
    fetched (None: never), and the paths of lists that are cut off or gone."""

    interrupted: bool
    lists: FrozenSet[str]
    age: Optional[int]
    damaged: Tuple[str, ...] = ()


# The signed file says how large each list is that apt is set to have; of one that is empty there, nothing is kept. apt looks at
# neither once it has fetched them.
_DAMAGED = (
    r"my %sizes; sub text { open(my $f, $_[0]) or return q(); local $/; return <$f> // q() }"
    r" sub sizes { return $sizes{$_[0]} //= { reverse map { split } text($_[0]) =~ m{^ [\da-f]{32,128} +(\d+ \S+)$}mg } }"
    r" for (glob q(LISTS/*InRelease)) { print qq(damaged:$_\n) if text($_) !~ /^-----END PGP/m }"
    r" while (<STDIN>) { chomp; my ($key, $list) = split / .*\//, $_, 2; my $start = q(LISTS/) . substr($list, 0, -length $key);"
    r" my $size = sizes($start . q(InRelease))->{$key} // sizes($start . q(Release))->{$key} or next;"
    r" my ($kept) = grep { -e } map { qq(LISTS/$list$_) } q(), qw(.lz4 .zst .gz .xz .bz2 .lzma); my $has = -s ($kept // q());"
    r" next if !defined $kept && $key =~ m{/binary-all/};"
    r" if ($has && $kept !~ /Packages$/) { open(my $f, q(-|), q(HELPER), q(cat-file), $kept); $has = 0;"
    r" while (read($f, my $part, 65536)) { $has += length $part } }"
    r" print q(damaged:), $kept // qq(LISTS/$list), qq(\n) if ($has || 0) != $size }"
).replace("HELPER", apt_get.HELPER).replace("LISTS", apt_get.LISTS)  # fmt: skip


class AptState(FactBase[AptStatus]):
    """The :class:`AptStatus` of the target. pyinfra looks at a file that it touches when nothing could be fetched, too."""

    def command(self) -> str:
        return (
            "date +now:%s; { dpkg --audit 2>/dev/null || echo dpkg; } | head -n 1 | sed s/^/audit:/;"
            " ls /var/lib/dpkg/updates 2>/dev/null | head -n 1 | sed s/^/audit:/;"
            # dpkg takes a package with an empty list for one without files; of such a one there are no sums either.
            " find /var/lib/dpkg/info -name '*.list' -size 0 2>/dev/null | while read -r l; do"
            ' [ ! -s "${l%.list}.md5sums" ] || echo "audit:$l"; done | head -n 1;'
            f" ls -d {apt_get.LISTS}/*Release 2>/dev/null | sed s/^/list:/;"
            f" stat -c fetched:%Y {apt_get.STAMP} 2>/dev/null;"
            # Without the lists: apt takes a second to read them, and fails where one is cut off. And without its cache, which it
            # would write anew, of no lists: the next apt, which plans the upgrade, would have to read them all again.
            " apt-get -o Dir::State::lists=/nonexistent -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= indextargets"
            " --no-release-info --format '$(METAKEY) $(FILENAME)'"
            f" Created-By:\\ Packages 2>/dev/null | perl -e {shlex.quote(_DAMAGED)} 2>/dev/null || true"
        )

    @staticmethod
    def default() -> AptStatus:
        return AptStatus(True, frozenset(), None)  # as nobody can tell

    def process(self, output: List[str]) -> AptStatus:
        found: Dict[str, List[str]] = {}
        for line in output:
            kind, _, rest = line.partition(":")
            found.setdefault(kind, []).append(rest)
        age = int(found["now"][0]) - int(found["fetched"][0]) if "fetched" in found else None
        lists = frozenset(path.rsplit("/", 1)[-1] for path in found.get("list", []))
        return AptStatus("audit" in found, lists, age, tuple(found.get("damaged", [])))


BROKEN, REFUSED = "(broken)", "(refused)"  # no package has such a name


class Upgradable(Judged):
    """Names of the packages that ``apt-get upgrade`` would upgrade, by the lists the target has; :data:`BROKEN` if it would not,
    because a package lacks what it depends on, or if it did not run; :data:`REFUSED` if it ends with another error.

    pyinfra's SimulateOperationWillChange raises where apt is broken, and ends the run that would repair it.
    """

    takes_long = True  # it reads apt's lists

    def command(self) -> str:
        return (
            "{ LC_ALL=C apt-get -s -q -y upgrade 2>&1; s=$?; [ $s -lt 126 ] || echo E: it failed; [ $s = 0 ] || echo E: $s; } |"
            f" sed -n -e '/^E: it failed/q' -e 's/^Inst \\([^ ]*\\).*/\\1/p' -e 's/^E: Unmet dependencies.*/{BROKEN}/p'"
            f" -e 's/^E: .*/{REFUSED}/p' -e '$ a {DONE}'"
        )

    def process(self, output: List[str]) -> List[str]:
        found = super().process(output)
        return next(([error] for error in (BROKEN, REFUSED) if error in found), found)

    @staticmethod
    def default() -> List[str]:
        return [BROKEN]


class KnownPackages(FactBase[Set[str]]):
    """Names that apt knows which begin with ``prefix``. pyinfra has what is installed alone."""

    def command(self, prefix: str) -> str:
        return f"apt-cache pkgnames {shlex.quote(prefix)}"

    default = set

    def process(self, output: List[str]) -> Set[str]:
        return {line.strip() for line in output}


def by_key(lines: Iterable[str]) -> Dict[str, Set[str]]:
    """Return the lines of ``key:name`` as key -> names."""
    found: Dict[str, Set[str]] = {}
    for line in lines:
        key, _, name = line.partition(":")
        found.setdefault(key, set()).add(name)
    return found


class ReverseDependencies(FactBase[Dict[str, Set[str]]]):
    """Debian package -> all that apt would remove with it, itself too. pyinfra's simulation counts them, without names."""

    def command(self, names: Sequence[str]) -> str:
        listed = " ".join(shlex.quote(name) for name in names)
        return (
            f"for n in {listed}; do apt-get -s remove $n 2>/dev/null |"
            ' sed -n "s/^Remv \\([^ :]*\\).*/$n:\\1/p"; done; true'
        )

    default = dict

    def process(self, output: List[str]) -> Dict[str, Set[str]]:
        return by_key(output)


class MirrorDrift(Lines):
    """The files with the distribution's own sources that do not name these mirrors (empty: the distribution's).

    pyinfra's AptSources reads what they name now, not what stood there before a mirror.
    """

    def command(self, codename: str, mirror: str, security: str) -> str:
        return apt_get.sources_script("--check", codename, mirror, security)


class Reachable(FactBase[bool]):
    """Does ``url`` answer apt's downloader, through apt's proxies? pyinfra has no such fact.

    Nothing of what it answers is used, so its certificate is not checked here; what is fetched later is. With
    ``accept_auth_challenge`` the wish for a password is an answer too: a fact is a command line, and no password may be in one.
    """

    def command(self, url: str, proxies: str = "", accept_auth_challenge: bool = False) -> str:
        environ = f"env {proxies} " if proxies else ""
        output = "$d/output" if accept_auth_challenge else "/dev/null"
        challenge = "|| grep -qE ' 40[17] ' $d/output " if accept_auth_challenge else ""
        return (
            # A folder of its own: in /tmp, a name that others know is a name they can put a link at.
            # Without room for one that is no answer; where there is no /tmp yet, the run makes it.
            f"[ -d /tmp ] || exit 0; d=$(mktemp -d /tmp/melda-jupyter.XXXXXX) && [ -x {apt_get.HELPER} ] || exit 1;"
            f" {environ}{apt_get.HELPER} -o Acquire::Retries=0 -o Acquire::http::Timeout=20"
            f" -o Acquire::https::Timeout=20 -o Acquire::https::Verify-Peer=false"
            f" download-file {shlex.quote(url)} $d/probe >{output} 2>&1 {challenge}&& echo yes;"
            ' rm -rf "$d"'
        )

    default = bool

    def process(self, output: List[str]) -> bool:
        return output == ["yes"]
