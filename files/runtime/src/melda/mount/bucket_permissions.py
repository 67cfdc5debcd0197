"""What credentials may do in a bucket: in the project's folder, where they must, and beyond it, where they need not."""

from __future__ import annotations

import contextlib
import email.utils
import secrets
import time
from typing import Callable, Iterator, NamedTuple, Optional, Tuple

from melda.base.errors import ConfigError, TemporaryFailure
from melda.config.bucket import Bucket
from melda.mount import s3

NAME = ".melda-jupyter-check-"  # a random name follows; it is removed again


class Right(NamedTuple):
    """One right.

    Attributes:
        name: ``list``, ``put`` or ``delete``.
        beyond: outside of the project's folder.
        refused: why not; empty: it is granted.
    """

    name: str
    beyond: bool
    refused: str


def _try(action: Callable[[], object]) -> str:
    try:
        action()
    except TemporaryFailure:
        raise
    except ConfigError as error:
        return str(error)
    return ""


def look(bucket: Bucket) -> Iterator[Right]:
    """Try each right, and leave nothing behind."""
    for beyond, prefix in ((False, bucket.folder + "/"), (True, "")):
        key = prefix + NAME + secrets.token_hex(8)
        yield Right("list", beyond, _try(lambda at=prefix: s3.keys(bucket, at, 1)))  # type: ignore[misc]
        put = _try(lambda at=key: s3.put(bucket, at))  # type: ignore[misc]
        yield Right("put", beyond, put)
        deleted = _try(lambda at=key: s3.remove(bucket, at))  # type: ignore[misc]
        left = f"; {key} stays in the bucket" if deleted and not put else ""
        yield Right("delete", beyond, deleted + left)


def clock_skew(bucket: Bucket) -> Optional[float]:
    """Seconds by which this host's clock is ahead of S3's; None: S3 does not say its time."""
    answer = s3.request(bucket, "GET", query="location=")
    said = {name.lower(): value for name, value in answer.headers.items()}.get("date", "")
    with contextlib.suppress(TypeError, ValueError, IndexError):
        return time.time() - email.utils.parsedate_to_datetime(said).timestamp()
    return None


def granted(found: Tuple[Right, ...], beyond: bool) -> Tuple[str, ...]:
    """Names of the rights that are granted, within the folder or beyond it."""
    return tuple(right.name for right in found if right.beyond == beyond and not right.refused)
