"""What is installed, read from the packages' own metadata: neither R nor pip is started.

Whatever is broken in a package costs at most that package's entry. What was read is kept until it changes: an
answer costs one look at each package's folder.
"""

from __future__ import annotations

import glob
import os
import re
import stat
import threading
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from melda.base import interpreters, regular_files
from melda.base.interpreters import R_HOME
from melda.config import environ

LARGEST = 1 << 16  # bytes of a file that are looked at: name and version stand at its beginning
# What is none, an address say, is not shown to whoever asks.
NAME, VERSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", r"[0-9A-Za-z][0-9A-Za-z.!+_-]{0,199}"
OS_RELEASE = "/etc/os-release"
Package = Optional[Tuple[str, str]]  # name, version; None: nothing to be made of it
Json = Dict[str, object]


class Library(NamedTuple):
    """How packages lie in a folder.

    Attributes:
        pattern: names of entries that are packages.
        metadata: files in such an entry that say name and version, the first that is there counts; ``""`` is
            the entry itself.
        fallback: name and version by the entry's name alone.
        name_field: the field that holds the name.
        same: what two names must have in common to be one package.
    """

    pattern: str
    metadata: Tuple[str, ...]
    fallback: Callable[[str], Package]
    name_field: str
    same: Callable[[str], str]


def _by_name(entry: str) -> Package:
    found = re.fullmatch(r"(?P<name>[A-Za-z0-9._]+)-(?P<version>[A-Za-z0-9.!+_]+)(-.*)?\.(dist|egg)-info", entry)
    return (found.group("name"), found.group("version")) if found else None


def normal(name: str) -> str:
    """Return a Python distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


PYTHON = Library(r"[^~.].*\.(dist|egg)-info", ("METADATA", "PKG-INFO", ""), _by_name, "Name", normal)
# R leaves a package out that has no DESCRIPTION; 00LOCK folders hold what is being installed.
R = Library(r"[A-Za-z][A-Za-z0-9.]*", ("DESCRIPTION",), lambda entry: None, "Package", str)


def fields(text: str, name_field: str) -> Package:
    """Name and version in the header of METADATA, PKG-INFO or DESCRIPTION."""
    head = text.split("\n\n", 1)[0]
    found = [
        re.search(rf"^{field}:[ \t]*({shape})[ \t\r]*$", head, re.MULTILINE)
        for field, shape in ((name_field, NAME), ("Version", VERSION))
    ]
    if found[0] and found[1]:
        return found[0].group(1), found[1].group(1)
    return None


class Reader:
    """Reads libraries, and remembers what it read of each file until the file changes."""

    def __init__(self) -> None:
        self._known: Dict[str, Tuple[Tuple[int, ...], Package]] = {}
        self._lock = threading.Lock()  # a web server asks from many threads

    def packages(self, library: Library, folders: Iterable[str]) -> Dict[str, str]:
        """Versions by name, sorted by name; of two packages of one name that in the first folder counts."""
        found: Dict[str, Tuple[str, str]] = {}
        with self._lock:
            for folder in folders:
                here: Dict[str, Tuple[int, Tuple[str, str]]] = {}
                for when, package in self._in_folder(library, folder):
                    key = library.same(package[0])
                    # An upgrade that was interrupted leaves two: the newer one is what gets imported most likely.
                    if key not in here or here[key][0] < when:
                        here[key] = (when, package)
                for key, (_, package) in here.items():
                    found.setdefault(key, package)
        return dict(sorted(found.values(), key=lambda package: (package[0].lower(), package[0])))

    def _in_folder(self, library: Library, folder: str) -> Iterator[Tuple[int, Tuple[str, str]]]:
        try:
            entries = [name for name in os.listdir(folder) if re.fullmatch(library.pattern, name)]
        except OSError:
            return
        for entry in entries:
            when, package = self._read(library, folder, entry)
            if package is not None:
                yield when, package

    def _read(self, library: Library, folder: str, entry: str) -> Tuple[int, Package]:
        whole = os.path.join(folder, entry)
        for name in library.metadata:
            path = os.path.join(whole, name) if name else whole
            try:
                found = os.stat(path)
                if not stat.S_ISREG(found.st_mode):
                    break  # the folder itself: no metadata in it. Anything else, a FIFO say, would hang us
                mark = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
                known = self._known.get(path)
                if known is None or known[0] != mark:
                    text = regular_files.head(path, LARGEST).decode("utf-8", "replace")
                    known = (mark, fields(text, library.name_field) or library.fallback(entry))
                    self._known[path] = known
                return found.st_mtime_ns, known[1]
            except OSError:
                continue  # removed while we looked, or unreadable
        return 0, library.fallback(entry)


def distribution(path: str = OS_RELEASE) -> Tuple[str, str]:
    """Name and release, as ("Ubuntu", "20.04") or ("Debian", "12")."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            found = environ.parse(stream.read())
    except OSError:
        found = {}
    return found.get("ID", "linux").capitalize(), found.get("VERSION_ID") or found.get("VERSION_CODENAME", "")


def python_folders(env: str, workdir: str, version: str) -> List[str]:
    """Where the user's Python looks for packages: the user's own, those of pip's former --target, the image's."""
    plugins = os.path.join(workdir, "Python-" + version)
    return [interpreters.site_packages(plugins, version), plugins] + sorted(
        glob.glob(os.path.join(env, "lib", "python3*", "site-packages"))
    )


def r_folders(home: str, workdir: str, version: str, r_home: str = R_HOME) -> List[str]:
    """Return where R looks for packages (.libPaths()), the user's own first."""
    return [
        os.path.join(workdir, "R-" + version),
        # R_LIBS_USER of Renviron, which counts once it exists
        *glob.glob(os.path.join(home, "R", "*-library", version.rsplit(".", 1)[0])),
        "/usr/local/lib/R/site-library",
        os.path.join(r_home, "site-library"),
        os.path.join(r_home, "library"),
    ]


class Installed:
    """The answer to ``GET /versions``."""

    def __init__(self, place: environ.ImageLayout) -> None:
        self._place = place
        self._reader = Reader()
        self._python = interpreters.python(place.python_env)  # of a running container it does not change

    def versions(self) -> Json:
        """Return the JSON of ``GET /versions``: distribution, Python and R, each with its packages."""
        place = self._place
        name, release = distribution()
        r = interpreters.r()
        python = self._reader.packages(PYTHON, python_folders(place.python_env, place.workdir, self._python))
        in_r = self._reader.packages(R, r_folders(place.user.home, place.workdir, r)) if r else {}
        return {
            name: release,
            "Python": {"Python": self._python, **{n: v for n, v in python.items() if n != "Python"}},
            "R": {"R": r, **{n: v for n, v in in_r.items() if n != "R"}} if r else {},
        }
