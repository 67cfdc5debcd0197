"""Keys that expire: the end is said at the start, and again before it comes. s3fs cannot be given new ones."""

from __future__ import annotations

import datetime
import time

from melda.base import log
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket

BEFORE = (900.0, 60.0)  # seconds before the end at which it is said again
UNKNOWN = "the keys for S3 expire, and nobody said when (AWS_CREDENTIAL_EXPIRATION): from then on {lost}; a role has no such end"
SAVED = "nothing can be saved"


def announce(bucket: Bucket, supervisor: Supervisor, lost: str = SAVED) -> None:
    """Say when the keys expire, if they do.

    Args:
        bucket: that was mounted; a role's keys are renewed.
        supervisor: has the timers.
        lost: what is no more possible then.
    """
    if bucket.role or not bucket.credentials.session:
        return
    if bucket.expires is None:
        log.warn(UNKNOWN.format(lost=lost))
        return
    at = datetime.datetime.fromtimestamp(bucket.expires, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    log.warn(f"the keys for S3 expire at {at}: from then on {lost}, start a new container before")
    for seconds in BEFORE:
        left = bucket.expires - time.time() - seconds

        def again(minutes: float = seconds / 60) -> None:
            todo = "stop the container, so that all is saved" if lost == SAVED else f"then {lost}"
            log.error(f"the keys for S3 expire in {minutes:.0f} min, at {at}: {todo}")

        if left > 0:
            supervisor.call_later(left, again)
