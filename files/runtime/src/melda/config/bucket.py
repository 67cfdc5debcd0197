"""Which S3 bucket and folder the project lies in: variables of docs/reference/variables.md, checked."""

from __future__ import annotations

import datetime
import re
import time
import unicodedata
from typing import Mapping, NamedTuple, Optional
from urllib.parse import urlsplit

from melda.base.addresses import is_host, shown
from melda.base.errors import ConfigError
from melda.config import choice

DEFAULT_REGION = "us-east-1"
# Partitions of AWS with names of their own ("Amazon S3 endpoints and quotas"); GovCloud's are the usual ones.
SUFFIXES = {"cn-": "amazonaws.com.cn", "us-iso-": "c2s.ic.gov", "us-isob-": "sc2s.sgov.gov"}
SUFFIX = "amazonaws.com"
# How Kubernetes on EKS tells a pod of its own role: IAM roles for service accounts, and EKS Pod Identity.
OF_A_POD = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


class Credentials(NamedTuple):
    """Keys for S3. ``session`` is empty for keys that last; all three are empty where a role gives them."""

    key: str
    secret: str
    session: str

    def __repr__(self) -> str:
        return "Credentials(...)"


class Bucket(NamedTuple):
    """What to mount.

    Attributes:
        name: of the bucket.
        folder: in it; no slash at either end.
        credentials: to be used for nothing else.
        endpoint: URL of another S3 service; empty: Amazon's.
        region: empty: the one S3 says.
        debug: s3fs tells everything, Authorization headers included.
        patience: seconds without an answer of the mount until the container stops.
        role: s3fs's option by which it gets the keys of a role by itself; empty: they are given.
        fork_of: folder of the project in the same bucket whose packages this one starts with; empty: none.
        expires: when the keys expire, in seconds since 1970; None: nobody said so.
        variable: that named it, for messages.
    """

    name: str
    folder: str
    credentials: Credentials
    endpoint: str
    region: str
    debug: bool
    patience: int = 180
    role: str = ""
    fork_of: str = ""
    expires: Optional[float] = None
    variable: str = "BUCKET_NAME"

    @property
    def url_of_service(self) -> str:
        """URL of the S3 service, without a slash at its end."""
        region = self.region or DEFAULT_REGION
        suffix = next((suffix for start, suffix in SUFFIXES.items() if region.startswith(start)), SUFFIX)
        return self.endpoint or f"https://s3.{region}.{suffix}"

    @property
    def url(self) -> str:
        """What it is called in the log."""
        return f"s3://{self.name}/{self.folder}"


def bucket_name(value: str, name: str = "BUCKET_NAME") -> str:
    """``value`` of the variable ``name`` if it is a bucket's name (Amazon S3 user guide, "Bucket naming rules")."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) or ".." in value:
        raise ConfigError(
            f"invalid {name}={shown(value)!r}: expected 3 to 63 of a-z, 0-9, . and -, no . or - at an end"
        )
    return value


def project_folder(value: str, name: str = "PROJECT_FOLDER") -> str:
    """``value`` without slashes at its ends, if it names a folder in a bucket.

    Spaces and Unicode are fine. Not fine: a part that is empty, ``.`` or ``..``; a control character; a colon
    (s3fs cuts its argument there); what is not UTF-8; more than 900 bytes (a key has 1024, and files need
    some of them). ``name`` is the variable's.
    """
    folder = value.strip("/")
    unsafe = (
        any(part in ("", ".", "..") for part in folder.split("/"))
        or ":" in folder
        or any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in folder)
        or not folder.strip()
    )
    if unsafe or len(folder.encode("utf-8")) > 900:
        raise ConfigError(
            f"invalid {name}={shown(value)!r}: expected something like 'users/ada/project 1', without empty parts,"
            " '.', '..', colons and control characters, at most 900 bytes"
        )
    return folder


def fork_of(value: str, folder: str) -> str:
    """``value`` without slashes at its ends, if it is empty or names another project's folder."""
    if not value:
        return ""
    parent = project_folder(value, "FORK_OF")
    if parent == folder:
        raise ConfigError(f"invalid FORK_OF={shown(value)!r}: expected another folder than PROJECT_FOLDER")
    return parent


def endpoint(value: str) -> str:
    """``value`` without a slash at its end, if it is empty or the URL of an S3 service."""
    try:
        parts = urlsplit(value)
        right = not value or (
            parts.scheme in ("http", "https")
            and parts.hostname
            and is_host(f"[{parts.hostname}]" if "[" in parts.netloc else parts.hostname)
            and parts.path in ("", "/")
            and not (parts.query or parts.fragment or parts.username)
            and (parts.port is None or parts.port > 0)
            and re.fullmatch(r"[A-Za-z0-9.:/\[\]-]+", value)
        )
    except ValueError:
        right = False
    if not right:
        raise ConfigError(
            f"invalid AWS_ENDPOINT_URL_S3={shown(value)!r}: expected something like https://s3.example.org:9000"
        )
    return value.rstrip("/")


def region(value: str) -> str:
    """``value`` if it is empty or can be a region's name."""
    if not re.fullmatch(r"[a-z0-9-]{0,40}", value):
        raise ConfigError(f"invalid AWS_REGION={shown(value)!r}: expected something like eu-west-1")
    return value


def credentials(variables: Mapping[str, str]) -> Credentials:
    """Return the keys; three empty ones if none is given: then a role must have them. Their values are never shown.

    Raises:
        ConfigError: one is missing, or cannot be written to s3fs's password file (one line, ``KEY:SECRET``).
    """
    needed = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    names = (*needed, "AWS_SESSION_TOKEN")
    beside = next((name for name in names if variables.get(name)), "")
    for name in needed:
        if beside and not variables.get(name):
            raise ConfigError(f"invalid {name}: expected one, as {beside} is set")
    for name in names:
        if not re.fullmatch(r"[!-9;-~]*", variables.get(name, "")):
            raise ConfigError(f"invalid {name}: expected visible ASCII without a colon")
    for name in OF_A_POD:
        # s3fs asks the node instead, whose role is another one, and may be anybody's.
        if not beside and variables.get(name):
            raise ConfigError(
                f"invalid {name} without keys: expected keys (AWS_SHARED_CREDENTIALS_FILE), as s3fs cannot take a pod's own"
                " role, and would take the node's"
            )
    return Credentials(*(variables.get(name, "") for name in names))


def expiration(value: str, now: float) -> Optional[float]:
    """``value``, a moment as ``aws configure export-credentials`` writes it, in seconds since 1970; None if it is empty.

    Args:
        value: such as 2030-01-02T03:04:05+00:00.
        now: seconds since 1970.

    Raises:
        ConfigError: it is no moment, or one that has passed.
    """
    if not value:
        return None
    wrong = f"invalid AWS_CREDENTIAL_EXPIRATION={shown(value)!r}: expected "
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})", value):
            raise ValueError
        # Python 3.8 knows no Z.
        moment = datetime.datetime.fromisoformat(re.sub("Z$", "+00:00", value)).timestamp()
    except (ValueError, OverflowError):
        raise ConfigError(wrong + "a moment such as 2030-01-02T03:04:05+00:00") from None
    if moment <= now:
        raise ConfigError(wrong + "a moment to come; the keys have expired")
    return moment


def patience(value: str) -> int:
    """``value`` as seconds; 180 if it is empty."""
    return choice.seconds("S3FS_PATIENCE", value, 1, 99999, 180) or 180


def debug(value: str) -> bool:
    """Is s3fs to tell everything?"""
    if value not in ("", "0", "1"):
        raise ConfigError(f"invalid S3FS_DEBUG={shown(value)!r}: expected 1, 0 or nothing")
    return value == "1"


class Options(NamedTuple):
    """What holds for whatever is mounted; the fields are :class:`Bucket`'s."""

    endpoint: str
    region: str
    debug: bool
    patience: int
    expires: Optional[float]


def options(variables: Mapping[str, str], mounts: bool) -> Options:
    """Return them, checked.

    Args:
        variables: of the container.
        mounts: is anything mounted? Else keys that have expired, of the shell that calls ``make up``, do no harm.
    """
    return Options(
        endpoint=endpoint(variables.get("AWS_ENDPOINT_URL_S3", "")),
        region=region(variables.get("AWS_REGION", "")),
        debug=debug(variables.get("S3FS_DEBUG", "")),
        patience=patience(variables.get("S3FS_PATIENCE", "")),
        expires=expiration(variables.get("AWS_CREDENTIAL_EXPIRATION", ""), time.time() if mounts else 0.0),
    )


def from_env(variables: Mapping[str, str]) -> Optional[Bucket]:
    """Return the bucket that the variables ask for; None if BUCKET_NAME is unset.

    Raises:
        ConfigError: a variable is invalid. An empty BUCKET_NAME beside a PROJECT_FOLDER is somebody's mistake:
            going on would write their work to a disk that is thrown away.
    """
    name, folder = variables.get("BUCKET_NAME", ""), variables.get("PROJECT_FOLDER", "")
    if not name and not ("BUCKET_NAME" in variables and folder):
        if variables.get("FORK_OF"):
            raise ConfigError(f"invalid FORK_OF={shown(variables['FORK_OF'])!r}: expected BUCKET_NAME beside it")
        options(variables, mounts=False)
        return None
    name, folder = bucket_name(name), project_folder(folder)
    return Bucket(
        name=name,
        folder=folder,
        credentials=credentials(variables),
        fork_of=fork_of(variables.get("FORK_OF", ""), folder),
        **options(variables, mounts=True)._asdict(),
    )
