"""Changing text that belongs to somebody else, so that doing it again changes nothing."""

from __future__ import annotations

import configparser
import contextlib
import os
import re
import secrets
from typing import Iterator, List, Optional, Tuple

from melda.base import descriptors, regular_files

LARGEST = 1 << 20  # bytes of a file that is changed


def set_block(text: str, name: str, content: str, comment: str = "#") -> str:
    """``text`` with exactly one block called ``name`` that holds ``content``, at its old place or at the end.

    Args:
        text: the file's text.
        name: what the block is called in its first and last line.
        content: the lines between them; empty removes the block.
        comment: what begins a comment in that file.
    """
    begin, end = f"{comment} BEGIN {name}", f"{comment} END {name}"
    # Not splitlines(): a form feed within a line is the line's.
    rest = text.split("\n")
    if not rest[-1]:
        rest.pop()
    kept: List[str] = []
    place: Optional[int] = None
    while rest:
        line = rest.pop(0)
        if line.rstrip("\r") == begin:  # whoever edits the file may end its lines so
            place = len(kept) if place is None else place
            ours = next((at for at, other in enumerate(rest) if other.rstrip("\r") in (begin, end)), None)
            # A block that lost its end is only its first line: what follows may be somebody else's.
            if ours is not None and rest[ours].rstrip("\r") == end:
                del rest[: ours + 1]
        elif line.rstrip("\r") != end:
            kept.append(line)
    block = [begin] + content.strip("\n").split("\n") + [end] if content.strip() else []
    at = len(kept) if place is None else place
    return "".join(line + "\n" for line in kept[:at] + block + kept[at:])


def with_setting(text: str, section: str, key: str, value: str) -> str:
    """``text``, an INI file as pip reads it, with ``key = value`` in ``section``; all else stays as it was.

    A text that configparser cannot read is returned unchanged: pip cannot read it either, and only its owner
    can repair it.

    Args:
        text: the file's text.
        section, key: where; a value that is there, continuation lines included, is replaced.
        value: one line.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return text
    if parser.get(section, key, fallback=None) == value:
        return text
    setting = f"{key} = {value}"
    kept: List[str] = []
    inside = replacing = False
    place: Optional[int] = None  # for the setting: where the old one was, else below the section's header
    indent = -1  # of the option whose value may go on; -1: there is none
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            kept.append(line)  # neither begins nor ends anything
            continue
        depth = len(line) - len(line.lstrip())
        if indent < 0 or depth <= indent:
            header = re.match(r"\[(.+)\]", stripped)
            indent = -1 if header else depth
            if header:
                inside = header.group(1) == section
            option = re.split(r"[=:]", stripped, maxsplit=1)[0].strip().lower()
            replacing = inside and not header and option == key
            if replacing:
                place = len(kept)
            elif header and inside and place is None:
                place = len(kept) + 1
        if not replacing:
            kept.append(line)
    if place is None:
        return "\n".join([*kept, f"[{section}]", setting]) + "\n"
    # As deep as what follows, which would else be read as more of our value.
    following = (line for line in kept[place:] if line.strip() and line.strip()[0] not in "#;")
    margin = re.match(r"\s*", next(following, ""))
    return "\n".join([*kept[:place], (margin.group() if margin else "") + setting, *kept[place:]]) + "\n"


def without_setting(text: str, section: str, key: str, value: str) -> str:
    """``text``, an INI file as pip reads it, without ``key`` in ``section`` if its value matches; else unchanged.

    Args:
        text: the file's text.
        section, key: where.
        value: regular expression for the whole value.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return text
    if not re.fullmatch(value, parser.get(section, key, fallback="")):
        return text
    kept: List[str] = []
    inside = False
    for line in text.splitlines():
        header = re.match(r"\[(.+)\]", line.strip())
        inside = header.group(1) == section if header else inside
        if not (inside and re.split(r"[=:]", line, maxsplit=1)[0].strip().lower() == key):
            kept.append(line)
    empty = kept and kept[-1].strip() == f"[{section}]"
    return "".join(line + "\n" for line in (kept[:-1] if empty else kept))


def read(path: str, limit: int = LARGEST) -> str:
    """Return the text of a file, whatever its bytes; empty if there is none.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than ``limit`` bytes.
    """
    try:
        text = regular_files.read(path, limit).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@contextlib.contextmanager
def _made(name: str, text: str, mode: int, owner: Optional[Tuple[int, int]], folder: Optional[int]) -> Iterator[None]:
    """Have a new file while the block runs; it stays if all goes well."""
    number = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with open(number, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
            os.fchmod(number, mode)
            if owner:
                os.fchown(number, *owner)
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise


def replace(path: str, text: str, mode: int = 0o644, owner: Optional[Tuple[int, int]] = None) -> None:
    """Write a file so that readers see the old text or the new, never a part or a wrong owner or mode.

    Args:
        path: the file.
        text: all of it.
        mode: its permissions.
        owner: numbers of its user and group; None: whoever owns the folder it is in.

    Raises:
        OSError: it cannot be written, or, for root, a link on the way may be somebody else's.
    """
    parent, name = os.path.split(os.path.abspath(path))
    root = os.geteuid() == 0
    # Root follows no link that somebody else may have put on the way.
    folder = descriptors.folder(parent, os.O_PATH) if root else os.open(parent, os.O_PATH | os.O_DIRECTORY)
    new, found = f"{name}.{secrets.token_hex(8)}", os.fstat(folder)
    try:
        with _made(new, text, mode, (owner or (found.st_uid, found.st_gid)) if root else None, folder):
            os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)


def create(path: str, text: str, mode: int = 0o644) -> bool:
    """Write a file where there is none, without another name first: in a bucket, s3fs uploads it as a whole when it is closed.

    Args:
        path: the file; root must not call this where others may write.
        text: all of it.
        mode: its permissions.

    Returns:
        False if something is there already.

    Raises:
        OSError: it cannot be written.
    """
    try:
        with _made(path, text, mode, None, None):
            return True
    except FileExistsError:
        return False


def write_if_changed(path: str, text: str, mode: int = 0o644, owner: Optional[Tuple[int, int]] = None) -> bool:
    """Make a file hold ``text``; arguments as for :func:`replace`. Returns whether that changed it."""
    with contextlib.suppress(OSError):  # whatever is there is replaced then
        if os.path.exists(path) and read(path) == text:
            return False
    replace(path, text, mode, owner)
    return True
