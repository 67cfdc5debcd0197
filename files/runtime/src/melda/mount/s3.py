"""The few questions put to S3 before it is mounted: s3fs takes minutes to give up, and says nothing then.

Signed as AWS Signature Version 4 says, with the standard library's hmac; path-style addresses, which every S3
service takes. All raise TemporaryFailure where S3 does not answer, and ConfigError where it does not allow what is asked.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import html
import http.client
import re
import urllib.error
import urllib.request
from typing import Dict, List, Mapping, NamedTuple, Optional, Set, Tuple
from urllib.parse import quote, unquote, urlsplit

from melda.base.errors import ConfigError, TemporaryFailure
from melda.config.bucket import DEFAULT_REGION, Bucket

SECONDS = 5.0  # for one answer
COPY_SECONDS = 60.0  # for that to a copy, which comes when it is made
PAGE = 250  # keys in an answer, of which a megabyte is read: each may have 1024 bytes, three characters each
TRIES = 2  # an address that does not answer is asked again, a service that is busy too
NO_HEADERS: Mapping[str, str] = {}

# What S3's error codes mean here (Amazon S3 API reference, "Error responses").
MEANING = {
    "InvalidAccessKeyId": "invalid AWS_ACCESS_KEY_ID: S3 does not know it",
    "SignatureDoesNotMatch": "invalid AWS_SECRET_ACCESS_KEY: it does not belong to AWS_ACCESS_KEY_ID",
    "InvalidToken": "invalid AWS_SESSION_TOKEN: S3 does not know it",
    "ExpiredToken": "invalid AWS_SESSION_TOKEN: it has expired",
    "NoSuchBucket": "invalid BUCKET_NAME={name!r}: there is no such bucket at {endpoint}",
    "AccessDenied": "invalid BUCKET_NAME={name!r}: these credentials may not {operation} in {url}",
    "RequestTimeTooSkewed": "this host's clock is wrong: S3 refuses its requests",
}


class Response(NamedTuple):
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signature is good for one address only."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def signed(
    bucket: Bucket, method: str, path: str, query: str, now: datetime.datetime, more: Mapping[str, str] = NO_HEADERS,
    body: bytes = b"",
) -> Dict[str, str]:  # fmt: skip
    """Headers that authorize one request.

    Args:
        bucket: whose credentials and region.
        method: of HTTP.
        path: of the URL, quoted.
        query: of the URL, quoted and sorted.
        now: in UTC.
        more: headers that belong to the request, their names in lower case.
        body: what is sent.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{bucket.region or DEFAULT_REGION}/s3/aws4_request"
    content = hashlib.sha256(body).hexdigest()
    headers = {
        **more,
        "host": urlsplit(bucket.url_of_service).netloc,
        "x-amz-content-sha256": content,
        "x-amz-date": stamp,
    }
    if bucket.credentials.session:
        headers["x-amz-security-token"] = bucket.credentials.session
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join((method, path, query, lines, names, content))
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = ("AWS4" + bucket.credentials.secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={bucket.credentials.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _path(bucket: Bucket, key: str) -> str:
    return "/{0}/{1}".format(bucket.name, quote(key, safe="/-_.~")) if key else "/" + bucket.name


def request(
    bucket: Bucket, method: str, key: str = "", query: str = "", more: Mapping[str, str] = NO_HEADERS,
    seconds: float = SECONDS, body: bytes = b"",
) -> Response:  # fmt: skip
    """Send one request; ``more`` are headers of it, ``seconds`` the longest silence until its answer, ``body`` that of a PUT.

    Raises:
        TemporaryFailure: nothing answers at the endpoint.
    """
    path = _path(bucket, key)
    url = bucket.url_of_service + path + ("?" + query if query else "")
    opener = urllib.request.build_opener(_NoRedirect)
    reason: object = ""
    for _ in range(TRIES):
        headers = signed(bucket, method, path, query, datetime.datetime.now(datetime.timezone.utc), more, body)
        data = body if method == "PUT" else None
        request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - a checked http(s) URL
        try:
            with opener.open(request, timeout=seconds) as answer:
                return Response(answer.status, dict(answer.headers), answer.read(1 << 20))
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500:
                    found = {name.lower(): value for name, value in error.headers.items()}
                    return Response(error.code, found, error.read(1 << 20))
                reason = f"HTTP {error.code}"
        except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
            reason = getattr(error, "reason", error)
    name = "AWS_ENDPOINT_URL_S3" if bucket.endpoint else "AWS_REGION"
    value = bucket.endpoint or bucket.region
    text = "invalid {0}={1!r}, or S3 is down: {2} does not answer ({3})"
    raise TemporaryFailure(text.format(name, value, bucket.url_of_service, reason))


def region_of(answer: Response) -> Optional[str]:
    """Return the region in which S3 says the bucket is, if it says so."""
    found = re.search(rb"<Region>([a-z0-9-]+)</Region>", answer.body)
    return answer.headers.get("x-amz-bucket-region") or (found.group(1).decode() if found else None)


def checked(bucket: Bucket, answer: Response, operation: str) -> Response:
    if answer.status < 300:
        return answer
    found = re.search(rb"<Code>([A-Za-z0-9]+)</Code>", answer.body)
    code = found.group(1).decode() if found else f"HTTP {answer.status}"
    meaning = MEANING.get(code, "BUCKET_NAME={name!r} cannot be used: {endpoint} answers {code} to {operation}")
    values = {"name": bucket.name, "endpoint": bucket.url_of_service, "url": bucket.url, "operation": operation}
    raise ConfigError(meaning.replace("BUCKET_NAME", bucket.variable).format(code=code, **values))


def listing(prefix: str, most: int, after: str = "") -> str:
    query = "encoding-type=url&list-type=2&max-keys={0}&prefix={1}".format(most, quote(prefix, safe="-_.~"))
    return query + ("&start-after=" + quote(after, safe="-_.~") if after else "")


def text_of(found: bytes) -> str:
    """Return a key in a listing: first as XML has it, then as encoding-type=url has it."""
    return unquote(html.unescape(found.decode("utf-8", "replace")).replace("+", " "))


def keys_of(answer: Response) -> List[str]:
    return [text_of(key) for key in re.findall(rb"<Key>([^<]*)</Key>", answer.body)]


def keys(bucket: Bucket, prefix: str, most: int = PAGE) -> List[str]:
    """Keys in the bucket that begin with ``prefix``, sorted, at most ``most`` of them, and at most a page."""
    return keys_of(checked(bucket, request(bucket, "GET", query=listing(prefix, min(most, PAGE))), "ListBucket"))


def children(answer: Response, prefix: str) -> Optional[Set[str]]:
    """Return all names below ``prefix`` in a list with a delimiter; those of folders end with a slash. None: there are more."""
    if b"<IsTruncated>true" in answer.body:
        return None
    folders = re.findall(rb"<CommonPrefixes>\s*<Prefix>([^<]*)</Prefix>", answer.body)
    return {name[len(prefix) :] for name in (*keys_of(answer), *map(text_of, folders))} - {""}


def make_folder(bucket: Bucket, key: str) -> None:
    """Make the object by which s3fs knows a folder; ``key`` ends with a slash."""
    # Else s3fs takes it for a file, and urllib says it is a form.
    checked(bucket, request(bucket, "PUT", key=key, more={"content-type": "application/x-directory"}), "PutObject")


def put(bucket: Bucket, key: str, content: bytes = b"", kind: str = "application/octet-stream") -> None:
    """Make an object."""
    checked(bucket, request(bucket, "PUT", key=key, more={"content-type": kind}, body=content), "PutObject")


def remove(bucket: Bucket, key: str) -> None:
    """Remove an object, if there is one."""
    checked(bucket, request(bucket, "DELETE", key=key), "DeleteObject")


def copy(bucket: Bucket, source: str, target: str) -> None:
    """Let S3 copy an object within the bucket (CopyObject); nothing of it comes by here."""
    answer = request(bucket, "PUT", key=target, more={"x-amz-copy-source": _path(bucket, source)}, seconds=COPY_SECONDS)
    if b"<Error>" in answer.body:  # "CopyObject", Amazon S3 API reference: an error may come with a 200
        answer = answer._replace(status=500)
    checked(bucket, answer, "CopyObject")


def readable(bucket: Bucket) -> None:
    """See whether S3 still gives what is in the bucket.

    Raises:
        TemporaryFailure: S3 does not answer.
        ConfigError: it does not give it.
    """
    answer = request(bucket, "GET", key=bucket.folder + "/")
    if b"<Code>NoSuchKey</Code>" not in answer.body:  # somebody removed the folder's own object: no harm
        checked(bucket, answer, "GetObject")


def located(bucket: Bucket, query: str = "") -> Tuple[Bucket, Response]:
    """Return the bucket with the region that S3 says, and the answer to ``query``: a list of its folder, one key if empty."""
    query = query or listing(bucket.folder and bucket.folder + "/", 1)
    answer = request(bucket, "GET", query=query)
    right = region_of(answer)
    if answer.status >= 300 and right and right != bucket.region and not bucket.endpoint:
        bucket = bucket._replace(region=right)
        answer = request(bucket, "GET", query=query)
    return bucket, answer


def found(bucket: Bucket) -> Bucket:
    """Return the bucket with the region that S3 says, if it may be read.

    Raises:
        ConfigError: it may not, or there is nothing in its folder.
    """
    bucket, answer = located(bucket)
    if not keys_of(checked(bucket, answer, "ListBucket")) and bucket.folder:
        raise ConfigError(
            f"invalid DATA_FOLDER={bucket.folder!r}: expected a folder with something in it, in {bucket.variable}={bucket.name!r}"
        )
    return bucket


def prepare(bucket: Bucket) -> Tuple[Bucket, Optional[Set[str]]]:
    """Find out whether the bucket can be used, and make the project's folder in it if there is none.

    Returns:
        The bucket, with the region that S3 says; and what is in the project, as :func:`children` has it.

    Raises:
        ConfigError: it cannot; one line says which variable is invalid.
    """
    folder = bucket.folder + "/"
    bucket, answer = located(bucket, "delimiter=%2F&" + listing(folder, PAGE))
    checked(bucket, answer, "ListBucket")
    if keys_of(answer)[:1] != [folder]:
        # Newer s3fs refuses a folder that is not there; older ones mount it all the same.
        make_folder(bucket, folder)
    return bucket, children(answer, folder)
