"""What is at paths of a target."""

from __future__ import annotations

import base64
import shlex
from typing import Dict, Iterable, List, Sequence, Set, Tuple

from melda.base.paths import RUN
from pyinfra.api import DeployError, FactBase

from tasks.lib import host_kind, staging

# The last line of what looks for damage: silence is also what a program says that is empty, or gone.
DONE = "done"
UNTOLD = "this cannot be told: what looks for it did not run to its end"
FUSE = ("fuse",)
# Of a folder above a path, which else is not told of: there is none, or something else in its place, or it is not root's alone.
MISSING, NO_FOLDER, THEIRS = ("missing",), ("no folder",), ("somebody's",)
# Groups whose members may write what is root's anyway, /usr/local of Debian for one, and their numbers: an account more may have
# one of these, and the first of them in the file gives it its name.
WRITERS = {"root": 0, "staff": 50}
_NAMES = {str(number): name for name, number in WRITERS.items()}
# Others may rename what lies in such a folder. /tmp and its like are everybody's, and sticky.
_SOMEBODYS = (
    "-type d \\( ! -uid 0 -o ! -perm -1000 \\( -perm -0002 -o -perm -0020"
    f" {' '.join(f'! -gid {gid}' for gid in WRITERS.values())} \\) \\)"
)
# What else we say of a path; what is none of these must not be taken for something in the way.
_KINDS = {"link", "other", *MISSING, *NO_FOLDER, *THEIRS}
# What stat and sha256sum say of all files and folders at once; a folder has no sum.
_ABOUT = (
    'exec 2>/dev/null; stat -f -c "fs|%T|%n" "$@" | grep "^fs|fuse\\(blk\\)*|";'
    ' stat -c "%F|%a|%u|%g|%n" "$@"; sha256sum "$@" | sed "s/^/sha|/"'
)


def _is_somebodys(about: Tuple[str, ...]) -> bool:
    """Say what :data:`_SOMEBODYS` says of what :class:`PathStats` found."""
    mode = int(about[1], 8)
    open_to = mode & 0o002 or (mode & 0o020 and about[3] not in WRITERS)
    return about[2] != "root" or bool(open_to and not mode & 0o1000)


def folders_above(paths: Iterable[str]) -> Set[str]:
    """Return all folders above ``paths`` that are not among these."""
    above: Set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in above:
            above.add(folder)
            folder = folder.rpartition("/")[0]
    return above.difference(paths)


class Lines(FactBase[List[str]]):
    """The lines a command writes; none if it fails."""

    default = list

    def process(self, output: List[str]) -> List[str]:
        return output


class Judged(FactBase[List[str]]):
    """Lines that say what is wrong, ended by :data:`DONE`; :data:`UNTOLD` where nobody looked."""

    @staticmethod
    def default() -> List[str]:
        return [UNTOLD]

    def process(self, output: List[str]) -> List[str]:
        return output[:-1] if output[-1] == DONE else self.default()


class Paths(FactBase[List[str]]):
    """The paths that a command writes, each ended by a NUL, through :data:`ENCODED`.

    A name may hold a line end: of ``/srv/a`` and a line end, ``etc`` and ``passwd`` in it, lines are two paths.
    """

    ENCODED = "base64 -w 0"
    default = list

    def process(self, output: List[str]) -> List[str]:
        text = base64.b64decode("".join(output)).decode("utf-8", "surrogateescape")
        return sorted(set(text.split("\0")) - {""})


class PathStats(FactBase[Dict[str, Tuple[str, ...]]]):
    """What is at each path: ``("file", mode, user, group, sha256)``, ``("directory", mode, user, group)``,
    ``("link", target)``, ``("fuse",)`` for a folder that s3fs or its like mounted, ``("other",)`` for a pipe or its like; a
    path that does not exist is skipped. Of the folders above them :data:`MISSING`, :data:`NO_FOLDER` and :data:`THEIRS`; the last
    also of ``/``.

    pyinfra's File and Sha1File take 0.3 s a file through docker; this takes 0.2 s for the runtime's 151.
    """

    def command(self, paths: Sequence[str]) -> str:
        # One program for all: three for each of a hundred files took longer than many other questions together.
        listed = " ".join(shlex.quote(path) for path in paths)
        above = " ".join(shlex.quote(path) for path in sorted(folders_above(paths)))
        return (
            f'{{ for p in {above}; do if [ ! -e "$p" ] && [ ! -L "$p" ]; then echo "missing|$p" >&3;'
            ' elif [ ! -d "$p" ]; then echo "no folder|$p" >&3; fi; done;'
            f' find -H / {above} -maxdepth 0 {_SOMEBODYS} -printf "somebody\'s|%p\\n" >&3 2>/dev/null;'
            f' for p in {listed}; do if [ -L "$p" ]; then echo "link|$(readlink "$p")|$p" >&3;'
            ' elif [ -d "$p" ] || [ -f "$p" ]; then printf "%s\\0" "$p";'
            ' elif [ -e "$p" ]; then echo "other|$p" >&3; fi; done'
            f" | xargs -0 -r sh -c {shlex.quote(_ABOUT)} sh; }} 3>&1; true"
        )

    @staticmethod
    def merged(questions: Sequence[Dict[str, Sequence[str]]]) -> Dict[str, Sequence[str]]:
        """Return the question that answers several, for the cache of facts."""
        return {"paths": sorted({path for question in questions for path in question["paths"]})}

    @staticmethod
    def part(
        answer: Dict[str, Tuple[str, ...]], all_paths: Set[str], paths: Sequence[str]
    ) -> Dict[str, Tuple[str, ...]]:
        """Return what the answer of :meth:`merged` says to one of them, which asked for ``paths``."""
        found = {path: answer[path] for path in paths if path in answer}
        for folder in {"/", *folders_above(paths)}:
            about = answer.get(folder, MISSING if folder in all_paths else ())
            if about in (MISSING, THEIRS):
                found[folder] = about
            elif about[:1] == ("directory",) and _is_somebodys(about):
                found[folder] = THEIRS
            elif about and about[0] not in ("directory", "link", *FUSE):
                found[folder] = NO_FOLDER
        return found

    default = dict

    def process(self, output: List[str]) -> Dict[str, Tuple[str, ...]]:
        found: Dict[str, Tuple[str, ...]] = {}
        sums: Dict[str, str] = {}
        mounted = set()
        for kind, *fields in (line.split("|") for line in output):
            if kind == "sha":
                sums[fields[0][66:]] = fields[0][:64]
            elif kind == "fs":
                mounted.add(fields[-1])
            elif kind.startswith("regular") or kind == "directory":  # "regular empty file", too
                mode, *numbers, path = fields
                found[path] = (
                    kind.split()[0].replace("regular", "file"),
                    mode,
                    *(_NAMES.get(one, one) for one in numbers),
                )
            elif kind in _KINDS:
                found[fields[-1]] = (kind, *fields[:-1])
            else:
                raise DeployError(f"stat says {kind!r} of {fields[-1:]}: expected a file or a folder")
        # A file that went away meanwhile has no sum, and is not there.
        whole = {path: (*what, sums[path]) for path, what in found.items() if what[0] == "file" and path in sums}
        others = {path: what for path, what in found.items() if what[0] != "file"}
        return {**others, **dict.fromkeys(mounted, FUSE), **whole}


class FileContents(FactBase[str]):
    """The text of a file, whatever its bytes; empty if there is none.

    pyinfra's FileContents, not in 3.2, gives lines of UTF-8: other bytes, and a missing line end, cannot be put back.
    """

    def command(self, path: str) -> str:
        return "[ ! -f {0} ] || base64 -w 0 {0}".format(shlex.quote(path))

    default = str

    def process(self, output: List[str]) -> str:
        return base64.b64decode("".join(output)).decode("utf-8", "surrogateescape")


class UserFolder(Lines):
    """What is at a path in the user's home: its kind, and of a folder mode, user, group and the type of its file system.

    pyinfra's Directory has no type of file system: what a project is mounted with is not root's to change.
    """

    def command(self, path: str) -> str:
        return "exec 2>/dev/null; stat -c '%F|%a|%U|%G' {0} && stat -f -c %T {0}; true".format(shlex.quote(path))

    def process(self, output: List[str]) -> List[str]:
        return [part for line in output for part in line.split("|")]


class Leftovers(Lines):
    """Paths that a killed run left; none while another run is at work, whose they may be. pyinfra's FindFiles takes one folder,
    these lie in twenty.
    """

    def command(self, patterns: Sequence[str]) -> str:
        return f"if {staging.IN_USE}; then :; else ls -d {' '.join(patterns)} 2>/dev/null; fi; true"

    def process(self, output: List[str]) -> List[str]:
        # A line may be a part of a name, which whoever may write to /tmp has chosen.
        return [
            line
            for line in output
            if line.startswith(("/tmp/melda-jupyter.", "/var/lib/melda-jupyter.provision"))
            or (line.startswith("/") and line.endswith(".melda-new"))
        ]


class UnlistedFiles(Lines):
    """Paths below a folder that are in no list; bytecode belongs to its source, and what is unfinished to :class:`Leftovers`.
    pyinfra's files.sync removes bytecode too.
    """

    def command(self, folder: str, names: Sequence[str], listed: Sequence[str]) -> str:
        self.folder, self.listed = folder, set(listed)
        return f"cd {shlex.quote(folder)} 2>/dev/null && find {' '.join(names)} 2>/dev/null; true"

    def process(self, output: List[str]) -> List[str]:
        unlisted: List[str] = []
        for path in sorted({f"{self.folder}/{line}" for line in output} - self.listed):
            if not (self._is_bytecode(path) or path.endswith(".melda-new")) and not any(
                path.startswith(other + "/") for other in unlisted
            ):
                unlisted.append(path)
        return unlisted

    def _is_bytecode(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        above, _, cache = folder.rpartition("/")
        if cache == "__pycache__":
            return f"{above}/{name.split('.', 1)[0]}.py" in self.listed
        return name == "__pycache__" and folder in self.listed


# From here on down programs are looked for; what is skipped is large and holds none.
_NOT_SEARCHED = (
    "/proc",
    "/sys",
    "/dev",
    "/home",
    "/root",
    RUN,
    "/opt",
    "/tmp",
    "/usr/share",
    "/usr/include",
    "/var/lib",
    "/var/cache",
)
# Where root's programs and what they read may be; elsewhere whoever made an image may have given the user a folder.
_SYSTEM = "/bin /boot /etc /lib* /opt /root /sbin /usr /var"
_USERS = ("/var/mail", "/var/spool", "/var/tmp")  # where people's files may be
_R_LIBRARIES = "/usr/lib/R /usr/local/lib/R"
SHADOWS = ("/etc/gshadow", "/etc/shadow")
_DEPTH = 5  # /usr/lib/TRIPLET/utempter/utempter


class SetuidFiles(Paths):
    """Programs with setuid or setgid, folders and files of root's that everybody may write to, and accounts' passwords that
    everybody may read, in an image or a container.

    On a host people other than our user need them, sudo for instance: there the list is empty. pyinfra's FindFiles cannot
    skip folders, and looks through all of /proc.
    """

    def command(self, home: str) -> str:
        # Where the user may rename, a path that was found leads elsewhere by the time it is changed.
        left_out = " -o ".join("-path " + shlex.quote(path) for path in (*_NOT_SEARCHED, home))
        return (
            f"{{ {host_kind.IS_HOST} || find / -xdev -maxdepth {_DEPTH} \\( {left_out} \\) -prune -o"
            f" \\( -type f -perm /6000 -o -type d -perm -0002 -o -type f -uid 0 -perm -0002"
            f" -o \\( {' -o '.join('-path ' + path for path in SHADOWS)} \\) -type f -perm /0007 \\) -print0; }}"
            f" 2>/dev/null | {self.ENCODED}"
        )


class UsersFiles(Paths):
    """What belongs to the user below the system's folders in an image or a container: whose it is may change what root runs.

    On a host the list is empty: an account that people use has files there. pyinfra's FindFiles cannot skip folders.

    Args:
        home, uid: the user's.
        ours: where the project's programs are; the folders above them are looked at wherever they are.
    """

    def command(self, home: str, uid: int, ours: Sequence[str]) -> str:
        left_out = " -o ".join("-path " + shlex.quote(path) for path in (*_NOT_SEARCHED, *_USERS, home))
        above = " ".join(map(shlex.quote, sorted(folders_above([*ours, home + "/x"]) - folders_above([home + "/x"]))))
        return (
            f"{{ {host_kind.IS_HOST} || {{ find / {_SYSTEM} {above} -maxdepth 0 -uid {uid} -print0; find {_SYSTEM} -xdev"
            f" -maxdepth {_DEPTH - 1} \\( {left_out} \\) -prune -o -uid {uid} -print0;"
            f" find {_R_LIBRARIES} -uid {uid} -print0; }}; }} 2>/dev/null | {self.ENCODED}"
        )
