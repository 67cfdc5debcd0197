"""Lists of objects with their sizes and times, page by page."""

from __future__ import annotations

import calendar
import contextlib
import re
import time
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from melda.config.bucket import Bucket
from melda.mount import s3


class Found(NamedTuple):
    """An object: its key, its bytes, and when it was written, in seconds since 1970; 0: that is not said."""

    key: str
    size: int
    modified: float


def _found(body: bytes) -> Iterator[Found]:
    for each in re.findall(rb"<Contents>(.*?)</Contents>", body, re.DOTALL):
        key = re.search(rb"<Key>([^<]*)</Key>", each)
        size = re.search(rb"<Size>([0-9]{1,15})</Size>", each)
        said = re.search(rb"<LastModified>([0-9-]{10}T[0-9:]{8})", each)
        modified = 0.0
        if said:
            with contextlib.suppress(ValueError, OverflowError):
                modified = float(calendar.timegm(time.strptime(said.group(1).decode(), "%Y-%m-%dT%H:%M:%S")))
        if key:
            yield Found(s3.text_of(key.group(1)), int(size.group(1)) if size else 0, modified)


def _pages(bucket: Bucket, prefix: str, pages: int) -> Iterator[Tuple[List[Found], bool]]:
    """Return what is on each page, and whether there are more."""
    after = ""
    for _ in range(pages):
        query = s3.listing(prefix, s3.PAGE, after)
        answer = s3.checked(bucket, s3.request(bucket, "GET", query=query), "ListBucket")
        found, last = list(_found(answer.body)), after
        after = found[-1].key if found else after
        more = after > last and b"<IsTruncated>true" in answer.body
        yield found, more
        if not more:
            return


def objects(bucket: Bucket, prefix: str, pages: int) -> Iterator[Found]:
    """Objects whose keys begin with ``prefix``, sorted; of more than ``pages`` pages the first ones."""
    for found, _ in _pages(bucket, prefix, pages):
        yield from found


def every(bucket: Bucket, prefix: str, pages: int) -> Optional[Dict[str, float]]:
    """Return what is below ``prefix``, without it -> when it was written. None: more than ``pages`` pages."""
    read = list(_pages(bucket, prefix, pages))
    names = {one.key[len(prefix) :]: one.modified for found, _ in read for one in found}
    names.pop("", None)
    return None if read[-1][1] else names
