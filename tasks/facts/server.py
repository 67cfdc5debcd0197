"""The accounts of a target."""

from __future__ import annotations

import shlex
from typing import Dict, List, Sequence

from melda.base.paths import HOOKS
from pyinfra.api import FactBase
from pyinfra.facts.server import Users

from tasks.facts.files import DONE, Judged, Lines, folders_above


class Account(FactBase[Dict[str, List[str]]]):
    """The passwd and group entries of a name and of a number, split at the colons.

    pyinfra's Groups has no numbers, and its Users those of /etc/passwd alone.
    """

    def command(self, username: str, uid: int) -> str:
        return (
            f"getent passwd {username} | sed s/^/name:/; getent passwd {uid} | sed s/^/number:/;"
            f" getent group {username} | sed s/^/group:/; getent group {uid} | sed s/^/gid:/"
        )

    default = dict

    def process(self, output: List[str]) -> Dict[str, List[str]]:
        return {line.split(":", 1)[0]: line.split(":")[1:] for line in output}


class OneOfUsers(Users):
    """What pyinfra's Users says of one account, but for its last login and the hash of its password.

    pyinfra's asks nine programs of every account, 0.3 s of the processor, and brings all hashes here; server.user looks at one.
    """

    stands_for = Users

    def command(self, username: str) -> str:  # type: ignore[override]
        return f'e=$(grep ^{username}: /etc/passwd) && echo "$e|$(id -gn {username})|$(id -Gn {username})||"; true'


ROOM, INODES = 1024, 100  # KiB, and files
# What answers questions, and what puts the others back. A shell takes an empty program for one that did all it had to.
TOOLS = (
    "apt-get", "base64", "cat", "cut", "df", "dpkg", "dpkg-deb", "dpkg-query", "find", "getent", "grep", "head", "id", "ls",
    "readlink", "rm", "sed", "sha256sum", "sort", "stat", "tar", "wc", "xargs",
)  # fmt: skip
# In shell, for root: does sudo give an account anything?
SUDO = "id {0} >/dev/null 2>&1 && LC_ALL=C sudo -n -l -U {0} 2>/dev/null </dev/null | grep -q 'may run'"


# Folders and files of ours in which people keep keys and settings of their own. Each may be a link to where these are kept.
PEOPLES = ("/root/.ssh", HOOKS, "/etc/apt/keyrings")
PEOPLES_FILES = ("/root/.ssh/authorized_keys", f"{HOOKS}/settings.env")
# Of a link to a folder (KIND -d) or a file (-f): is that root's alone, and all above it, so that nobody else moves it? 50 is
# staff, which may write what is root's anyway (/usr/local of Debian); another link on the way may be somebody's.
_ROOTS_ALONE = (
    't=$(readlink -e $p) && [ KIND "$t" ] && [ "$t" = "$(cd ${p%/*} && realpath -ms "$(readlink $p)")" ] && while'
    ' [ -n "$(find "$t" -maxdepth 0 -uid 0 ! -perm /002 \\( ! -perm /020 -o -gid 0 -o -gid 50 \\))" ];'
    ' do [ "$t" != / ] || break; t=$(dirname "$t"); done && [ "$t" = / ]'
)

# What the user's programs read, and no operation puts in place; and what lies below these folders.
_READ = (
    "/ /etc/R /etc/dbus-1/system.d /etc/fonts/fonts.conf /etc/group /etc/ld.so.cache /etc/nsswitch.conf /etc/passwd"
    " /etc/profile.d /etc/ssl/certs /etc/xdg"
    " /usr/bin /usr/lib/R /usr/lib/locale /usr/lib/locale/locale-archive /usr/local/bin /usr/local/lib /usr/local/share"
    " /usr/local/share/jupyter/kernels /usr/share/dbus-1/system-services"
)


class Unwritable(Judged):
    """What keeps files from being written as they shall be, or the user from reading them, and questions from being answered, a
    line each. pyinfra has no such fact.

    Nothing says so in time: apt without room in /tmp calls each signature wrong, and its downloader each server silent.

    Args:
        uid: the user's.
        places: where the user must come to.
    """

    root = ""  # above all of PEOPLES

    def command(self, uid: int, places: Sequence[str]) -> str:
        read = " ".join([_READ, *sorted(folders_above([*places, *_READ.split()[1:]]))])
        return (
            # Root may look at what root alone may: an ACL may let the user in.
            f"g=--clear-groups; if getent passwd {uid} >/dev/null; then g=--init-groups; fi;"
            f" find -H {read} -maxdepth 0 \\( -type d ! -perm -1 -o -type f ! -perm -4 \\) 2>/dev/null |"
            ' while read -r p; do if [ -d "$p" ]; then m=x; else m=r; fi;'
            f' setpriv --reuid={uid} --regid={uid} $g test -$m "$p" 2>/dev/null ||'
            ' echo "$p is closed to the user: expected everybody to be let in (chmod o+$m $p)"; done;'
            ' r=; [ "$(id -u)" = 0 ] || r=" for who is not root";'
            f'for p in {" ".join(TOOLS)}; do q=$(command -v $p); if [ ! -s "$q" ] || [ ! -x "$q" ]; then'
            ' echo "$p is missing, empty or not executable: expected the package that it is of to be whole"; fi; done;'
            " [ \"$(perl -MFcntl -e 'print 1' 2>/dev/null)\" = 1 ] ||"
            " echo 'perl does not run: expected perl-base, and what it needs, to be whole';"
            " getent passwd root >/dev/null || echo 'there is no account root: expected one in /etc/passwd';"
            " for p in /etc /opt /tmp /usr /var/lib /var/tmp; do if [ ! -e $p ]; then continue; fi;"
            ' if [ ! -d $p ]; then echo "$p is no folder";'
            ' elif [ ! -w $p ]; then echo "$p is read-only$r";'
            f" elif [ \"$(df -Pk $p | awk 'END {{ print $4 }}')\" -lt {ROOM} ]; then"
            f' echo "no space in $p: expected {ROOM // 1024} MB at least";'
            # Some file systems count none: btrfs.
            f" elif df -Pi $p | awk 'END {{ exit !($2 + 0 > 0 && $4 < {INODES}) }}'; then"
            f' echo "no inodes in $p: expected {INODES} at least"; fi; done;'
            f" for p in {' '.join(self.root + path for path in PEOPLES)}; do if [ -L $p ] &&"
            f" ! {{ {_ROOTS_ALONE.replace('KIND', '-d')}; }}; then"
            ' echo "$p is a link to $(readlink $p): expected a folder, or a link to one that is root\'s alone, as all above it";'
            f" fi; done; for p in {' '.join(self.root + path for path in PEOPLES_FILES)}; do"
            " if [ -L $p ] && [ ! -f $p ]; then"
            ' echo "$p is a link to $(readlink $p), where no file is: expected a file, or a link to one"; fi; done;'
            f" echo {DONE}"
        )


class LedTo(Lines):
    """Where a link leads to, if that is a file that is root's alone, as all above it. pyinfra's Link follows none."""

    def command(self, path: str) -> str:
        return f"p={shlex.quote(path)}; if [ -L $p ] && {_ROOTS_ALONE.replace('KIND', '-f')}; then readlink -e $p; fi"


class OpenToOthers(Lines):
    """The path, if what is there, or what a link leads to, is not root's, or others may read or write it. pyinfra's File follows
    no link."""

    def command(self, path: str) -> str:
        return f"find -L {shlex.quote(path)} -maxdepth 0 ! \\( -uid 0 ! -perm /077 \\) 2>/dev/null; true"


class OthersFolders(Lines):
    """The path, if it is a folder with something in it, and nothing by which our programs or a virtual environment are known.
    pyinfra's Directory does not look into it.

    All in our folders is made root's for everybody to read, or set aside.
    """

    def command(self, path: str) -> str:
        return (
            f"cd {shlex.quote(path)} 2>/dev/null && for p in pyvenv.cfg verified melda start-jupyter cells.R; do"
            ' if [ -e $p ]; then exit 0; fi; done && ls -A | head -n 1 | sed "s,.*,$PWD,"; true'
        )


class AccountRights(Lines):
    """What an account may have more than it was made with: ``expires`` if it ends on a day, ``group:NAME`` for each group but
    those with the number 0, ``root:NAME`` for each of these that names it, ``sudo`` if sudo's rules give it something, by a
    group or by its name; and ``no shadow`` if it lacks an entry there.

    pyinfra's Users has no day, and the groups of /etc/group alone.
    """

    def command(self, username: str) -> str:
        return (
            f"if id {username} >/dev/null 2>&1 && ! getent shadow {username} >/dev/null; then echo no shadow; fi;"
            f" getent shadow {username} | cut -d: -f8 | sed -n 's/^..*/expires/p';"
            # Of several groups with one number id gives the name of the first.
            f" id -nG {username} 2>/dev/null | tr ' ' '\\n' | grep -vx root | sed s/^/group:/;"
            f' getent group | awk -F: \'$3 == 0 && "," $4 "," ~ /,{username},/ {{ print "root:" $1 }}\';'
            f" {SUDO.format(username)} && echo sudo; true"
        )
