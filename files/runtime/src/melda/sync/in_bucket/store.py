"""The bucket's side of one plugin folder: a folder of objects that are written once, seen through the mount."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from typing import BinaryIO, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Set, Tuple

from melda.base import folders, regular_files
from melda.sync.in_bucket import generations
from melda.sync.in_bucket.generations import Archive, Generation

ARCHIVE, MANIFEST, BAD, OLD = ".tar.zst", ".json", ".bad", ".old"
# Errors of a name that something else has than a file: a folder, a FIFO, a link, too much of it.
NO_FILE = (errno.EINVAL, errno.EISDIR, errno.ELOOP)
NO_MANIFEST = (*NO_FILE, errno.EFBIG)
# There are a few in a project; more are somebody's who has filled the folder, and each takes time and memory.
MOST_MANIFESTS, MOST_ENTRIES = 1000, 5 * generations.MOST_ENTRIES


class Store:
    """The objects.

    s3fs uploads a file when it is closed, as a whole; until then, and if that fails, it is not there or empty.

    Args:
        folder: where they lie.
        moved: called after each manifest that was read.

    Attributes:
        link: the link that stood in the place of a folder of ours at the last look, and is not followed; empty: there was none.
        listed: names that were there when generations were read last.
    """

    def __init__(self, folder: str, moved: Callable[[], None] = lambda: None) -> None:
        self._folder, self._moved = folder, moved
        self._expected: Optional[List[str]] = None
        self.link = ""
        self.listed: Set[str] = set()

    def expect(self, names: Optional[List[str]]) -> None:
        """Take it that these names are there, for the next look alone; None: it looks by itself."""
        self._expected = names

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _names(self) -> List[str]:
        expected, self._expected = self._expected, None
        places = (os.path.dirname(self._folder), self._folder) if expected is None else ()
        self.link = next((path for path in places if os.path.islink(path)), "")
        if self.link:
            return []
        if expected is not None:
            return expected
        try:
            return os.listdir(self._folder)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _make(self) -> None:
        """Make the folders. What else is there, a link too, is set aside: what goes through a link is not in the bucket."""
        folders.make(*os.path.split(self._folder))

    def generations(self) -> Tuple[Dict[str, Generation], List[str]]:
        """All generations by name, and the names of manifests that are none: half written, or somebody's garbage.

        Raises:
            OSError: S3 does not answer.
        """
        found: Dict[str, Generation] = {}
        self.listed = set(self._names())
        names = self._of_generations(self.listed, MANIFEST)
        others, left = names[MOST_MANIFESTS:], MOST_ENTRIES
        for name in names[:MOST_MANIFESTS]:
            one = self._read(name, MANIFEST)
            left -= len(one.entries) if one else 0
            if one and left >= 0:
                found[name] = one
            else:
                others.append(name)
            self._moved()
        return found, others

    @staticmethod
    def _of_generations(files: Collection[str], ending: str) -> List[str]:
        names = [file[: -len(ending)] for file in sorted(files) if file.endswith(ending)]
        return [name for name in names if generations.NAME.fullmatch(name)]

    def _read(self, name: str, ending: str) -> Optional[Generation]:
        """Return what a manifest says; None: it is none of ours, or gone.

        Raises:
            OSError: S3 does not answer.
        """
        try:
            text = regular_files.read(self._path(name + ending), generations.LARGEST, follow=False)
            return generations.parse(name, text.decode("ascii"))
        except (ValueError, FileNotFoundError):
            return None
        except OSError as error:
            if error.errno not in NO_MANIFEST:
                raise
            return None

    def holds(self, names: Collection[str]) -> List[str]:
        """Return those of ``names`` whose manifests hold something: one that was cut off while it was uploaded is empty.

        Raises:
            OSError: S3 does not answer.
        """
        found = []
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                one = os.lstat(self._path(name + MANIFEST))
                found += [name] if stat.S_ISREG(one.st_mode) and one.st_size else []
        return found

    def misses(self, part: str) -> bool:
        """Was an archive not there when generations were read last?"""
        return part + ARCHIVE not in self.listed

    def holds_any_form(self, names: Collection[str]) -> bool:
        """Were all of these generations there then, or earlier ones? Else they are set aside, as damaged, or removed."""
        return all({name + MANIFEST, name + MANIFEST + OLD} & self.listed for name in names)

    def has_set_aside(self, names: Collection[str]) -> bool:
        """Was a generation whose name ends like one of these set aside then, as damaged?"""
        return any(file.endswith(tuple(name + MANIFEST + BAD for name in names)) for file in self.listed)

    def parts(self) -> Set[str]:
        """Return the names of the archives that are there, complete or not.

        Raises:
            OSError: S3 does not answer.
        """
        return {file[: -len(ARCHIVE)] for file in self._names() if file.endswith(ARCHIVE)}

    def open(self, part: str) -> BinaryIO:
        """Read an archive.

        Raises:
            OSError: it is not there, or cannot be read; one of NO_FILE: something else has its name.
        """
        return open(regular_files.descriptor(self._path(part + ARCHIVE), follow=False), "rb")

    def put_part(self, name: str, source: BinaryIO, count: int) -> Archive:
        """Upload an archive; it counts when a manifest names it.

        Args:
            name: a new one.
            source: all of the archive, to be read from its beginning.
            count: how many entries are in it.

        Raises:
            OSError: it was not taken.
        """
        self._make()
        source.seek(0)
        digest = hashlib.sha256()
        for chunk in iter(lambda: source.read(1 << 20), b""):
            digest.update(chunk)
        size = source.tell()
        source.seek(0)
        with self._written(name + ARCHIVE) as stream:
            shutil.copyfileobj(source, stream, 1 << 20)
        return Archive(digest.hexdigest(), size, count)

    def put(self, name: str, generation: Generation) -> None:
        """Upload a manifest. When this returns, the generation counts.

        Raises:
            OSError: it was not taken; EFBIG: no start could read it again.
        """
        text = generations.dump(generation)
        try:
            again = len(text) <= generations.LARGEST and generations.parse(name, text) == generation
        except ValueError:
            again = False
        if not again:
            raise OSError(errno.EFBIG, "its manifest could not be read again")
        self._make()
        with self._written(name + MANIFEST) as stream:
            stream.write(text.encode("ascii"))

    @contextlib.contextmanager
    def _written(self, file: str) -> Iterator[BinaryIO]:
        path = self._path(file)
        try:
            with open(path, "xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())  # s3fs uploads here, and says so if it fails
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise

    def set_aside(self, parts: Collection[str]) -> None:
        """Give damaged archives names that nobody looks for; errors as for :meth:`retire`."""
        self._rename([part + ARCHIVE for part in parts], BAD)

    def retire(self, names: Collection[str], ending: str = OLD) -> None:
        """Give generations that no start needs a name that no start looks for.

        Raises:
            OSError: S3 does not take it.
        """
        self._rename([name + MANIFEST for name in names], ending)

    def _rename(self, files: Collection[str], ending: str) -> None:
        for file in sorted(files):
            with contextlib.suppress(FileNotFoundError):
                os.rename(self._path(file), self._path(file + ending))

    def retired(self, known: Mapping[str, Generation]) -> Dict[str, Generation]:
        """Return the generations that no start needs.

        Args:
            known: those that were read already.

        Raises:
            OSError: S3 does not answer.
        """
        ending = MANIFEST + OLD
        names = self._of_generations(self._names(), ending)[:MOST_MANIFESTS]
        found = {name: known[name] if name in known else self._read(name, ending) for name in names}
        return {name: one for name, one in found.items() if one}

    def forget(self, names: Collection[str], parts: Collection[str]) -> None:
        """Remove generations that no start needs, then archives.

        Raises:
            OSError: S3 does not take it.
        """
        for file in [name + MANIFEST + OLD for name in sorted(names)] + [part + ARCHIVE for part in sorted(parts)]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(file))
