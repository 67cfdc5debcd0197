"""Compare a virtual environment with what was installed there; mend what needs no download.

Runs as root while a target is provisioned, with ``python3 -IS -c``, and stays nowhere:

    damage ENV [OURS ...]       say in one line of JSON what is not as it was installed
    mend ENV [OURS ...]         set aside what is in the way, give all to root, and make bytecode
    record ENV [OURS ...]       write down that all is as it shall be, once mended what needs no download

OURS are paths in ENV that others look after.

A file is read only if its inode changed after ENV/verified was written, which lists by hash what no package's RECORD does. Its
name is the last in the environment, so it is also the last that comes out of an image.
"""

import base64
import csv
import gc
import hashlib
import json
import os
import re
import secrets
import stat
import sys
import time
from typing import Dict, Iterable, List, Optional, Set, Tuple

from bytecode_check import (  # type: ignore[import-not-found, unused-ignore]
    ASIDE,
    Stats,
    compiled,
    fits,
    is_roots,
    read,
    remove,
    walk,
)

CACHE = "__pycache__"
NEW = ".melda-new"
Claims = Dict[str, List[Tuple[str, str, str]]]


def digest(content: bytes) -> str:
    """Return a hash as RECORD writes it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


class Venv:
    """A virtual environment as it is.

    Attributes:
        damaged: distribution -> its dist-info folder, where a file of it is not as its RECORD says.
        aside: paths that are in the way, or somebody else's.
        modes: path -> the mode that it shall have; root's it shall be.
        rubbish: bytecode that is not root's.
        sources: those without bytecode that fits.
        unknown: what venv itself made is not as it was, or nothing says how it was.
    """

    def __init__(self, env: str, ours: Iterable[str]) -> None:
        self.env = env
        self.path = os.path.join(env, "verified")
        self.damaged: Dict[str, str] = {}
        self.aside: List[str] = []
        self.modes: Dict[str, int] = {}
        self.rubbish: List[str] = []
        self.sources: List[str] = []
        self.unknown = True
        self.hidden: Set[str] = set()  # below what is set aside, and what root has for itself
        self.found: Stats = {}
        self.claims: Claims = {}
        self.ours = {path for path in ours if path.startswith(env + os.sep)}
        found = walk(env) if os.path.isdir(env) else {}
        if found and not os.path.islink(env):
            found[env] = os.lstat(env)
        # Whoever has that file has them all, and may hold them open.
        if found and (self.path not in found or found[self.path].st_uid == 0):
            self.found = found
            self.known, self.since = self._verified()
            self._read_records()
            self._compare()
        elif os.path.lexists(env):
            self.aside.append(env)

    def _verified(self) -> Tuple[Dict[str, str], Optional[int]]:
        about = self.found.get(self.path)
        # A clock that was wrong when it was written would call right all that is changed until then.
        if about and stat.S_ISREG(about.st_mode) and is_roots(about) and about.st_ctime_ns <= time.time_ns():
            head, _, text = read(self.path).partition(b"\n")
            if head.decode("ascii", "replace") == digest(text):
                return {f"{self.env}/{name}": what for name, what in json.loads(text).items()}, about.st_ctime_ns
        return {}, None

    def _read_records(self) -> None:
        """Collect what the RECORDs say: path -> hash, size, and dist-info folder of each that has it."""
        # Not those of what a package brings along for itself (setuptools/_vendor).
        top = re.compile(re.escape(self.env) + r"/lib/python3[^/]*/site-packages/[^/]+[.]dist-info/RECORD")
        for path, about in self.found.items():
            if path.endswith("/RECORD") and top.fullmatch(path) and stat.S_ISREG(about.st_mode):
                folder = os.path.dirname(path)
                # A user's RECORD would make the user's files root's.
                if not is_roots(about) and digest(read(path)) != self.known.get(path):
                    continue
                site = os.path.dirname(folder)
                with open(path, encoding="utf-8", errors="replace", newline="") as stream:
                    for row in csv.reader(stream):
                        if len(row) == 3:
                            joined = site + "/" + row[0]
                            joined = os.path.normpath(joined) if row[0].startswith(".") else joined
                            # Installers differ in whether they list bytecode.
                            if joined.startswith(self.env + "/") and not joined.endswith(".pyc"):
                                self.claims.setdefault(joined, []).append((row[1], row[2], folder))

    def is_changed(self, path: str) -> bool:
        """May a file be another than when all was right?"""
        return self.since is None or self.found[path].st_ctime_ns > self.since

    def _is_right(self, path: str, claims: List[Tuple[str, str, str]]) -> bool:
        about = self.found.get(path)
        if not about or not stat.S_ISREG(about.st_mode):
            return False
        # Two packages may have one file (jupyter.py), and one of them has it.
        size = str(about.st_size)
        sums = [claim[0] for claim in claims if not claim[0] or claim[1] in ("", size)]
        if not sums or "" in sums or not self.is_changed(path):
            return bool(sums)
        return digest(read(path)) in sums

    def _folders(self) -> Set[str]:
        folders = {self.env}
        for path in (*self.claims, *self.known, *self.ours):
            folder = path.rpartition("/")[0]
            while folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        return folders

    def _compare(self) -> None:
        self._compare_owners(self._folders())
        for path, claims in self.claims.items():
            if path not in self.ours and not self._is_right(path, claims):
                self._damage(claims)
        self.unknown = self.since is None
        for path in (path for path, wanted in self.known.items() if not self._is_known(path, wanted)):
            if path in self.claims:
                self._damage(self.claims[path])
            elif not path.endswith(".dist-info/RECORD"):
                self.unknown = True
            elif os.path.dirname(path) in self.found:  # else it was uninstalled
                self._damage([("", "", os.path.dirname(path))])
        sources = (path for path in self.claims if path.endswith(".py") and "/site-packages/" in path)
        self.sources += filter(self._lacks_code, sources)

    def _lacks_code(self, path: str) -> bool:
        about = self.found.get(path)
        if not about or not stat.S_ISREG(about.st_mode) or fits(path, self.found, self.since):
            return False
        try:
            compile(read(path), path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
        return True

    def _damage(self, claims: List[Tuple[str, str, str]]) -> None:
        for _, _, folder in claims:
            self.damaged[os.path.basename(folder)[: -len(".dist-info")]] = folder

    def _is_known(self, path: str, wanted: str) -> bool:
        about = self.found.get(path)
        if not about or wanted.startswith("->") != stat.S_ISLNK(about.st_mode):
            return False
        if stat.S_ISLNK(about.st_mode):
            return wanted == "->" + os.readlink(path)
        return stat.S_ISREG(about.st_mode) and (not self.is_changed(path) or digest(read(path)) == wanted)

    def _compare_owners(self, folders: Set[str]) -> None:
        hidden = self.hidden
        programs = self.env + "/bin/"
        for path, about in sorted(self.found.items()):
            if hidden and os.path.dirname(path) in hidden:
                hidden.add(path)
            elif (about.st_uid, about.st_gid) == (0, 0) and (
                # Nearly all.
                path in folders
                if about.st_mode == stat.S_IFDIR | 0o755
                else about.st_mode == stat.S_IFREG | 0o644 and path not in folders and not path.startswith(programs)
            ):
                continue
            if path in self.ours or path in hidden:
                continue
            cache = CACHE in path.split("/")[-2:]
            mode, is_folder = stat.S_IMODE(about.st_mode), stat.S_ISDIR(about.st_mode)
            listed = path in self.claims or path in self.known or path == self.path
            if self.known and not (listed or cache or path in folders or mode & 0o004) and is_roots(about):
                hidden.add(path)
                continue
            if path in folders:
                wrong = not is_folder
            elif listed:
                wrong = not stat.S_ISREG(about.st_mode) and not self.known.get(path, "").startswith("->")
            else:
                # What root put there stays.
                wrong = not is_roots(about) and not cache and ASIDE not in path
            if cache and not is_folder and not is_roots(about):
                self.rubbish.append(path)
            elif wrong:
                self.aside.append(path)
                hidden.add(path)
            elif not stat.S_ISLNK(about.st_mode) and ASIDE not in path:
                script = path in self.claims and path.startswith(programs)
                wanted = 0o755 if is_folder or script or mode & 0o111 else 0o644
                if mode != wanted or not is_roots(about):
                    self.modes[path] = wanted

    def damage(self) -> Dict[str, object]:
        """Say what is not as it was installed; nothing of an environment that is not there."""
        if not self.found and not self.aside:
            return {}
        return {
            "damaged": self.damaged,
            "aside": self.aside,
            "mend": bool(self.aside or self.modes or self.rubbish or self.sources),
            "unknown": self.unknown,
        }

    def mend(self) -> None:
        """Mend what needs no download."""
        for path, mode in self.modes.items():
            if stat.S_ISREG(self.found[path].st_mode) and not is_roots(self.found[path]):
                # Whoever could write to it may hold it open.
                self._write(path, read(path), mode)
            else:
                # Not through a link that lies there by now.
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
                os.fchown(descriptor, 0, 0)
                os.fchmod(descriptor, mode)
                os.close(descriptor)
        for path in self.aside:
            aside = path + ASIDE + secrets.token_hex(4)
            # Not os.rename, an error with a folder of an image
            # (https://docs.kernel.org/filesystems/overlayfs.html#renaming-directories).
            if os.spawnlp(os.P_WAIT, "mv", "mv", "-T", path, aside):  # noqa: S606  # nosec B606
                raise SystemExit(f"{path} could not be renamed")
            os.lchown(aside, 0, 0)
            if not os.path.islink(aside):
                os.chmod(aside, 0o700)
        for path in self.rubbish:
            remove(path)
        compiled(self.sources)

    @staticmethod
    def _write(path: str, content: bytes, mode: int) -> None:
        remove(path + NEW)
        with open(os.open(path + NEW, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
        os.chmod(path + NEW, mode)
        os.rename(path + NEW, path)

    def record(self) -> None:
        """Write down what no RECORD says, by hash, if no package is damaged."""
        wrong = [*self.aside, *self.modes, *self.rubbish]
        if wrong:
            # Silently, each run would read all files again.
            raise SystemExit(
                f"invalid {wrong[0]}: expected a file of root's that everybody may read, again after it was mended"
            )
        if self.damaged:
            return
        table: Dict[str, str] = {}
        for path, about in sorted(self.found.items()):
            listed = path in self.claims and any(claim[0] for claim in self.claims[path])
            others = path in self.ours or path in self.hidden or path == self.path or ASIDE in path
            if listed or others or path.endswith((".pyc", NEW)):
                continue
            if stat.S_ISLNK(about.st_mode):
                table[path[len(self.env) + 1 :]] = "->" + os.readlink(path)
            elif stat.S_ISREG(about.st_mode):
                table[path[len(self.env) + 1 :]] = digest(read(path))
        text = json.dumps(table, indent=0, sort_keys=True).encode() + b"\n"
        self._write(self.path, digest(text).encode() + b"\n" + text, 0o644)


def main(action: str, env: str, ours: List[str]) -> None:
    """Do what the first argument says."""
    gc.disable()  # it would look at each stat again and again, and finds nothing
    venv = Venv(env, ours)
    if action == "damage":
        sys.stdout.write(json.dumps(venv.damage()) + "\n")
    elif action == "mend":
        venv.mend()
    else:
        if venv.aside or venv.modes or venv.rubbish:
            venv.mend()
            venv = Venv(env, ours)
        venv.record()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
