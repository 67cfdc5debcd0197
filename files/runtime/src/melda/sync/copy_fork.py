"""Copying what a fork begins with: S3 does it, within the bucket; how much, and under which names, has limits."""

from __future__ import annotations

import json
import os
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Sequence, Set, Tuple

from melda.base import log
from melda.base.errors import ConfigError
from melda.config.bucket import Bucket, Credentials
from melda.mount import listing, s3
from melda.plugins.state import CAPTURE, LARGEST_CAPTURE, PROJECT_STATE
from melda.sync import fork_of, programs

MOST, LARGEST = 1000, 1 << 30  # files beside a capture that are copied, and bytes of all of them
PAGES = 20  # of a listing that are read: five thousand keys
AT_ONCE = 8  # requests
LONGEST_KEY = 1024  # bytes (Amazon S3 user guide)
RETRY, LONGEST_RETRY = 5.0, 60.0  # seconds until it is tried again
TRIES = 3  # of a file that S3 does not copy while it does copy others: one in an archive, or with a key of its own


def warn(text: str) -> None:
    """Write a line to the container's log."""
    log.warn("fork: " + text)


def _is_name(path: str) -> bool:
    """Is this a file's path below a folder, or a folder's? Somebody else's program chose it."""
    return all(
        step not in ("", ".", "..")
        and "\\" not in step
        and not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in step)
        for step in (path[:-1] if path.endswith("/") else path).split("/")
    )


def make_folders(bucket: Bucket, path: str) -> None:
    """Make the folders on the way to ``path``, in the project: newer s3fs shows none that has no object."""
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        key = "/".join([bucket.folder, *parts[:count]]) + "/"
        if s3.keys(bucket, key, 1) != [key]:
            s3.make_folder(bucket, key)


def plan(bucket: Bucket) -> Tuple[str, List[str], List[str]]:
    """Return what is to be copied.

    Returns:
        The parent's capture, empty if there is none; keys of the files beside it; those that are not copied.

    Raises:
        ConfigError: S3 does not answer, or does not allow it.
    """
    # What its daemon wrote is newer than what its user may have captured.
    left: List[str] = []
    for name in (PROJECT_STATE + "/" + CAPTURE, CAPTURE):
        capture = f"{bucket.fork_of}/{name}"
        found, size, _ = next(listing.objects(bucket, capture, 1), ("", 0, 0.0))
        if found != capture:
            continue
        if size > LARGEST_CAPTURE:
            left.append(name)
            continue
        files: List[str] = []
        total, longest = 0, len(f"{bucket.folder}/{fork_of.HERE}/{CAPTURE}".encode())
        below = capture + fork_of.FILES + "/"
        for key, size, _ in listing.objects(bucket, below, PAGES):
            file = key[len(below) :]
            fits = longest + len(key.encode("utf-8", "surrogatepass")) - len(capture.encode()) <= LONGEST_KEY
            if key != below and not (_is_name(file) and fits and len(files) < MOST and total + size <= LARGEST):
                left.append(file)
            else:
                files.append(key)
                total += size
        return capture, files, left
    return "", [], left


def copy_each(bucket: Bucket, pairs: Sequence[Tuple[str, str]]) -> Dict[str, str]:
    """Have S3 copy each key to another one; return those that were not copied, and why.

    Raises:
        OSError: no thread more can be started.
    """

    def one(pair: Tuple[str, str]) -> str:
        try:
            s3.copy(bucket, *pair)
        except ConfigError as error:
            return str(error)
        return ""

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return {key: problem for (key, _), problem in zip(pairs, pool.map(one, pairs)) if problem}
    except RuntimeError as error:
        raise OSError(str(error)) from None


class Fork:
    """What is copied, in as many tries as it takes.

    Args:
        bucket: whose folder the fork is in, and its parent.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._copied: Set[str] = set()
        self._refused: Dict[str, int] = {}  # file -> how often

    def copy(self) -> None:
        """Copy it; the capture itself last, so that it is whole when it is there. A file that never comes costs itself.

        Raises:
            ConfigError: S3 does not answer, or does not allow it.
            OSError: it cannot be done now.
        """
        capture, files, left = plan(self._bucket)
        target = f"{self._bucket.folder}/{fork_of.HERE}/{CAPTURE}"
        make_folders(self._bucket, fork_of.HERE)
        if left:
            text = "not copied, as it is no file's name, too large, or more than {0} files or {1} MB: {2}"
            warn(text.format(MOST, LARGEST >> 20, programs.names(left)))
        if capture:
            self._copy(capture, target, files)

    def _copy(self, capture: str, target: str, files: Sequence[str]) -> None:
        todo = [key for key in files if key not in self._copied]
        problems = copy_each(self._bucket, [(key, target + key[len(capture) :]) for key in todo])
        problems = {key: why for key, why in problems.items() if "NoSuchKey" not in why}  # it went meanwhile
        self._copied |= set(todo) - set(problems)
        for key in problems:
            self._refused[key] = self._refused.get(key, 0) + 1
        again = [problem for key, problem in problems.items() if self._refused[key] < TRIES]
        if again:
            raise ConfigError(again[0])
        try:
            s3.copy(self._bucket, capture, target)
        except ConfigError:
            self._refused.clear()  # it is not the files
            raise
        if problems:
            names = [key[len(capture + fork_of.FILES) + 1 :] for key in problems]
            warn(f"not copied, after {TRIES} tries: {programs.names(names)}: {next(iter(problems.values()))}")


def read_bucket(number: int = 0) -> Bucket:
    """Return the bucket that start-jupyter wrote to a descriptor."""
    found = Bucket(*json.loads(os.pread(number, 1 << 20, 0)))
    return found._replace(credentials=Credentials(*found.credentials))


def main() -> int:
    """Command line: no arguments. Goes on until it is done."""
    fork, pause, last_error = Fork(read_bucket()), RETRY, ""
    while True:
        try:
            fork.copy()
            fork_of.note(fork_of.Copied(True))
            return 0
        except (ConfigError, OSError) as error:
            if str(error) != last_error:
                warn(f"not copied yet: {error}")
            last_error = str(error)
            fork_of.note(fork_of.Copied(False, last_error))
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_RETRY)
