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
from melda.sync import generations
from melda.sync.generations import Archive, Generation

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
        names = [file[: -len(MANIFEST)] for file in sorted(self.listed) if file.endswith(MANIFEST)]
        names = [name for name in names if generations.NAME.fullmatch(name)]
        others, left = names[MOST_MANIFESTS:], MOST_ENTRIES
        for name in names[:MOST_MANIFESTS]:
            try:
                text = regular_files.read(self._path(name + MANIFEST), generations.LARGEST, follow=False).decode(
                    "ascii"
                )
                one = generations.parse(name, text)
            except (ValueError, FileNotFoundError):
                others.append(name)
            except OSError as error:
                if error.errno not in NO_MANIFEST:
                    raise
                others.append(name)
            else:
                left -= len(one.entries)
                if left >= 0:
                    found[name] = one
                else:
                    others.append(name)
            self._moved()
        return found, others

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
        """Give damaged archives names that nobody looks for.

        Raises:
            OSError: S3 does not take it.
        """
        for part in sorted(parts):
            with contextlib.suppress(FileNotFoundError):
                os.rename(self._path(part + ARCHIVE), self._path(part + ARCHIVE + BAD))

    def retire(self, names: Collection[str], ending: str = OLD) -> None:
        """Give generations that no start needs a name that no start looks for.

        Raises:
            OSError: S3 does not take it.
        """
        for name in sorted(names):
            with contextlib.suppress(FileNotFoundError):
                os.rename(self._path(name + MANIFEST), self._path(name + MANIFEST + ending))

    def retired(self, known: Mapping[str, Generation]) -> Dict[str, Generation]:
        """Return the generations that no start needs.

        Args:
            known: those that were read already.

        Raises:
            OSError: S3 does not answer.
        """
        ending = MANIFEST + OLD
        names = [file[: -len(ending)] for file in sorted(self._names()) if file.endswith(ending)]
        found: Dict[str, Generation] = {}
        for name in [name for name in names if generations.NAME.fullmatch(name)][:MOST_MANIFESTS]:
            try:
                if name in known:
                    found[name] = known[name]
                    continue
                text = regular_files.read(self._path(name + ending), generations.LARGEST, follow=False).decode("ascii")
                found[name] = generations.parse(name, text)
            except (ValueError, FileNotFoundError):
                continue  # not one of ours
            except OSError as error:
                if error.errno not in NO_MANIFEST:
                    raise
        return found

    def forget(self, names: Collection[str]) -> None:
        """Remove generations that no start needs.

        Raises:
            OSError: S3 does not take it.
        """
        for name in sorted(names):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(name + MANIFEST + OLD))

    def remove(self, names: Set[str], parts: Set[str]) -> None:
        """Remove generations, then archives.

        Raises:
            OSError: S3 does not take it.
        """
        for file in [name + MANIFEST for name in sorted(names)] + [part + ARCHIVE for part in sorted(parts)]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(file))
